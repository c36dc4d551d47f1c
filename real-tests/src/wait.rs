//! Waiting for something to become true.

use std::time::{Duration, Instant};

/// How long anything may take that normally takes moments, on a machine that is busy.
pub const PATIENCE: Duration = Duration::from_mins(1);
/// How often a condition is looked at.
const POLL: Duration = Duration::from_millis(10);

/// Waits until `look` finds something. Panics, naming `what` was awaited, after [`PATIENCE`].
#[track_caller]
pub fn until<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    within(PATIENCE, look).unwrap_or_else(|| panic!("waited {PATIENCE:?} in vain for {what}"))
}

/// Waits until `look` finds something, but no longer than `limit`.
pub fn within<T>(limit: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(found) = look() {
            return Some(found);
        }
        if Instant::now() >= deadline {
            return None;
        }
        std::thread::sleep(POLL);
    }
}
