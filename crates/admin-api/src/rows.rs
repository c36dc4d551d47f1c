//! What is asked and what is answered, by what it is about.

mod audit;
mod components;
mod copies;
mod databases;
mod health;
mod moves;
mod pop_settings;
mod recovery;
mod servers;
mod services;
mod users;

pub use audit::{AuditQuery, AuditRow, Version};
pub use components::{ComponentRequest, ComponentRow, ComponentState, StateRequest};
pub use copies::{CopiesQuery, CopyRow, CopyState};
pub use databases::{DatabaseRow, DatabaseState, Token};
pub use health::{
    HealthQuery, HealthSetRow, ItemHelp, ItemQuery, ItemRow, ItemsQuery, MonitorRow, OverrideRequest,
    OverrideRow, OverridesQuery, PhaseRow, ProbeRequest, ProbeRow, RepairingRequest, ResultsQuery,
    VerdictRow,
};
pub use moves::{Candidate, MoveRequest, MoveRow, MoveState, Moves, MovesRequest, WaitQuery};
pub use pop_settings::{PopSettingRow, PopSettingsChange, PopSettingsRequest, PopSettingsRow};
pub use recovery::{
    BrakeRow, ExplanationQuery, RecoveriesQuery, RecoveryExplanation, RecoveryRow, RecoveryState,
    RecoveryStory, RungRow, TimelineRow,
};
pub use servers::{
    AgentPresence, Allowed, Block, Maintenance, MaintenanceRequest, Power, RestartRequest, RestartRow,
    ServerRole, ServerRow,
};
pub use services::{Address, ByServer, ServiceRow, ServiceState, Traffic};
pub use users::{UserMoveRequest, UserMoveRow, UserMoveState};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Why something is asked for; it is kept for those who look later.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Reason {
    /// Why, in words for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Gives each state its word, the one that it has on the wire.
macro_rules! words {
    ($type:ident { $($state:ident = $word:literal),+ $(,)? }) => {
        impl $type {
            /// The word for people, which is the word on the wire.
            pub fn word(self) -> &'static str {
                match self {
                    $(Self::$state => $word),+
                }
            }
        }
    };
}
use words;
