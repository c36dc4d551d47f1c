//! `mailmedic audit`: who asked for what, when and why.

use admin_api::Moment;
use admin_api::routes::Audit;
use admin_api::rows::{AuditQuery, AuditRow};
use clap::Args;
use jiff::Timestamp;
use settings::{Span, Value};

use crate::columns::{Column, or_blank, show};
use crate::connection::Connection;
use crate::failure::Outcome;
use crate::screen::{Output, Screen};

/// Show who asked for what, when and why
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  mailmedic audit
  mailmedic audit --since '1 h'
  mailmedic audit --since 2026-01-31T08:00:00Z --server mbx1 --output json")]
pub struct Arguments {
    /// From this time on: how long ago, or when
    #[arg(long, value_name = "TIME", value_parser = since)]
    since: Option<Moment>,
    /// At most so many, the newest
    #[arg(long, value_name = "NUMBER", default_value_t = 100)]
    limit: usize,
    /// Only what the agent of this server was asked for
    #[arg(long, value_name = "NAME")]
    server: Option<String>,
    #[command(flatten)]
    output: Output,
}

const COLUMNS: &[Column<AuditRow>] = &[
    Column::new("TIME", |row, screen| screen.moment(&row.at)),
    Column::new("SERVER", |row, _| row.server.clone()),
    Column::new("WHO", |row, _| row.who.clone()),
    Column::in_lists("ROLE", |row, _| row.role.word().to_owned()),
    Column::new("ACTION", |row, _| row.action.clone()),
    Column::new("TARGET", |row, _| row.target.clone()),
    Column::new("REASON", |row, _| or_blank(row.reason.as_ref())),
    Column::new("OUTCOME", |row, _| row.outcome.clone()),
];

impl Arguments {
    /// Does it.
    pub fn run(self, connection: &Connection, screen: &Screen) -> Outcome {
        let query = AuditQuery { since: self.since, limit: Some(self.limit), server: self.server };
        let listing = connection.get(&Audit {}, &query)?;
        show(screen, self.output, &listing, COLUMNS, "nothing was asked for")
    }
}

/// A time, or how long ago it was.
fn since(text: &str) -> Result<Moment, String> {
    let at = match (Span::parse(text), text.parse::<Timestamp>()) {
        (_, Ok(at)) => at,
        (Ok(span), _) => Timestamp::now()
            .checked_sub(span.duration())
            .map_err(|_| format!("{span} ago is too long ago"))?,
        (Err(_), Err(_)) => {
            return Err("write how long ago, such as \"1 h\", or when, as 2026-01-31T08:00:00Z".to_owned());
        }
    };
    Moment::parse(&at.to_string()).map_err(|error| error.to_string())
}
