//! What a session sees of its mailbox, from log-in to its end.
//!
//! A snapshot sees a message if the message had arrived (its uid is not above the snapshot's highest) and was not yet
//! deleted (it carries no stamp, or a stamp above the snapshot's change number). That takes no transaction and no
//! list: five numbers, read from the mailbox's row. The price is that a store must keep stamped messages for as long
//! as a snapshot may see them: [`LivingSnapshots`] knows.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use crate::{MailboxId, Octets, Uid};

/// A point in the order of deletions of a database; each committed deletion is stamped with the next one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChangeNumber(u64);

impl ChangeNumber {
    /// Before the first deletion.
    pub const START: Self = Self(0);

    /// The change number with this value.
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The value.
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for ChangeNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a mailbox's row says at one moment: all that a new snapshot needs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MailboxState {
    /// The engine's own number of the mailbox; nobody else reads it.
    pub key: u64,
    /// The highest uid delivered so far.
    pub highest: Uid,
    /// The stamp of the mailbox's last deletion.
    pub change: ChangeNumber,
    /// Messages without a stamp.
    pub messages: u64,
    /// The sum of their octets.
    pub octets: Octets,
}

/// A mailbox as one session sees it. Cheap to clone; what it sees is kept while any clone lives.
#[derive(Clone)]
pub struct Snapshot {
    state: MailboxState,
    guard: Arc<Guard>,
}

impl Snapshot {
    /// Whose mail it shows.
    pub fn mailbox(&self) -> &MailboxId {
        &self.guard.mailbox
    }

    /// The highest uid that had been delivered.
    pub const fn highest(&self) -> Uid {
        self.state.highest
    }

    /// The stamp of the last deletion that it does not see any more.
    pub const fn change(&self) -> ChangeNumber {
        self.state.change
    }

    /// How many messages it sees.
    pub const fn messages(&self) -> u64 {
        self.state.messages
    }

    /// The sum of their octets, as STAT says it.
    pub const fn octets(&self) -> Octets {
        self.state.octets
    }

    /// For engines: the number given in [`MailboxState::key`].
    pub const fn key(&self) -> u64 {
        self.state.key
    }

    /// For engines: whether it sees the message `uid` that carries `stamp`.
    pub fn sees(&self, uid: Uid, stamp: Option<ChangeNumber>) -> bool {
        uid <= self.state.highest && stamp.is_none_or(|stamp| stamp > self.state.change)
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot")
            .field("mailbox", self.mailbox())
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

/// For engines: the living snapshots of one mount, which say what must be kept.
///
/// A snapshot is made in two steps, because reading the mailbox's row and entering the register cannot be one: first
/// [`reserve`](Self::reserve), which holds everything back, then read, then [`Reservation::fill`].
#[derive(Clone, Default)]
pub struct LivingSnapshots {
    register: Arc<Register>,
}

type Register = Mutex<BTreeMap<MailboxId, BTreeMap<ChangeNumber, usize>>>;

impl LivingSnapshots {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Holds back every removal in `mailbox` until the snapshot that is about to be read has its numbers.
    pub fn reserve(&self, mailbox: MailboxId) -> Reservation {
        Reservation { guard: Guard::enter(&self.register, mailbox, ChangeNumber::START) }
    }

    /// The change number of the oldest living snapshot of `mailbox`: messages stamped at or below it are seen by
    /// nobody and may go. `None` if no snapshot lives, when all stamped messages may go.
    pub fn oldest(&self, mailbox: &MailboxId) -> Option<ChangeNumber> {
        let register = self.register.lock().unwrap_or_else(PoisonError::into_inner);
        register.get(mailbox)?.first_key_value().map(|(change, _)| *change)
    }

    /// Whether `snapshot` was taken on this mount. Nothing is held back for one of another mount.
    pub fn contains(&self, snapshot: &Snapshot) -> bool {
        Arc::ptr_eq(&self.register, &snapshot.guard.register)
    }
}

impl fmt::Debug for LivingSnapshots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LivingSnapshots").finish_non_exhaustive()
    }
}

/// A snapshot whose numbers are still being read.
pub struct Reservation {
    guard: Guard,
}

impl Reservation {
    /// The snapshot with the numbers of the mailbox's row, read after the reservation was made.
    pub fn fill(self, state: MailboxState) -> Snapshot {
        // The new entry is made before the old one is dropped: at no moment may everything go.
        let guard = Guard::enter(&self.guard.register, self.guard.mailbox, state.change);
        Snapshot { state, guard: Arc::new(guard) }
    }
}

/// One entry in the register, for as long as it lives.
struct Guard {
    register: Arc<Register>,
    mailbox: MailboxId,
    change: ChangeNumber,
}

impl Guard {
    fn enter(register: &Arc<Register>, mailbox: MailboxId, change: ChangeNumber) -> Self {
        let mut entries = register.lock().unwrap_or_else(PoisonError::into_inner);
        *entries.entry(mailbox).or_default().entry(change).or_default() += 1;
        drop(entries);
        Self { register: Arc::clone(register), mailbox, change }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let mut entries = self.register.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(mailbox) = entries.get_mut(&self.mailbox) else { return };
        if let Some(count) = mailbox.get_mut(&self.change) {
            *count -= 1;
            if *count == 0 {
                mailbox.remove(&self.change);
            }
        }
        if mailbox.is_empty() {
            entries.remove(&self.mailbox);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAILBOX: MailboxId = MailboxId::from_bytes([7; 16]);

    fn at(change: u64) -> MailboxState {
        MailboxState { highest: Uid::new(10), change: ChangeNumber::new(change), ..MailboxState::default() }
    }

    #[test]
    fn a_snapshot_sees_what_had_arrived_and_was_not_yet_deleted() {
        let snapshot = LivingSnapshots::new().reserve(MAILBOX).fill(at(5));
        assert!(snapshot.sees(Uid::new(10), None));
        assert!(!snapshot.sees(Uid::new(11), None));
        assert!(snapshot.sees(Uid::new(10), Some(ChangeNumber::new(6))));
        assert!(!snapshot.sees(Uid::new(10), Some(ChangeNumber::new(5))));
    }

    #[test]
    fn the_oldest_snapshot_counts_and_only_while_it_lives() {
        let living = LivingSnapshots::new();
        assert_eq!(living.oldest(&MAILBOX), None);
        let younger = living.reserve(MAILBOX).fill(at(5));
        let older = living.reserve(MAILBOX).fill(at(3));
        assert_eq!(living.oldest(&MAILBOX), Some(ChangeNumber::new(3)));
        let clone = older.clone();
        drop(older);
        assert_eq!(living.oldest(&MAILBOX), Some(ChangeNumber::new(3)));
        drop(clone);
        assert_eq!(living.oldest(&MAILBOX), Some(ChangeNumber::new(5)));
        drop(younger);
        assert_eq!(living.oldest(&MAILBOX), None);
        assert!(living.register.lock().unwrap().is_empty());
    }

    #[test]
    fn a_reservation_holds_everything_back_until_it_is_filled_or_dropped() {
        let living = LivingSnapshots::new();
        let reservation = living.reserve(MAILBOX);
        assert_eq!(living.oldest(&MAILBOX), Some(ChangeNumber::START));
        let snapshot = reservation.fill(at(4));
        assert_eq!(living.oldest(&MAILBOX), Some(ChangeNumber::new(4)));
        drop(snapshot);
        drop(living.reserve(MAILBOX));
        assert_eq!(living.oldest(&MAILBOX), None);
    }

    #[test]
    fn snapshots_of_one_mailbox_hold_nothing_back_in_another() {
        let living = LivingSnapshots::new();
        let _snapshot = living.reserve(MAILBOX).fill(at(4));
        assert_eq!(living.oldest(&MailboxId::from_bytes([8; 16])), None);
    }

    #[test]
    fn a_snapshot_belongs_to_the_mount_that_made_it() {
        let (one, other) = (LivingSnapshots::new(), LivingSnapshots::new());
        let snapshot = one.reserve(MAILBOX).fill(at(1));
        assert!(one.contains(&snapshot));
        assert!(!other.contains(&snapshot));
    }
}
