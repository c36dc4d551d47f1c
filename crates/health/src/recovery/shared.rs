//! What the recoveries of all servers share, as records of the coordinator: slots and the brake.

use placement::{HealthPath, UnixMillis};
use serde::{Deserialize, Serialize};
use settings::Role;

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
