//! Moves of databases from one server to another.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::words;
use crate::moment::Moment;
use crate::problem::{Kind, Problem};

/// One database is to move.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MoveRequest {
    /// Where to; without it, to the fittest server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// Why, in words for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Move it even if the server is blocked or its copy is not healthy.
    #[serde(default)]
    pub force: bool,
}

/// Several databases are to move: either `from` or `preferred`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MovesRequest {
    /// All that are mounted on this server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// All that are mounted elsewhere than preferred.
    #[serde(default)]
    pub preferred: bool,
    /// Why, in words for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Which databases move.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Moves {
    /// All that are mounted on this server.
    From(String),
    /// All that are mounted elsewhere than preferred.
    Preferred,
}

impl MovesRequest {
    /// Which databases move; one way of saying it must be used.
    pub fn moves(&self) -> Result<Moves, Problem> {
        match (&self.from, self.preferred) {
            (Some(server), false) => Ok(Moves::From(server.clone())),
            (None, true) => Ok(Moves::Preferred),
            _ => Err(Problem::new(
                Kind::BadInput,
                "say which databases move: write either \"from\" with a server, or \"preferred\": true",
            )),
        }
    }
}

/// How long an answer may be put off until there is something new.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct WaitQuery {
    /// Answer when the state is another, at the latest after so many seconds; at most 30.
    pub wait: Option<u32>,
}

impl WaitQuery {
    /// How many seconds a request may wait at most.
    pub const LONGEST: u32 = 30;

    /// How many seconds to wait.
    pub fn seconds(self) -> u32 {
        self.wait.unwrap_or(0).min(Self::LONGEST)
    }
}

/// A move of one database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MoveRow {
    /// Its id, among the moves of the database.
    pub id: String,
    /// The database.
    pub database: String,
    /// The server that had it; none if nobody did.
    pub from: Option<String>,
    /// The server that gets it; none until one is chosen.
    pub to: Option<String>,
    /// Who asked.
    pub by: String,
    /// Why they asked.
    pub reason: Option<String>,
    /// When they asked.
    pub requested: Moment,
    /// How far it is.
    pub state: MoveState,
    /// How it ended and why, for people.
    pub outcome: Option<String>,
    /// How long nobody served the database, in milliseconds.
    pub took_millis: Option<u64>,
    /// The servers that were weighed.
    pub candidates: Vec<Candidate>,
}

/// How far a move is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum MoveState {
    /// It has not begun.
    Waiting,
    /// The server that has the database lets go of it.
    HandingOver,
    /// The server that gets it takes it.
    Mounting,
    /// The database is served where it was to be.
    Succeeded,
    /// It was not begun, because nothing fit was found or somebody forbids it.
    Refused,
    /// It was begun and did not work.
    Failed,
}

words!(MoveState {
    Waiting = "waiting",
    HandingOver = "handing-over",
    Mounting = "mounting",
    Succeeded = "succeeded",
    Refused = "refused",
    Failed = "failed",
});

impl MoveState {
    /// Whether nothing more will happen.
    pub fn is_over(self) -> bool {
        matches!(self, Self::Succeeded | Self::Refused | Self::Failed)
    }
}

/// A server that was weighed for a move.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Candidate {
    /// The server.
    pub server: String,
    /// Whether it could take the database.
    pub fit: bool,
    /// Why or why not, for people.
    pub why: String,
}
