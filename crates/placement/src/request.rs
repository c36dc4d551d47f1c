//! What someone asks of placement, checked against the world before it becomes a record.
//!
//! The check is for the asker's sake: an answer at once, with a reason. The plan checks again by what it sees then.

use std::fmt;

use settings::{DatabaseName, Role, ServerName, Value, nearest};

use crate::fitness::{Candidate, Candidates, Purpose, Unfit, candidates, verdict};
use crate::moment::UnixMillis;
use crate::name::{Component, MoveId, Requester};
use crate::plan::Assign;
use crate::record::{
    Assignment, AssignmentReason, ComponentRequest, ComponentState, MountState, Move, Wanted,
};
use crate::records::Kept;
use crate::world::{PlacedDatabase, PlacedServer, World};

/// Why a request is refused. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is no such database.
    #[error("there is no database called {name:?}{}", meant(nearest.as_deref()))]
    UnknownDatabase {
        /// What was written.
        name: String,
        /// What was most likely meant.
        nearest: Option<String>,
    },
    /// There is no such server.
    #[error("there is no server called {name:?}{}", meant(nearest.as_deref()))]
    UnknownServer {
        /// What was written.
        name: String,
        /// What was most likely meant.
        nearest: Option<String>,
    },
    /// No server that the request allows is fit.
    #[error("no server is fit for {database}: {candidates}")]
    NobodyFit {
        /// For which database.
        database: DatabaseName,
        /// Every copy in question, with the reason.
        candidates: Candidates,
    },
    /// The database is being moved.
    #[error("{database} is being moved already: {by} asked for move {id}")]
    AlreadyMoving {
        /// Which database.
        database: DatabaseName,
        /// By whom.
        by: Requester,
        /// Since when.
        since: UnixMillis,
        /// Which move.
        id: MoveId,
    },
    /// The database has not been assigned to any server yet.
    #[error("{database} is not assigned to any server yet")]
    NotAssigned {
        /// Which database.
        database: DatabaseName,
    },
    /// Nobody else of the server's role could serve meanwhile.
    #[error("{server} is the last available {} server", role_name(*role))]
    LastOfRole {
        /// Which server.
        server: ServerName,
        /// Of which role.
        role: Role,
    },
}

/// Whose fault a refusal is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// The asker's: what they wrote means nothing here.
    Asker,
    /// Nobody's: the state of the cluster stands against it.
    Cluster,
}

impl Refusal {
    /// Whose fault it is.
    pub fn fault(&self) -> Fault {
        match self {
            Self::UnknownDatabase { .. } | Self::UnknownServer { .. } => Fault::Asker,
            Self::NobodyFit { candidates, .. } => {
                let no_copy = |candidate: &Candidate| candidate.verdict == Err(Unfit::NoCopy);
                if candidates.0.iter().all(no_copy) { Fault::Asker } else { Fault::Cluster }
            }
            Self::AlreadyMoving { .. } | Self::NotAssigned { .. } | Self::LastOfRole { .. } => Fault::Cluster,
        }
    }

    /// Whether the same request may be granted later.
    pub fn retry_helps(&self) -> bool {
        self.fault() == Fault::Cluster
    }

    /// Whether the same request would be granted now if it were forced.
    pub fn force_helps(&self) -> bool {
        match self {
            Self::LastOfRole { .. } => true,
            Self::NobodyFit { candidates, .. } => candidates.0.iter().all(|candidate| {
                matches!(candidate.verdict, Err(Unfit::Blocked { .. } | Unfit::LastMountFailed { .. }))
            }),
            _ => false,
        }
    }
}

fn meant(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |nearest| format!("; did you mean {nearest}?"))
}

fn role_name(role: Role) -> &'static str {
    match role {
        Role::ClientAccess => "client-access",
        Role::Mailbox => "mailbox",
    }
}

/// A move as someone asks for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MoveRequest<'a> {
    /// The id it is to have.
    pub id: MoveId,
    /// The name of the database, as written.
    pub database: &'a str,
    /// The name of the target, as written; none: the best other copy.
    pub to: Option<&'a str>,
    /// Who asks.
    pub by: Requester,
    /// Why.
    pub reason: String,
    /// Whether blocks of the target and its last failed mount are to be ignored.
    pub force: bool,
    /// When.
    pub at: UnixMillis,
}

/// Checks a request for a move. The names in the answer are spelled as the configuration does.
pub fn request_move(world: &World, request: MoveRequest<'_>) -> Result<(DatabaseName, Move), Refusal> {
    let database = find_database(world, request.database)?;
    let to = request.to.map(|name| find_server(world, name)).transpose()?;
    not_moving(world, database)?;
    let from = world.records.assignments.get(&database.name).map(|at| at.value.server.clone());
    let candidates = match to {
        // It is there already: the move succeeds at once, or waits for the mount.
        Some(target) if from.as_ref() == Some(&target.name) => None,
        Some(target) => {
            let purpose = Purpose::Asked { by_human: request.by.is_human(), force: request.force };
            let verdict = verdict(world, database, &target.name, purpose);
            Some(Candidates(vec![Candidate { server: target.name.clone(), verdict }]))
        }
        None => Some(candidates(world, database, from.as_ref())),
    };
    if let Some(candidates) = candidates.filter(|candidates| candidates.best().is_none()) {
        return Err(Refusal::NobodyFit { database: database.name.clone(), candidates });
    }
    let MoveRequest { id, by, reason, force, at, .. } = request;
    let to = to.map(|server| server.name.clone());
    Ok((database.name.clone(), Move { id, from, to, by, reason, requested: at, force }))
}

/// The assignment by which a person has a database dismounted, until a person has it mounted again. None if it is.
pub fn request_dismount(world: &World, database: &str, by: Requester) -> Result<Option<Assign>, Refusal> {
    let (database, at) = assigned(world, database)?;
    let done = at.value.dismounted_for_good();
    Ok((!done).then(|| by_human(database, at, Wanted::Dismounted, by)))
}

/// The assignment by which a person has a database mounted again where it is, or has a failed mount tried again. None if it
/// is mounted or about to be.
pub fn request_mount(world: &World, database: &str, by: Requester) -> Result<Option<Assign>, Refusal> {
    let (database, at) = assigned(world, database)?;
    let failed = world
        .current_report(&database.name, at)
        .is_some_and(|report| matches!(report.state, MountState::Failed { .. }));
    let done = at.value.wanted == Wanted::Mounted && !failed;
    Ok((!done).then(|| by_human(database, at, Wanted::Mounted, by)))
}

/// Whether `server` may be restarted: another server of each of its roles is available meanwhile.
pub fn may_restart(world: &World, server: &str) -> Result<(), Refusal> {
    let server = find_server(world, server)?;
    let stands_in = |role: Role, other: &&PlacedServer| {
        other.name != server.name && other.roles.contains(&role) && available(world, other, role)
    };
    for role in &server.roles {
        if !world.topology.servers.iter().any(|other| stands_in(*role, &other)) {
            return Err(Refusal::LastOfRole { server: server.name.clone(), role: *role });
        }
    }
    Ok(())
}

/// Whether a component of a server takes traffic, and who wants what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ComponentStatus {
    /// The worst that any requester wants; active if nobody wants anything.
    pub effective: ComponentState,
    /// Every requester with their request.
    pub requests: Vec<(Requester, ComponentRequest)>,
}

/// The state of a component of `server`.
pub fn component_state(world: &World, server: &ServerName, component: &Component) -> ComponentStatus {
    let of = world.records.components.iter().filter(|((on, of, _), _)| on == server && of == component);
    let requests: Vec<_> = of.map(|((_, _, by), request)| (by.clone(), request.value.clone())).collect();
    let worst = requests.iter().map(|(_, request)| request.state).max();
    ComponentStatus { effective: worst.unwrap_or(ComponentState::Active), requests }
}

/// Whether a server could take the work of its role from another.
fn available(world: &World, server: &PlacedServer, role: Role) -> bool {
    let component = match role {
        Role::ClientAccess => Component::front_end(),
        Role::Mailbox => Component::back_end(),
    };
    let blocked = role == Role::Mailbox && world.records.blocks_of(&server.name).next().is_some();
    world.present(&server.name)
        && !world.records.maintenance.contains_key(&server.name)
        && !blocked
        && component_state(world, &server.name, &component).effective == ComponentState::Active
}

fn by_human(database: &PlacedDatabase, at: &Kept<Assignment>, wanted: Wanted, by: Requester) -> Assign {
    Assign {
        database: database.name.clone(),
        server: at.value.server.clone(),
        wanted,
        expects: Some(at.revision),
        fence: None,
        reason: AssignmentReason::ByHuman { by },
    }
}

fn assigned<'a>(world: &'a World, name: &str) -> Result<(&'a PlacedDatabase, &'a Kept<Assignment>), Refusal> {
    let database = find_database(world, name)?;
    not_moving(world, database)?;
    let at = world.records.assignments.get(&database.name);
    at.map(|at| (database, at)).ok_or_else(|| Refusal::NotAssigned { database: database.name.clone() })
}

fn not_moving(world: &World, database: &PlacedDatabase) -> Result<(), Refusal> {
    match world.records.moves.get(&database.name).map(|kept| &kept.value) {
        None => Ok(()),
        Some(Move { id, by, requested, .. }) => Err(Refusal::AlreadyMoving {
            database: database.name.clone(),
            by: by.clone(),
            since: *requested,
            id: id.clone(),
        }),
    }
}

fn find_database<'a>(world: &'a World, name: &str) -> Result<&'a PlacedDatabase, Refusal> {
    let databases = &world.topology.databases;
    databases.iter().find(|database| database.name == *name).ok_or_else(|| Refusal::UnknownDatabase {
        name: name.to_owned(),
        nearest: nearest_of(name, databases.iter().map(|database| &database.name)),
    })
}

fn find_server<'a>(world: &'a World, name: &str) -> Result<&'a PlacedServer, Refusal> {
    let servers = &world.topology.servers;
    servers.iter().find(|server| server.name == *name).ok_or_else(|| Refusal::UnknownServer {
        name: name.to_owned(),
        nearest: nearest_of(name, servers.iter().map(|server| &server.name)),
    })
}

fn nearest_of<'a, N: Value + fmt::Display + 'a>(
    written: &str,
    known: impl Iterator<Item = &'a N>,
) -> Option<String> {
    let known: Vec<_> = known.map(Value::text).collect();
    nearest(written, known.iter().map(String::as_str)).map(str::to_owned)
}
