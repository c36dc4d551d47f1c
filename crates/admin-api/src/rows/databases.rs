//! Mailbox databases.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::moves::MoveRow;
use super::words;
use crate::moment::Moment;

/// A mailbox database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DatabaseRow {
    /// Its name.
    pub name: String,
    /// The server that serves it.
    pub mounted_on: Option<String>,
    /// How it is.
    pub state: DatabaseState,
    /// The server on which it is mounted when all is well.
    pub preferred: String,
    /// The servers that have a copy, the preferred first.
    pub copies: Vec<String>,
    /// The move under way.
    #[serde(rename = "move")]
    pub moving: Option<MoveRow>,
    /// The token of its assignment; none if it was never assigned.
    pub token: Option<Token>,
    /// Since when it is so.
    pub since: Moment,
    /// Why it is so, for people.
    pub why: String,
}

/// How a database is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DatabaseState {
    /// It is served.
    Mounted,
    /// It will be served in a moment.
    Mounting,
    /// It is being given up.
    Dismounting,
    /// Nobody serves it.
    Dismounted,
    /// Its server cannot mount it.
    Failed,
}

words!(DatabaseState {
    Mounted = "mounted",
    Mounting = "mounting",
    Dismounting = "dismounting",
    Dismounted = "dismounted",
    Failed = "failed",
});

/// A fencing token: who holds a lower one can no longer write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
pub struct Token {
    /// Which life of the coordinator gave it.
    pub epoch: u64,
    /// At which of its revisions.
    pub revision: u64,
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.epoch, self.revision)
    }
}
