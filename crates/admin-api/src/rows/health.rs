//! Health: what monitors say, what probes found, and what operators say about them.
//!
//! Values that are words of the health model (`Unhealthy`, `Succeeded`, `TlsHandshake`) are sent as the words that
//! administrators know, as `health` spells them.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::moment::Moment;

/// Whose health is wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct HealthQuery {
    /// Only that of this server.
    pub server: Option<String>,
    /// Only that of this health set.
    pub health_set: Option<String>,
    /// Only monitors that speak about what decides where databases are served.
    #[serde(default)]
    pub ha_impacting_only: bool,
}

/// What one monitor says about one target on one server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MonitorRow {
    /// The server.
    pub server: String,
    /// Whether the component behind it takes traffic: Online, Offline, `PartiallyOnline`, `NotApplicable`.
    pub state: String,
    /// The monitor.
    pub name: String,
    /// What it is aimed at.
    pub target_resource: Option<String>,
    /// Its health set.
    pub health_set: String,
    /// The kind of that health set.
    pub health_group: String,
    /// What it says: Healthy, Degraded, Unhealthy, Repairing, Disabled, Unavailable.
    pub alert_value: String,
    /// The component behind it: `frontend`, `backend`, or what else it is.
    pub server_component: String,
    /// What its health set comes to.
    pub current_health_set_state: String,
    /// Since when it says so.
    pub last_transition_time: Moment,
    /// Why, for people.
    pub why: String,
    /// Who is to blame, for people; none while nobody is.
    pub blame: Option<String>,
    /// The mailbox server behind what failed, if that is known.
    pub mailbox_server: Option<String>,
    /// The database behind what failed, if that is known.
    pub database: Option<String>,
}

/// What one monitor says, as agents tell each other.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct VerdictRow {
    /// The server that it speaks about.
    pub server: String,
    /// The verdict, with everything that is needed to find out who is to blame.
    #[schema(value_type = Object)]
    pub verdict: serde_json::Value,
}

/// What a health set comes to on one server: as bad as its worst monitor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HealthSetRow {
    /// The server.
    pub server: String,
    /// Whether the component behind it takes traffic.
    pub state: String,
    /// The health set.
    pub health_set: String,
    /// Its kind.
    pub health_group: String,
    /// The worst that its monitors say.
    pub alert_value: String,
    /// Since when it comes to that.
    pub last_transition_time: Moment,
    /// How many monitors it has there, each target apart.
    pub monitor_count: u64,
    /// Why, for people: the reason of the worst monitor.
    pub why: String,
}

/// A probe is to be run now.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProbeRequest {
    /// What to run: `POP\PopCTPProbe`, or with a target `POP\PopCTPProbe\DB01`. Without one, every target.
    pub identity: String,
    /// How long an attempt may take, in seconds; without it, what the definition says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_out_seconds: Option<u64>,
    /// Another address and port to aim at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// Another account to use; it must be a health mailbox.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
}

/// What one attempt came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ProbeRow {
    /// The server on which it ran.
    pub server: String,
    /// The probe with its target, as `POP\PopCTPProbe\DB01`.
    pub monitor_identity: String,
    /// The name of this attempt.
    pub request_id: String,
    /// When it started.
    pub execution_start_time: Moment,
    /// When it ended.
    pub execution_end_time: Moment,
    /// How it ended: Succeeded, Failed, `TimedOut`, `CannotTest`.
    pub result: String,
    /// What was wrong, for people.
    pub error: Option<String>,
    /// What was wrong, as a word.
    pub failure_reason: Option<String>,
    /// In which phase.
    pub failing_phase: Option<String>,
    /// The part that is suspected first.
    pub failing_component: Option<String>,
    /// The mailbox server behind it, if that is known.
    pub mailbox_server: Option<String>,
    /// The database behind it, if that is known.
    pub database: Option<String>,
    /// The id of its session on the server, if that is known.
    pub session: Option<String>,
    /// What it measured, in the unit of the probe.
    pub value: Option<f64>,
    /// How long each phase took.
    pub phases: Vec<PhaseRow>,
    /// What was said, without secrets.
    pub execution_context: Vec<String>,
}

/// How long a phase took.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PhaseRow {
    /// The phase.
    pub phase: String,
    /// Its time, in milliseconds.
    pub milliseconds: f64,
}

/// Which results are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct ResultsQuery {
    /// Only those of this server.
    pub server: Option<String>,
    /// Only those of this probe: `POP\PopCTPProbe[\TARGET]`.
    pub identity: Option<String>,
    /// Only those that did not succeed.
    #[serde(default)]
    pub failures_only: bool,
    /// At most so many of each server, the newest; without it, 100.
    pub limit: Option<u64>,
}

/// Which items are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct ItemsQuery {
    /// Only those of this health set.
    pub health_set: Option<String>,
    /// Only those of this server, with the targets that they have there.
    pub server: Option<String>,
}

/// A probe or a monitor, with one of its targets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ItemRow {
    /// Its identity, as `POP\PopCTPProbe\DB01`.
    pub identity: String,
    /// `Probe` or `Monitor`.
    pub item_type: String,
    /// Its name.
    pub name: String,
    /// Its health set.
    pub health_set: String,
    /// The server.
    pub server: String,
    /// What it is aimed at there.
    pub target_resource: Option<String>,
}

/// Which item is asked about.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct ItemQuery {
    /// The item, as `POP\PopCTPMonitor`.
    pub identity: String,
}

/// What there is to know about an item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ItemHelp {
    /// The item, as `POP\PopCTPMonitor`.
    pub identity: String,
    /// `Probe` or `Monitor`.
    pub item_type: String,
    /// What it does, in a sentence.
    pub what: String,
    /// How it judges, or how often it runs and how long it may take.
    pub how: String,
    /// The health sets on which it depends.
    pub depends_on: Vec<String>,
    /// What its ladder will do, rung by rung; empty if nothing is done by itself.
    pub recovery: Vec<String>,
    /// What else there is to know.
    pub notes: Option<String>,
}

/// Whether a monitor is being repaired.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RepairingRequest {
    /// Whether it is.
    pub repairing: bool,
    /// Of which target; without it, of all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_resource: Option<String>,
    /// Why, in words for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// An override is to be made.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OverrideRequest {
    /// The item, with a target if it is for that alone: `POP\PopCTPMonitor\DB01`.
    pub identity: String,
    /// The property to change, such as `Enabled`, `IntervalSeconds`, `TimeoutSeconds`, `Failures`, `Threshold`.
    pub property_name: String,
    /// Its value meanwhile.
    pub property_value: String,
    /// The server; without it, every server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
    /// After how many seconds it ends by itself.
    pub for_seconds: u64,
    /// Why, in words for people.
    pub reason: String,
}

/// An override: a change to a definition that ends by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OverrideRow {
    /// Its name, by which it is removed.
    pub id: String,
    /// `Probe` or `Monitor`.
    pub item_type: String,
    /// The property.
    pub property_name: String,
    /// Its value.
    pub property_value: String,
    /// The health set.
    pub health_set: String,
    /// The item.
    pub monitoring_item_name: String,
    /// The target; none for all.
    pub target_resource: Option<String>,
    /// The server; none for every one.
    pub server: Option<String>,
    /// When it ends.
    pub expiration_time: Moment,
    /// Who made it.
    pub created_by: String,
    /// When it was made.
    pub created_time: Moment,
    /// Why.
    pub reason: String,
}

/// Which overrides are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct OverridesQuery {
    /// Only those that hold on this server alone.
    pub server: Option<String>,
    /// Only those that hold everywhere.
    #[serde(default)]
    pub global_only: bool,
}
