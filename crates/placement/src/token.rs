//! The fencing token of an assignment.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Which assignment a mount acts on; a later assignment has a greater token.
///
/// The same pair as the token that stores keep and check in every commit. It is a type of its own because front ends
/// read assignments and must not reach what a store is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Token {
    /// Counts the lives of the coordinator: greater after each restore of it.
    pub epoch: u64,
    /// The coordinator's revision that wrote the assignment.
    pub revision: u64,
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.epoch, self.revision)
    }
}
