//! The fencing token: which holder of a database may write to it.

use std::fmt;

/// Given with every assignment of a database; a later assignment has a greater token.
///
/// The store keeps the token of the last mount and compares it in every commit: a holder that was replaced while it
/// slept can read stale mail for a moment, but can never write.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FencingToken {
    /// Counts the lives of the coordinator: greater after each restore of it.
    pub epoch: u64,
    /// The coordinator's revision that made the assignment.
    pub revision: u64,
}

impl fmt::Display for FencingToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.epoch, self.revision)
    }
}
