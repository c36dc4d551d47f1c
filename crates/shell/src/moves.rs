//! Moves of databases, followed to their end.

use std::time::Duration;

use admin_api::Listing;
use admin_api::routes::ShowMove;
use admin_api::rows::{MoveRow, MoveState, WaitQuery};

use crate::columns::{Column, or_blank, show, took};
use crate::connection::Connection;
use crate::failure::{Failure, Outcome};
use crate::patience::Patience;
use crate::screen::{Colour, Format, Output, Screen};

const COLUMNS: &[Column<MoveRow>] = &[
    Column::new("DATABASE", |row, _| row.database.clone()),
    Column::new("FROM", |row, _| or_blank(row.from.as_ref())),
    Column::new("TO", |row, _| or_blank(row.to.as_ref())),
    Column::new("STATE", state),
    Column::new("TOOK", |row, _| took(row.took_millis)),
    Column::in_lists("ID", |row, _| row.id.clone()),
    Column::in_lists("BY", |row, _| row.by.clone()),
    Column::in_lists("REASON", |row, _| or_blank(row.reason.as_ref())),
    Column::in_lists("REQUESTED", |row, screen| screen.moment(&row.requested)),
    Column::in_lists("CANDIDATES", |row, _| candidates(row).join("\n")),
    Column::new("OUTCOME", |row, _| or_blank(row.outcome.as_ref())),
];

/// How long an agent may put off an answer.
const WAIT: u32 = 10;

/// Follows moves to their end, tells each step, and prints them; that not all succeed is a failure.
pub(crate) fn follow(
    connection: &Connection,
    screen: &Screen,
    output: Output,
    patience: Patience,
    mut listing: Listing<MoveRow>,
) -> Outcome {
    let steps = output.format() == Format::Table;
    if patience.waits() {
        until_over(connection, screen, steps, patience, &mut listing.rows)?;
    }
    show(screen, output, &listing, COLUMNS, "there is nothing to move")?;
    have_succeeded(&listing.rows)
}

/// Follows moves to their end; each step is told if `steps` are wanted.
pub(crate) fn until_over(
    connection: &Connection,
    screen: &Screen,
    steps: bool,
    patience: Patience,
    rows: &mut [MoveRow],
) -> Outcome {
    rows.iter_mut().try_for_each(|row| follow_one(connection, screen, steps, patience, row))
}

/// That none of the moves has been refused or has failed.
pub(crate) fn have_succeeded(rows: &[MoveRow]) -> Outcome {
    let failures: Vec<String> = rows.iter().filter_map(failure).collect();
    if failures.is_empty() { Ok(()) } else { Err(Failure::failed(failures.join("\n"))) }
}

fn follow_one(
    connection: &Connection,
    screen: &Screen,
    steps: bool,
    patience: Patience,
    row: &mut MoveRow,
) -> Outcome {
    let endpoint = ShowMove { database: row.database.clone(), id: row.id.clone() };
    let query = WaitQuery { wait: Some(WAIT) };
    let what = format!("the move of {}", row.database);
    let mut told = None;
    patience.until(&what, || {
        if steps && told.replace(row.state) != Some(row.state) {
            screen.note(step(row));
        }
        if row.state.is_over() {
            return Ok(Some(()));
        }
        *row = connection.wait(&endpoint, &query, Duration::from_secs(WAIT.into()))?;
        Ok(None)
    })
}

/// What happens now.
fn step(row: &MoveRow) -> String {
    let database = &row.database;
    let place = |server: &Option<String>| server.clone().unwrap_or_else(|| "the fittest server".to_owned());
    match row.state {
        MoveState::Waiting => format!("{database}: waiting"),
        MoveState::HandingOver => format!("{database}: {} hands it over", place(&row.from)),
        MoveState::Mounting => format!("{database}: mounting on {}", place(&row.to)),
        MoveState::Succeeded | MoveState::Refused | MoveState::Failed => {
            format!("{database}: {}", row.state.word())
        }
    }
}

/// Why a move did not happen, with what was weighed.
fn failure(row: &MoveRow) -> Option<String> {
    if !matches!(row.state, MoveState::Refused | MoveState::Failed) {
        return None;
    }
    let outcome = row.outcome.as_deref().unwrap_or("it is not said why");
    let mut text = format!("{} was not moved: {outcome}", row.database);
    for candidate in candidates(row) {
        text.push_str("\n  ");
        text.push_str(&candidate);
    }
    Some(text)
}

fn candidates(row: &MoveRow) -> Vec<String> {
    let fit = |fit| if fit { "fit" } else { "not fit" };
    row.candidates
        .iter()
        .map(|candidate| format!("{}: {}, {}", candidate.server, fit(candidate.fit), candidate.why))
        .collect()
}

fn state(row: &MoveRow, screen: &Screen) -> String {
    let colour = match row.state {
        MoveState::Succeeded => Colour::Good,
        MoveState::Failed => Colour::Bad,
        _ => Colour::Attention,
    };
    screen.coloured(row.state.word(), colour)
}
