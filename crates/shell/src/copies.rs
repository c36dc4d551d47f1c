//! `mailmedic copies`: the copies of the databases.

use admin_api::routes::Copies;
use admin_api::rows::{CopiesQuery, CopyRow, CopyState};
use clap::Args;

use crate::columns::{Column, show};
use crate::connection::Connection;
use crate::failure::Outcome;
use crate::screen::{Colour, Output, Screen};

/// List the copies of the databases: where they are, which are mounted, and how fit the others are
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  mailmedic copies
  mailmedic copies --server mbx1
  mailmedic copies --database DB01 --output list

A copy that is shared is the same file as the others: it helps when a server is sick, not when a disk is lost.")]
pub struct Arguments {
    /// Only those on this server
    #[arg(long, value_name = "NAME")]
    server: Option<String>,
    /// Only those of this database
    #[arg(long, value_name = "NAME")]
    database: Option<String>,
    #[command(flatten)]
    output: Output,
}

const COLUMNS: &[Column<CopyRow>] = &[
    Column::new("DATABASE", |row, _| row.database.clone()),
    Column::new("SERVER", |row, _| row.server.clone()),
    Column::new("STATE", state),
    Column::in_lists("ACTIVE", |row, _| yes_or_no(row.active)),
    Column::new("PREFERENCE", |row, _| row.preference.to_string()),
    Column::new("COPY QUEUE", |row, _| row.copy_queue.to_string()),
    Column::new("REPLAY QUEUE", |row, _| row.replay_queue.to_string()),
    Column::new("SHARED", |row, _| yes_or_no(row.shared)),
    Column::new("SINCE", |row, screen| {
        row.since.as_ref().map_or_else(String::new, |since| screen.moment(since))
    }),
    Column::new("WHY", |row, _| row.why.clone()),
];

impl Arguments {
    /// Does it.
    pub fn run(self, connection: &Connection, screen: &Screen) -> Outcome {
        let query = CopiesQuery { server: self.server, database: self.database };
        let listing = connection.get(&Copies {}, &query)?;
        show(screen, self.output, &listing, COLUMNS, "no copies")
    }
}

fn state(row: &CopyRow, screen: &Screen) -> String {
    let colour = match row.state {
        CopyState::Mounted | CopyState::Healthy => Colour::Good,
        CopyState::ServiceDown | CopyState::Failed => Colour::Bad,
        _ => Colour::Attention,
    };
    screen.coloured(row.state.word(), colour)
}

fn yes_or_no(yes: bool) -> String {
    if yes { "yes" } else { "no" }.to_owned()
}
