//! How services and servers are, in the words of every engine.

use jiff::Timestamp;
use settings::ServerName;

use crate::{BootId, ServiceName};

/// How a service is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceReport {
    /// Its name.
    pub service: ServiceName,
    /// Where it is in its life.
    pub state: ServiceState,
    /// Its process, if it has one.
    pub pid: Option<u32>,
    /// Since when it is in this state, if it ever was in another. Wall time, for display.
    pub since: Option<Timestamp>,
    /// How often it was started again after it died unasked, as far as whoever starts it counts.
    pub restarts: u64,
    /// Whether a human stopped it.
    pub stopped_by_hand: bool,
    /// Why it is *Failed*.
    pub failure: Option<String>,
    /// The boot of its server.
    pub boot_id: Option<BootId>,
}

/// Where a service is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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

/// What a kill found. Either way the process that ran when it was asked for is certainly gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Killed {
    /// This process is gone; another may have been started in its place.
    Process {
        /// Its id.
        pid: u32,
    },
    /// There was none.
    WasNotRunning,
}

/// How the power of a server is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PowerReport {
    /// The server.
    pub server: ServerName,
    /// Whether it has power.
    pub state: PowerState,
    /// Its present boot, if it has power and says which.
    pub boot_id: Option<BootId>,
    /// How often the power went out, as far as whoever gives it counts.
    pub losses: Option<u64>,
}

/// Whether a server has power.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PowerState {
    /// It runs, or it boots.
    On,
    /// It has none, and will have.
    Out {
        /// When. Wall time, for display.
        returns: Timestamp,
    },
    /// It is switched off, or going off, until somebody switches it on.
    Off,
}
