//! How many attempts there were, how they ended and how long their phases took, since this agent began.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use health::Observation;
use placement::UnixMillis;

use crate::clock::unix_millis;

/// The upper bounds of the buckets of times, in seconds; one bucket more has all that took longer.
const BOUNDS: [f64; 11] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0];

/// Times, by how long they were.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Times {
    seconds: f64,
    counts: [u64; BOUNDS.len() + 1],
}

impl Times {
    fn add(&mut self, time: Duration) {
        let seconds = time.as_secs_f64();
        self.seconds += seconds;
        let bucket = BOUNDS.iter().position(|bound| seconds <= *bound).unwrap_or(BOUNDS.len());
        self.counts[bucket] += 1;
    }

    /// All of them together, in seconds.
    pub(crate) fn seconds(&self) -> f64 {
        self.seconds
    }

    /// The upper bound of each bucket in seconds, and how many are in it and in none before it.
    pub(crate) fn buckets(&self) -> Vec<(f64, u64)> {
        BOUNDS.into_iter().chain([f64::INFINITY]).zip(self.counts).collect()
    }
}

/// What was counted. Counted by the watch, looked at by whoever asks.
#[derive(Debug, Default)]
pub(crate) struct Tally(Mutex<Counted>);

/// What was counted up to some moment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counted {
    /// When the watch last looked at everything; none before it has.
    pub(crate) beat: Option<UnixMillis>,
    /// How late attempts began.
    pub(crate) lag: Times,
    /// Attempts by health set, probe and outcome.
    pub(crate) attempts: BTreeMap<(String, String, &'static str), u64>,
    /// Times by probe and phase.
    pub(crate) phases: BTreeMap<(String, &'static str), Times>,
}

impl Tally {
    /// The watch has looked at everything.
    pub(super) fn beat(&self) {
        self.with(|counted| counted.beat = Some(unix_millis()));
    }

    /// An attempt has ended that began so late.
    pub(super) fn count(&self, observation: &Observation, lag: Duration) {
        let finding = &observation.finding;
        let (set, probe) = (observation.health_set.clone(), observation.probe.clone());
        self.with(|counted| {
            counted.lag.add(lag);
            let of_outcome = counted.attempts.entry((set, probe.clone(), finding.outcome.word()));
            *of_outcome.or_default() += 1;
            for time in &finding.phases {
                counted.phases.entry((probe.clone(), time.phase.word())).or_default().add(time.took);
            }
        });
    }

    /// What was counted up to now.
    pub(crate) fn counted(&self) -> Counted {
        self.with(|counted| counted.clone())
    }

    fn with<T>(&self, look: impl FnOnce(&mut Counted) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_in_the_first_bucket_that_holds_it() {
        let mut times = Times::default();
        for millis in [1, 2, 10_000, 20_000] {
            times.add(Duration::from_millis(millis));
        }
        let buckets = times.buckets();
        assert_eq!(buckets[0], (0.001, 1));
        assert_eq!(buckets[1], (0.0025, 1));
        assert_eq!(buckets[10], (10.0, 1));
        assert_eq!(buckets[11], (f64::INFINITY, 1));
        assert!((times.seconds() - 30.003).abs() < 1e-9);
    }
}
