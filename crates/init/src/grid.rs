//! The power grid of a small data centre: one init per server. Carries out what [`crate::power`] decides.
//!
//! A grid first waits until every service serves; one that is left dead by then, or a server that loses power, means
//! that the start failed and everything is stopped again. From then on nothing but a signal ends it, and it
//! stops the servers in order: those that face clients first, so that no session outlives what it needs.
//!
//! Beside the servers it runs the local coordinator, if there is one: started before them and stopped after them. It is no
//! server, and mail goes on without it. So its death is no power loss: it is started again at once, and if it keeps dying,
//! ever more rarely.
//!
//! What is asked on the grid's socket ([`crate::power_control`]) is begun at once and answered when it is done.

mod running;
mod start;

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use settings::ServerFolder;

use crate::error::InitError;
use crate::power::Limits;
use crate::process::Program;
use crate::server::ServiceCommand;
use crate::supervision::Policy;
use running::Running;

/// A server on the grid.
#[derive(Clone, Debug)]
pub struct GridServer {
    /// Its name.
    pub name: String,
    /// Its folder in the data directory.
    pub folder: ServerFolder,
    /// What its init is started with; `--parent PID` is added.
    pub arguments: Vec<OsString>,
    /// Whether clients connect to it. Such servers are shut down before the others.
    pub faces_clients: bool,
    /// How long things take.
    pub limits: Limits,
}

/// The local coordinator.
#[derive(Clone, Debug)]
pub struct Coordinator {
    /// What it is started with.
    pub command: ServiceCommand,
    /// The file that takes what it prints: start-up errors, panics.
    pub console: PathBuf,
    /// How it is supervised.
    pub policy: Policy,
}

/// What a grid needs to know.
#[derive(Clone, Debug)]
pub struct Grid {
    /// The file where the grid writes down which servers have power.
    pub state_file: PathBuf,
    /// Where it is asked and told, in a folder that is made if there is none.
    pub socket: PathBuf,
    /// What inits are started from.
    pub program: Program,
    /// The local coordinator, if there is one.
    pub coordinator: Option<Coordinator>,
    /// The servers.
    pub servers: Vec<GridServer>,
    /// How long all services together may take until they serve.
    pub start_limit: Duration,
}

/// What a grid has to say while it starts, runs and stops.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case")]
pub enum Progress {
    /// A service serves.
    Ready {
        /// Of this server.
        server: String,
        /// Its name.
        service: String,
    },
    /// A service was stopped by a human earlier and stays so.
    StoppedByHand {
        /// Of this server.
        server: String,
        /// Its name.
        service: String,
    },
    /// The coordinator serves.
    CoordinatorReady,
    /// Something is the matter with the coordinator.
    CoordinatorTrouble {
        /// What, and what is done about it.
        what: String,
    },
    /// Everything that is wanted serves.
    AllReady,
    /// A server lost power, which returns after so many milliseconds.
    PowerLoss {
        /// Its name.
        server: String,
        /// Until the power returns.
        milliseconds: u64,
    },
    /// The power of a server was cut as asked, and returns after so many milliseconds.
    PowerCut {
        /// Its name.
        server: String,
        /// Until the power returns.
        milliseconds: u64,
    },
    /// A server is starting again.
    PowerReturned {
        /// Its name.
        server: String,
    },
    /// A server was shut down and is starting again, as asked.
    Restarted {
        /// Its name.
        server: String,
    },
    /// A server is off, as asked.
    SwitchedOff {
        /// Its name.
        server: String,
    },
    /// A server that was off is starting, as asked.
    SwitchedOn {
        /// Its name.
        server: String,
    },
    /// Asked to stop.
    GoingDown,
    /// A server is down.
    Down {
        /// Its name.
        server: String,
    },
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ready { server, service } => write!(f, "{server}: {service} is ready"),
            Self::StoppedByHand { server, service } => {
                write!(f, "{server}: {service} was stopped by hand and stays stopped")
            }
            Self::CoordinatorReady => f.write_str("coordinator is ready"),
            Self::CoordinatorTrouble { what } => {
                write!(f, "coordinator {what}; mail goes on, but no database moves without it")
            }
            Self::AllReady => f.write_str("all services are ready"),
            Self::PowerLoss { server, milliseconds } => {
                let seconds = seconds(*milliseconds);
                write!(f, "{server}: its init died, which is a power loss; power returns in {seconds} s")
            }
            Self::PowerCut { server, milliseconds } => {
                write!(f, "{server}: its power was cut as asked, and returns in {} s", seconds(*milliseconds))
            }
            Self::PowerReturned { server } => write!(f, "{server}: power is back"),
            Self::Restarted { server } => write!(f, "{server}: shut down and started again, as asked"),
            Self::SwitchedOff { server } => write!(f, "{server}: switched off, until it is switched on"),
            Self::SwitchedOn { server } => write!(f, "{server}: switched on"),
            Self::GoingDown => {
                f.write_str("stopping: sessions have a few seconds to finish; once more ends them")
            }
            Self::Down { server } => write!(f, "{server}: down"),
        }
    }
}

fn seconds(milliseconds: u64) -> f64 {
    Duration::from_millis(milliseconds).as_secs_f64()
}

/// How a grid ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case")]
pub enum Outcome {
    /// As asked, everything in order.
    Stopped,
    /// Asked a second time: everything was ended at once.
    Cut,
    /// A service did not come to serve.
    NotStarted {
        /// On this server.
        server: String,
        /// Its name, unless the server itself did not start.
        service: Option<String>,
        /// What is the matter.
        reason: String,
    },
}

impl Grid {
    /// Runs the data centre until it is asked to stop, and says what happens through `tell`. `upkeep` is called a few
    /// times a day, for what must be renewed now and then.
    ///
    /// # Errors
    /// The state file cannot be written, or the operating system refuses something.
    pub fn run(self, tell: &mut dyn FnMut(Progress), upkeep: &mut dyn FnMut()) -> Result<Outcome, InitError> {
        crate::runtime()?.block_on(async {
            let mut running = Running::start(self, tell, upkeep)?;
            let fault = running.until_asked().await;
            let in_order = running.go_down().await;
            Ok(match fault {
                Some(fault) => fault.into(),
                None if in_order => Outcome::Stopped,
                None => Outcome::Cut,
            })
        })
    }
}
