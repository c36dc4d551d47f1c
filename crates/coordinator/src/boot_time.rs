//! The time of leases.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// The time since the machine was started, while it slept included. It never goes back.
pub(crate) fn boot_time() -> Duration {
    let now = clock_gettime(ClockId::Boottime);
    // Neither is ever negative, and there are fewer than 2^32 nanoseconds in a second.
    Duration::new(u64::try_from(now.tv_sec).unwrap_or(0), u32::try_from(now.tv_nsec).unwrap_or(0))
}
