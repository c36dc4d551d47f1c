//! The ledger: what a coordinator's promises mean, as a machine without clock or disk. The local engine makes it durable; in
//! memory it is the coordinator of tests.
//!
//! Time is an argument, counted from a moment of the owner's choice. The owner calls [`Ledger::expire`] before it asks
//! anything else at a later time.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;
use std::time::Duration;

use crate::{
    Change, Compare, CoordinatorError, Entry, Key, Lease, LeaseId, Prefix, Reading, Revision, Txn,
    TxnOutcome, WatchEvent,
};

/// How much a ledger holds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Octets of all keys and values.
    pub(crate) octets: usize,
    /// Revisions that watches may begin after.
    pub(crate) history: usize,
    /// Octets of keys and values in that history.
    pub(crate) history_octets: usize,
    /// Leases at a time.
    pub(crate) leases: usize,
    /// The shortest lease; a shorter one is made that long.
    pub(crate) shortest_lease: Duration,
    /// The longest lease; a longer one is made that short.
    pub(crate) longest_lease: Duration,
}

/// What one revision changed.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) revision: Revision,
    pub(crate) events: Vec<WatchEvent>,
}

/// All that has to survive of a ledger.
#[derive(Clone, Debug)]
pub(crate) struct Saved {
    pub(crate) epoch: u64,
    pub(crate) revision: Revision,
    /// The last revision that is not in `history`.
    pub(crate) compacted: Revision,
    pub(crate) next_lease: u64,
    pub(crate) entries: BTreeMap<Key, Entry>,
    pub(crate) leases: BTreeMap<LeaseId, Duration>,
    pub(crate) history: VecDeque<Step>,
}

impl Saved {
    /// A store made anew.
    pub(crate) fn new(epoch: u64) -> Self {
        Self {
            epoch,
            revision: Revision(1),
            compacted: Revision(1),
            // Leases of different epochs have different names, so that a holder who missed the loss keeps nothing alive.
            next_lease: epoch << 24 | 1,
            entries: BTreeMap::new(),
            leases: BTreeMap::new(),
            history: VecDeque::new(),
        }
    }
}

#[derive(Debug)]
struct Running {
    ttl: Duration,
    ends: Duration,
}

/// A store in memory.
#[derive(Debug)]
pub(crate) struct Ledger {
    limits: Limits,
    epoch: u64,
    revision: Revision,
    compacted: Revision,
    next_lease: u64,
    entries: BTreeMap<Key, Entry>,
    octets: usize,
    leases: BTreeMap<LeaseId, Running>,
    history: VecDeque<Step>,
    history_octets: usize,
}

impl Ledger {
    /// A ledger that goes on from what was saved. Every lease has its full time again.
    pub(crate) fn resume(saved: Saved, limits: Limits, now: Duration) -> Self {
        let leases =
            saved.leases.into_iter().map(|(id, ttl)| (id, Running { ttl, ends: now + ttl })).collect();
        Self {
            limits,
            epoch: saved.epoch,
            revision: saved.revision,
            compacted: saved.compacted,
            next_lease: saved.next_lease,
            octets: saved.entries.values().map(Entry::octets).sum(),
            entries: saved.entries,
            leases,
            history_octets: saved.history.iter().map(Step::octets).sum(),
            history: saved.history,
        }
    }

    pub(crate) const fn epoch(&self) -> u64 {
        self.epoch
    }

    pub(crate) const fn revision(&self) -> Revision {
        self.revision
    }

    pub(crate) const fn compacted(&self) -> Revision {
        self.compacted
    }

    pub(crate) const fn next_lease(&self) -> u64 {
        self.next_lease
    }

    pub(crate) fn txn(&mut self, txn: &Txn) -> Result<TxnOutcome, CoordinatorError> {
        txn.check()?;
        if !txn.compares.iter().all(|compare| self.holds(compare)) {
            let read = txn.otherwise.iter().filter_map(|key| self.entries.get(key)).cloned().collect();
            return Ok(TxnOutcome { succeeded: false, revision: self.revision, read });
        }
        self.admit(&txn.then)?;
        let revision = Revision(self.revision.0 + 1);
        let mut events = Vec::new();
        for change in &txn.then {
            match change {
                Change::Put { key, value, lease } => {
                    let created = self.entries.get(key).map_or(revision, |entry| entry.created);
                    let (key, value) = (key.clone(), value.clone());
                    let entry = Entry { key, value, created, modified: revision, lease: *lease };
                    events.push(WatchEvent::Put(entry.clone()));
                    self.insert(entry);
                }
                Change::Delete(key) => events.extend(self.remove(key, revision)),
                Change::DeletePrefix(prefix) => {
                    let keys: Vec<_> = self.part(prefix).map(|entry| entry.key.clone()).collect();
                    events.extend(keys.iter().filter_map(|key| self.remove(key, revision)));
                }
            }
        }
        self.conclude(events);
        Ok(TxnOutcome { succeeded: true, revision: self.revision, read: Vec::new() })
    }

    pub(crate) fn read(&self, prefix: &Prefix) -> Reading {
        let entries = self.part(prefix).cloned().collect();
        Reading { epoch: self.epoch, revision: self.revision, entries }
    }

    pub(crate) fn grant(&mut self, ttl: Duration, now: Duration) -> Result<Lease, CoordinatorError> {
        if self.leases.len() >= self.limits.leases {
            return Err(CoordinatorError::refused(format!(
                "{} leases are granted already",
                self.leases.len()
            )));
        }
        let ttl = ttl.clamp(self.limits.shortest_lease, self.limits.longest_lease);
        let id = LeaseId(self.next_lease);
        self.next_lease += 1;
        self.leases.insert(id, Running { ttl, ends: now + ttl });
        Ok(Lease { id, ttl })
    }

    pub(crate) fn keep_alive(&mut self, id: LeaseId, now: Duration) -> Result<Duration, CoordinatorError> {
        let lease = self.leases.get_mut(&id).ok_or(CoordinatorError::LeaseGone)?;
        lease.ends = now + lease.ttl;
        Ok(lease.ttl)
    }

    pub(crate) fn revoke(&mut self, id: LeaseId) -> Result<(), CoordinatorError> {
        self.leases.remove(&id).ok_or(CoordinatorError::LeaseGone)?;
        let held = self.entries.values().filter(|entry| entry.lease == Some(id));
        let keys: Vec<_> = held.map(|entry| entry.key.clone()).collect();
        let revision = Revision(self.revision.0 + 1);
        let events = keys.iter().filter_map(|key| self.remove(key, revision)).collect();
        self.conclude(events);
        Ok(())
    }

    /// Ends the leases whose time is over, and says which.
    pub(crate) fn expire(&mut self, now: Duration) -> Vec<LeaseId> {
        let over: Vec<_> =
            self.leases.iter().filter(|(_, lease)| lease.ends <= now).map(|(id, _)| *id).collect();
        over.into_iter().filter(|id| self.revoke(*id).is_ok()).collect()
    }

    /// When the next lease's time is over.
    pub(crate) fn next_expiry(&self) -> Option<Duration> {
        self.leases.values().map(|lease| lease.ends).min()
    }

    /// The steps after a revision, as far as they concern `prefix`.
    pub(crate) fn since(&self, prefix: &Prefix, after: Revision) -> Result<Vec<Step>, CoordinatorError> {
        if after < self.compacted || after > self.revision {
            return Err(CoordinatorError::Compacted { after });
        }
        Ok(self.steps_after(after).filter_map(|step| step.within(prefix)).collect())
    }

    /// The steps after a revision, as far as they are known.
    pub(crate) fn steps_after(&self, after: Revision) -> impl Iterator<Item = &Step> {
        let first = self.history.partition_point(|step| step.revision <= after);
        self.history.range(first..)
    }

    /// Forgets the oldest steps beyond the limits; whether there were any.
    pub(crate) fn tidy(&mut self) -> bool {
        let before = self.compacted;
        while self.history.len() > self.limits.history || self.history_octets > self.limits.history_octets {
            let Some(step) = self.history.pop_front() else { break };
            self.history_octets -= step.octets();
            self.compacted = step.revision;
        }
        self.compacted > before
    }

    /// Forgets all steps.
    #[cfg(any(test, feature = "testing"))]
    pub(crate) fn compact(&mut self) {
        self.history.clear();
        self.history_octets = 0;
        self.compacted = self.revision;
    }

    fn part(&self, prefix: &Prefix) -> impl Iterator<Item = &Entry> {
        let from = (Bound::Included(prefix.as_str()), Bound::Unbounded);
        self.entries
            .range::<str, _>(from)
            .map(|(_, entry)| entry)
            .take_while(|entry| prefix.covers(&entry.key))
    }

    fn holds(&self, compare: &Compare) -> bool {
        match compare {
            Compare::Absent(key) => !self.entries.contains_key(key),
            Compare::Present(key) => self.entries.contains_key(key),
            Compare::Modified(key, revision) => {
                self.entries.get(key).is_some_and(|entry| entry.modified == *revision)
            }
            Compare::Value(key, value) => self.entries.get(key).is_some_and(|entry| entry.value == value),
        }
    }

    /// Refuses changes that name a lease which is not there, or for which there is no room. What makes the store smaller
    /// always has room.
    fn admit(&self, changes: &[Change]) -> Result<(), CoordinatorError> {
        let (mut gone, mut new) = (0, 0);
        for change in changes {
            match change {
                Change::Put { key, value, lease } => {
                    if lease.is_some_and(|lease| !self.leases.contains_key(&lease)) {
                        return Err(CoordinatorError::LeaseGone);
                    }
                    new += key.octets() + value.len();
                    gone += self.entries.get(key).map_or(0, Entry::octets);
                }
                Change::Delete(key) => gone += self.entries.get(key).map_or(0, Entry::octets),
                Change::DeletePrefix(prefix) => gone += self.part(prefix).map(Entry::octets).sum::<usize>(),
            }
        }
        let octets = self.octets - gone + new;
        if new > gone && octets > self.limits.octets {
            let limit = self.limits.octets;
            return Err(CoordinatorError::refused(format!(
                "the store would have {octets} octets of {limit}"
            )));
        }
        Ok(())
    }

    fn insert(&mut self, entry: Entry) {
        self.octets += entry.octets();
        if let Some(before) = self.entries.insert(entry.key.clone(), entry) {
            self.octets -= before.octets();
        }
    }

    fn remove(&mut self, key: &Key, revision: Revision) -> Option<WatchEvent> {
        let entry = self.entries.remove(key)?;
        self.octets -= entry.octets();
        Some(WatchEvent::Deleted { key: entry.key, revision })
    }

    /// Makes the next revision of what has happened, if anything has.
    fn conclude(&mut self, events: Vec<WatchEvent>) {
        if events.is_empty() {
            return;
        }
        self.revision.0 += 1;
        let step = Step { revision: self.revision, events };
        self.history_octets += step.octets();
        self.history.push_back(step);
    }
}

impl Step {
    /// What of it concerns `prefix`.
    pub(crate) fn within(&self, prefix: &Prefix) -> Option<Self> {
        let events: Vec<_> = self.events.iter().filter(|event| prefix.covers(event.key())).cloned().collect();
        (!events.is_empty()).then_some(Self { revision: self.revision, events })
    }

    fn octets(&self) -> usize {
        let octets = |event: &WatchEvent| match event {
            WatchEvent::Put(entry) => entry.octets(),
            WatchEvent::Deleted { key, .. } => key.octets(),
        };
        self.events.iter().map(octets).sum()
    }
}
