//! The time, as an argument.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use jiff::Timestamp;

/// Tells the time. Services use [`SystemClock`]; tests one that they move themselves.
pub trait Clock: Send + Sync + 'static {
    /// The time of day, for logs and listings. It may jump.
    fn now(&self) -> Timestamp;

    /// The time since some fixed moment, for durations. It never goes back.
    fn elapsed(&self) -> Duration;
}

/// The clocks of the operating system.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn elapsed(&self) -> Duration {
        static START: LazyLock<Instant> = LazyLock::new(Instant::now);
        START.elapsed()
    }
}

/// A clock that stands still until it is moved.
#[cfg(any(test, feature = "testing"))]
#[derive(Debug)]
pub struct ManualClock {
    start: Timestamp,
    elapsed: std::sync::atomic::AtomicU64,
}

#[cfg(any(test, feature = "testing"))]
impl ManualClock {
    /// A clock that shows `start`, which is RFC 3339 text.
    pub fn at(start: Timestamp) -> Self {
        Self { start, elapsed: 0.into() }
    }

    /// Moves the clock on.
    pub fn advance(&self, by: Duration) {
        let micros = u64::try_from(by.as_micros()).unwrap_or(u64::MAX);
        self.elapsed.fetch_add(micros, std::sync::atomic::Ordering::SeqCst);
    }
}

#[cfg(any(test, feature = "testing"))]
impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        self.start
            .saturating_add(jiff::SignedDuration::try_from(self.elapsed()).unwrap_or_default())
            .unwrap_or(self.start)
    }

    fn elapsed(&self) -> Duration {
        Duration::from_micros(self.elapsed.load(std::sync::atomic::Ordering::SeqCst))
    }
}
