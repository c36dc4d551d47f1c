//! How long to wait before the next attempt.

use std::time::Duration;

/// Waits that double up to a bound, each with a quarter to either side left to chance, lest all who lost the same
/// coordinator come back at the same moment.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    failures: u32,
}

impl Backoff {
    const FIRST: Duration = Duration::from_millis(100);
    const LONGEST: Duration = Duration::from_secs(5);

    /// The wait after one more failure.
    pub(crate) fn next(&mut self) -> Duration {
        let wait = Self::FIRST.saturating_mul(1 << self.failures.min(16)).min(Self::LONGEST);
        self.failures = self.failures.saturating_add(1);
        // Without randomness everyone waits as long, which is no reason to fail.
        let chance = f64::from(getrandom::u32().unwrap_or(u32::MAX / 2)) / f64::from(u32::MAX);
        wait.mul_f64(0.75 + chance / 2.0)
    }

    /// It went well.
    pub(crate) fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_and_are_bounded() {
        let mut backoff = Backoff::default();
        let mut expected = Backoff::FIRST;
        for _ in 0..100 {
            let wait = backoff.next();
            assert!(wait >= expected.mul_f64(0.74) && wait <= expected.mul_f64(1.26), "{wait:?}");
            expected = (expected * 2).min(Backoff::LONGEST);
        }
        backoff.reset();
        assert!(backoff.next() < Backoff::FIRST * 2);
    }
}
