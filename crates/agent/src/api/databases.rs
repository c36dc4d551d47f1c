//! Databases and their copies.

use std::sync::Arc;

use admin_api::rows::{CopyRow, CopyState, DatabaseRow, DatabaseState, Token};
use admin_api::{Listing, Problem, routes};
use placement::record::{MountState, Wanted};
use placement::{PlacedDatabase, World, copies as copies_of, request_dismount, request_mount};

use super::asked::Asked;
use super::refusal::problem;
use super::{Api, moves, requester};
use crate::clock::{moment, now, unix_millis};

pub(super) async fn copies(api: Arc<Api>, asked: Asked<routes::Copies>) -> Result<Listing<CopyRow>, Problem> {
    let world = api.world();
    let server = asked.query.server.as_deref().map(|name| api.server_called(name)).transpose()?;
    let database = asked.query.database.as_deref().map(|name| known(&world, name)).transpose()?;
    let wanted = copies_of(&world).into_iter().filter(|copy| {
        server.as_ref().is_none_or(|server| copy.server == *server)
            && database.is_none_or(|database| copy.database == database.name)
    });
    Ok(Listing::complete(wanted.map(|copy| copy_row(&copy)).collect()))
}

fn copy_row(copy: &placement::CopyStatus) -> CopyRow {
    use placement::CopyState as State;
    CopyRow {
        database: copy.database.to_string(),
        server: copy.server.to_string(),
        state: match copy.state {
            State::Mounted => CopyState::Mounted,
            State::Mounting => CopyState::Mounting,
            State::Dismounting => CopyState::Dismounting,
            State::Dismounted => CopyState::Dismounted,
            State::Healthy => CopyState::Healthy,
            State::Failed => CopyState::Failed,
            State::ServiceDown => CopyState::ServiceDown,
            State::Suspended => CopyState::Suspended,
            State::Unknown => CopyState::Unknown,
        },
        active: copy.active,
        preference: copy.preference,
        copy_queue: copy.copy_queue,
        replay_queue: copy.replay_queue,
        shared: copy.shared,
        since: copy.since.map(moment),
        why: copy.why.to_string(),
    }
}

pub(super) async fn list(
    api: Arc<Api>,
    _: Asked<routes::Databases>,
) -> Result<Listing<DatabaseRow>, Problem> {
    let world = api.world();
    let rows = world.topology.databases.iter().map(|database| row(&world, database)).collect();
    Ok(Listing::complete(rows))
}

pub(super) async fn mount(
    api: Arc<Api>,
    asked: Asked<routes::MountDatabase>,
) -> Result<DatabaseRow, Problem> {
    let name = asked.path("database");
    let done = async {
        let by = requester(&asked.caller);
        let assign = request_mount(&api.world(), name, by).map_err(|refusal| problem(&refusal))?;
        match assign {
            Some(assign) => api.write(&assign.writes(unix_millis())).await,
            None => Ok(()),
        }
    };
    finish(&api, &asked, "mount", asked.request.reason.as_deref(), done.await)
}

pub(super) async fn dismount(
    api: Arc<Api>,
    asked: Asked<routes::DismountDatabase>,
) -> Result<DatabaseRow, Problem> {
    let name = asked.path("database");
    let done = async {
        let by = requester(&asked.caller);
        let assign = request_dismount(&api.world(), name, by).map_err(|refusal| problem(&refusal))?;
        match assign {
            Some(assign) => api.write(&assign.writes(unix_millis())).await,
            None => Ok(()),
        }
    };
    finish(&api, &asked, "dismount", asked.request.reason.as_deref(), done.await)
}

/// Notes what was asked, and answers how the database is.
fn finish<E: admin_api::Endpoint>(
    api: &Api,
    asked: &Asked<E>,
    action: &str,
    reason: Option<&str>,
    done: Result<(), Problem>,
) -> Result<DatabaseRow, Problem> {
    let name = asked.path("database");
    let outcome = done.as_ref().map(|()| "asked for".to_owned());
    api.audit.note(&asked.caller, (action, name), reason, outcome);
    done?;
    let world = api.world();
    known(&world, name).map(|database| row(&world, database))
}

/// The database called `name`, whatever the case.
pub(super) fn known<'a>(world: &'a World, name: &str) -> Result<&'a PlacedDatabase, Problem> {
    let databases = &world.topology.databases;
    databases.iter().find(|database| database.name == *name).ok_or_else(|| {
        Problem::unknown("database", name, databases.iter().map(|database| database.name.as_str()))
    })
}

fn row(world: &World, database: &PlacedDatabase) -> DatabaseRow {
    let assignment = world.records.assignments.get(&database.name);
    let report = assignment.and_then(|at| world.current_report(&database.name, at));
    let state = match (assignment.map(|at| at.value.wanted), report.map(|report| &report.state)) {
        (_, Some(MountState::Mounted)) => DatabaseState::Mounted,
        (_, Some(MountState::Failed { .. })) => DatabaseState::Failed,
        (_, Some(MountState::Dismounting)) | (Some(Wanted::Dismounted), None) => DatabaseState::Dismounting,
        (_, Some(MountState::Dismounted)) | (None, _) => DatabaseState::Dismounted,
        (Some(_), Some(MountState::Mounting)) | (Some(Wanted::Mounted), None) => DatabaseState::Mounting,
    };
    let failure = report.and_then(|report| match &report.state {
        MountState::Failed { reason } => Some(reason.clone()),
        _ => None,
    });
    let assigned = assignment.map(|at| at.value.reason.to_string());
    let since = report.map(|report| report.since).or(assignment.map(|at| at.value.since));
    DatabaseRow {
        name: database.name.to_string(),
        mounted_on: world.mounted_on(&database.name).map(ToString::to_string),
        state,
        preferred: database.copies.first().map(ToString::to_string).unwrap_or_default(),
        copies: database.copies.iter().map(ToString::to_string).collect(),
        moving: moves::under_way(world, database),
        token: assignment.map(|at| {
            let placement::Token { epoch, revision } = world.token(at);
            Token { epoch, revision }
        }),
        since: since.map_or_else(now, moment),
        why: failure.or(assigned).unwrap_or_else(|| "not assigned to any server yet".to_owned()),
    }
}
