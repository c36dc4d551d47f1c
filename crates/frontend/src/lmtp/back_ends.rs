//! The back ends as deliveries reach them: connections that are free, and those who wait for a database.
//!
//! A connection whose transaction is over is kept for the next one, so that a delivery costs no handshake. Whether it is
//! still alive shows when it is used; one that is not gives way to a fresh one. What nobody has used for a while is closed.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::inner::Inner;
use crate::route::Own;
use crate::route::waiting::{WaitingLimits, WaitingRoom};

/// How many free connections are kept for each back end. As many as are in use at a busy moment, not more.
const KEPT: usize = 64;
/// How long a free connection is kept.
const IDLE: Duration = Duration::from_mins(1);
/// How many deliveries may wait for databases at a time: as many as there may be connections of mail servers.
const PLACES: usize = 1_000_000;

/// What all deliveries share.
pub(crate) struct BackEnds {
    free: Mutex<HashMap<SocketAddr, Vec<Free>>>,
    room: WaitingRoom,
}

struct Free {
    inner: Inner,
    since: Instant,
}

impl BackEnds {
    /// No connections yet, and nobody waits; so many of those who wait go on each second once their database is there.
    pub(crate) fn new(released_per_second: u32) -> Self {
        let room = WaitingRoom::new(WaitingLimits { places: PLACES, released_per_second });
        Self { free: Mutex::default(), room }
    }

    /// How many deliveries wait for a database that is not there.
    pub(crate) fn waiting(&self) -> usize {
        self.room.waiting()
    }

    /// How many connections are free.
    pub(crate) fn idle(&self) -> usize {
        self.free().values().map(Vec::len).sum()
    }

    /// Closes what has been free for too long. To be called every few seconds.
    pub(crate) fn tidy(&self) {
        let Some(oldest) = Instant::now().checked_sub(IDLE) else { return };
        let mut closed = Vec::new();
        self.free().retain(|_, free| {
            closed.extend(free.extract_if(.., |free| free.since < oldest));
            !free.is_empty()
        });
        // Closed here, where the lock is no longer held.
        drop(closed);
    }

    /// The room where deliveries wait.
    pub(super) fn room(&self) -> &WaitingRoom {
        &self.room
    }

    /// Takes the connection to the back end of `own` that was used last: the others may grow old.
    pub(super) fn take(&self, own: &Own) -> Option<Inner> {
        let free = self.free().get_mut(&own.lmtp)?.pop()?;
        // An address may have been given to another server since.
        (free.inner.own().server == own.server).then_some(free.inner)
    }

    /// Keeps a connection that is free.
    pub(super) fn put(&self, mut inner: Inner) {
        inner.rest();
        let (address, since) = (inner.own().lmtp, Instant::now());
        let mut all = self.free();
        let free = all.entry(address).or_default();
        if free.len() < KEPT {
            free.push(Free { inner, since });
        }
    }

    fn free(&self) -> MutexGuard<'_, HashMap<SocketAddr, Vec<Free>>> {
        // A connection more or less is the worst that a panic elsewhere can leave.
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::UnixStream;
    use tokio::time::advance;

    use super::*;

    fn own(server: &str) -> Own {
        let address = "192.0.2.1:1024".parse().unwrap();
        Own { database: "DB01".to_owned(), server: server.to_owned(), pop3: address, lmtp: address }
    }

    fn free_connection() -> Inner {
        Inner::to(own("mbx1"), UnixStream::pair().unwrap().0.into())
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_is_kept_for_a_minute() {
        let back_ends = BackEnds::new(1);
        back_ends.put(free_connection());
        advance(IDLE).await;
        back_ends.put(free_connection());
        back_ends.tidy();
        assert_eq!(back_ends.idle(), 2);
        advance(Duration::from_millis(1)).await;
        back_ends.tidy();
        assert_eq!(back_ends.idle(), 1);
        assert!(back_ends.take(&own("mbx1")).is_some());
        assert!(back_ends.take(&own("mbx1")).is_none());
    }

    #[tokio::test]
    async fn only_so_many_connections_are_kept() {
        let back_ends = BackEnds::new(1);
        (0..=KEPT).for_each(|_| back_ends.put(free_connection()));
        assert_eq!(back_ends.idle(), KEPT);
    }

    #[tokio::test]
    async fn a_connection_does_not_lead_to_the_server_that_has_its_address_now() {
        let back_ends = BackEnds::new(1);
        back_ends.put(free_connection());
        assert!(back_ends.take(&own("mbx2")).is_none());
    }
}
