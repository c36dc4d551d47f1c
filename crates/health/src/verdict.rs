//! What a monitor says, and why.

use std::time::Duration;

use placement::UnixMillis;
use serde::{Deserialize, Serialize};
use settings::{DatabaseName, ServerName};

use crate::alert_value::AlertValue;
use crate::observation::Failure;

/// What one monitor says about one target on one server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// The monitor, as its definition is called.
    pub monitor: String,
    /// Its health set.
    pub health_set: String,
    /// The server it speaks about.
    pub server: ServerName,
    /// What it was aimed at; none if the monitor has no targets.
    pub target: Option<String>,
    /// How it is.
    pub value: AlertValue,
    /// Why it is so.
    pub reason: Reason,
    /// Since when it has that value.
    pub since: UnixMillis,
    /// For how long it has failed without a success in between; none if the last attempt succeeded.
    pub failing_for: Option<Duration>,
    /// Who is to blame; none while it is not known, or nobody.
    pub blame: Option<Blame>,
    /// The mailbox server behind what failed last, if that is known.
    pub mailbox_server: Option<ServerName>,
    /// The mailbox database behind what failed last, if that is known.
    pub database: Option<DatabaseName>,
}

/// Why a monitor says what it says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Reason {
    /// The last attempts succeeded.
    Succeeding {
        /// How many in a row.
        attempts: u32,
    },
    /// The last attempts failed.
    Failing {
        /// How many in a row, or in the window of the rule.
        failures: u32,
        /// How many it takes to be unhealthy.
        of: u32,
        /// The last failure.
        last: Failure,
    },
    /// A measurement is on the right side of its threshold.
    Within {
        /// The measurement.
        value: f64,
        /// The threshold.
        threshold: f64,
    },
    /// A measurement is on the wrong side of its threshold.
    Beyond {
        /// The measurement.
        value: f64,
        /// The threshold.
        threshold: f64,
        /// How often in a row.
        times: u32,
        /// How often it takes to be unhealthy.
        of: u32,
        /// The particulars, for people.
        detail: String,
    },
    /// There is too little to judge by.
    TooFewSamples {
        /// How many there are.
        samples: u64,
        /// How many it takes.
        of: u64,
    },
    /// It failed lately and works again, but not for long enough after it went back and forth.
    Flapping {
        /// How often it changed within the window.
        changes: u32,
        /// After how long without a failure it counts as healthy again.
        quiet: Duration,
    },
    /// Nothing has been observed lately.
    NoObservations {
        /// For how long; none if there never was anything.
        for_how_long: Option<Duration>,
    },
    /// It cannot be tested.
    CannotTest {
        /// Why not.
        last: Failure,
    },
    /// An operator has said that it is being repaired.
    Repairing {
        /// Who.
        by: String,
    },
    /// An override has switched it off.
    SwitchedOff {
        /// Who made the override.
        by: String,
    },
}

/// What is to blame.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Blame {
    /// What the monitor watches: its own remedy is the right one.
    Own {
        /// The server that is at fault.
        server: ServerName,
    },
    /// Something that it depends on. That has a monitor of its own, and a remedy of its own.
    Dependency {
        /// The monitor that says so.
        monitor: String,
        /// The health set of that monitor.
        health_set: String,
        /// Where it says so.
        server: ServerName,
        /// About what.
        target: Option<String>,
    },
    /// A mailbox server behind it: all front ends fail for what it serves.
    MailboxServer {
        /// Which.
        server: ServerName,
    },
    /// Everybody fails for everything: nobody in particular.
    Everything,
    /// It is not known yet: what it depends on has not had the time to say.
    Waiting,
}
