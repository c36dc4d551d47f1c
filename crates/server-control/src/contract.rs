//! The JSON of our init's socket and of the power grid's: the one place of this crate that knows it.
//!
//! Requests are written as those sides read them; of answers only what is needed is read, so that they may grow.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What an init is asked.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "kebab-case", tag = "request")]
pub(crate) enum ServerRequest<'a> {
    Status,
    Start { service: &'a str },
    Stop { service: &'a str },
    Restart { service: &'a str },
    Kill { service: &'a str },
}

/// What the power grid is asked.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "kebab-case", tag = "request")]
pub(crate) enum GridRequest<'a> {
    Status,
    /// Answered when it is over: the server has booted again.
    Power {
        action: Action,
        server: &'a str,
        id: &'a str,
    },
}

/// What the power grid does to a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Action {
    Cycle,
    Restart,
    /// One that this side does not ask for.
    #[serde(other)]
    Other,
}

/// An answer, or why there is none.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Reply<T> {
    Done(T),
    Refused(String),
}

/// How the refusal of a request begins that the other side does not know: it is older than this one.
pub(crate) const NOT_UNDERSTOOD: &str = "the request is not understood";

/// A server that is on.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct ServerStatus {
    pub(crate) boot_id: String,
    pub(crate) services: Vec<ServiceStatus>,
}

/// A service of it.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct ServiceStatus {
    pub(crate) service: String,
    pub(crate) state: ServiceState,
    pub(crate) pid: Option<u32>,
    pub(crate) since: Timestamp,
    pub(crate) restarts: u64,
    pub(crate) stopped_by_hand: bool,
    pub(crate) failure: Option<Failure>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ServiceState {
    Stopped,
    Starting,
    Running,
    Stopping,
    Failed,
}

/// Why a service is left dead.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Failure {
    CrashLoop {
        deaths: usize,
        window: u64,
        last: String,
    },
    Misconfigured,
    RestartsOff {
        last: String,
    },
    /// A reason that came after this program was made.
    #[serde(untagged)]
    Other(serde_json::Value),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CrashLoop { deaths, window, last } => {
                write!(f, "it died {deaths} times within {window} s; last it {last}")
            }
            Self::Misconfigured => f.write_str("its settings are wrong; it says which"),
            Self::RestartsOff { last } => write!(f, "it {last}, and restarting is switched off"),
            Self::Other(reason) => write!(f, "{reason}"),
        }
    }
}

/// The power of all servers.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct GridStatus {
    pub(crate) servers: Vec<PowerStatus>,
    /// What it was asked to do.
    #[serde(default)]
    pub(crate) requests: Vec<PowerRequest>,
}

/// What the power grid was asked to do.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct PowerRequest {
    pub(crate) id: String,
    pub(crate) server: String,
    pub(crate) action: Action,
    pub(crate) fate: Fate,
}

/// How far that is.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Fate {
    UnderWay {},
    Done,
    Failed(String),
}

/// The power of one server.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct PowerStatus {
    pub(crate) server: String,
    /// The process of its init, if there is one.
    pub(crate) pid: Option<u32>,
    /// When the power returns, while it is out.
    pub(crate) returns: Option<Timestamp>,
    pub(crate) losses: u64,
    /// Whether a human switched it off.
    #[serde(default)]
    pub(crate) switched_off: bool,
}
