//! `mailmedic service`: the processes of the servers.

use admin_api::routes::{RestartService, Services, StartService, StopService};
use admin_api::rows::{ByServer, Reason, ServiceRow, ServiceState, Traffic};
use admin_api::{Kind, Listing, Problem};
use clap::{Args, Subcommand};

use crate::because::Because;
use crate::columns::{Column, or_blank, show};
use crate::connection::Connection;
use crate::failure::{Failure, Outcome};
use crate::patience::Patience;
use crate::place::Place;
use crate::screen::{Colour, Output, Screen};

/// List, start, stop and restart services
#[derive(Args, Debug)]
#[command(
    arg_required_else_help = true,
    after_help = "\
Examples:
  mailmedic service list
  mailmedic service restart cas1/frontend
  mailmedic service stop mbx1/backend
  mailmedic service start mbx1/backend"
)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// List the services: state, process, since when, restarts, sessions and addresses
    #[command(after_help = "\
Examples:
  mailmedic service list
  mailmedic service list --server mbx1 --output json")]
    List {
        /// Only those of this server
        #[arg(long, value_name = "NAME")]
        server: Option<String>,
        #[command(flatten)]
        output: Output,
    },
    /// Start services that are stopped or Failed
    #[command(after_help = "\
Example:
  mailmedic service start mbx1/backend")]
    Start(Which),
    /// Stop services; they stay stopped until they are started, over restarts of their servers too
    #[command(after_help = "\
Example:
  mailmedic service stop mbx1/backend --reason 'restore of DB01'")]
    Stop(Which),
    /// Drain services and start them anew, one after the other
    #[command(after_help = "\
Examples:
  mailmedic service restart cas1/frontend
  mailmedic service restart mbx1/backend mbx2/backend")]
    Restart(Which),
}

#[derive(Args, Debug)]
struct Which {
    /// The services, such as mbx1/backend
    #[arg(required = true, value_name = "SERVER/SERVICE")]
    services: Vec<Place>,
    #[command(flatten)]
    because: Because,
    #[command(flatten)]
    patience: Patience,
    #[command(flatten)]
    output: Output,
}

/// What is done to a service.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Deed {
    /// It is to run.
    Start,
    /// It is not to run.
    Stop,
    /// It is to run anew.
    Restart,
}

const COLUMNS: &[Column<ServiceRow>] = &[
    Column::new("SERVER", |row, _| row.server.clone()),
    Column::new("SERVICE", |row, _| row.service.clone()),
    Column::new("STATE", state),
    Column::new("PID", |row, _| or_blank(row.pid.as_ref())),
    Column::new("SINCE", |row, screen| {
        row.since.as_ref().map(|since| screen.moment(since)).unwrap_or_default()
    }),
    Column::new("RESTARTS", |row, _| row.restarts.to_string()),
    Column::new("SESSIONS", |row, _| or_blank(row.sessions.as_ref())),
    Column::new("ADDRESSES", |row, _| {
        let addresses = row.addresses.iter().map(|at| format!("{} {}", at.purpose, at.address));
        addresses.collect::<Vec<_>>().join(", ")
    }),
    Column::in_lists("FAILURE", |row, _| or_blank(row.failure.as_ref())),
];

impl Arguments {
    /// Does it.
    pub fn run(self, connection: &Connection, screen: &Screen) -> Outcome {
        let (deed, which) = match self.command {
            Command::List { server, output } => {
                let listing = connection.get(&Services {}, &ByServer { server })?;
                return show(screen, output, &listing, COLUMNS, "no services");
            }
            Command::Start(which) => (Deed::Start, which),
            Command::Stop(which) => (Deed::Stop, which),
            Command::Restart(which) => (Deed::Restart, which),
        };
        let mut rows = Vec::new();
        let reason = which.because.request();
        // One after the other: the next is not touched if one does not come back.
        for place in &which.services {
            rows.push(deed.done(connection, place, &reason, which.patience)?);
        }
        show(screen, which.output, &Listing::complete(rows), COLUMNS, "no services")
    }
}

impl Deed {
    /// Does it to one service, and waits for what follows.
    pub(crate) fn done(
        self,
        connection: &Connection,
        place: &Place,
        request: &Reason,
        patience: Patience,
    ) -> Outcome<ServiceRow> {
        let before = if self == Self::Restart { look(connection, place)?.pid } else { None };
        let (server, service) = (place.server.clone(), place.name.clone());
        let begun = match self {
            Self::Start => connection.send(&StartService { server, service }, request),
            Self::Stop => connection.send(&StopService { server, service }, request),
            Self::Restart => connection.send(&RestartService { server, service }, request),
        }?;
        if !patience.waits() {
            return Ok(begun);
        }
        let mut now = begun;
        patience.until(&self.of(place), || {
            if let Some(failure) = now.failure.as_ref().filter(|_| now.state == ServiceState::Failed) {
                return Err(Failure::failed(format!(
                    "{place} does not start: {failure}; `mailmedic logs --server {} {}` says more",
                    place.server, place.name
                )));
            }
            let over = match self {
                Self::Stop => now.state == ServiceState::Stopped,
                Self::Start => now.state == ServiceState::Running,
                Self::Restart => now.state == ServiceState::Running && now.pid != before,
            };
            if over {
                return Ok(Some(now.clone()));
            }
            now = look(connection, place)?;
            Ok(None)
        })
    }

    fn of(self, place: &Place) -> String {
        match self {
            Self::Start => format!("the start of {place}"),
            Self::Stop => format!("the stop of {place}"),
            Self::Restart => format!("the restart of {place}"),
        }
    }
}

/// How a service is now.
fn look(connection: &Connection, place: &Place) -> Outcome<ServiceRow> {
    let listing = connection.get(&Services {}, &ByServer { server: Some(place.server.clone()) })?;
    let names: Vec<&str> = listing.rows.iter().map(|row| row.service.as_str()).collect();
    match listing.rows.iter().find(|row| row.service.eq_ignore_ascii_case(&place.name)) {
        Some(row) => Ok(row.clone()),
        None => Err(match listing.unanswered.first() {
            Some(missing) => {
                Problem::new(Kind::Unavailable, format!("{} did not answer: {}", missing.server, missing.why))
            }
            None => {
                Problem::unknown(&format!("service on {}", place.server), &place.name, names.iter().copied())
            }
        }
        .into()),
    }
}

fn state(row: &ServiceRow, screen: &Screen) -> String {
    let word = row.state.word();
    match (row.state, row.traffic) {
        (ServiceState::Running, Some(traffic)) if traffic != Traffic::Admitting => {
            screen.coloured(traffic.word(), Colour::Attention)
        }
        (ServiceState::Running, _) => screen.coloured(word, Colour::Good),
        (ServiceState::Stopped, _) if row.stopped_by_hand => {
            screen.coloured("stopped by hand", Colour::Attention)
        }
        (ServiceState::Failed, _) => screen.coloured("Failed", Colour::Bad),
        _ => word.to_owned(),
    }
}
