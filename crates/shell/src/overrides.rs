//! `mailmedic override`: changes to definitions that end by themselves.

use admin_api::Nothing;
use admin_api::routes::{AddOverride, Overrides, RemoveOverride};
use admin_api::rows::{OverrideRequest, OverrideRow, OverridesQuery};
use clap::{Args, Subcommand};
use settings::Span;

use crate::columns::{Column, or_blank, show, show_one};
use crate::connection::Connection;
use crate::failure::{Failure, Outcome};
use crate::patience::span;
use crate::screen::{Output, Screen};

/// Change for a time how something is watched
#[derive(Args, Debug)]
#[command(
    arg_required_else_help = true,
    after_help = "\
Examples:
  mailmedic override add POP/PopCTPMonitor --property Failures --value 5 --for '2 h' --reason 'slow link'
  mailmedic override list
  mailmedic override remove all-pop-popctpmonitor-failures"
)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Make an override; it ends by itself
    #[command(after_help = "\
Examples:
  mailmedic override add POP/PopCTPMonitor --property Failures --value 5 --for '2 h' --reason 'slow link'
  mailmedic override add POP/PopCTPProbe/DB01 --server cas1 --property Enabled --value false --for '30 min' \\
      --reason 'restore of DB01'

Properties: Enabled, IntervalSeconds and TimeoutSeconds of probes; Enabled, Failures and Threshold of monitors.")]
    Add {
        /// The probe or monitor, and perhaps a target: SET/ITEM[/TARGET]
        #[arg(value_name = "IDENTITY")]
        identity: String,
        /// What to change
        #[arg(long, value_name = "NAME")]
        property: String,
        /// What it is meanwhile
        #[arg(long, value_name = "TEXT")]
        value: String,
        /// Only on this server; without it, on every one
        #[arg(long, value_name = "NAME")]
        server: Option<String>,
        /// How long
        #[arg(long = "for", value_name = "TIME", value_parser = span)]
        length: Span,
        /// Why, for those who wonder
        #[arg(long, value_name = "TEXT")]
        reason: String,
        #[command(flatten)]
        output: Output,
    },
    /// List the overrides
    #[command(after_help = "\
Examples:
  mailmedic override list
  mailmedic override list --server cas1 --output json")]
    List {
        /// Only those that hold on this server alone
        #[arg(long, value_name = "NAME", conflicts_with = "global")]
        server: Option<String>,
        /// Only those that hold everywhere
        #[arg(long)]
        global: bool,
        #[command(flatten)]
        output: Output,
    },
    /// Remove an override before its time
    #[command(after_help = "\
Example:
  mailmedic override remove all-pop-popctpmonitor-failures")]
    Remove {
        /// Its id, as `mailmedic override list` shows it
        id: String,
        #[command(flatten)]
        output: Output,
    },
}

const COLUMNS: &[Column<OverrideRow>] = &[
    Column::new("ID", |row, _| row.id.clone()),
    Column::new("ITEM", |row, _| {
        let target = row.target_resource.as_ref().map(|target| format!("\\{target}")).unwrap_or_default();
        format!("{}\\{}{target}", row.health_set, row.monitoring_item_name)
    }),
    Column::new("SERVER", |row, _| row.server.clone().unwrap_or_else(|| "every one".to_owned())),
    Column::new("PROPERTY", |row, _| row.property_name.clone()),
    Column::new("VALUE", |row, _| row.property_value.clone()),
    Column::new("UNTIL", |row, screen| screen.moment(&row.expiration_time)),
    Column::new("BY", |row, _| row.created_by.clone()),
    Column::new("REASON", |row, _| or_blank(Some(&row.reason))),
    Column::in_lists("TYPE", |row, _| row.item_type.clone()),
    Column::in_lists("MADE", |row, screen| screen.moment(&row.created_time)),
];

impl Arguments {
    /// Does it.
    pub fn run(self, connection: &Connection, screen: &Screen) -> Outcome {
        match self.command {
            Command::Add { identity, property, value, server, length, reason, output } => {
                let for_seconds = length.duration().as_secs();
                if for_seconds == 0 {
                    return Err(Failure::bad_input(format_args!(
                        "--for {length} is no time at all; write at least \"1 s\""
                    )));
                }
                let request = OverrideRequest {
                    identity,
                    property_name: property,
                    property_value: value,
                    server,
                    for_seconds,
                    reason,
                };
                show_one(screen, output, &connection.send(&AddOverride {}, &request)?, COLUMNS)
            }
            Command::List { server, global, output } => {
                let query = OverridesQuery { server, global_only: global };
                show(screen, output, &connection.get(&Overrides {}, &query)?, COLUMNS, "no overrides")
            }
            Command::Remove { id, output } => {
                show_one(screen, output, &connection.send(&RemoveOverride { id }, &Nothing {})?, COLUMNS)
            }
        }
    }
}
