//! `mailmedic probe`: attempts of probes, made now or looked up.

use admin_api::routes::{ProbeResults, RunProbe};
use admin_api::rows::{ProbeRequest, ProbeRow, ResultsQuery};
use clap::{Args, Subcommand};
use settings::Span;

use crate::columns::{Column, or_blank, show};
use crate::connection::Connection;
use crate::failure::{Failure, Outcome};
use crate::patience::span;
use crate::screen::{Colour, Output, Screen};

/// Run probes, and show what they found lately
#[derive(Args, Debug)]
#[command(
    arg_required_else_help = true,
    after_help = "\
Examples:
  mailmedic probe run POP/PopCTPProbe --server cas1
  mailmedic probe run POP.Protocol/PopDeepTestProbe/DB01 --server mbx1 --output list
  mailmedic probe results --failures"
)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Run a probe now, against one target or all that it has on a server
    #[command(after_help = "\
Examples:
  mailmedic probe run POP/PopCTPProbe --server cas1
  mailmedic probe run POP.Protocol/PopDeepTestProbe/DB01 --server mbx1 --output list

The exit code is 1 if an attempt did not succeed. `mailmedic monitor list` says what there is.")]
    Run {
        /// The probe, and perhaps a target: SET/PROBE[/TARGET]
        #[arg(value_name = "IDENTITY")]
        identity: String,
        /// The server on which to run it
        #[arg(long, value_name = "NAME")]
        server: String,
        /// How long an attempt may take
        #[arg(long, value_name = "TIME", value_parser = span)]
        time_out: Option<Span>,
        /// Another address and port to aim at
        #[arg(long, value_name = "ADDRESS")]
        endpoint: Option<String>,
        /// Another health mailbox to use
        #[arg(long, value_name = "USER")]
        account: Option<String>,
        #[command(flatten)]
        output: Output,
    },
    /// Show what probes found lately
    #[command(after_help = "\
Examples:
  mailmedic probe results --failures
  mailmedic probe results POP/PopCTPProbe --server cas1 --limit 5 --output list")]
    Results {
        /// Only this probe: SET/PROBE[/TARGET]
        #[arg(value_name = "IDENTITY")]
        identity: Option<String>,
        /// Only those of this server
        #[arg(long, value_name = "NAME")]
        server: Option<String>,
        /// Only those that did not succeed
        #[arg(long)]
        failures: bool,
        /// At most so many of each server, the newest
        #[arg(long, value_name = "NUMBER", default_value_t = 20)]
        limit: u64,
        #[command(flatten)]
        output: Output,
    },
}

const SUCCEEDED: &str = "Succeeded";

const COLUMNS: &[Column<ProbeRow>] = &[
    Column::new("STARTED", |row, screen| screen.moment(&row.execution_start_time)),
    Column::new("SERVER", |row, _| row.server.clone()),
    Column::new("PROBE", |row, _| row.monitor_identity.clone()),
    Column::new("RESULT", |row, screen| {
        let colour = match &*row.result {
            SUCCEEDED => Colour::Good,
            "CannotTest" => Colour::Attention,
            _ => Colour::Bad,
        };
        screen.coloured(&row.result, colour)
    }),
    Column::new("TOOK", |row, _| {
        let total: f64 = row.phases.iter().map(|phase| phase.milliseconds).sum();
        format!("{total:.1} ms")
    }),
    Column::new("ERROR", |row, _| or_blank(row.error.as_ref())),
    Column::in_lists("REASON", |row, _| or_blank(row.failure_reason.as_ref())),
    Column::in_lists("FAILING PHASE", |row, _| or_blank(row.failing_phase.as_ref())),
    Column::in_lists("FAILING COMPONENT", |row, _| or_blank(row.failing_component.as_ref())),
    Column::in_lists("MAILBOX SERVER", |row, _| or_blank(row.mailbox_server.as_ref())),
    Column::in_lists("DATABASE", |row, _| or_blank(row.database.as_ref())),
    Column::in_lists("SESSION", |row, _| or_blank(row.session.as_ref())),
    Column::in_lists("VALUE", |row, _| or_blank(row.value.as_ref())),
    Column::in_lists("PHASES", |row, _| {
        let phase =
            |phase: &admin_api::rows::PhaseRow| format!("{} {:.1} ms", phase.phase, phase.milliseconds);
        row.phases.iter().map(phase).collect::<Vec<_>>().join(", ")
    }),
    Column::in_lists("ENDED", |row, screen| screen.moment(&row.execution_end_time)),
    Column::in_lists("REQUEST", |row, _| row.request_id.clone()),
    Column::in_lists("TRANSCRIPT", |row, _| row.execution_context.join("\n")),
];

impl Arguments {
    /// Does it.
    pub fn run(self, connection: &Connection, screen: &Screen) -> Outcome {
        match self.command {
            Command::Run { identity, server, time_out, endpoint, account, output } => {
                let time_out_seconds = time_out.map(|limit| limit.duration().as_secs().max(1));
                let request = ProbeRequest { identity, time_out_seconds, endpoint, account };
                let listing = connection.send(&RunProbe { server }, &request)?;
                show(screen, output, &listing, COLUMNS, "the probe has nothing to aim at there")?;
                let failed = listing.rows.iter().filter(|row| row.result != SUCCEEDED).count();
                match failed {
                    0 => Ok(()),
                    failed => {
                        let all = listing.rows.len();
                        Err(Failure::failed(format_args!("{failed} of {all} attempts did not succeed")))
                    }
                }
            }
            Command::Results { identity, server, failures, limit, output } => {
                let query = ResultsQuery { server, identity, failures_only: failures, limit: Some(limit) };
                let listing = connection.get(&ProbeResults {}, &query)?;
                show(screen, output, &listing, COLUMNS, "no results of that kind are kept")
            }
        }
    }
}
