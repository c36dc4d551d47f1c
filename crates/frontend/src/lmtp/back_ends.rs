//! The back ends as deliveries reach them: connections that are free, and those who wait for a database.

use std::time::Duration;

use super::inner::Inner;
use crate::free_connections::FreeConnections;
use crate::route::Own;
use crate::route::waiting::{WaitingLimits, WaitingRoom};

/// How long a free connection is kept.
const IDLE: Duration = Duration::from_mins(1);
/// How many deliveries may wait for databases at a time: as many as there may be connections of mail servers.
const PLACES: usize = 1_000_000;

/// What all deliveries share.
pub(crate) struct BackEnds {
    free: FreeConnections<Inner>,
    room: WaitingRoom,
}

impl BackEnds {
    /// No connections yet, and nobody waits; so many of those who wait go on each second once their database is there.
    pub(crate) fn new(released_per_second: u32) -> Self {
        let room = WaitingRoom::new(WaitingLimits { places: PLACES, released_per_second });
        Self { free: FreeConnections::new(IDLE), room }
    }

    /// How many deliveries wait for a database that is not there.
    pub(crate) fn waiting(&self) -> usize {
        self.room.waiting()
    }

    /// How many connections are free.
    pub(crate) fn idle(&self) -> usize {
        self.free.len()
    }

    /// Closes what has been free for too long. To be called every few seconds.
    pub(crate) fn tidy(&self) {
        self.free.tidy();
    }

    /// The room where deliveries wait.
    pub(super) fn room(&self) -> &WaitingRoom {
        &self.room
    }

    /// Takes a free connection to the back end of `own`.
    pub(super) fn take(&self, own: &Own) -> Option<Inner> {
        self.free.take(own.lmtp, &own.server)
    }

    /// Keeps a connection that is free.
    pub(super) fn put(&self, mut inner: Inner) {
        inner.rest();
        let (address, server) = (inner.own().lmtp, inner.own().server.clone());
        self.free.put(address, server, inner);
    }
}
