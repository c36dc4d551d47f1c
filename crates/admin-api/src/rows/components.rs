//! Components: what takes traffic or does not, and who asked.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::words;
use crate::moment::Moment;

/// A component of a server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ComponentRow {
    /// The server.
    pub server: String,
    /// The component.
    pub component: String,
    /// What holds: the worst of what is asked for.
    pub state: ComponentState,
    /// What each requester asks for.
    pub requests: Vec<StateRequest>,
}

/// Whether a component takes traffic. The worst that anybody asks for holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ComponentState {
    /// It takes traffic.
    Active,
    /// It takes no new sessions.
    Draining,
    /// It takes none at all.
    Inactive,
}

words!(ComponentState { Active = "active", Draining = "draining", Inactive = "inactive" });

impl ComponentState {
    /// Every state, the best first.
    pub const ALL: [Self; 3] = [Self::Active, Self::Draining, Self::Inactive];
}

/// What one requester asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StateRequest {
    /// Who.
    pub requester: String,
    /// What.
    pub state: ComponentState,
    /// Why.
    pub reason: Option<String>,
    /// When.
    pub at: Moment,
}

/// A component is to be in a state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ComponentRequest {
    /// Which state.
    pub state: ComponentState,
    /// Why, in words for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// In whose name; without it, the caller's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requester: Option<String>,
}
