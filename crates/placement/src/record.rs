//! The records, as JSON keeps them.
//!
//! A reader skips fields it does not know, so that a newer writer can add some. Reasons are types here and text only
//! where people read them; a reason that an older reader does not know is [`AssignmentReason::Unknown`] to it.

use std::fmt;
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};
use settings::ServerName;

use crate::moment::UnixMillis;
use crate::name::{MoveId, Requester};
use crate::token::Token;

/// Which server serves a database. Its fencing [`Token`] is the coordinator's epoch and this record's revision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assignment {
    /// The one server that may mount the database.
    pub server: ServerName,
    /// Whether it is to.
    pub wanted: Wanted,
    /// Why, and how far a move has come.
    pub reason: AssignmentReason,
    /// When it was written.
    pub since: UnixMillis,
}

impl Assignment {
    /// Whether the database is to stay dismounted until a person wants it mounted, moved or not. Only a hand-over
    /// dismounts it for a while.
    pub fn dismounted_for_good(&self) -> bool {
        self.wanted == Wanted::Dismounted && !matches!(self.reason, AssignmentReason::HandingOver { .. })
    }
}

/// What the assigned server is to do with a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Wanted {
    /// Mount it and serve it.
    Mounted,
    /// Let go of it, and say so.
    Dismounted,
}

/// Why a database is assigned as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum AssignmentReason {
    /// It was assigned for the first time.
    FirstAssignment,
    /// A move takes it away: its holder is to dismount it first.
    HandingOver {
        /// Where it is to go.
        to: ServerName,
        /// Which move.
        id: MoveId,
    },
    /// A move brought it.
    Moved {
        /// Which move.
        id: MoveId,
        /// From where, if it was anywhere.
        #[serde(default)]
        from: Option<ServerName>,
        /// Who asked.
        by: Requester,
    },
    /// A move failed, and it is where it was, or at the next best place.
    MoveFailed {
        /// Which move.
        id: MoveId,
        /// Where it was to go.
        to: ServerName,
        /// What went wrong.
        why: MoveFailure,
    },
    /// The move that had it dismounted is no longer there.
    MoveGone,
    /// The server that held it before is not there.
    ServerAbsent {
        /// Which server.
        server: ServerName,
    },
    /// The server that was to mount it before could not.
    MountFailed {
        /// Which server.
        server: ServerName,
        /// What it said.
        reason: String,
    },
    /// A person wants it mounted, or dismounted until a person wants it mounted again.
    ByHuman {
        /// Who.
        by: Requester,
    },
    /// A reason that this version does not know.
    #[serde(other)]
    Unknown,
}

impl fmt::Display for AssignmentReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FirstAssignment => f.write_str("first assignment"),
            Self::HandingOver { to, id } => write!(f, "being handed over to {to} by move {id}"),
            Self::Moved { id, from: Some(from), by } => write!(f, "moved from {from} for {by} by move {id}"),
            Self::Moved { id, from: None, by } => write!(f, "assigned for {by} by move {id}"),
            Self::MoveFailed { id, to, why } => write!(f, "move {id} to {to} failed: {why}"),
            Self::MoveGone => f.write_str("the move that had it dismounted is gone"),
            Self::ServerAbsent { server } => write!(f, "{server} is absent"),
            Self::MountFailed { server, reason } => write!(f, "{server} could not mount it: {reason}"),
            Self::ByHuman { by } => write!(f, "{by} wants it so"),
            Self::Unknown => f.write_str("a reason of a newer version"),
        }
    }
}

/// What went wrong with a move.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum MoveFailure {
    /// The target ceased to be fit before it was its turn, or went away.
    TargetUnfit {
        /// Why, as text: the record outlives what it names.
        reason: String,
    },
    /// The target could not mount the database.
    MountFailed {
        /// What it said.
        reason: String,
    },
    /// The target had not mounted the database in time.
    MountOverdue,
    /// A failure that this version does not know.
    #[serde(other)]
    Unknown,
}

impl fmt::Display for MoveFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TargetUnfit { reason } => write!(f, "the target is not fit: {reason}"),
            Self::MountFailed { reason } => write!(f, "the target could not mount it: {reason}"),
            Self::MountOverdue => f.write_str("the target had not mounted it in time"),
            Self::Unknown => f.write_str("a failure of a newer version"),
        }
    }
}

/// A holder that was replaced before it let go. Its back end is to be killed, once or more often; the record goes when
/// it is certain that no process which held the database under this token or an earlier one is left.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingFence {
    /// The holder.
    pub server: ServerName,
    /// The token it held: that of the replaced assignment.
    pub token: Token,
    /// When it was replaced.
    pub since: UnixMillis,
}

/// What a back end does with a database. Written under the back end's own lease, and gone with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MountReport {
    /// What it does.
    pub state: MountState,
    /// The token of the assignment it acts on.
    pub token: Token,
    /// Since when it is in this state.
    pub since: UnixMillis,
    /// How many sessions there are, if it says so.
    #[serde(default)]
    pub sessions: Option<u64>,
}

/// What a back end does with a database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MountState {
    /// It takes the lock and opens the store.
    Mounting,
    /// It serves it.
    Mounted,
    /// It drains the sessions and closes the store.
    Dismounting,
    /// It has let go of it.
    Dismounted,
    /// It could not mount it, or could not go on, and has let go of it. It does not try again by itself; the report
    /// stays until the back end is assigned the database anew, or ends.
    Failed {
        /// What went wrong.
        reason: String,
    },
}

/// A server whose agent is there. Under a lease of the agent, gone with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Presence {
    /// A new one at each start of the server.
    pub boot_id: String,
    /// Where agents of other data directories reach its API, by TLS; nothing if it is there for this machine alone.
    #[serde(default)]
    pub api: Option<SocketAddr>,
    /// When the agent started.
    pub since: UnixMillis,
}

/// The agent that runs the plan. Under its lease, gone with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leader {
    /// The agent's server.
    pub server: ServerName,
    /// Since when it leads.
    pub since: UnixMillis,
}

/// A move that was asked for and has no outcome yet. A database has at most one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Move {
    /// Its id, by which the asker finds the outcome.
    pub id: MoveId,
    /// Where the database was assigned when the move was asked for, if anywhere.
    #[serde(default)]
    pub from: Option<ServerName>,
    /// Where it is to go; none: to the best other copy.
    #[serde(default)]
    pub to: Option<ServerName>,
    /// Who asks.
    pub by: Requester,
    /// Why, in the asker's words.
    pub reason: String,
    /// When.
    pub requested: UnixMillis,
    /// Whether blocks of the target and its last failed mount are to be ignored.
    #[serde(default)]
    pub force: bool,
}

/// The last move of a database that has an outcome, and with it the moves before, for those who still ask about them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FinishedMove {
    /// What was asked for.
    pub asked: Move,
    /// How it ended.
    pub outcome: MoveOutcome,
    /// When.
    pub finished: UnixMillis,
    /// How long after the request.
    pub took_millis: u64,
    /// The moves before, the latest first. They have none of their own.
    #[serde(default)]
    pub earlier: Vec<FinishedMove>,
}

impl FinishedMove {
    /// How many earlier moves are kept.
    const KEPT: usize = 7;

    /// The move of this id, if it is this one or an earlier one.
    pub fn find(&self, id: &str) -> Option<&Self> {
        std::iter::once(self).chain(&self.earlier).find(|finished| finished.asked.id.as_str() == id)
    }

    /// What the next finished move has as its earlier ones.
    pub(crate) fn as_earlier(&self) -> Vec<Self> {
        let this = Self { earlier: Vec::new(), ..self.clone() };
        std::iter::once(this).chain(self.earlier.iter().cloned()).take(Self::KEPT).collect()
    }
}

/// How a move ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum MoveOutcome {
    /// The database is where it was to go.
    Succeeded {
        /// Where.
        server: ServerName,
    },
    /// Nothing was done.
    Refused {
        /// Why, for every copy in question.
        reason: String,
    },
    /// It was begun and could not be completed.
    Failed {
        /// Why.
        reason: String,
        /// Where the database was put instead; none if it could be put nowhere.
        #[serde(default)]
        back_on: Option<ServerName>,
    },
}

impl fmt::Display for MoveOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Succeeded { server } => write!(f, "succeeded: on {server}"),
            Self::Refused { reason } => write!(f, "refused: {reason}"),
            Self::Failed { reason, back_on: Some(server) } => write!(f, "failed: {reason}; back on {server}"),
            Self::Failed { reason, back_on: None } => write!(f, "failed: {reason}"),
        }
    }
}

/// A requester does not want databases activated on a server. Only the same requester lifts it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Block {
    /// Why, in the requester's words.
    pub reason: String,
    /// Since when.
    pub at: UnixMillis,
    /// Whether the databases that were active there when it was set are to leave, as soon as another copy is fit.
    #[serde(default)]
    pub move_now: bool,
}

/// What one requester wants of a component.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ComponentRequest {
    /// Whether it is to take traffic.
    pub state: ComponentState,
    /// Why, in the requester's words.
    pub reason: String,
    /// Since when.
    pub at: UnixMillis,
}

/// Whether a component takes traffic. The greater is the worse, and the worst of all requesters holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ComponentState {
    /// It does.
    Active,
    /// It finishes what it has and takes nothing new.
    Draining,
    /// It does not.
    Inactive,
}

impl fmt::Display for ComponentState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Active => "active",
            Self::Draining => "draining",
            Self::Inactive => "inactive",
        })
    }
}

/// A server is being worked on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Maintenance {
    /// By whom.
    pub by: Requester,
    /// Why, in their words.
    pub reason: String,
    /// Since when.
    pub since: UnixMillis,
    /// Until when they expect it to last. Nothing ends by itself then: they end it.
    pub until: UnixMillis,
}
