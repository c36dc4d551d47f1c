//! What is to be done about where databases are served, and what is waited for.

mod orders;
mod place;

use std::fmt;

use settings::{DatabaseName, ServerName};

use crate::fitness::Candidates;
use crate::moment::Moment;
use crate::name::{MoveId, Requester};
use crate::record::{AssignmentReason, FinishedMove, Move, MoveOutcome, Wanted};
use crate::token::Token;
use crate::world::World;

pub use orders::{Relocation, moves_off, preferred_moves};

/// What follows from a world.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// What to do. Each step is a transaction of its own, and correct or without effect whenever it is carried out; at
    /// most one of them touches the assignment of a database.
    pub steps: Vec<Step>,
    /// What is waited for, and what cannot be done.
    pub notes: Vec<Note>,
    /// When to look again even if no record changes and every step was carried out. A step that could not be, above all a
    /// kill that is not certain, is planned again: when, is for whoever failed at it to say.
    pub wake_at: Option<Moment>,
}

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Write an assignment.
    Assign(Assign),
    /// Kill the back end of a holder that did not let go; once that is certain, delete the record.
    Fence(Fence),
    /// Put the outcome of a move in the place of the move.
    FinishMove(FinishMove),
    /// Ask for a move that a standing order demands.
    RequestMove(RequestMove),
}

/// A new assignment of a database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assign {
    /// Which database.
    pub database: DatabaseName,
    /// To which server.
    pub server: ServerName,
    /// What that is to do with it.
    pub wanted: Wanted,
    /// The revision of the assignment that it replaces; none: there must be none.
    pub expects: Option<u64>,
    /// The holder that is replaced before it let go.
    pub fence: Option<Holder>,
    /// Why.
    pub reason: AssignmentReason,
}

/// Who may hold a database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The server.
    pub server: ServerName,
    /// The token it holds at most.
    pub token: Token,
}

/// A holder that is to be fenced. Doing so twice does no more than doing it once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fence {
    /// What it may hold.
    pub database: DatabaseName,
    /// Whose back end to kill, unless it has come to be after this token.
    pub holder: Holder,
    /// The revision of the record.
    pub expects: u64,
}

/// The end of a move.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FinishMove {
    /// Of which database.
    pub database: DatabaseName,
    /// Which move.
    pub asked: Move,
    /// How it ended.
    pub outcome: MoveOutcome,
    /// The moves that ended before, the latest first.
    pub earlier: Vec<FinishedMove>,
    /// The revision of the move.
    pub expects: u64,
}

/// A move that the plan itself asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestMove {
    /// Of which database.
    pub database: DatabaseName,
    /// Its id.
    pub id: MoveId,
    /// Where the database is.
    pub from: ServerName,
    /// Where it is to go.
    pub to: ServerName,
    /// On whose behalf.
    pub by: Requester,
    /// Why.
    pub reason: String,
    /// The revision of the assignment that is to change.
    pub expects: u64,
}

/// What a plan has to say beside its steps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// The preferred server of an unassigned database, or the server that had it before everything started, may yet come.
    AwaitingServer {
        /// Which database.
        database: DatabaseName,
        /// Which server.
        server: ServerName,
        /// Until when it is waited for.
        until: Moment,
    },
    /// A holder was asked to let go.
    AwaitingRelease {
        /// Of which database.
        database: DatabaseName,
        /// Which server.
        holder: ServerName,
        /// When it is replaced without having let go.
        until: Moment,
    },
    /// The target of a move is to mount.
    AwaitingMount {
        /// Which database.
        database: DatabaseName,
        /// Which server.
        server: ServerName,
        /// When the move has failed.
        until: Moment,
    },
    /// No server is fit for a database that needs one.
    NobodyFit {
        /// Which database.
        database: DatabaseName,
        /// Every copy, with the reason.
        candidates: Candidates,
    },
    /// The assigned server could not mount the database, and no other is fit.
    MountFailed {
        /// Which database.
        database: DatabaseName,
        /// Where it stays assigned.
        server: ServerName,
        /// What the server said.
        reason: String,
        /// Every copy, with the reason.
        candidates: Candidates,
    },
    /// The agent of the assigned server is not there, but its back end is, and serves.
    AgentAbsent {
        /// Which database.
        database: DatabaseName,
        /// Which server.
        server: ServerName,
    },
    /// A database ought to leave a server and stays, since no other is fit.
    CannotLeave {
        /// Which database.
        database: DatabaseName,
        /// Where it stays.
        server: ServerName,
        /// Every copy, with the reason.
        candidates: Candidates,
    },
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AwaitingServer { database, server, .. } => {
                write!(f, "{database} waits for {server} to start")
            }
            Self::AwaitingRelease { database, holder, .. } => {
                write!(f, "{database} waits for {holder} to dismount it")
            }
            Self::AwaitingMount { database, server, .. } => {
                write!(f, "{database} waits for {server} to mount it")
            }
            Self::NobodyFit { database, candidates } => {
                write!(f, "no server is fit for {database}: {candidates}")
            }
            Self::MountFailed { database, server, reason, candidates } => {
                write!(f, "{server} could not mount {database} ({reason}), and no other is fit: {candidates}")
            }
            Self::AgentAbsent { database, server } => {
                write!(f, "the agent of {server} is absent; its back end still serves {database}")
            }
            Self::CannotLeave { database, server, candidates } => {
                write!(f, "{database} stays on {server}, since no other is fit: {candidates}")
            }
        }
    }
}

impl Plan {
    fn wait(&mut self, until: Moment, note: Note) {
        self.wake_at = Some(self.wake_at.map_or(until, |earlier| earlier.min(until)));
        self.notes.push(note);
    }
}

/// Decides what to do now. Asked again about the same world it answers the same, and after its steps it goes on from them.
pub fn plan(world: &World, now: Moment) -> Plan {
    let mut plan = Plan::default();
    for ((database, server), fence) in &world.records.fences {
        plan.steps.push(Step::Fence(Fence {
            database: database.clone(),
            holder: Holder { server: server.clone(), token: fence.value.token },
            expects: fence.revision,
        }));
    }
    for database in &world.topology.databases {
        place::place(world, database, now, &mut plan);
    }
    for (database, requested) in &world.records.moves {
        if world.topology.database(database).is_none() {
            let reason = format!("there is no database called {database}");
            plan.steps.push(Step::FinishMove(FinishMove {
                database: database.clone(),
                asked: requested.value.clone(),
                outcome: MoveOutcome::Refused { reason },
                earlier: Vec::new(),
                expects: requested.revision,
            }));
        }
    }
    plan
}
