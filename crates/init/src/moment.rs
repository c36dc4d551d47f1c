//! Moments: machines count time since a start, people read clocks, and loops wait.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

/// The wall-clock time of a moment given as time since `start`. For display only.
pub(crate) fn at(start: Timestamp, since_start: Duration) -> Timestamp {
    SignedDuration::try_from(since_start)
        .ok()
        .and_then(|since| start.checked_add(since).ok())
        .unwrap_or(start)
}

/// Waits until this moment, if there is one.
pub(crate) async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment).await,
        None => std::future::pending().await,
    }
}
