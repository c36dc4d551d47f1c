//! What an init's admin socket and the grid's are asked and answer, and what the grid writes down about its servers.

use std::io;
use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::moment::at;
use crate::power::Action;
use crate::power::requests::Request;
use crate::supervision::{Failure, Life, Supervision};

/// What an init is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "request")]
pub enum ServerRequest {
    /// How the server and its services are.
    Status,
    /// Start a service that is stopped or *Failed*.
    Start {
        /// Which one.
        service: String,
    },
    /// Stop a service, until it is wanted again: it stays stopped over restarts of the server.
    Stop {
        /// Which one.
        service: String,
    },
    /// Replace the process of a service, or start it if it has none.
    Restart {
        /// Which one.
        service: String,
    },
    /// Kill the process of a service, for fencing: answered once it is gone. What follows is as after any other death,
    /// but that it is not counted as a crash.
    Kill {
        /// Which one.
        service: String,
    },
}

/// What the power grid is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "request")]
pub enum GridRequest {
    /// How the power of all servers is.
    Status,
    /// Something is to be done with the power of a server: answered once it is done.
    Power {
        /// What.
        action: Action,
        /// To which server.
        server: String,
        /// The asker's name for this request. Asked for again under the same name, nothing is done: the answer is how it
        /// went the first time, once that is known.
        id: String,
    },
}

/// A server that is on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ServerStatus {
    /// The server's name.
    pub server: String,
    /// A new one at each start of its init.
    pub boot_id: String,
    /// The process of its init.
    pub pid: u32,
    /// When its init started.
    pub since: Timestamp,
    /// Its services.
    pub services: Vec<ServiceStatus>,
}

/// A service of a server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ServiceStatus {
    /// Its name: `frontend`, `backend`, `agent`.
    pub service: String,
    /// Where it is in its life.
    pub state: ServiceState,
    /// Its process, if it has one.
    pub pid: Option<u32>,
    /// Since when it is in this state.
    pub since: Timestamp,
    /// How often it was started again after it died or was killed, since the server started.
    pub restarts: u64,
    /// Whether a human stopped it.
    pub stopped_by_hand: bool,
    /// Why it is *Failed*.
    pub failure: Option<Failure>,
}

impl ServiceStatus {
    /// The service called `name`, whose moments count from `start`.
    pub(crate) fn of(name: &str, supervision: &Supervision, start: Timestamp, stopped_by_hand: bool) -> Self {
        Self {
            service: name.to_owned(),
            state: ServiceState::from(supervision.life()),
            pid: supervision.pid(),
            since: at(start, supervision.since()),
            restarts: supervision.restarts(),
            stopped_by_hand,
            failure: match supervision.life() {
                Life::Failed(failure) => Some(failure.clone()),
                _ => None,
            },
        }
    }
}

/// Where a service is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ServiceState {
    /// No process, and none wanted.
    Stopped,
    /// Its process does not serve yet.
    Starting,
    /// It serves.
    Running,
    /// Its process has been asked to end.
    Stopping,
    /// It died and is left dead.
    Failed,
}

impl ServiceState {
    /// The word for people.
    pub fn word(self) -> &'static str {
        match self {
            Self::Stopped => "stopped",
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Stopping => "stopping",
            Self::Failed => "Failed",
        }
    }
}

impl From<&Life> for ServiceState {
    fn from(life: &Life) -> Self {
        match life {
            Life::Stopped => Self::Stopped,
            Life::Spawning | Life::Starting { .. } => Self::Starting,
            Life::Running { .. } => Self::Running,
            Life::Stopping { .. } => Self::Stopping,
            Life::Failed(_) => Self::Failed,
        }
    }
}

/// An answer, or why there is none, in words for the one who asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reply<T> {
    /// As asked.
    Done(T),
    /// Not possible, because.
    Refused(String),
}

/// The power of all servers: what the grid answers, and the content of its state file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct GridStatus {
    /// The process of `mailmedic up`.
    pub pid: u32,
    /// Since when it runs.
    pub since: Timestamp,
    /// The local coordinator, which the grid runs beside the servers.
    #[serde(default)]
    pub coordinator: Option<ServiceStatus>,
    /// Each server, in the configuration's order.
    pub servers: Vec<PowerStatus>,
    /// What it has been asked to do, oldest first.
    #[serde(default)]
    pub requests: Vec<Request>,
}

impl GridStatus {
    /// What the grid wrote down last; nothing if there is no such file. Holds only while the data directory is claimed.
    pub fn read(file: &Path) -> io::Result<Option<Self>> {
        match std::fs::read(file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            text => Ok(Some(serde_json::from_slice(&text?)?)),
        }
    }
}

/// The power of one server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct PowerStatus {
    /// The server's name.
    pub server: String,
    /// The process of its init, while the power is on.
    pub pid: Option<u32>,
    /// When the power returns, while it is out.
    pub returns: Option<Timestamp>,
    /// How often the power went out unasked.
    pub losses: u64,
    /// Whether the server is off, or going off, because somebody switched it off.
    #[serde(default)]
    pub switched_off: bool,
}
