//! `mailmedic monitor`: what there is to watch, what it does, and that it is being repaired.

use admin_api::routes::{MonitoringItemHelp, MonitoringItems, SetRepairing};
use admin_api::rows::{ItemHelp, ItemQuery, ItemRow, ItemsQuery, MonitorRow, RepairingRequest};
use clap::{Args, Subcommand, ValueEnum};

use crate::because::Because;
use crate::columns::{Column, or_blank, show, show_one};
use crate::connection::Connection;
use crate::failure::Outcome;
use crate::place::Place;
use crate::screen::{Output, Screen};

/// Show what is watched and how, and say that something is being repaired
#[derive(Args, Debug)]
#[command(
    arg_required_else_help = true,
    after_help = "\
Examples:
  mailmedic monitor list --server cas1
  mailmedic monitor help POP/PopCTPMonitor
  mailmedic monitor repairing mbx1/PopDeepTestMonitor on --target DB01 --reason 'new disk'"
)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
#[command(disable_help_subcommand = true)]
enum Command {
    /// List the probes and monitors of servers, with their targets
    #[command(after_help = "\
Examples:
  mailmedic monitor list
  mailmedic monitor list --set POP --server cas1")]
    List {
        /// Only those of this health set
        #[arg(long, value_name = "NAME")]
        set: Option<String>,
        /// Only those of this server
        #[arg(long, value_name = "NAME")]
        server: Option<String>,
        #[command(flatten)]
        output: Output,
    },
    /// Say what a probe or monitor does, how it judges, and what is done about it
    #[command(after_help = "\
Example:
  mailmedic monitor help POP/AverageCommandProcessingTimeGt60sMonitor")]
    Help {
        /// The probe or monitor: SET/ITEM
        #[arg(value_name = "IDENTITY")]
        identity: String,
        #[command(flatten)]
        output: Output,
    },
    /// Say that a monitor is being repaired: it is Repairing, and nothing is done about it
    #[command(after_help = "\
Examples:
  mailmedic monitor repairing mbx1/PopDeepTestMonitor on --target DB01 --reason 'new disk'
  mailmedic monitor repairing mbx1/PopDeepTestMonitor off")]
    Repairing {
        /// The monitor on its server, such as mbx1/PopDeepTestMonitor
        #[arg(value_name = "SERVER/MONITOR")]
        monitor: Place,
        /// Whether it is
        repairing: Switch,
        /// Only for this target
        #[arg(long, value_name = "NAME")]
        target: Option<String>,
        #[command(flatten)]
        because: Because,
        #[command(flatten)]
        output: Output,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Switch {
    On,
    Off,
}

const ITEMS: &[Column<ItemRow>] = &[
    Column::new("SERVER", |row, _| row.server.clone()),
    Column::new("IDENTITY", |row, _| row.identity.clone()),
    Column::new("TYPE", |row, _| row.item_type.clone()),
    Column::new("TARGET", |row, _| or_blank(row.target_resource.as_ref())),
];

const HELP: &[Column<ItemHelp>] = &[
    Column::new("IDENTITY", |row, _| row.identity.clone()),
    Column::new("TYPE", |row, _| row.item_type.clone()),
    Column::new("WHAT", |row, _| row.what.clone()),
    Column::new("HOW", |row, _| row.how.clone()),
    Column::new("DEPENDS ON", |row, _| row.depends_on.join(", ")),
    Column::new("RECOVERY", |row, _| row.recovery.join("\n")),
    Column::new("NOTES", |row, _| or_blank(row.notes.as_ref())),
];

const REPAIRED: &[Column<MonitorRow>] = &[
    Column::new("SERVER", |row, _| row.server.clone()),
    Column::new("MONITOR", |row, _| row.name.clone()),
    Column::new("TARGET", |row, _| or_blank(row.target_resource.as_ref())),
    Column::new("ALERT VALUE", |row, _| row.alert_value.clone()),
    Column::new("WHY", |row, _| row.why.clone()),
];

impl Arguments {
    /// Does it.
    pub fn run(self, connection: &Connection, screen: &Screen) -> Outcome {
        match self.command {
            Command::List { set, server, output } => {
                let listing = connection.get(&MonitoringItems {}, &ItemsQuery { health_set: set, server })?;
                show(screen, output, &listing, ITEMS, "nothing is watched")
            }
            Command::Help { identity, output } => {
                let help = connection.get(&MonitoringItemHelp {}, &ItemQuery { identity })?;
                show_one(screen, output, &help, HELP)
            }
            Command::Repairing { monitor, repairing, target, because, output } => {
                let Place { server, name } = monitor;
                let request = RepairingRequest {
                    repairing: repairing == Switch::On,
                    target_resource: target,
                    reason: because.text(),
                };
                let listing = connection.send(&SetRepairing { server, monitor: name }, &request)?;
                show(screen, output, &listing, REPAIRED, "nothing of that kind is watched there")
            }
        }
    }
}
