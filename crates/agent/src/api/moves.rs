//! Moves of databases.

use std::sync::Arc;
use std::time::Duration;

use admin_api::rows::{Candidate, MoveRow, MoveState, Moves};
use admin_api::{Caller, Kind, Listing, Problem, routes};
use cluster::Committed;
use placement::record::{AssignmentReason, FinishedMove, Move, MoveOutcome};
use placement::{
    MoveId, MoveRequest, PlacedDatabase, Relocation, World, moves_off, preferred_moves, request_move,
};
use tokio::time::{Instant, timeout_at};

use super::asked::Asked;
use super::databases::known;
use super::refusal::problem;
use super::{Api, NEWS, overtaken, requester, shown, words};
use crate::clock::{moment, unix_millis};

/// How often a move is asked for when somebody else is faster.
const ATTEMPTS: usize = 3;
/// How long it may take until every agent knows what one has written, the coordinator being there.
const HEARSAY: Duration = Duration::from_secs(8);
/// How long a standing order may take until it is seen to be obeyed.
const BEGIN: Duration = Duration::from_secs(3);

pub(super) async fn one(api: Arc<Api>, asked: Asked<routes::MoveDatabase>) -> Result<MoveRow, Problem> {
    let request = &asked.request;
    let to = request.to.as_deref();
    begin(&api, &asked.caller, (asked.path("database"), to), request.reason.as_deref(), request.force).await
}

pub(super) async fn several(
    api: Arc<Api>,
    asked: Asked<routes::MoveDatabases>,
) -> Result<Listing<MoveRow>, Problem> {
    let world = api.world();
    let relocations = match asked.request.moves()? {
        Moves::From(name) => moves_off(&world, &api.server_called(&name)?),
        Moves::Preferred => preferred_moves(&world),
    };
    relocate(&api, &asked.caller, relocations, asked.request.reason.as_deref()).await
}

/// Refuses to move some databases where others can go nowhere.
pub(super) fn can_all_go(relocations: &[Relocation]) -> Result<(), Problem> {
    let stuck = relocations
        .iter()
        .filter_map(|relocation| Some(format!("{}: {}", relocation.database, relocation.to.as_ref().err()?)));
    let stuck: Vec<_> = stuck.collect();
    if stuck.is_empty() {
        return Ok(());
    }
    Err(Problem::new(Kind::Refused, "some databases can go nowhere, so none is moved").because(stuck))
}

/// Begins all of the moves. If one of them is impossible, none is begun.
pub(super) async fn relocate(
    api: &Api,
    caller: &Caller,
    relocations: Vec<Relocation>,
    reason: Option<&str>,
) -> Result<Listing<MoveRow>, Problem> {
    can_all_go(&relocations)?;
    let mut rows = Vec::new();
    for Relocation { database, to, .. } in relocations {
        let to = to.as_ref().ok().map(settings::ServerName::as_str);
        match begin(api, caller, (database.as_str(), to), reason, false).await {
            Ok(row) => rows.push(row),
            // It moves already, for somebody else: that is what was asked for, or nearly.
            Err(problem) if problem.kind == Kind::Conflict => {
                let world = api.world();
                rows.extend(
                    known(&world, database.as_str()).ok().and_then(|database| under_way(&world, database)),
                );
            }
            Err(problem) => return Err(problem),
        }
    }
    Ok(Listing::complete(rows))
}

/// The moves by which a standing order takes databases off a server, once they have begun.
pub(super) async fn begun(api: &Api, relocations: &[Relocation]) -> Listing<MoveRow> {
    let deadline = Instant::now() + BEGIN;
    let mut worlds = api.world.clone();
    let mut listing = Listing::default();
    for Relocation { database, from, .. } in relocations {
        loop {
            let world = Arc::clone(&worlds.borrow_and_update());
            let Ok(placed) = known(&world, database.as_str()) else { break };
            let left = world.records.assignments.get(database).is_none_or(|at| at.value.server != *from);
            let row = under_way(&world, placed).or_else(|| {
                let finished = world.records.finished_moves.get(database).filter(|_| left)?;
                Some(finished_row(placed, &finished.value))
            });
            if row.is_some() || timeout_at(deadline, worlds.changed()).await.is_err() {
                listing.rows.extend(row);
                break;
            }
        }
    }
    listing
}

/// Asks for one move.
async fn begin(
    api: &Api,
    caller: &Caller,
    (database, to): (&str, Option<&str>),
    reason: Option<&str>,
    force: bool,
) -> Result<MoveRow, Problem> {
    let asked = until_written(api, caller, (database, to), reason, force).await;
    let outcome = asked.as_ref().map(|row| format!("move {} asked for", row.id));
    let target = to.map_or_else(|| database.to_owned(), |to| format!("{database} to {to}"));
    api.audit.note(caller, ("move", &target), reason, outcome);
    asked
}

/// Asks for a move by what the world is now. When somebody is faster, the world is soon another, and says who and what.
async fn until_written(
    api: &Api,
    caller: &Caller,
    (database, to): (&str, Option<&str>),
    reason: Option<&str>,
    force: bool,
) -> Result<MoveRow, Problem> {
    let mut worlds = api.world.clone();
    for _ in 0..ATTEMPTS {
        let world = Arc::clone(&worlds.borrow_and_update());
        let request = MoveRequest {
            id: new_id()?,
            database,
            to,
            by: requester(caller),
            reason: words(reason),
            force,
            at: unix_millis(),
        };
        let (name, asked) = request_move(&world, request).map_err(|refusal| problem(&refusal))?;
        if let Committed::Written(_) = api.try_to_write(&asked.writes(&name)).await? {
            return Ok(requested_row(&world, known(&world, name.as_str())?, &asked));
        }
        // Whether the news comes in time shows in the next attempt.
        let _ = timeout_at(Instant::now() + NEWS, worlds.changed()).await;
    }
    Err(overtaken())
}

pub(super) async fn show(api: Arc<Api>, asked: Asked<routes::ShowMove>) -> Result<MoveRow, Problem> {
    let (database, id) = (asked.path("database"), asked.path("id"));
    let began = Instant::now();
    let deadline = began + Duration::from_secs(asked.query.seconds().into());
    let mut worlds = api.world.clone();
    let mut first = None;
    loop {
        let world = Arc::clone(&worlds.borrow_and_update());
        let row = find(&world, known(&world, database)?, id);
        let known_before = first.get_or_insert_with(|| row.as_ref().map(|row| row.state));
        let news = row.as_ref().map(|row| row.state) != *known_before;
        let over = row.as_ref().is_some_and(|row| row.state.is_over());
        // What another agent wrote a moment ago may not have come here yet.
        let deadline = if row.is_none() { deadline.max(began + HEARSAY) } else { deadline };
        if news || over || timeout_at(deadline, worlds.changed()).await.is_err() {
            return row.ok_or_else(|| {
                Problem::new(Kind::Unknown, format!("{database} has no move {id}, or has had another since"))
            });
        }
    }
}

/// The move of `database` that has no outcome yet.
pub(super) fn under_way(world: &World, database: &PlacedDatabase) -> Option<MoveRow> {
    world.records.moves.get(&database.name).map(|kept| requested_row(world, database, &kept.value))
}

fn find(world: &World, database: &PlacedDatabase, id: &str) -> Option<MoveRow> {
    let finished = world.records.finished_moves.get(&database.name).and_then(|kept| kept.value.find(id));
    finished
        .map(|finished| finished_row(database, finished))
        .or_else(|| under_way(world, database).filter(|row| row.id == id))
}

fn requested_row(world: &World, database: &PlacedDatabase, asked: &Move) -> MoveRow {
    let reason = world.records.assignments.get(&database.name).map(|at| &at.value.reason);
    let (state, to) = match reason {
        Some(AssignmentReason::HandingOver { to, id }) if *id == asked.id => {
            (MoveState::HandingOver, Some(to))
        }
        Some(AssignmentReason::Moved { id, .. }) if *id == asked.id => {
            (MoveState::Mounting, asked.to.as_ref())
        }
        _ => (MoveState::Waiting, asked.to.as_ref()),
    };
    let candidates = placement::candidates_for(world, database, asked);
    MoveRow {
        id: asked.id.to_string(),
        database: database.name.to_string(),
        from: asked.from.as_ref().map(ToString::to_string),
        to: to.map(ToString::to_string),
        by: asked.by.to_string(),
        reason: shown(&asked.reason),
        requested: moment(asked.requested),
        state,
        outcome: None,
        took_millis: None,
        candidates: candidates
            .0
            .iter()
            .map(|candidate| Candidate {
                server: candidate.server.to_string(),
                fit: candidate.verdict.is_ok(),
                why: candidate.verdict.as_ref().map_or_else(ToString::to_string, |()| "fit".to_owned()),
            })
            .collect(),
    }
}

fn finished_row(database: &PlacedDatabase, finished: &FinishedMove) -> MoveRow {
    let FinishedMove { asked, outcome, took_millis, .. } = finished;
    let (state, to) = match outcome {
        MoveOutcome::Succeeded { server } => (MoveState::Succeeded, Some(server)),
        MoveOutcome::Refused { .. } => (MoveState::Refused, asked.to.as_ref()),
        MoveOutcome::Failed { .. } => (MoveState::Failed, asked.to.as_ref()),
    };
    MoveRow {
        id: asked.id.to_string(),
        database: database.name.to_string(),
        from: asked.from.as_ref().map(ToString::to_string),
        to: to.map(ToString::to_string),
        by: asked.by.to_string(),
        reason: shown(&asked.reason),
        requested: moment(asked.requested),
        state,
        outcome: Some(outcome.to_string()),
        took_millis: Some(*took_millis),
        candidates: Vec::new(),
    }
}

/// An id that no other move has.
fn new_id() -> Result<MoveId, Problem> {
    let mut octets = [0; 8];
    getrandom::fill(&mut octets)
        .map_err(|error| Problem::new(Kind::Internal, format!("no randomness for an id: {error}")))?;
    MoveId::parse(&format!("{:016x}", u64::from_be_bytes(octets)))
        .map_err(|error| Problem::new(Kind::Internal, error.to_string()))
}
