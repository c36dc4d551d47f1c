//! Orders that stand: what makes databases leave a server, and the moves that people ask for by the dozen.

use settings::{DatabaseName, ServerName};

use super::{Note, Plan, RequestMove, Step};
use crate::fitness::{Candidates, candidates};
use crate::name::{MoveId, Requester};
use crate::record::{Assignment, AssignmentReason, MoveFailure};
use crate::records::Kept;
use crate::world::{PlacedDatabase, World};

/// Asks for the move of a database that ought not to be where it is, if there is a better place.
pub(super) fn standing(world: &World, database: &PlacedDatabase, at: &Kept<Assignment>, plan: &mut Plan) {
    let server = &at.value.server;
    let Some((by, reason)) = reason_to_leave(world, database, at) else { return };
    let candidates = candidates(world, database, Some(server));
    match candidates.best() {
        Some(best) => plan.steps.push(Step::RequestMove(RequestMove {
            database: database.name.clone(),
            id: MoveId::of_standing_order(at.revision),
            from: server.clone(),
            to: best.clone(),
            by,
            reason,
            expects: at.revision,
        })),
        None => plan.notes.push(Note::CannotLeave {
            database: database.name.clone(),
            server: server.clone(),
            candidates,
        }),
    }
}

/// Who wants the database to leave its server, and why.
///
/// A block moves what was there when it was set. What came later was put there by someone who knew of the block, or came
/// back because the move did not work: moving that again would never end. A move that failed before the target was tried
/// did not count.
fn reason_to_leave(
    world: &World,
    database: &PlacedDatabase,
    at: &Kept<Assignment>,
) -> Option<(Requester, String)> {
    let server = &at.value.server;
    if !database.copies.contains(server) {
        return Some((Requester::placement(), format!("{server} has no copy any more")));
    }
    let untried =
        matches!(at.value.reason, AssignmentReason::MoveFailed { why: MoveFailure::TargetUnfit { .. }, .. });
    world
        .records
        .blocks_of(server)
        .find(|(_, block)| block.value.move_now && (untried || at.revision < block.revision))
        .map(|(by, block)| (by.clone(), format!("{server} is blocked: {}", block.value.reason)))
}

/// A move that someone may want to ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relocation {
    /// Of which database.
    pub database: DatabaseName,
    /// Where it is assigned.
    pub from: ServerName,
    /// Where it would go, or why it can go nowhere.
    pub to: Result<ServerName, Candidates>,
}

/// The moves that bring every database to the most preferred of its fit copies.
pub fn preferred_moves(world: &World) -> Vec<Relocation> {
    let relocation = |database: &PlacedDatabase| {
        let from = &world.records.assignments.get(&database.name)?.value.server;
        let rank = |server: &ServerName| {
            database.copies.iter().position(|copy| copy == server).unwrap_or(usize::MAX)
        };
        let best = candidates(world, database, Some(from)).best().cloned()?;
        (rank(&best) < rank(from)).then(|| Relocation {
            database: database.name.clone(),
            from: from.clone(),
            to: Ok(best),
        })
    };
    world.topology.databases.iter().filter_map(relocation).collect()
}

/// The moves that take every database off `server`, and those that are not possible.
pub fn moves_off(world: &World, server: &ServerName) -> Vec<Relocation> {
    let assigned = |database: &&PlacedDatabase| {
        let assignment = world.records.assignments.get(&database.name);
        assignment.is_some_and(|assignment| assignment.value.server == *server)
    };
    let relocation = |database: &PlacedDatabase| {
        let candidates = candidates(world, database, Some(server));
        Relocation {
            database: database.name.clone(),
            from: server.clone(),
            to: candidates.best().cloned().ok_or(candidates),
        }
    };
    world.topology.databases.iter().filter(assigned).map(relocation).collect()
}
