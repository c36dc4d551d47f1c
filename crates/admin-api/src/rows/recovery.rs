//! Recoveries: what was done about what is Unhealthy, what comes next, and what forbids it.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::words;
use crate::moment::Moment;

/// Which recoveries are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct RecoveriesQuery {
    /// Only those of this server's agent.
    pub server: Option<String>,
    /// Only those that are not over.
    #[serde(default)]
    pub open: bool,
}

/// How a recovery is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RecoveryState {
    /// It climbs its ladder, or waits on a rung.
    Climbing,
    /// A person has been called, and the fault is still there.
    Escalated,
    /// A person has stopped it, and the fault is still there.
    Stopped,
    /// A rung helped.
    Recovered,
    /// It worked again before anything was done.
    HealedByItself,
    /// It works again, after a person was called.
    Resolved,
    /// It works again, after a person stopped it.
    ResolvedAfterStop,
    /// The agent that leads now goes on with it.
    HandedOver,
}

words!(RecoveryState {
    Climbing = "climbing",
    Escalated = "escalated",
    Stopped = "stopped",
    Recovered = "recovered",
    HealedByItself = "healed-by-itself",
    Resolved = "resolved",
    ResolvedAfterStop = "resolved-after-stop",
    HandedOver = "handed-over",
});

/// One climb of a ladder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RecoveryRow {
    /// Its id, as `mbx1-17`.
    pub id: String,
    /// The server it is about.
    pub server: String,
    /// The monitor that was Unhealthy.
    pub monitor: String,
    /// What the monitor was aimed at.
    pub target: Option<String>,
    /// The ladder.
    pub ladder: String,
    /// How it is.
    pub state: RecoveryState,
    /// The rung it is on, from 1.
    pub rung: usize,
    /// How many rungs there are.
    pub rungs: usize,
    /// What that rung does.
    pub action: String,
    /// When it began.
    pub began: Moment,
    /// When it was over.
    pub ended: Option<Moment>,
    /// Why it began, for people.
    pub why: String,
    /// What was to blame, for people.
    pub blame: String,
    /// What it waits for, for people; none if it waits for nothing.
    pub waits_for: Option<String>,
    /// Who holds it.
    pub held_by: Option<String>,
    /// Why a person was called; none if nobody was.
    pub called: Option<String>,
    /// What it would have done if the mode were not observe.
    pub withheld: Vec<String>,
}

/// One climb with everything that happened in it, the newest last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RecoveryStory {
    /// The recovery.
    pub recovery: RecoveryRow,
    /// What happened.
    pub timeline: Vec<TimelineRow>,
}

/// Something that happened while a recovery went on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TimelineRow {
    /// When.
    pub at: Moment,
    /// Who did or saw it: `recovery`, `monitor`, or the name of a person.
    pub who: String,
    /// What kind of thing it was.
    pub what: String,
    /// The particulars, for people.
    pub detail: String,
}

/// Of which monitor an explanation is wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct ExplanationQuery {
    /// Only of this server.
    pub server: Option<String>,
    /// Only of this monitor.
    pub monitor: Option<String>,
    /// Only of this target.
    pub target: Option<String>,
}

/// What comes next for a monitor, why, and what forbids it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RecoveryExplanation {
    /// The server.
    pub server: String,
    /// The monitor.
    pub monitor: String,
    /// What it is aimed at.
    pub target: Option<String>,
    /// What it says.
    pub alert_value: String,
    /// Why it says so, for people.
    pub why: String,
    /// Who is to blame, for people.
    pub blame: Option<String>,
    /// The recovery that is under way for it.
    pub recovery: Option<String>,
    /// What comes next, for people.
    pub next: String,
    /// What forbids it, for people; none if nothing does.
    pub forbidden: Option<String>,
    /// The rungs of its ladder in order.
    pub ladder: Vec<RungRow>,
}

/// A rung of a ladder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RungRow {
    /// What it does.
    pub action: String,
    /// In a sentence.
    pub what: String,
    /// What has to hold for it, for people; empty: always.
    pub when: String,
    /// Whether rungs of its kind are climbed: `automatic`, `approval`, `observe`.
    pub mode: String,
    /// Whether the recovery that is under way is on it.
    pub current: bool,
}

/// Whether no server may be emptied or restarted anywhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BrakeRow {
    /// Whether it is pulled.
    pub pulled: bool,
    /// By whom.
    pub by: Option<String>,
    /// Why, in their words.
    pub reason: Option<String>,
    /// Since when.
    pub since: Option<Moment>,
}
