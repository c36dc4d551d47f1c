//! How long something takes, on our side.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use tokio::time::Instant;

/// The time since the machine was started, while it slept included: the time of leases. It never goes back.
pub(crate) fn boot_time() -> Duration {
    let now = clock_gettime(ClockId::Boottime);
    // Neither is ever negative, and there are fewer than 2^32 nanoseconds in a second.
    Duration::new(u64::try_from(now.tv_sec).unwrap_or(0), u32::try_from(now.tv_nsec).unwrap_or(0))
}

/// Runs from a moment on. It takes the longer of two clocks: that of the executor, which tests move, and that of the
/// machine, which goes on while the machine sleeps.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stopwatch {
    executor: Instant,
    machine: Duration,
}

impl Stopwatch {
    pub(crate) fn start() -> Self {
        Self { executor: Instant::now(), machine: boot_time() }
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.executor.elapsed().max(boot_time().saturating_sub(self.machine))
    }
}
