//! Moves of users' mailboxes from one database to another.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::words;
use crate::moment::Moment;

/// A user's mailbox is to move.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UserMoveRequest {
    /// The database it moves to.
    pub to: String,
    /// Why, in words for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A move of a user's mailbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UserMoveRow {
    /// The user.
    pub user: String,
    /// The database that had the mailbox.
    pub from: String,
    /// The database that gets it.
    pub to: String,
    /// Who asked.
    pub by: String,
    /// Why they asked.
    pub reason: Option<String>,
    /// When they asked.
    pub requested: Moment,
    /// How far it is.
    pub state: UserMoveState,
    /// How many messages are copied.
    pub messages_done: u64,
    /// How many there are; none until they are counted.
    pub messages_total: Option<u64>,
    /// How it ended and why, for people.
    pub outcome: Option<String>,
    /// How long it took, in milliseconds.
    pub took_millis: Option<u64>,
}

/// How far a move of a mailbox is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum UserMoveState {
    /// It has not begun.
    Waiting,
    /// Messages are copied; the user reads and receives mail where the mailbox was.
    Copying,
    /// The user is asked for a moment's patience while the directory changes.
    Switching,
    /// The mailbox is where it was to be.
    Succeeded,
    /// It was not begun.
    Refused,
    /// It was begun and did not work; the mailbox is where it was.
    Failed,
}

words!(UserMoveState {
    Waiting = "waiting",
    Copying = "copying",
    Switching = "switching",
    Succeeded = "succeeded",
    Refused = "refused",
    Failed = "failed",
});

impl UserMoveState {
    /// Whether nothing more will happen.
    pub fn is_over(self) -> bool {
        matches!(self, Self::Succeeded | Self::Refused | Self::Failed)
    }
}
