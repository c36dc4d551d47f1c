//! The waiting window: log-ins to a database that is moving wait here, and then go on.
//!
//! One of those who wait for a database tries its door again and again; as soon as it gets in, the others follow at a
//! paced rate, so that a mailbox server that has just mounted is not trampled. Nobody waits longer than the window, and
//! no more wait than the room has places.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Mutex as Turn, Semaphore, SemaphorePermit, watch};
use tokio::time::{Instant, sleep, sleep_until, timeout_at};

/// How long the one at the door waits between two tries.
const BETWEEN_TRIES: Duration = Duration::from_millis(100);

/// How long, how many, how fast.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WaitingLimits {
    /// How many callers wait at a time.
    pub places: usize,
    /// How many of them go on each second once the door is open.
    pub released_per_second: u32,
}

/// What a try came to.
#[derive(Debug)]
pub enum Try<T, E> {
    /// It is decided, well or badly; waiting would not change it.
    Decided(T),
    /// The database is not there at this moment.
    NotThere(E),
}

/// Why a caller waits no longer.
#[derive(Debug, PartialEq, Eq)]
pub enum GaveUp<E> {
    /// As many wait as there are places.
    Full,
    /// The window closed; this is what the last try said.
    TooLate(E),
}

/// Those who wait, by database.
#[derive(Debug)]
pub struct WaitingRoom {
    places: Semaphore,
    limits: WaitingLimits,
    doors: Mutex<HashMap<String, Arc<Door>>>,
}

#[derive(Debug)]
struct Door {
    /// Held by the one who tries.
    turn: Turn<()>,
    /// Counts how often somebody got in.
    opened: watch::Sender<u64>,
    /// When the next of the others may go on.
    next_release: Mutex<Instant>,
}

impl WaitingRoom {
    /// An empty room.
    pub fn new(limits: WaitingLimits) -> Self {
        Self { places: Semaphore::new(limits.places), limits, doors: Mutex::default() }
    }

    /// How many wait now.
    pub fn waiting(&self) -> usize {
        self.limits.places - self.places.available_permits()
    }

    /// Calls `attempt` until it is decided or the window closes. The first call is at once and takes no place.
    pub async fn get_through<T, E, F>(
        &self,
        database: &str,
        window: Duration,
        mut attempt: impl FnMut() -> F,
    ) -> Result<T, GaveUp<E>>
    where
        F: Future<Output = Try<T, E>>,
    {
        let mut last = match attempt().await {
            Try::Decided(decided) => return Ok(decided),
            Try::NotThere(why) => why,
        };
        let Ok(place) = self.places.try_acquire() else { return Err(GaveUp::Full) };
        let visit = Visit { room: self, door: self.door(database), database, _place: place };
        let deadline = Instant::now() + window;
        let mut opened = visit.door.opened.subscribe();
        loop {
            let turn = async {
                tokio::select! {
                    biased;
                    // The sender lives as long as the door, so this ends only with somebody getting in.
                    _ = opened.changed() => visit.door.paced(self.limits.released_per_second).await,
                    _turn = visit.door.try_again() => {}
                }
                attempt().await
            };
            match timeout_at(deadline, turn).await {
                Ok(Try::Decided(decided)) => {
                    visit.door.opened.send_modify(|times| *times += 1);
                    return Ok(decided);
                }
                Ok(Try::NotThere(why)) => last = why,
                Err(_) => return Err(GaveUp::TooLate(last)),
            }
        }
    }

    fn door(&self, database: &str) -> Arc<Door> {
        let mut doors = self.doors.lock().unwrap_or_else(PoisonError::into_inner);
        let door = doors.entry(database.to_owned()).or_insert_with(|| {
            Arc::new(Door {
                turn: Turn::new(()),
                opened: watch::Sender::new(0),
                next_release: Mutex::new(Instant::now()),
            })
        });
        Arc::clone(door)
    }
}

impl Door {
    /// Resolves when it is the caller's turn to try. The turn passes on as soon as it has been taken: the pause before
    /// it is what keeps the tries apart.
    async fn try_again(&self) {
        let _turn = self.turn.lock().await;
        sleep(BETWEEN_TRIES).await;
    }

    /// Resolves when the caller may go on after somebody got in.
    async fn paced(&self, per_second: u32) {
        let mine = {
            let mut next = self.next_release.lock().unwrap_or_else(PoisonError::into_inner);
            let mine = (*next).max(Instant::now());
            *next = mine + Duration::from_secs(1) / per_second.max(1);
            mine
        };
        sleep_until(mine).await;
    }
}

/// One caller in the room; the door goes with the last of them.
struct Visit<'a> {
    room: &'a WaitingRoom,
    door: Arc<Door>,
    database: &'a str,
    _place: SemaphorePermit<'a>,
}

impl Drop for Visit<'_> {
    fn drop(&mut self) {
        let mut doors = self.room.doors.lock().unwrap_or_else(PoisonError::into_inner);
        // This visit and the map hold it: nobody else waits.
        if doors.get(self.database).is_some_and(|door| Arc::strong_count(door) == 2) {
            doors.remove(self.database);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};

    use super::*;

    fn room(places: usize, released_per_second: u32) -> Arc<WaitingRoom> {
        Arc::new(WaitingRoom::new(WaitingLimits { places, released_per_second }))
    }

    /// A log-in that gets through once `there` says so; `tries` counts.
    async fn log_in(
        room: Arc<WaitingRoom>,
        there: Arc<AtomicBool>,
        tries: Arc<AtomicUsize>,
    ) -> Result<(), GaveUp<&'static str>> {
        room.get_through("DB01", Duration::from_secs(15), || async {
            tries.fetch_add(1, SeqCst);
            if there.load(SeqCst) { Try::Decided(()) } else { Try::NotThere("moving") }
        })
        .await
    }

    #[tokio::test(start_paused = true)]
    async fn a_log_in_to_a_mounted_database_does_not_wait() {
        let (there, tries) = (Arc::new(AtomicBool::new(true)), Arc::default());
        assert_eq!(log_in(room(0, 1), there, Arc::clone(&tries)).await, Ok(()));
        assert_eq!(tries.load(SeqCst), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_log_in_waits_for_a_moving_database_and_then_succeeds() {
        let (room, there, tries) = (room(10, 500), Arc::new(AtomicBool::new(false)), Arc::default());
        let waiting = tokio::spawn(log_in(Arc::clone(&room), Arc::clone(&there), tries));
        sleep(Duration::from_secs(14)).await;
        assert_eq!(room.waiting(), 1);
        there.store(true, SeqCst);
        assert_eq!(waiting.await.unwrap(), Ok(()));
        assert_eq!(room.waiting(), 0);
        assert!(room.doors.lock().unwrap().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_longer_than_the_window() {
        let started = Instant::now();
        let outcome = log_in(room(10, 500), Arc::default(), Arc::default()).await;
        assert_eq!(outcome, Err(GaveUp::TooLate("moving")));
        assert_eq!(started.elapsed().as_secs(), 15);
    }

    #[tokio::test(start_paused = true)]
    async fn one_more_than_there_are_places_is_told_at_once() {
        let room = room(1, 500);
        let waiting = tokio::spawn(log_in(Arc::clone(&room), Arc::default(), Arc::default()));
        while room.waiting() == 0 {
            tokio::task::yield_now().await;
        }
        let started = Instant::now();
        assert_eq!(log_in(room, Arc::default(), Arc::default()).await, Err(GaveUp::Full));
        assert_eq!(started.elapsed(), Duration::ZERO);
        waiting.abort();
    }

    #[tokio::test(start_paused = true)]
    async fn those_who_wait_try_one_at_a_time_and_are_released_at_a_pace() {
        let (room, there, tries) =
            (room(1000, 100), Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let waiting: Vec<_> = (0..200)
            .map(|_| tokio::spawn(log_in(Arc::clone(&room), Arc::clone(&there), Arc::clone(&tries))))
            .collect();
        while room.waiting() < 200 {
            tokio::task::yield_now().await;
        }
        let first = tries.swap(0, SeqCst);
        assert_eq!(first, 200, "everybody tries once, at once");
        sleep(Duration::from_millis(1050)).await;
        assert!(tries.load(SeqCst) <= 10, "one try each tenth of a second, whoever waits");
        there.store(true, SeqCst);
        let opened = Instant::now();
        for login in waiting {
            assert_eq!(login.await.unwrap(), Ok(()));
        }
        let took = opened.elapsed();
        assert!((Duration::from_millis(1500)..Duration::from_millis(2500)).contains(&took), "{took:?}");
    }
}
