//! `mailmedic maintenance`: times in which nothing is healed on a server.

use admin_api::Nothing;
use admin_api::routes::{BeginMaintenance, EndMaintenance};
use admin_api::rows::{MaintenanceRequest, ServerRow};
use clap::{Args, Subcommand};
use settings::Span;

use crate::connection::Connection;
use crate::failure::{Failure, Outcome};
use crate::patience::span;
use crate::screen::{Format, Output, Screen};

/// Begin and end maintenance of a server, in which nothing is healed there
#[derive(Args, Debug)]
#[command(
    arg_required_else_help = true,
    after_help = "\
Examples:
  mailmedic maintenance start --server mbx1 --for '2 h' --reason 'new disk'
  mailmedic maintenance stop --server mbx1"
)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Begin maintenance; it ends by itself
    #[command(after_help = "\
Example:
  mailmedic maintenance start --server mbx1 --for '2 h' --reason 'new disk'

Databases stay where they are: `mailmedic server drain` moves them.")]
    Start {
        /// The server
        #[arg(long, value_name = "NAME")]
        server: String,
        /// How long
        #[arg(long = "for", value_name = "TIME", value_parser = span)]
        length: Span,
        /// Why, for those who wonder that nothing is healed
        #[arg(long, value_name = "TEXT")]
        reason: String,
        #[command(flatten)]
        output: Output,
    },
    /// End maintenance
    #[command(after_help = "\
Example:
  mailmedic maintenance stop --server mbx1")]
    Stop {
        /// The server
        #[arg(long, value_name = "NAME")]
        server: String,
        #[command(flatten)]
        output: Output,
    },
}

impl Arguments {
    /// Does it.
    pub fn run(self, connection: &Connection, screen: &Screen) -> Outcome {
        match self.command {
            Command::Start { server, length, reason, output } => {
                let for_seconds = length.duration().as_secs();
                if for_seconds == 0 {
                    return Err(Failure::bad_input(format!(
                        "--for {length} is no time at all; write at least \"1 s\""
                    )));
                }
                let request = MaintenanceRequest { for_seconds, reason };
                tell(screen, output, &connection.send(&BeginMaintenance { server }, &request)?)
            }
            Command::Stop { server, output } => {
                tell(screen, output, &connection.send(&EndMaintenance { server }, &Nothing {})?)
            }
        }
    }
}

fn tell(screen: &Screen, output: Output, row: &ServerRow) -> Outcome {
    if output.format() == Format::Json {
        return screen.json(row);
    }
    match &row.maintenance {
        Some(maintenance) => screen.say(format_args!(
            "{} is in maintenance until {}",
            row.name,
            screen.moment(&maintenance.until)
        )),
        None => screen.say(format_args!("{} is not in maintenance", row.name)),
    }
}
