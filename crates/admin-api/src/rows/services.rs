//! Services of servers.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::words;
use crate::moment::Moment;

/// Whose rows are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct ByServer {
    /// Only those of this server.
    pub server: Option<String>,
}

/// A service: a process of ours on a server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ServiceRow {
    /// The server.
    pub server: String,
    /// Its name: `frontend`, `backend`, `agent`.
    pub service: String,
    /// Where it is in its life.
    pub state: ServiceState,
    /// Its process.
    pub pid: Option<u32>,
    /// Since when it is in this state.
    pub since: Option<Moment>,
    /// How often it was started again after it died, since its server started.
    pub restarts: u64,
    /// Whether somebody stopped it; then it stays stopped.
    pub stopped_by_hand: bool,
    /// What happens to its traffic; none if it does not say.
    pub traffic: Option<Traffic>,
    /// How many sessions it has; none if it does not say.
    pub sessions: Option<u64>,
    /// Where it listens.
    pub addresses: Vec<Address>,
    /// Why it is Failed, for people.
    pub failure: Option<String>,
}

/// Where a service is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
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

words!(ServiceState {
    Stopped = "stopped",
    Starting = "starting",
    Running = "running",
    Stopping = "stopping",
    Failed = "failed",
});

/// What happens to traffic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Traffic {
    /// New sessions are let in.
    Admitting,
    /// No new sessions; those under way end at their next boundary.
    Draining,
    /// No sessions at all.
    Refusing,
}

words!(Traffic { Admitting = "admitting", Draining = "draining", Refusing = "refusing" });

/// Where a service listens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Address {
    /// What for: `pop3`, `pop3s`, `lmtp`.
    pub purpose: String,
    /// Address and port.
    pub address: String,
}
