//! A coordinator in memory.

use std::future::ready;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use crate::ledger::{Ledger, Limits, Saved};
use crate::{
    Answer, Coordinator, CoordinatorError, Lease, LeaseId, Prefix, Reading, Revision, Txn, TxnOutcome, Watch,
    WatchEvent,
};

/// A coordinator in memory, by the same ledger as the local engine. Every answer but a watch's is ready at once.
///
/// Leases run by the executor's clock, which a test may pause. Clones are the same store.
#[derive(Clone)]
pub struct MemoryCoordinator(Arc<Store>);

struct Store {
    contents: Mutex<Contents>,
    /// Wakes watches when anything has happened.
    nudge: watch::Sender<()>,
}

struct Contents {
    ledger: Ledger,
    start: Instant,
    available: bool,
    answers_lost: bool,
    /// Counts the absences: a watch does not outlive one.
    absences: u64,
}

const LIMITS: Limits = Limits {
    octets: 16 << 20,
    history: 1000,
    history_octets: 16 << 20,
    leases: 10_000,
    shortest_lease: Duration::from_secs(1),
    longest_lease: Duration::from_hours(1),
};

impl Default for MemoryCoordinator {
    fn default() -> Self {
        Self::new()
    }
}

impl MemoryCoordinator {
    /// An empty store of epoch 1.
    pub fn new() -> Self {
        let start = Instant::now();
        let ledger = Ledger::resume(Saved::new(1), LIMITS, Duration::ZERO);
        let contents = Contents { ledger, start, available: true, answers_lost: false, absences: 0 };
        Self(Arc::new(Store { contents: Mutex::new(contents), nudge: watch::Sender::new(()) }))
    }

    /// While it is not available, every answer is [`CoordinatorError::Unavailable`], and watches end. Leases run on.
    pub fn set_available(&self, available: bool) {
        let mut contents = self.0.lock();
        contents.absences += u64::from(contents.available && !available);
        contents.available = available;
        drop(contents);
        self.0.nudge.send_replace(());
    }

    /// While answers are lost, every change is made and answered with [`CoordinatorError::OutcomeUnknown`].
    pub fn lose_answers(&self, lost: bool) {
        self.0.lock().answers_lost = lost;
    }

    /// Forgets what led to the current revision: watches from an earlier one are [`CoordinatorError::Compacted`].
    pub fn compact(&self) {
        self.0.lock().ledger.compact();
    }

    /// Loses everything and begins anew, in the next epoch. Watches end.
    pub fn begin_anew(&self) {
        let mut contents = self.0.lock();
        let now = contents.start.elapsed();
        contents.ledger = Ledger::resume(Saved::new(contents.ledger.epoch() + 1), LIMITS, now);
        contents.absences += 1;
        drop(contents);
        self.0.nudge.send_replace(());
    }

    fn answer<T: Send + 'static>(
        &self,
        operation: &'static str,
        changes: bool,
        ask: impl FnOnce(&mut Ledger, Duration) -> Result<T, CoordinatorError>,
    ) -> Answer<'_, T> {
        let mut contents = self.0.lock();
        let answer = if contents.available {
            let now = contents.expire();
            let answer = ask(&mut contents.ledger, now);
            contents.ledger.tidy();
            if changes && contents.answers_lost && answer.is_ok() {
                Err(CoordinatorError::unknown(operation, "the test loses answers"))
            } else {
                answer
            }
        } else {
            Err(CoordinatorError::unavailable(operation, "the test made it so"))
        };
        drop(contents);
        self.0.nudge.send_replace(());
        Box::pin(ready(answer))
    }
}

impl Store {
    fn lock(&self) -> MutexGuard<'_, Contents> {
        self.contents.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Contents {
    /// Ends the leases whose time is over; says what time it is.
    fn expire(&mut self) -> Duration {
        let now = self.start.elapsed();
        self.ledger.expire(now);
        now
    }
}

impl Coordinator for MemoryCoordinator {
    fn epoch(&self) -> Answer<'_, u64> {
        self.answer("tell its epoch", false, |ledger, _| Ok(ledger.epoch()))
    }

    fn txn(&self, txn: Txn) -> Answer<'_, TxnOutcome> {
        self.answer("change entries", !txn.then.is_empty(), |ledger, _| ledger.txn(&txn))
    }

    fn read(&self, prefix: &Prefix) -> Answer<'_, Reading> {
        self.answer("read", false, |ledger, _| Ok(ledger.read(prefix)))
    }

    fn grant(&self, ttl: Duration) -> Answer<'_, Lease> {
        self.answer("grant a lease", true, |ledger, now| ledger.grant(ttl, now))
    }

    fn keep_alive(&self, lease: LeaseId) -> Answer<'_, Duration> {
        self.answer("keep a lease alive", false, |ledger, now| ledger.keep_alive(lease, now))
    }

    fn revoke(&self, lease: LeaseId) -> Answer<'_, ()> {
        self.answer("revoke a lease", true, |ledger, _| ledger.revoke(lease))
    }

    fn watch(&self, prefix: &Prefix, after: Revision) -> Answer<'_, Box<dyn Watch>> {
        let (store, prefix) = (Arc::clone(&self.0), prefix.clone());
        let absences = store.lock().absences;
        self.answer("begin a watch", false, |ledger, _| {
            ledger.since(&prefix, after)?;
            let nudge = store.nudge.subscribe();
            let watch = MemoryWatch { store, prefix, after, absences, nudge };
            Ok(Box::new(watch) as Box<dyn Watch>)
        })
    }
}

struct MemoryWatch {
    store: Arc<Store>,
    prefix: Prefix,
    after: Revision,
    absences: u64,
    nudge: watch::Receiver<()>,
}

impl MemoryWatch {
    /// The next events, if there are any; if not, when the next lease ends.
    fn look(&mut self) -> Result<Result<Vec<WatchEvent>, Option<Instant>>, CoordinatorError> {
        let mut contents = self.store.lock();
        if !contents.available || contents.absences != self.absences {
            return Err(CoordinatorError::unavailable("watch", "the test made it so"));
        }
        contents.expire();
        let steps = contents.ledger.since(&self.prefix, self.after)?;
        let start = contents.start;
        if let Some(step) = steps.into_iter().next() {
            self.after = step.revision;
            return Ok(Ok(step.events));
        }
        self.after = contents.ledger.revision();
        Ok(Err(contents.ledger.next_expiry().map(|next| start + next)))
    }
}

impl Watch for MemoryWatch {
    fn next(&mut self) -> Answer<'_, Vec<WatchEvent>> {
        Box::pin(async {
            loop {
                self.nudge.borrow_and_update();
                match self.look()? {
                    Ok(events) => return Ok(events),
                    Err(Some(expiry)) => tokio::select! {
                        _ = self.nudge.changed() => {}
                        () = sleep_until(expiry) => {}
                    },
                    // The store, and with it the sender, lives as long as this watch.
                    Err(None) => drop(self.nudge.changed().await),
                }
            }
        })
    }
}
