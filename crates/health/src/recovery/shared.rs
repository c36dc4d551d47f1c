//! What the recoveries of all servers share, as records of the coordinator: slots and the brake.

use placement::{HealthPath, UnixMillis};
use serde::{Deserialize, Serialize};
use settings::{Role, ServerName};

use super::id::RecoveryId;

/// One server of a role at a time is emptied or restarted: this recovery's. It has no lease; it ends when the recovery
/// does, or by an operator's word.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slot {
    /// Whose it is.
    pub recovery: RecoveryId,
    /// What for, in words.
    pub reason: String,
    /// Since when.
    pub since: UnixMillis,
}

/// An operator wants no server emptied or restarted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Brake {
    /// Who.
    pub by: String,
    /// Why, in their words.
    pub reason: String,
    /// Since when.
    pub since: UnixMillis,
}

/// When a server was restarted, by whichever agent: its budget is one for all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reboots {
    /// The last of them, the newest last.
    pub times: Vec<UnixMillis>,
}

impl Reboots {
    /// How many are kept.
    const KEPT: usize = 32;

    /// With one more.
    #[must_use]
    pub fn and(mut self, at: UnixMillis) -> Self {
        self.times.push(at);
        self.times.drain(..self.times.len().saturating_sub(Self::KEPT));
        self
    }
}

/// Where the restarts of a server stand.
pub fn reboots_path(server: &ServerName) -> HealthPath {
    HealthPath::of(&["reboots", server.as_str()])
}

/// Where the slot of a role stands.
pub fn slot_path(role: Role) -> HealthPath {
    HealthPath::of(&["slots", role_word(role)])
}

/// Where the brake stands.
pub fn brake_path() -> HealthPath {
    HealthPath::of(&["brake"])
}

/// The role for people.
pub(super) fn role_word(role: Role) -> &'static str {
    match role {
        Role::ClientAccess => "client-access",
        Role::Mailbox => "mailbox",
    }
}
