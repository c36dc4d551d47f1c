//! The status of every copy, in the words administrators know.

use std::fmt;

use settings::{DatabaseName, ServerName};

use crate::fitness::{Purpose, Unfit, verdict};
use crate::moment::UnixMillis;
use crate::record::{Assignment, AssignmentReason, MountReport, MountState, Wanted};
use crate::records::Kept;
use crate::token::Token;
use crate::world::{PlacedDatabase, World};

/// How a copy is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CopyState {
    /// Active and served.
    Mounted,
    /// Active, and about to be served.
    Mounting,
    /// About to be let go.
    Dismounting,
    /// Active, and let go.
    Dismounted,
    /// Passive, and could be activated.
    Healthy,
    /// Its server could not mount it.
    Failed,
    /// Its server or back end is not there.
    ServiceDown,
    /// Passive, and not to be activated.
    Suspended,
    /// Nobody says how it is.
    Unknown,
}

impl fmt::Display for CopyState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Mounted => "Mounted",
            Self::Mounting => "Mounting",
            Self::Dismounting => "Dismounting",
            Self::Dismounted => "Dismounted",
            Self::Healthy => "Healthy",
            Self::Failed => "Failed",
            Self::ServiceDown => "ServiceDown",
            Self::Suspended => "Suspended",
            Self::Unknown => "Unknown",
        })
    }
}

/// Why a copy is as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CopyReason {
    /// It is passive, and fit.
    Fit,
    /// It is active for this reason.
    Assigned(AssignmentReason),
    /// Its server could not mount it, or could not go on.
    Failed(String),
    /// Its server holds it still, under the token of an earlier assignment.
    HeldBefore(Token),
    /// It is active, and its back end says nothing about it.
    NoReport,
    /// It is not to be, or cannot be, activated.
    Unfit(Unfit),
}

impl fmt::Display for CopyReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fit => f.write_str("fit"),
            Self::Assigned(reason) => reason.fmt(f),
            Self::Failed(reason) => f.write_str(reason),
            Self::HeldBefore(token) => write!(f, "it is held still under the earlier token {token}"),
            Self::NoReport => f.write_str("its back end says nothing about it"),
            Self::Unfit(unfit) => unfit.fmt(f),
        }
    }
}

/// One copy of one database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopyStatus {
    /// The database.
    pub database: DatabaseName,
    /// The server with the copy.
    pub server: ServerName,
    /// How the copy is.
    pub state: CopyState,
    /// Whether the database is assigned to this server.
    pub active: bool,
    /// The place in the order of preference, from 1.
    pub preference: u32,
    /// Why the copy is as it is.
    pub why: CopyReason,
    /// Since when, if a record says so.
    pub since: Option<UnixMillis>,
    /// Whether all copies are one file: they protect against sick servers, not against a lost disk.
    pub shared: bool,
    /// Changes that the copy has not received: none, where copies are shared.
    pub copy_queue: u64,
    /// Changes that the copy has not applied: none, where copies are shared.
    pub replay_queue: u64,
}

/// Every copy of every database, in the order of the configuration, the preferred copies first.
pub fn copies(world: &World) -> Vec<CopyStatus> {
    let all = world.topology.databases.iter().flat_map(|database| {
        database.copies.iter().zip(1..).map(move |(server, preference)| (database, server, preference))
    });
    all.map(|(database, server, preference)| status(world, database, server, preference)).collect()
}

fn status(world: &World, database: &PlacedDatabase, server: &ServerName, preference: u32) -> CopyStatus {
    let assignment = world.records.assignments.get(&database.name);
    let active = assignment.filter(|at| at.value.server == *server);
    let report = world.records.report(&database.name, server);
    let (state, why, since) = match active {
        Some(at) => active_copy(world, database, at, report),
        None => passive_copy(world, database, server, report),
    };
    CopyStatus {
        database: database.name.clone(),
        server: server.clone(),
        state,
        active: active.is_some(),
        preference,
        why,
        since,
        shared: true,
        copy_queue: 0,
        replay_queue: 0,
    }
}

type Judgement = (CopyState, CopyReason, Option<UnixMillis>);

fn active_copy(
    world: &World,
    database: &PlacedDatabase,
    at: &Kept<Assignment>,
    report: Option<&MountReport>,
) -> Judgement {
    let because = || CopyReason::Assigned(at.value.reason.clone());
    match (report, world.current_report(&database.name, at)) {
        (_, Some(current)) => {
            let (state, why) = match &current.state {
                MountState::Mounting => (CopyState::Mounting, because()),
                MountState::Mounted => (CopyState::Mounted, because()),
                MountState::Dismounting => (CopyState::Dismounting, because()),
                MountState::Dismounted => (CopyState::Dismounted, because()),
                MountState::Failed { reason } => (CopyState::Failed, CopyReason::Failed(reason.clone())),
            };
            (state, why, Some(current.since))
        }
        // The back end is there and has not come to the present assignment yet.
        (Some(_), None) => {
            let state = match at.value.wanted {
                Wanted::Mounted => CopyState::Mounting,
                Wanted::Dismounted => CopyState::Dismounting,
            };
            (state, because(), Some(at.value.since))
        }
        (None, None) if world.present(&at.value.server) => (CopyState::Unknown, CopyReason::NoReport, None),
        (None, None) => {
            let since = world.absent_since.get(&at.value.server).copied();
            (CopyState::ServiceDown, CopyReason::Unfit(Unfit::ServerAbsent { since }), None)
        }
    }
}

fn passive_copy(
    world: &World,
    database: &PlacedDatabase,
    server: &ServerName,
    report: Option<&MountReport>,
) -> Judgement {
    if let Some(MountReport { state, token, since, .. }) = report {
        match state {
            MountState::Mounting | MountState::Mounted | MountState::Dismounting => {
                return (CopyState::Dismounting, CopyReason::HeldBefore(*token), Some(*since));
            }
            MountState::Failed { reason } => {
                return (CopyState::Failed, CopyReason::Failed(reason.clone()), Some(*since));
            }
            MountState::Dismounted => {}
        }
    }
    match verdict(world, database, server, Purpose::Chosen) {
        Ok(()) => (CopyState::Healthy, CopyReason::Fit, None),
        Err(unfit) => {
            let state = match unfit {
                Unfit::ServerAbsent { .. } => CopyState::ServiceDown,
                Unfit::StillHolding { .. } => CopyState::Dismounting,
                Unfit::LastMountFailed { .. } => CopyState::Failed,
                _ => CopyState::Suspended,
            };
            (state, CopyReason::Unfit(unfit), None)
        }
    }
}
