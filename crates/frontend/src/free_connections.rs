//! Connections of the inner leg that are free: their session is over, and the next one need not shake hands.
//!
//! Whether a free connection is still alive shows when it is used; one that is not gives way to a fresh one. What nobody has
//! used for a while is closed.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// How many free connections are kept for each back end. As many as are in use at a busy moment, not more.
const KEPT: usize = 64;

/// Free connections by the address they lead to.
#[derive(Debug)]
pub(crate) struct FreeConnections<C> {
    free: Mutex<HashMap<SocketAddr, Vec<Free<C>>>>,
    idle: Duration,
}

#[derive(Debug)]
struct Free<C> {
    connection: C,
    /// The server that had the address then.
    server: String,
    since: Instant,
}

impl<C> FreeConnections<C> {
    /// No connections yet; each is kept for `idle`.
    pub(crate) fn new(idle: Duration) -> Self {
        Self { free: Mutex::default(), idle }
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.free().values().map(Vec::len).sum()
    }

    /// Closes what has been free for too long. To be called every few seconds.
    pub(crate) fn tidy(&self) {
        let Some(oldest) = Instant::now().checked_sub(self.idle) else { return };
        let mut closed = Vec::new();
        self.free().retain(|_, free| {
            closed.extend(free.extract_if(.., |free| free.since < oldest));
            !free.is_empty()
        });
        // Closed here, where the lock is no longer held.
        drop(closed);
    }

    /// Takes the connection to `server` at `address` that was used last: the others may grow old.
    pub(crate) fn take(&self, address: SocketAddr, server: &str) -> Option<C> {
        let free = self.free().get_mut(&address)?.pop()?;
        // An address may have been given to another server since.
        (free.server == server && free.since.elapsed() <= self.idle).then_some(free.connection)
    }

    /// Keeps a connection to `server` at `address` that is free.
    pub(crate) fn put(&self, address: SocketAddr, server: String, connection: C) {
        let since = Instant::now();
        let mut all = self.free();
        let free = all.entry(address).or_default();
        if free.len() < KEPT {
            free.push(Free { connection, server, since });
        }
    }

    fn free(&self) -> MutexGuard<'_, HashMap<SocketAddr, Vec<Free<C>>>> {
        // A connection more or less is the worst that a panic elsewhere can leave.
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    const IDLE: Duration = Duration::from_mins(1);

    fn address() -> SocketAddr {
        "192.0.2.1:1024".parse().unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_is_kept_for_a_while() {
        let free = FreeConnections::new(IDLE);
        free.put(address(), "mbx1".to_owned(), 1);
        advance(IDLE).await;
        free.put(address(), "mbx1".to_owned(), 2);
        free.tidy();
        assert_eq!(free.len(), 2);
        advance(Duration::from_millis(1)).await;
        free.tidy();
        assert_eq!(free.len(), 1);
        assert_eq!(free.take(address(), "mbx1"), Some(2));
        assert_eq!(free.take(address(), "mbx1"), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_has_grown_old_is_not_used() {
        let free = FreeConnections::new(IDLE);
        free.put(address(), "mbx1".to_owned(), 1);
        advance(IDLE + Duration::from_millis(1)).await;
        assert_eq!(free.take(address(), "mbx1"), None);
    }

    #[tokio::test]
    async fn only_so_many_connections_are_kept() {
        let free = FreeConnections::new(IDLE);
        (0..=KEPT).for_each(|number| free.put(address(), "mbx1".to_owned(), number));
        assert_eq!(free.len(), KEPT);
    }

    #[tokio::test]
    async fn a_connection_does_not_lead_to_the_server_that_has_its_address_now() {
        let free = FreeConnections::new(IDLE);
        free.put(address(), "mbx1".to_owned(), 1);
        assert_eq!(free.take(address(), "mbx2"), None);
    }
}
