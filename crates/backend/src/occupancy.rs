//! Who is in which mailbox: the limit of sessions per user, and RFC 1939's exclusive lock where it is switched on.
//!
//! It is kept where the database is mounted, because that is the one place all of a user's sessions pass. A place is
//! given back when it is dropped, however its session ended.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mailbox::MailboxId;

/// How many sessions a mailbox takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// One at a time (RFC 1939 section 4).
    Exclusive,
    /// So many at a time.
    UpTo(u32),
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
}

/// The sessions of every mailbox. Clones are the same sessions.
#[derive(Clone, Debug, Default)]
pub struct Occupancy {
    places: Arc<Mutex<HashMap<MailboxId, u32>>>,
}

impl Occupancy {
    /// Everybody out.
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets a session into `mailbox` until the place is dropped, or says why not.
    pub fn enter(&self, mailbox: MailboxId, admission: Admission) -> Result<Place, Occupied> {
        let mut places = self.lock();
        let inside = places.get(&mailbox).copied().unwrap_or(0);
        match admission {
            Admission::Exclusive if inside > 0 => return Err(Occupied::Locked),
            Admission::UpTo(limit) if inside >= limit => return Err(Occupied::Full { limit }),
            Admission::Exclusive | Admission::UpTo(_) => {}
        }
        places.insert(mailbox, inside + 1);
        Ok(Place { occupancy: self.clone(), mailbox })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<MailboxId, u32>> {
        // Every change is one step, so a panic elsewhere leaves nothing half done.
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A session's place in its mailbox.
#[derive(Debug)]
pub struct Place {
    occupancy: Occupancy,
    mailbox: MailboxId,
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Entry::Occupied(mut inside) = self.occupancy.lock().entry(self.mailbox) {
            *inside.get_mut() -= 1;
            if *inside.get() == 0 {
                inside.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAILBOX: MailboxId = MailboxId::from_bytes([7; 16]);

    #[test]
    fn a_user_has_as_many_sessions_as_the_limit_says() {
        let occupancy = Occupancy::new();
        let first = occupancy.enter(MAILBOX, Admission::UpTo(2)).unwrap();
        let _second = occupancy.enter(MAILBOX, Admission::UpTo(2)).unwrap();
        assert_eq!(occupancy.enter(MAILBOX, Admission::UpTo(2)).unwrap_err(), Occupied::Full { limit: 2 });
        drop(first);
        occupancy.enter(MAILBOX, Admission::UpTo(2)).unwrap();
    }

    #[test]
    fn the_lock_is_free_as_soon_as_its_holder_is_gone() {
        let occupancy = Occupancy::new();
        let holder = occupancy.enter(MAILBOX, Admission::Exclusive).unwrap();
        assert_eq!(occupancy.enter(MAILBOX, Admission::Exclusive).unwrap_err(), Occupied::Locked);
        let died = std::thread::spawn(move || {
            let _holder = holder;
            panic!("the session dies");
        });
        assert!(died.join().is_err());
        occupancy.enter(MAILBOX, Admission::Exclusive).unwrap();
    }

    #[test]
    fn a_refused_session_takes_no_place() {
        let occupancy = Occupancy::new();
        assert!(occupancy.enter(MAILBOX, Admission::UpTo(0)).is_err());
        occupancy.enter(MAILBOX, Admission::Exclusive).unwrap();
    }
}
