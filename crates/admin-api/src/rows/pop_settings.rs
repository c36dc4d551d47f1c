//! The POP3 settings of servers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The POP3 settings that hold on a server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PopSettingsRow {
    /// The server.
    pub server: String,
    /// The folder of its protocol log, from the root of its file system on.
    pub protocol_log: String,
    /// Every setting, in the order of the documentation.
    pub settings: Vec<PopSettingRow>,
}

/// A POP3 setting that holds on a server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PopSettingRow {
    /// Its name, as administrators know it.
    pub name: String,
    /// Its value, as it would be set.
    pub value: String,
    /// Where the value comes from: the defaults, a line of a file, or a command.
    pub origin: String,
    /// What holds if nobody sets it.
    pub default: String,
}

/// POP3 settings are to be different: all of what is asked for, or nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PopSettingsRequest {
    /// The values by the names of their settings.
    #[serde(default)]
    pub set: BTreeMap<String, String>,
    /// The settings whose values are taken back: the configuration file or the default counts again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unset: Vec<String>,
    /// Why, in words for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PopSettingsChange {
    /// The settings as they are now.
    pub now: PopSettingsRow,
    /// What is different and where it is in effect, for people: a line each.
    pub changes: Vec<String>,
}
