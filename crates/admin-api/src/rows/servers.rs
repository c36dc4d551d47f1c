//! Servers.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::components::ComponentRow;
use super::words;
use crate::moment::Moment;

/// A server: a machine with a name and roles.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ServerRow {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub roles: Vec<ServerRole>,
    /// Its address.
    pub address: String,
    /// Whether it has power.
    pub power: Power,
    /// Whether its agent is there.
    pub agent: AgentPresence,
    /// A new one at each start.
    pub boot_id: Option<String>,
    /// Since when it is up.
    pub since: Option<Moment>,
    /// The databases that are mounted there.
    pub active_databases: Vec<String>,
    /// How many sessions its services have; none if they do not say.
    pub sessions: Option<u64>,
    /// Who keeps databases from being moved there.
    pub blocks: Vec<Block>,
    /// The maintenance under way.
    pub maintenance: Option<Maintenance>,
    /// Its components.
    pub components: Vec<ComponentRow>,
}

/// What a server is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ServerRole {
    /// Accepts clients.
    ClientAccess,
    /// Serves mailbox databases.
    Mailbox,
}

words!(ServerRole { ClientAccess = "client-access", Mailbox = "mailbox" });

/// Whether a server has power.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Power {
    /// It has.
    On,
    /// It has lost it, and it will return.
    Out,
    /// It is switched off.
    Off,
}

words!(Power { On = "on", Out = "out", Off = "off" });

/// Whether the agent of a server is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AgentPresence {
    /// It has said so lately.
    Present,
    /// It has not.
    Absent,
}

words!(AgentPresence { Present = "present", Absent = "absent" });

/// Somebody's wish that nothing be moved to a server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Block {
    /// Whose.
    pub requester: String,
    /// Why.
    pub reason: Option<String>,
    /// When it was said.
    pub at: Moment,
    /// Whether what is mounted there is to leave too.
    pub move_now: bool,
}

/// A time in which nothing is healed on a server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Maintenance {
    /// Who began it.
    pub by: String,
    /// Why.
    pub reason: Option<String>,
    /// When it began.
    pub since: Moment,
    /// When it ends by itself.
    pub until: Moment,
}

/// Maintenance is to begin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MaintenanceRequest {
    /// After how many seconds it ends by itself.
    pub for_seconds: u64,
    /// Why, in words for people.
    pub reason: String,
}

/// What is left of the blocks of a server when the caller's is gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Allowed {
    /// The server.
    pub server: String,
    /// Whether the caller had a block there.
    pub lifted: bool,
    /// The blocks of others, which hold.
    pub blocks: Vec<Block>,
}

/// A server is to restart.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RestartRequest {
    /// Why, in words for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Do it even if databases are mounted there that nobody else can take.
    #[serde(default)]
    pub force: bool,
    /// The caller's name for this restart: asked for again, it is not done again.
    pub id: String,
}

/// A restart that has been asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RestartRow {
    /// The caller's name for it.
    pub id: String,
    /// The server.
    pub server: String,
    /// The boot id that ends with it: another one means that it is done.
    pub boot_id: Option<String>,
    /// What happens now, for people.
    pub outcome: String,
}
