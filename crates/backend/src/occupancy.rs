//! Who is in which mailbox: the limit of sessions per user, RFC 1939's exclusive lock where it is switched on, and the
//! closing of a mailbox that moves to another database.
//!
//! It is kept where the database is mounted, because that is the one place all of a user's sessions and deliveries pass. A
//! place is given back when it is dropped, however its session ended.
//!
//! A mailbox that was *closed* lets nobody in and takes no mail, not even what was accepted before. It stays closed until
//! somebody has looked into the directory after the closing and seen that the user is here, still or again.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mailbox::MailboxId;
use tokio::sync::{Notify, watch};
use tokio::time::timeout;

/// A mailbox in one of the databases that it may be in.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Home {
    /// In lower case: names that differ only in case are the same.
    database: Arc<str>,
    mailbox: MailboxId,
}

impl Home {
    /// `mailbox` in `database`.
    pub fn new(database: &str, mailbox: MailboxId) -> Self {
        Self { database: database.to_ascii_lowercase().into(), mailbox }
    }

    /// The mailbox.
    pub fn mailbox(&self) -> &MailboxId {
        &self.mailbox
    }
}

/// How many sessions a mailbox takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// One at a time (RFC 1939 section 4).
    Exclusive,
    /// So many at a time.
    UpTo(u32),
    /// As many as come.
    Any,
}

/// Why a session is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Occupied {
    /// Another session has the mailbox to itself.
    #[error("the mailbox is in use by another session")]
    Locked,
    /// The user has as many sessions as one may have.
    #[error("the user has {limit} sessions already")]
    Full {
        /// The limit.
        limit: u32,
    },
    /// The mailbox moves to another database.
    #[error("the mailbox is closed")]
    Closed,
}

/// That a mailbox is closed, and since which closing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closed {
    closing: u64,
}

/// A closing whose patience is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{sessions} sessions and {deliveries} deliveries of the mailbox do not end")]
pub struct StillInside {
    /// How many sessions.
    pub sessions: u32,
    /// How many deliveries.
    pub deliveries: u32,
}

/// The sessions and deliveries of every mailbox. Clones are the same ones.
#[derive(Clone, Debug, Default)]
pub struct Occupancy {
    house: Arc<House>,
}

#[derive(Debug, Default)]
struct House {
    rooms: Mutex<Rooms>,
    /// Rung at every closing, which is rare: so all sessions share one bell.
    bell: watch::Sender<()>,
    /// Told of everybody who leaves a mailbox that is closing.
    left: Notify,
}

#[derive(Debug, Default)]
struct Rooms {
    rooms: HashMap<Home, Room>,
    /// How many closings there were.
    closings: u64,
}

#[derive(Debug, Default)]
struct Room {
    sessions: u32,
    deliveries: u32,
    closing: Option<Closing>,
}

#[derive(Clone, Copy, Debug)]
struct Closing {
    number: u64,
    /// Whether sessions end now, wherever they are.
    cut: bool,
}

impl Occupancy {
    /// Everybody out.
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets a session into the mailbox until the place is dropped, or says why not.
    pub fn enter(&self, home: &Home, admission: Admission) -> Result<Place, Occupied> {
        let mut rooms = self.lock();
        let room = rooms.rooms.get(home);
        if room.is_some_and(|room| room.closing.is_some()) {
            return Err(Occupied::Closed);
        }
        let inside = room.map_or(0, |room| room.sessions);
        match admission {
            Admission::Exclusive if inside > 0 => return Err(Occupied::Locked),
            Admission::UpTo(limit) if inside >= limit => return Err(Occupied::Full { limit }),
            Admission::Exclusive | Admission::UpTo(_) | Admission::Any => {}
        }
        rooms.rooms.entry(home.clone()).or_default().sessions += 1;
        Ok(Place { bell: self.house.bell.subscribe(), occupancy: self.clone(), home: home.clone() })
    }

    /// Lets a message into the mailbox: it may be stored until what is answered is dropped.
    pub fn deliver(&self, home: &Home) -> Result<Delivering, Occupied> {
        let mut rooms = self.lock();
        if rooms.rooms.get(home).is_some_and(|room| room.closing.is_some()) {
            return Err(Occupied::Closed);
        }
        rooms.rooms.entry(home.clone()).or_default().deliveries += 1;
        Ok(Delivering { occupancy: self.clone(), home: home.clone() })
    }

    /// Whether the mailbox is closed.
    pub fn closed(&self, home: &Home) -> Option<Closed> {
        let closing = self.lock().rooms.get(home)?.closing?;
        Some(Closed { closing: closing.number })
    }

    /// Opens a mailbox that was found `closed`, and of which the directory has said since that it is served here. Nothing, if
    /// it was closed anew meanwhile.
    pub fn reopen(&self, home: &Home, closed: Closed) {
        self.lock().change(home, |room| {
            room.closing.take_if(|closing| closing.number == closed.closing);
        });
    }

    /// Closes the mailbox: nobody is let in from now on, sessions have `boundary` to come to a boundary between commands and
    /// then are cut, deliveries are waited for. Returns when everybody is out; they have `end` after the cut.
    pub async fn close(&self, home: &Home, boundary: Duration, end: Duration) -> Result<(), StillInside> {
        self.set_closing(home, false);
        if timeout(boundary, self.empty(home)).await.is_ok() {
            return Ok(());
        }
        self.set_closing(home, true);
        if timeout(end, self.empty(home)).await.is_ok() {
            return Ok(());
        }
        let (sessions, deliveries) = self.inside(home);
        Err(StillInside { sessions, deliveries })
    }

    /// Each closing has a number of its own, so that nobody opens it who looked into the directory before.
    fn set_closing(&self, home: &Home, cut: bool) {
        {
            let mut rooms = self.lock();
            rooms.closings += 1;
            let number = rooms.closings;
            rooms.rooms.entry(home.clone()).or_default().closing = Some(Closing { number, cut });
        }
        self.house.bell.send_replace(());
    }

    async fn empty(&self, home: &Home) {
        loop {
            let mut left = std::pin::pin!(self.house.left.notified());
            // Whoever leaves after the count is heard of.
            left.as_mut().enable();
            if self.inside(home) == (0, 0) {
                return;
            }
            left.await;
        }
    }

    fn inside(&self, home: &Home) -> (u32, u32) {
        self.lock().rooms.get(home).map_or((0, 0), |room| (room.sessions, room.deliveries))
    }

    /// Changes the count of a mailbox that somebody leaves.
    fn leave(&self, home: &Home, change: impl FnOnce(&mut Room)) {
        let mut closing = false;
        self.lock().change(home, |room| {
            change(room);
            closing = room.closing.is_some();
        });
        if closing {
            self.house.left.notify_waiters();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Rooms> {
        // Every change is one step, so a panic elsewhere leaves nothing half done.
        self.house.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Rooms {
    /// Changes a room, and forgets it if there is nothing to know of it any more.
    fn change(&mut self, home: &Home, change: impl FnOnce(&mut Room)) {
        if let Entry::Occupied(mut entry) = self.rooms.entry(home.clone()) {
            change(entry.get_mut());
            let Room { sessions, deliveries, closing } = entry.get();
            if *sessions == 0 && *deliveries == 0 && closing.is_none() {
                entry.remove();
            }
        }
    }
}

/// A session's place in its mailbox.
#[derive(Debug)]
pub struct Place {
    occupancy: Occupancy,
    home: Home,
    bell: watch::Receiver<()>,
}

impl Place {
    /// Whether the session is to end at its next boundary.
    pub fn is_closing(&self) -> bool {
        self.occupancy.closed(&self.home).is_some()
    }

    /// Resolves once the session is to end at its next boundary. Awaited while it is idle at one.
    pub async fn closing(&mut self) {
        self.reached(|_| true).await;
    }

    /// Resolves once the session is to end now. Awaited while its peer keeps it waiting.
    pub async fn cut(&mut self) {
        self.reached(|closing| closing.cut).await;
    }

    async fn reached(&mut self, far_enough: impl Fn(Closing) -> bool) {
        loop {
            self.bell.mark_unchanged();
            let closing = self.occupancy.lock().rooms.get(&self.home).and_then(|room| room.closing);
            if closing.is_some_and(&far_enough) {
                return;
            }
            // The bell lives as long as the place.
            let _ = self.bell.changed().await;
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.occupancy.leave(&self.home, |room| room.sessions = room.sessions.saturating_sub(1));
    }
}

/// A message on its way into a mailbox.
#[derive(Debug)]
pub struct Delivering {
    occupancy: Occupancy,
    home: Home,
}

impl Drop for Delivering {
    fn drop(&mut self) {
        self.occupancy.leave(&self.home, |room| room.deliveries = room.deliveries.saturating_sub(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(5);

    fn home() -> Home {
        Home::new("DB01", MailboxId::from_bytes([7; 16]))
    }

    #[test]
    fn a_user_has_as_many_sessions_as_the_limit_says() {
        let occupancy = Occupancy::new();
        let first = occupancy.enter(&home(), Admission::UpTo(2)).unwrap();
        let _second = occupancy.enter(&home(), Admission::UpTo(2)).unwrap();
        assert_eq!(occupancy.enter(&home(), Admission::UpTo(2)).unwrap_err(), Occupied::Full { limit: 2 });
        drop(first);
        occupancy.enter(&home(), Admission::UpTo(2)).unwrap();
    }

    #[test]
    fn the_lock_is_free_as_soon_as_its_holder_is_gone() {
        let occupancy = Occupancy::new();
        let holder = occupancy.enter(&home(), Admission::Exclusive).unwrap();
        assert_eq!(occupancy.enter(&home(), Admission::Exclusive).unwrap_err(), Occupied::Locked);
        let died = std::thread::spawn(move || {
            let _holder = holder;
            panic!("the session dies");
        });
        assert!(died.join().is_err());
        occupancy.enter(&home(), Admission::Exclusive).unwrap();
    }

    #[test]
    fn a_refused_session_takes_no_place() {
        let occupancy = Occupancy::new();
        assert!(occupancy.enter(&home(), Admission::UpTo(0)).is_err());
        occupancy.enter(&home(), Admission::Exclusive).unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_closed_mailbox_lets_nobody_in_until_it_is_opened() {
        let occupancy = Occupancy::new();
        occupancy.close(&home(), LONG, LONG).await.unwrap();
        assert_eq!(occupancy.enter(&home(), Admission::Exclusive).unwrap_err(), Occupied::Closed);
        assert_eq!(occupancy.deliver(&home()).unwrap_err(), Occupied::Closed);
        // In another database it is another matter.
        let elsewhere = Home::new("DB02", MailboxId::from_bytes([7; 16]));
        occupancy.enter(&elsewhere, Admission::Exclusive).unwrap();

        let closed = occupancy.closed(&home()).unwrap();
        occupancy.close(&home(), LONG, LONG).await.unwrap();
        occupancy.reopen(&home(), closed);
        assert!(occupancy.closed(&home()).is_some(), "it was closed anew since");
        occupancy.reopen(&home(), occupancy.closed(&home()).unwrap());
        occupancy.enter(&home(), Admission::Exclusive).unwrap();
        assert!(occupancy.lock().rooms.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn closing_waits_for_sessions_at_their_boundary_and_for_deliveries() {
        let occupancy = Occupancy::new();
        let mut place = occupancy.enter(&home(), Admission::UpTo(9)).unwrap();
        let delivering = occupancy.deliver(&home()).unwrap();
        let session = tokio::spawn(async move { place.closing().await });
        let (closer, of) = (occupancy.clone(), home());
        let closing = tokio::spawn(async move { closer.close(&of, LONG, LONG).await });
        session.await.unwrap();
        assert!(!closing.is_finished());
        drop(delivering);
        assert_eq!(closing.await.unwrap(), Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_session_that_comes_to_no_boundary_is_cut() {
        let occupancy = Occupancy::new();
        let mut place = occupancy.enter(&home(), Admission::UpTo(9)).unwrap();
        let begun = tokio::time::Instant::now();
        let session = tokio::spawn(async move {
            place.cut().await;
            begun.elapsed()
        });
        assert_eq!(occupancy.close(&home(), LONG, LONG).await, Ok(()));
        assert_eq!(session.await.unwrap(), LONG);
    }

    #[tokio::test(start_paused = true)]
    async fn who_does_not_end_is_told_of() {
        let occupancy = Occupancy::new();
        let _place = occupancy.enter(&home(), Admission::UpTo(9)).unwrap();
        let _delivering = occupancy.deliver(&home()).unwrap();
        let outcome = occupancy.close(&home(), LONG, LONG).await;
        assert_eq!(outcome, Err(StillInside { sessions: 1, deliveries: 1 }));
    }

    #[tokio::test(start_paused = true)]
    async fn sessions_of_other_mailboxes_go_on() {
        let occupancy = Occupancy::new();
        let other = Home::new("DB01", MailboxId::from_bytes([8; 16]));
        let mut place = occupancy.enter(&other, Admission::UpTo(9)).unwrap();
        occupancy.close(&home(), LONG, LONG).await.unwrap();
        assert!(timeout(LONG, place.closing()).await.is_err());
        assert!(!place.is_closing());
    }
}
