//! Whether a server may be given a database, and why not.

use std::fmt;

use settings::{DatabaseName, ServerName};

use crate::moment::Moment;
use crate::name::{Component, Requester};
use crate::record::{ComponentState, MountState, Move};
use crate::request::component_state;
use crate::token::Token;
use crate::world::{PlacedDatabase, World};

/// Why a server is not given a database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// It has no copy.
    NoCopy,
    /// It has the database already, and another place is sought.
    HasIt,
    /// Its agent is not there.
    ServerAbsent {
        /// Since when, if that was seen.
        since: Option<Moment>,
    },
    /// It held the database before, did not let go, and has not been fenced yet.
    StillHolding {
        /// The token it held.
        token: Token,
    },
    /// Someone is working on it.
    Maintenance {
        /// Who.
        by: Requester,
    },
    /// Its back end takes no traffic.
    BackEndNotServing {
        /// What it does instead.
        state: ComponentState,
        /// Who wants it so.
        requesters: Vec<Requester>,
    },
    /// Activation is blocked there.
    Blocked {
        /// By whom.
        requesters: Vec<Requester>,
    },
    /// The last time it was to mount the database it could not.
    LastMountFailed {
        /// What it said.
        reason: String,
    },
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoCopy => f.write_str("it has no copy"),
            Self::HasIt => f.write_str("it has it already"),
            Self::ServerAbsent { .. } => f.write_str("it is absent"),
            Self::StillHolding { token } => {
                write!(f, "it has not been fenced yet since it held it under token {token}")
            }
            Self::Maintenance { by } => write!(f, "it is under maintenance by {by}"),
            Self::BackEndNotServing { state, requesters } => {
                write!(f, "its back end is {state} at the request of {}", listed(requesters))
            }
            Self::Blocked { requesters } => write!(f, "activation is blocked by {}", listed(requesters)),
            Self::LastMountFailed { reason } => write!(f, "its last mount failed: {reason}"),
        }
    }
}

fn listed(requesters: &[Requester]) -> String {
    requesters.iter().map(Requester::as_str).collect::<Vec<_>>().join(", ")
}

/// One copy, judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The server with the copy.
    pub server: ServerName,
    /// Whether it may be given the database.
    pub verdict: Result<(), Unfit>,
}

impl fmt::Display for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.verdict {
            Ok(()) => write!(f, "{}: fit", self.server),
            Err(unfit) => write!(f, "{}: {unfit}", self.server),
        }
    }
}

/// Every copy of a database, judged, the preferred one first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Candidates(pub Vec<Candidate>);

impl Candidates {
    /// The fit copy that is preferred to all others. The order of preference is total, so there is nothing else to weigh.
    pub fn best(&self) -> Option<&ServerName> {
        self.0.iter().find(|candidate| candidate.verdict.is_ok()).map(|candidate| &candidate.server)
    }
}

impl fmt::Display for Candidates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, candidate) in self.0.iter().enumerate() {
            write!(f, "{}{candidate}", if index == 0 { "" } else { "; " })?;
        }
        Ok(())
    }
}

/// What a server is wanted for, which decides what is overlooked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// The plan looks for a place.
    Chosen,
    /// A move names the server.
    Asked {
        /// A person asks: they may know that what made the last mount fail is mended.
        by_human: bool,
        /// They insist.
        force: bool,
    },
    /// The database goes back to where it was before a move that failed. That activates nothing anew, so what forbids
    /// activation does not stand in the way.
    Return,
}

impl Purpose {
    fn overlooks(self, unfit: &Unfit) -> bool {
        match (self, unfit) {
            (Self::Asked { force, .. }, Unfit::Blocked { .. }) => force,
            (Self::Asked { by_human, force }, Unfit::LastMountFailed { .. }) => by_human || force,
            (
                Self::Return,
                Unfit::Blocked { .. } | Unfit::Maintenance { .. } | Unfit::BackEndNotServing { .. },
            ) => true,
            _ => false,
        }
    }
}

/// Judges `server` as a place for `database`.
pub(crate) fn verdict(
    world: &World,
    database: &PlacedDatabase,
    server: &ServerName,
    purpose: Purpose,
) -> Result<(), Unfit> {
    let checks = [copy, absence, fence, maintenance, back_end, block, last_mount];
    let against = checks.iter().filter_map(|check| check(world, database, server));
    against.into_iter().find(|unfit| !purpose.overlooks(unfit)).map_or(Ok(()), Err)
}

/// Judges all copies of `database`, but for the one on `except`, which has it already.
pub(crate) fn candidates(
    world: &World,
    database: &PlacedDatabase,
    except: Option<&ServerName>,
) -> Candidates {
    let judged = |server: &ServerName| match except {
        Some(except) if except == server => Err(Unfit::HasIt),
        _ => verdict(world, database, server, Purpose::Chosen),
    };
    let copies = database.copies.iter();
    Candidates(copies.map(|server| Candidate { server: server.clone(), verdict: judged(server) }).collect())
}

/// The copies that a move could bring `database` to, judged as it wants them.
pub fn candidates_for(world: &World, database: &PlacedDatabase, asked: &Move) -> Candidates {
    let holder = world.records.assignments.get(&database.name).map(|at| &at.value.server);
    match &asked.to {
        Some(server) => {
            let purpose = Purpose::Asked { by_human: asked.by.is_human(), force: asked.force };
            Candidates(vec![Candidate {
                server: server.clone(),
                verdict: verdict(world, database, server, purpose),
            }])
        }
        None => candidates(world, database, holder),
    }
}

fn copy(_: &World, database: &PlacedDatabase, server: &ServerName) -> Option<Unfit> {
    (!database.copies.contains(server)).then_some(Unfit::NoCopy)
}

fn absence(world: &World, _: &PlacedDatabase, server: &ServerName) -> Option<Unfit> {
    let since = world.absent_since.get(server).copied();
    (!world.present(server)).then_some(Unfit::ServerAbsent { since })
}

fn fence(world: &World, database: &PlacedDatabase, server: &ServerName) -> Option<Unfit> {
    let fence = world.records.fences.get(&(database.name.clone(), server.clone()))?;
    Some(Unfit::StillHolding { token: fence.value.token })
}

fn maintenance(world: &World, _: &PlacedDatabase, server: &ServerName) -> Option<Unfit> {
    let maintenance = world.records.maintenance.get(server)?;
    Some(Unfit::Maintenance { by: maintenance.value.by.clone() })
}

fn back_end(world: &World, _: &PlacedDatabase, server: &ServerName) -> Option<Unfit> {
    let back_end = component_state(world, server, &Component::back_end());
    let state = back_end.effective;
    let asks = |state: ComponentState| state != ComponentState::Active;
    let requesters = back_end.requests.into_iter().filter(|(_, request)| asks(request.state));
    asks(state)
        .then(|| Unfit::BackEndNotServing { state, requesters: requesters.map(|(by, _)| by).collect() })
}

fn block(world: &World, _: &PlacedDatabase, server: &ServerName) -> Option<Unfit> {
    let requesters: Vec<_> = world.records.blocks_of(server).map(|(by, _)| by.clone()).collect();
    (!requesters.is_empty()).then_some(Unfit::Blocked { requesters })
}

fn last_mount(world: &World, database: &PlacedDatabase, server: &ServerName) -> Option<Unfit> {
    failure(world, &database.name, server).map(|reason| Unfit::LastMountFailed { reason: reason.to_owned() })
}

/// What `server` last said about `database`, if that was a failure.
fn failure<'a>(world: &'a World, database: &DatabaseName, server: &ServerName) -> Option<&'a str> {
    match &world.records.report(database, server)?.state {
        MountState::Failed { reason } => Some(reason),
        _ => None,
    }
}
