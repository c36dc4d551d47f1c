//! Why something is not done.

use std::fmt;

use placement::UnixMillis;
use serde::{Deserialize, Serialize};
use settings::{DatabaseName, ServerName};

use super::id::RecoveryId;
use crate::alert_value::AlertValue;

/// Why a rung is not climbed, or not now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Refusal {
    /// The file `hands-off` is there.
    HandsOff,
    /// The mode is observe.
    Observing,
    /// The mode is approval, and nobody has approved.
    AwaitingApproval,
    /// The server is in maintenance.
    Maintenance {
        /// Whose.
        by: String,
    },
    /// Somebody holds the recovery.
    Held {
        /// Who.
        by: String,
    },
    /// An operator has pulled the brake.
    BrakePulled {
        /// Who.
        by: String,
    },
    /// The same fails on several servers at once: whatever it is, restarting them does not mend it.
    Correlated {
        /// The monitor.
        monitor: String,
        /// The servers.
        servers: Vec<ServerName>,
    },
    /// It has been done as often as is allowed.
    BudgetSpent {
        /// Which budget.
        class: String,
        /// How often is allowed.
        times: u64,
        /// Within how many seconds.
        within_seconds: u64,
        /// When there is some of it again.
        again: UnixMillis,
    },
    /// Another recovery has the one slot of a role.
    SlotTaken {
        /// Of which role.
        role: String,
        /// Which.
        by: RecoveryId,
        /// Since when.
        since: UnixMillis,
    },
    /// Too few of the other servers of a role are well.
    TooFewWell {
        /// Of which role.
        role: String,
        /// How many are well.
        well: u64,
        /// Of how many others.
        others: u64,
    },
    /// It is the only server of a role, and it still serves.
    OnlyServer {
        /// Of which role.
        role: String,
    },
    /// Something else is to blame.
    BlamedElsewhere {
        /// What, in words.
        blame: String,
    },
    /// A mailbox server behind it is bad or unknown: its own ladder comes first.
    HandedOver {
        /// Which.
        server: ServerName,
    },
    /// It is not known yet what is to blame.
    NotSettled,
    /// The monitor does not say Unhealthy.
    NotUnhealthy {
        /// What it says.
        says: String,
    },
    /// Another server sees the same, and calls a person about it.
    ToldBy {
        /// Which.
        server: ServerName,
    },
    /// A server that hangs is the business of the agent that leads.
    NotLeader,
    /// The server's agent is gone, and its services are not.
    StillServes {
        /// Which server.
        server: ServerName,
    },
    /// It fails again after it was brought back.
    FailsAgain {
        /// What, and how.
        what: String,
    },
    /// A person has stopped the service.
    StoppedByHand {
        /// Which.
        service: String,
    },
    /// Whoever starts the services does not answer, so that it is not known whether a person stopped it.
    ServiceUnknown {
        /// Which.
        service: String,
    },
    /// The coordinator is out of reach: only services of the server itself are restarted.
    CoordinatorLost,
    /// The clock has jumped.
    ClockJumped {
        /// Until when heavy rungs wait.
        until: UnixMillis,
    },
    /// No other copy is fit.
    NoFitTarget {
        /// Of which database.
        database: DatabaseName,
        /// Why, for each copy.
        why: String,
    },
    /// Another recovery is under way on the server, or was given up and its fault is still there.
    OtherRecovery {
        /// Which.
        id: RecoveryId,
    },
    /// The probe can tell nothing now.
    CannotProbe {
        /// Why not.
        why: String,
    },
    /// Another server's probe says that it works.
    SecondObserver {
        /// Whose.
        server: ServerName,
        /// What it says.
        says: String,
    },
    /// Somebody else blocks the server.
    BlockedByOthers {
        /// Who.
        by: Vec<String>,
    },
    /// It has not been in good health for long enough.
    NotWellForLong {
        /// Until when it has to stay so.
        until: UnixMillis,
    },
    /// Databases are still active on the server.
    StillActive {
        /// Which.
        databases: Vec<DatabaseName>,
    },
    /// A recovery brought the database here, because it failed elsewhere.
    FailsEverywhere {
        /// Which recovery.
        by: String,
    },
    /// The rung is for another case.
    DoesNotApply {
        /// What would have to hold.
        unless: String,
    },
    /// It is given time: the ladder of what depends on it, or what was done a moment ago, may have healed it.
    Grace {
        /// Until when.
        until: UnixMillis,
    },
    /// It was done, and takes its time.
    UnderWay {
        /// What, in words.
        what: String,
    },
    /// It works by now; there is nothing to restart for.
    WorksAgain,
}

/// What a refusal means for a climb.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Course {
    /// The rung waits.
    Wait,
    /// The rung is passed over.
    PassOver,
    /// A person is called.
    Escalate,
}

impl Refusal {
    /// What it means for the climb.
    pub fn course(&self) -> Course {
        match self {
            Self::DoesNotApply { .. } | Self::WorksAgain => Course::PassOver,
            // A service that does not stay up is moved away from, and a server is restarted once.
            Self::BudgetSpent { class, .. } if class != "reboot" => Course::PassOver,
            Self::BudgetSpent { .. }
            | Self::Correlated { .. }
            | Self::TooFewWell { .. }
            | Self::OnlyServer { .. }
            | Self::NoFitTarget { .. }
            | Self::StillActive { .. }
            | Self::FailsAgain { .. }
            | Self::FailsEverywhere { .. } => Course::Escalate,
            _ => Course::Wait,
        }
    }

    /// Whether a person is to be called about it at once, though it may still pass.
    pub fn needs_a_person(&self) -> bool {
        matches!(self, Self::AwaitingApproval)
    }

    /// Whether it is as it should be, so that nobody is called however long it lasts.
    pub fn is_wanted(&self) -> bool {
        // What cannot be looked at for long is a fault of its own; what somebody switched off or repairs is not.
        if let Self::NotUnhealthy { says } = self {
            return [AlertValue::Disabled, AlertValue::Repairing].iter().any(|value| value.word() == says);
        }
        matches!(
            self,
            Self::HandsOff
                | Self::Observing
                | Self::Maintenance { .. }
                | Self::Held { .. }
                | Self::BrakePulled { .. }
                | Self::StoppedByHand { .. }
                | Self::NotWellForLong { .. }
                | Self::BlockedByOthers { .. }
                | Self::OtherRecovery { .. }
                | Self::NotLeader
                | Self::StillServes { .. }
                | Self::ToldBy { .. }
        )
    }

    /// Its name, for metrics.
    pub fn word(&self) -> &'static str {
        match self {
            Self::HandsOff => "hands-off",
            Self::Observing => "observing",
            Self::AwaitingApproval => "awaiting-approval",
            Self::Maintenance { .. } => "maintenance",
            Self::Held { .. } => "held",
            Self::BrakePulled { .. } => "brake-pulled",
            Self::Correlated { .. } => "correlated",
            Self::BudgetSpent { .. } => "budget-spent",
            Self::SlotTaken { .. } => "slot-taken",
            Self::TooFewWell { .. } => "too-few-well",
            Self::OnlyServer { .. } => "only-server",
            Self::BlamedElsewhere { .. } => "blamed-elsewhere",
            Self::HandedOver { .. } => "handed-over",
            Self::NotSettled => "not-settled",
            Self::NotUnhealthy { .. } => "not-unhealthy",
            Self::ToldBy { .. } => "told-by",
            Self::NotLeader => "not-leader",
            Self::StillServes { .. } => "still-serves",
            Self::FailsAgain { .. } => "fails-again",
            Self::StoppedByHand { .. } => "stopped-by-hand",
            Self::ServiceUnknown { .. } => "service-unknown",
            Self::CoordinatorLost => "coordinator-lost",
            Self::ClockJumped { .. } => "clock-jumped",
            Self::NoFitTarget { .. } => "no-fit-target",
            Self::OtherRecovery { .. } => "other-recovery",
            Self::CannotProbe { .. } => "cannot-probe",
            Self::SecondObserver { .. } => "second-observer",
            Self::BlockedByOthers { .. } => "blocked-by-others",
            Self::NotWellForLong { .. } => "not-well-for-long",
            Self::StillActive { .. } => "still-active",
            Self::FailsEverywhere { .. } => "fails-everywhere",
            Self::DoesNotApply { .. } => "does-not-apply",
            Self::Grace { .. } => "grace",
            Self::UnderWay { .. } => "under-way",
            Self::WorksAgain => "works-again",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |names: Vec<String>| names.join(", ");
        match self {
            Self::HandsOff => f.write_str("hands off: the file \"hands-off\" is there"),
            Self::Observing => f.write_str("the mode is observe: it is written down, and not done"),
            Self::AwaitingApproval => f.write_str("it waits for a person to approve it"),
            Self::Maintenance { by } => write!(f, "the server is in maintenance by {by}"),
            Self::Held { by } => write!(f, "{by} holds the recovery"),
            Self::BrakePulled { by } => write!(f, "{by} has pulled the brake"),
            Self::Correlated { monitor, servers } => write!(
                f,
                "the brake: {monitor} is Unhealthy on {} at once, so no server is emptied or restarted",
                list(servers.iter().map(ToString::to_string).collect())
            ),
            Self::BudgetSpent { class, times, within_seconds, .. } => {
                write!(f, "the {class} budget is spent: {times} within {}", spoken(*within_seconds))
            }
            Self::SlotTaken { role, by, .. } => {
                write!(f, "recovery {by} has the one slot of the {role} servers")
            }
            Self::TooFewWell { role, well, others } => {
                write!(f, "of {others} other {role} servers only {well} are well")
            }
            Self::OnlyServer { role } => write!(f, "it is the only {role} server, and it still answers"),
            Self::BlamedElsewhere { blame } => write!(f, "to blame is {blame}"),
            Self::HandedOver { server } => {
                write!(f, "{server} behind it is bad or unknown, and its own ladder comes first")
            }
            Self::NotSettled => f.write_str("it is not known yet what is to blame"),
            Self::NotUnhealthy { says } => write!(f, "the monitor says {says}, not Unhealthy"),
            Self::ToldBy { server } => write!(f, "{server} sees the same, and calls a person about it"),
            Self::NotLeader => f.write_str("a server that hangs is the business of the agent that leads"),
            Self::StillServes { server } => {
                write!(f, "{server} still serves; only its agent does not answer, which is left to its init")
            }
            Self::FailsAgain { what } => write!(f, "it fails again: {what}"),
            Self::StoppedByHand { service } => write!(f, "a person has stopped {service}"),
            Self::ServiceUnknown { service } => {
                write!(f, "it is not known whether a person stopped {service}")
            }
            Self::CoordinatorLost => {
                f.write_str("the coordinator is out of reach: only services of this server are restarted")
            }
            Self::ClockJumped { .. } => f.write_str("the clock has jumped: heavy rungs wait for an hour"),
            Self::NoFitTarget { database, why } => write!(f, "{database} can go nowhere: {why}"),
            Self::OtherRecovery { id } => write!(f, "recovery {id} is not over"),
            Self::CannotProbe { why } => write!(f, "the probe can tell nothing: {why}"),
            Self::SecondObserver { server, says } => write!(f, "{server} sees it work: {says}"),
            Self::BlockedByOthers { by } => write!(f, "{} block the server", by.join(", ")),
            Self::NotWellForLong { .. } => f.write_str("it has to stay well for a while first"),
            Self::StillActive { databases } => write!(
                f,
                "{} are still active there",
                list(databases.iter().map(ToString::to_string).collect())
            ),
            Self::FailsEverywhere { by } => {
                write!(f, "{by} moved the database here because it failed elsewhere, and it fails here too")
            }
            Self::DoesNotApply { unless } => write!(f, "it is for when {unless}"),
            Self::Grace { .. } => {
                f.write_str("it is given time: what is or was done for something else may heal it")
            }
            Self::UnderWay { what } => f.write_str(what),
            Self::WorksAgain => f.write_str("it works again"),
        }
    }
}

fn spoken(seconds: u64) -> String {
    match seconds {
        seconds if seconds % 3600 == 0 => format!("{} h", seconds / 3600),
        seconds if seconds % 60 == 0 => format!("{} min", seconds / 60),
        seconds => format!("{seconds} s"),
    }
}
