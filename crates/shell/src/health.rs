//! `mailmedic health`: what the monitors say.

use std::thread;
use std::time::Duration;

use admin_api::Listing;
use admin_api::routes::{Health, HealthReport};
use admin_api::rows::{HealthQuery, HealthSetRow, MonitorRow};
use clap::{Args, Subcommand};

use crate::columns::{Column, or_blank, show};
use crate::connection::Connection;
use crate::failure::{Failure, Outcome};
use crate::screen::{Colour, Format, Output, Screen};

/// Show how every part of mail access is, and why
#[derive(Args, Debug)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "\
Examples:
  mailmedic health
  mailmedic health mbx1 --set POP.Protocol
  mailmedic health --watch
  mailmedic health report

The exit code is 1 if any monitor shown is Unhealthy."
)]
pub struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    which: Which,
    /// Only monitors that speak about what decides where databases are served
    #[arg(long)]
    ha_impacting: bool,
    /// Only what is not Healthy
    #[arg(long)]
    failing: bool,
    /// Go on, and print what changes; Ctrl-C ends it
    #[arg(long)]
    watch: bool,
    #[command(flatten)]
    output: Output,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Show what each health set comes to: as bad as its worst monitor
    #[command(after_help = "\
Examples:
  mailmedic health report
  mailmedic health report cas1 --set POP --output json")]
    Report {
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        output: Output,
    },
}

#[derive(Args, Debug)]
struct Which {
    /// Only this server
    #[arg(value_name = "SERVER")]
    server: Option<String>,
    /// Only this health set, such as POP.Protocol
    #[arg(long, value_name = "NAME")]
    set: Option<String>,
}

/// How often what changes is looked for.
const LOOK: Duration = Duration::from_secs(1);

const COLUMNS: &[Column<MonitorRow>] = &[
    Column::new("SERVER", |row, _| row.server.clone()),
    Column::new("HEALTH SET", |row, _| row.health_set.clone()),
    Column::new("MONITOR", |row, _| row.name.clone()),
    Column::new("TARGET", |row, _| or_blank(row.target_resource.as_ref())),
    Column::new("ALERT VALUE", |row, screen| screen.coloured(&row.alert_value, colour(&row.alert_value))),
    Column::new("SINCE", |row, screen| screen.moment(&row.last_transition_time)),
    Column::new("WHY", |row, _| match &row.blame {
        Some(blame) => format!("{}; {blame}", row.why),
        None => row.why.clone(),
    }),
    Column::in_lists("STATE", |row, _| row.state.clone()),
    Column::in_lists("COMPONENT", |row, _| row.server_component.clone()),
    Column::in_lists("HEALTH GROUP", |row, _| row.health_group.clone()),
    Column::in_lists("HEALTH SET STATE", |row, _| row.current_health_set_state.clone()),
    Column::in_lists("MAILBOX SERVER", |row, _| or_blank(row.mailbox_server.as_ref())),
    Column::in_lists("DATABASE", |row, _| or_blank(row.database.as_ref())),
];

const REPORT: &[Column<HealthSetRow>] = &[
    Column::new("SERVER", |row, _| row.server.clone()),
    Column::new("STATE", |row, _| row.state.clone()),
    Column::new("HEALTH SET", |row, _| row.health_set.clone()),
    Column::new("ALERT VALUE", |row, screen| screen.coloured(&row.alert_value, colour(&row.alert_value))),
    Column::new("SINCE", |row, screen| screen.moment(&row.last_transition_time)),
    Column::new("MONITORS", |row, _| row.monitor_count.to_string()),
    Column::new("WHY", |row, _| row.why.clone()),
    Column::in_lists("HEALTH GROUP", |row, _| row.health_group.clone()),
];

/// The word of the one value that makes a command fail.
const UNHEALTHY: &str = "Unhealthy";
const HEALTHY: &str = "Healthy";

fn colour(alert_value: &str) -> Colour {
    match alert_value {
        HEALTHY => Colour::Good,
        UNHEALTHY => Colour::Bad,
        _ => Colour::Attention,
    }
}

impl Arguments {
    /// Does it.
    pub fn run(self, connection: &Connection, screen: &Screen) -> Outcome {
        if let Some(Command::Report { which, output }) = self.command {
            let query = HealthQuery { server: which.server, health_set: which.set, ..HealthQuery::default() };
            let listing = connection.get(&HealthReport {}, &query)?;
            show(screen, output, &listing, REPORT, "no health sets")?;
            let failing = listing.rows.iter().filter(|row| row.alert_value == UNHEALTHY);
            return verdict(
                &failing.map(|row| format!("{} on {}", row.health_set, row.server)).collect::<Vec<_>>(),
            );
        }
        let query = HealthQuery {
            server: self.which.server,
            health_set: self.which.set,
            ha_impacting_only: self.ha_impacting,
        };
        let look = || -> Outcome<Listing<MonitorRow>> {
            let mut listing = connection.get(&Health {}, &query)?;
            listing.rows.retain(|row| !self.failing || row.alert_value != HEALTHY);
            Ok(listing)
        };
        let listing = look()?;
        let nothing = if self.failing { "everything is Healthy" } else { "nothing is watched" };
        show(screen, self.output, &listing, COLUMNS, nothing)?;
        if self.watch {
            return watch(screen, self.output, listing.rows, look);
        }
        let failing = listing.rows.iter().filter(|row| row.alert_value == UNHEALTHY);
        verdict(&failing.map(|row| format!("{} on {}", called(row), row.server)).collect::<Vec<_>>())
    }
}

/// Fails if anything is unhealthy, and names it.
fn verdict(unhealthy: &[String]) -> Outcome {
    match unhealthy {
        [] => Ok(()),
        [one] => Err(Failure::failed(format_args!("{one} is {UNHEALTHY}"))),
        several => Err(Failure::failed(format_args!("{} are {UNHEALTHY}", several.join(", ")))),
    }
}

fn called(row: &MonitorRow) -> String {
    match &row.target_resource {
        Some(target) => format!("{} {target}", row.name),
        None => row.name.clone(),
    }
}

/// Prints each change, for ever. An agent that does not answer for a while is waited for.
fn watch(
    screen: &Screen,
    output: Output,
    mut known: Vec<MonitorRow>,
    look: impl Fn() -> Outcome<Listing<MonitorRow>>,
) -> Outcome {
    let mut told = None;
    loop {
        thread::sleep(LOOK);
        let now = match look() {
            Ok(listing) => listing.rows,
            Err(Failure::Failed(why)) => {
                if told.as_ref() != Some(&why) {
                    screen.note(&why);
                    told = Some(why);
                }
                continue;
            }
            Err(error) => return Err(error),
        };
        told = None;
        for row in &now {
            let before = known.iter().find(|known| is_same(known, row));
            if before.is_some_and(|before| before.alert_value == row.alert_value) {
                continue;
            }
            if output.format() == Format::Json {
                screen.json(row)?;
                continue;
            }
            let value = screen.coloured(&row.alert_value, colour(&row.alert_value));
            let blame = row.blame.as_ref().map(|blame| format!("; {blame}")).unwrap_or_default();
            let at = screen.moment(&row.last_transition_time);
            screen.say(format_args!("{at}  {}  {}: {value}: {}{blame}", row.server, called(row), row.why))?;
        }
        for gone in known.iter().filter(|known| !now.iter().any(|row| is_same(known, row))) {
            screen.note(format_args!("{}  {}: not watched there any more", gone.server, called(gone)));
        }
        known = now;
    }
}

fn is_same(one: &MonitorRow, other: &MonitorRow) -> bool {
    (&one.server, &one.name, &one.target_resource) == (&other.server, &other.name, &other.target_resource)
}
