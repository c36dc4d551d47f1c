//! `mailmedic database list`, `move`, `mount` and `dismount`: where databases are mounted.
//!
//! Not for what is in them: `database check`, `backup` and `restore` read files and are not commands of the API.

use admin_api::Listing;
use admin_api::Nothing;
use admin_api::routes::{Databases, DismountDatabase, MountDatabase, MoveDatabase, MoveDatabases};
use admin_api::rows::{DatabaseRow, DatabaseState, MoveRequest, MovesRequest};
use clap::{ArgGroup, Args, Subcommand};

use crate::because::Because;
use crate::columns::{Column, or_blank, show, show_one};
use crate::connection::Connection;
use crate::failure::Outcome;
use crate::moves::follow;
use crate::patience::Patience;
use crate::screen::{Colour, Output, Screen};

/// What can be asked about where databases are mounted.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// List the databases: where each is mounted, and what moves
    #[command(after_help = "\
Examples:
  mailmedic database list
  mailmedic database list --output list")]
    List(Output),
    /// Move a database to another server; or all of a server, or all that are not where they are preferred
    #[command(after_help = "\
Examples:
  mailmedic database move DB01                        to the fittest server
  mailmedic database move DB01 --to mbx2 --reason 'new disk in mbx1'
  mailmedic database move --from mbx1                 all that are mounted there
  mailmedic database move --preferred                 all back to where they are preferred

Sessions end at their next boundary, and clients come back to the new server. The exit code is 0 if all have moved.")]
    Move(Move),
    /// Mount a database that is dismounted
    #[command(after_help = "\
Example:
  mailmedic database mount DB01")]
    Mount(Which),
    /// Dismount a database; it stays dismounted until it is mounted
    #[command(after_help = "\
Example:
  mailmedic database dismount DB01 --reason 'restore'")]
    Dismount(Which),
}

/// One database, and why.
#[derive(Args, Debug)]
pub struct Which {
    /// The database
    database: String,
    #[command(flatten)]
    because: Because,
    #[command(flatten)]
    output: Output,
}

/// Which databases move, where to, and why.
#[derive(Args, Debug)]
#[command(group = ArgGroup::new("which").args(["database", "from", "preferred"]).required(true))]
pub struct Move {
    /// The database
    database: Option<String>,
    /// Where to; without it, to the fittest server
    #[arg(long, value_name = "SERVER", conflicts_with_all = ["from", "preferred"])]
    to: Option<String>,
    /// All databases that are mounted on this server
    #[arg(long, value_name = "SERVER")]
    from: Option<String>,
    /// All databases that are not mounted where they are preferred
    #[arg(long)]
    preferred: bool,
    /// Move it even to a server that is blocked, or whose copy is not healthy
    #[arg(long, conflicts_with_all = ["from", "preferred"])]
    force: bool,
    #[command(flatten)]
    because: Because,
    #[command(flatten)]
    patience: Patience,
    #[command(flatten)]
    output: Output,
}

const COLUMNS: &[Column<DatabaseRow>] = &[
    Column::new("DATABASE", |row, _| row.name.clone()),
    Column::new("STATE", state),
    Column::new("MOUNTED ON", |row, _| or_blank(row.mounted_on.as_ref())),
    Column::new("PREFERRED", |row, _| row.preferred.clone()),
    Column::new("COPIES", |row, _| row.copies.join(" ")),
    Column::new("MOVE", moving),
    Column::in_lists("TOKEN", |row, _| or_blank(row.token.as_ref())),
    Column::new("SINCE", |row, screen| screen.moment(&row.since)),
    Column::new("WHY", |row, _| row.why.clone()),
];

impl Command {
    /// Does it.
    pub fn run(self, connection: &Connection, screen: &Screen) -> Outcome {
        match self {
            Self::List(output) => {
                let listing = connection.get(&Databases {}, &Nothing {})?;
                show(screen, output, &listing, COLUMNS, "no databases")
            }
            Self::Move(command) => command.run(connection, screen),
            Self::Mount(which) => {
                let row =
                    connection.send(&MountDatabase { database: which.database }, &which.because.request())?;
                show_one(screen, which.output, &row, COLUMNS)
            }
            Self::Dismount(which) => {
                let row = connection
                    .send(&DismountDatabase { database: which.database }, &which.because.request())?;
                show_one(screen, which.output, &row, COLUMNS)
            }
        }
    }
}

impl Move {
    fn run(self, connection: &Connection, screen: &Screen) -> Outcome {
        let reason = self.because.text();
        let moves = if let Some(database) = self.database {
            let request = MoveRequest { to: self.to, reason, force: self.force };
            Listing::complete(vec![connection.send(&MoveDatabase { database }, &request)?])
        } else {
            let request = MovesRequest { from: self.from, preferred: self.preferred, reason };
            connection.send(&MoveDatabases {}, &request)?
        };
        follow(connection, screen, self.output, self.patience, moves)
    }
}

fn state(row: &DatabaseRow, screen: &Screen) -> String {
    let colour = match row.state {
        DatabaseState::Mounted => Colour::Good,
        DatabaseState::Failed => Colour::Bad,
        _ => Colour::Attention,
    };
    screen.coloured(row.state.word(), colour)
}

fn moving(row: &DatabaseRow, _: &Screen) -> String {
    row.moving.as_ref().map_or_else(String::new, |moving| match &moving.to {
        Some(to) => format!("{} to {to}", moving.state.word()),
        None => moving.state.word().to_owned(),
    })
}
