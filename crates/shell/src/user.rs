//! `mailmedic user move`: a mailbox from one database to another.
//!
//! Not for the users themselves, who are in the directory.

use std::time::Duration;

use admin_api::Listing;
use admin_api::routes::{MoveUser, ShowUserMove};
use admin_api::rows::{UserMoveRequest, UserMoveRow, UserMoveState, WaitQuery};
use clap::Args;

use crate::because::Because;
use crate::columns::{Column, or_blank, show, took};
use crate::connection::Connection;
use crate::failure::{Failure, Outcome};
use crate::patience::Patience;
use crate::screen::{Colour, Format, Output, Screen};

/// Move a user's mailbox to another database
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  mailmedic user move user1@example.com --to DB02
  mailmedic user move user1@example.com --to DB02 --no-wait

The user reads and receives mail meanwhile; clients see the messages as those they know.")]
pub struct Move {
    /// The user
    user: String,
    /// The database to move to
    #[arg(long, value_name = "DATABASE")]
    to: String,
    #[command(flatten)]
    because: Because,
    #[command(flatten)]
    patience: Patience,
    #[command(flatten)]
    output: Output,
}

const COLUMNS: &[Column<UserMoveRow>] = &[
    Column::new("USER", |row, _| row.user.clone()),
    Column::new("FROM", |row, _| row.from.clone()),
    Column::new("TO", |row, _| row.to.clone()),
    Column::new("STATE", state),
    Column::new("MESSAGES", progress),
    Column::new("TOOK", |row, _| took(row.took_millis)),
    Column::in_lists("BY", |row, _| row.by.clone()),
    Column::in_lists("REASON", |row, _| or_blank(row.reason.as_ref())),
    Column::in_lists("REQUESTED", |row, screen| screen.moment(&row.requested)),
    Column::new("OUTCOME", |row, _| or_blank(row.outcome.as_ref())),
];

/// How long an agent may put off an answer: short enough to show progress.
const WAIT: u32 = 2;

impl Move {
    /// Does it.
    pub fn run(self, connection: &Connection, screen: &Screen) -> Outcome {
        let request = UserMoveRequest { to: self.to, reason: self.because.text() };
        let mut row = connection.send(&MoveUser { user: self.user.clone() }, &request)?;
        if self.patience.waits() {
            let endpoint = ShowUserMove { user: self.user };
            let steps = self.output.format() == Format::Table;
            let mut told = None;
            self.patience.until(&format!("the move of {}", row.user), || {
                let now = (row.state, row.messages_done);
                if steps && told.replace(now) != Some(now) {
                    screen.note(format_args!(
                        "{}: {} {}",
                        row.user,
                        row.state.word(),
                        progress(&row, screen)
                    ));
                }
                if row.state.is_over() {
                    return Ok(Some(()));
                }
                let query = WaitQuery { wait: Some(WAIT) };
                row = connection.wait(&endpoint, &query, Duration::from_secs(WAIT.into()))?;
                Ok(None)
            })?;
        }
        let failure = matches!(row.state, UserMoveState::Refused | UserMoveState::Failed).then(|| {
            let outcome = row.outcome.as_deref().unwrap_or("it is not said why");
            Failure::failed(format!("{} was not moved: {outcome}", row.user))
        });
        show(screen, self.output, &Listing::complete(vec![row]), COLUMNS, "nothing moves")?;
        failure.map_or(Ok(()), Err)
    }
}

fn progress(row: &UserMoveRow, _: &Screen) -> String {
    match row.messages_total {
        Some(total) => format!("{} of {total}", row.messages_done),
        None => row.messages_done.to_string(),
    }
}

fn state(row: &UserMoveRow, screen: &Screen) -> String {
    let colour = match row.state {
        UserMoveState::Succeeded => Colour::Good,
        UserMoveState::Failed => Colour::Bad,
        _ => Colour::Attention,
    };
    screen.coloured(row.state.word(), colour)
}
