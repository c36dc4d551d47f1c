//! How a monitor judges observations.

use std::time::Duration;

/// A rule over a sample mask. Observations that say nothing (`CannotTest`) are not samples.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rule {
    /// Unhealthy after so many failures in a row, degraded before.
    ConsecutiveFailures {
        /// How many.
        failures: u32,
    },
    /// Unhealthy with so many failures within a time.
    FailuresWithin {
        /// How many.
        failures: u32,
        /// The time.
        window: Duration,
    },
    /// Unhealthy when fewer than so many of a hundred succeed within a time.
    PercentSuccess {
        /// How many of a hundred.
        below: u32,
        /// The time.
        window: Duration,
        /// How many samples it takes to say anything.
        at_least: u32,
    },
    /// Unhealthy after so many values in a row above a threshold; degraded before, and whenever a sample failed.
    ConsecutiveAbove {
        /// The threshold, in the unit of the probe's value.
        threshold: f64,
        /// How many.
        times: u32,
        /// Of how many samples a value must be made.
        at_least: u64,
    },
    /// The same for values below a threshold.
    ConsecutiveBelow {
        /// The threshold, in the unit of the probe's value.
        threshold: f64,
        /// How many.
        times: u32,
        /// Of how many samples a value must be made.
        at_least: u64,
    },
}
