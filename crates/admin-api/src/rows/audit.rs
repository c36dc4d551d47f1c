//! What was asked for by whom, and who answers.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::caller::Role;
use crate::moment::Moment;

/// Which entries are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct AuditQuery {
    /// Only those from this moment on.
    #[param(value_type = Option<String>)]
    pub since: Option<Moment>,
    /// At most so many, the newest.
    pub limit: Option<usize>,
    /// Only those that this server's agent took.
    pub server: Option<String>,
}

/// One thing that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditRow {
    /// When.
    pub at: Moment,
    /// The server whose agent was asked.
    pub server: String,
    /// Who asked.
    pub who: String,
    /// Their role.
    pub role: Role,
    /// What they asked for: the name of a route.
    pub action: String,
    /// What it was about: `DB01`, `mbx1/backend`.
    pub target: String,
    /// Why they asked.
    pub reason: Option<String>,
    /// What came of it.
    pub outcome: String,
}

/// Which agent answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Version {
    /// The server it runs on.
    pub server: String,
    /// The version of the program.
    pub version: String,
}
