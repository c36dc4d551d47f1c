//! The thread that owns the store.
//!
//! It does all that waits in one go: every request is done to the ledger in turn, what changed is saved in one
//! transaction, and only then is anything answered or told to watches. So many changes share one fsync, and nobody hears
//! of what is not on the disk. When saving fails, the ledger is ahead of the disk and is thrown away: the disk is read
//! again, and what it says holds.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use tokio::sync::OwnedSemaphorePermit;

use super::outbox::Outbox;
use super::protocol::{Answered, Ask, Failure, Frame, Request, line};
use super::storage::{Changes, Storage, StorageError};
use crate::boot_time::boot_time;
use crate::ledger::{Ledger, Limits, Step};
use crate::{CoordinatorError, Prefix, Revision};

/// Requests done in one go, at most.
const BATCH: usize = 256;
/// Watches of one client, at most.
const WATCHES: usize = 256;

/// What a connection has for the engine.
pub(super) enum Work {
    /// A request, the place for its answer, and its seat among the requests of the connection that wait.
    Request(Request, Arc<Outbox>, OwnedSemaphorePermit),
    /// The client is gone, and with it its watches.
    Gone(Arc<Outbox>),
}

/// Where the store is, and how much it holds.
pub(super) struct Place {
    pub(super) folder: PathBuf,
    pub(super) limits: Limits,
    /// The epoch of a store that has to be made.
    pub(super) born: u64,
}

impl Place {
    fn open(&self) -> Result<Opened, StorageError> {
        let (storage, saved) = Storage::open(&self.folder, self.born)?;
        Ok(Opened { storage, ledger: Ledger::resume(saved, self.limits, boot_time()) })
    }
}

/// The store on the disk and the same in memory.
struct Opened {
    storage: Storage,
    ledger: Ledger,
}

pub(super) struct Engine {
    place: Place,
    /// None after the storage failed, until it can be read again.
    opened: Option<Opened>,
    watchers: Vec<Watcher>,
    /// The last revision that watches were told.
    told: Revision,
    /// Whether the storage failed last time, which is logged once.
    ailing: bool,
}

struct Watcher {
    outbox: Arc<Outbox>,
    id: u64,
    prefix: Prefix,
    last: Revision,
}

impl Engine {
    /// Opens the store at `place`.
    pub(super) fn open(place: Place) -> Result<Self, StorageError> {
        let opened = place.open()?;
        let told = opened.ledger.revision();
        Ok(Self { place, opened: Some(opened), watchers: Vec::new(), told, ailing: false })
    }

    /// Works until nobody can bring work any more.
    pub(super) fn run(mut self, work: &Receiver<Work>) {
        loop {
            let first = match work.recv_timeout(self.patience()) {
                Ok(first) => Some(first),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => return,
            };
            self.turn(first.into_iter().chain(work.try_iter()).take(BATCH).collect());
        }
    }

    /// How long nothing has to be done by itself. The wait does not count the time that the machine sleeps, so it is
    /// never long.
    fn patience(&self) -> Duration {
        let next = self.opened.as_ref().and_then(|opened| opened.ledger.next_expiry());
        let left = next.map_or(Duration::MAX, |next| next.saturating_sub(boot_time()));
        left.min(Duration::from_secs(1))
    }

    fn turn(&mut self, work: Vec<Work>) {
        let mut requests = Vec::new();
        for work in work {
            match work {
                Work::Request(request, outbox, seat) => requests.push((request, outbox, seat)),
                Work::Gone(outbox) => self.watchers.retain(|watcher| !Arc::ptr_eq(&watcher.outbox, &outbox)),
            }
        }
        let done = match self.opened() {
            Ok(opened) => {
                let mut changes = Changes::default();
                let begun = opened.ledger.revision();
                changes.ended = opened.ledger.expire(boot_time());
                let asks = requests.iter().map(|(request, ..)| &request.ask);
                let answers: Vec<_> = asks.map(|ask| answer(&mut opened.ledger, ask, &mut changes)).collect();
                changes.steps = opened.ledger.steps_after(begun).cloned().collect();
                opened.ledger.tidy();
                let saved =
                    if changes.is_empty() { Ok(()) } else { opened.storage.save(&changes, &opened.ledger) };
                saved.map(|()| (answers, changes.steps))
            }
            Err(error) => {
                self.fall_ill(&error);
                for (request, outbox, _) in requests {
                    let failure = Failure::Unavailable(error.to_string());
                    outbox.push(line(&Frame::Failed { id: request.id, failure }));
                }
                return;
            }
        };
        match done {
            Ok((answers, steps)) => {
                if !steps.is_empty() && std::mem::take(&mut self.ailing) {
                    tracing::info!("the coordinator's store works again");
                }
                self.tell(&steps);
                for ((request, outbox, _), answer) in requests.into_iter().zip(answers) {
                    self.say(request, &outbox, answer);
                }
            }
            Err(error) => {
                self.fall_ill(&error);
                self.opened = None;
                for (request, outbox, _) in requests {
                    let failure = if request.ask.changes() && !error.is_full_disk() {
                        Failure::OutcomeUnknown(explain(&error))
                    } else {
                        Failure::Unavailable(explain(&error))
                    };
                    outbox.push(line(&Frame::Failed { id: request.id, failure }));
                }
            }
        }
    }

    fn fall_ill(&mut self, error: &StorageError) {
        if !std::mem::replace(&mut self.ailing, true) {
            let error = error as &dyn std::error::Error;
            tracing::warn!(error, "the coordinator's store fails; no change is possible");
        }
    }

    /// The store, read again if it had to be thrown away.
    fn opened(&mut self) -> Result<&mut Opened, StorageError> {
        if self.opened.is_none() {
            let opened = self.place.open()?;
            if opened.ledger.compacted() > self.told {
                let after = self.told;
                for watcher in self.watchers.drain(..) {
                    watcher.end(CoordinatorError::Compacted { after });
                }
            }
            let steps: Vec<_> = opened.ledger.steps_after(self.told).cloned().collect();
            self.told = opened.ledger.revision();
            self.tell(&steps);
            return Ok(self.opened.insert(opened));
        }
        // The borrow checker does not see that a reference returned above is not alive here.
        Ok(self.opened.as_mut().expect("it was just seen to be there"))
    }

    /// Tells steps to all watches; those that are too slow for it end.
    fn tell(&mut self, steps: &[Step]) {
        for step in steps {
            self.watchers.retain_mut(|watcher| watcher.tell(step));
            self.told = step.revision;
        }
    }

    /// Gives one answer. A watch begins, or ends, only here: after what it was answered with is on the disk.
    fn say(&mut self, request: Request, outbox: &Arc<Outbox>, answer: Result<Answered, CoordinatorError>) {
        let id = request.id;
        let answer = match request.ask {
            Ask::Watch { prefix, after } => self.watch(id, outbox, prefix, after),
            Ask::Unwatch { watch } => {
                self.watchers.retain(|watcher| watcher.id != watch || !Arc::ptr_eq(&watcher.outbox, outbox));
                answer
            }
            _ => answer,
        };
        outbox.push(line(&match answer {
            Ok(answer) => Frame::Answer { id, answer },
            Err(error) => Frame::Failed { id, failure: error.into() },
        }));
        // What happened between the revision asked for and now comes after the answer, like all that is to come.
        if let Some(place) = self.watchers.iter().rposition(|watcher| watcher.is(id, outbox))
            && let Some(opened) = &self.opened
        {
            let watcher = &mut self.watchers[place];
            let steps: Vec<_> = opened.ledger.steps_after(watcher.last).cloned().collect();
            if !steps.iter().all(|step| watcher.tell(step)) {
                self.watchers.swap_remove(place);
            }
        }
    }

    fn watch(
        &mut self,
        id: u64,
        outbox: &Arc<Outbox>,
        prefix: Prefix,
        after: Revision,
    ) -> Result<Answered, CoordinatorError> {
        let mine = self.watchers.iter().filter(|watcher| Arc::ptr_eq(&watcher.outbox, outbox));
        if mine.count() >= WATCHES {
            return Err(CoordinatorError::refused(format!("a client has {WATCHES} watches already")));
        }
        if let Some(opened) = &self.opened {
            opened.ledger.since(&prefix, after)?;
        }
        if !outbox.is_closed() {
            self.watchers.push(Watcher { outbox: Arc::clone(outbox), id, prefix, last: after });
        }
        Ok(Answered::Done)
    }
}

impl Watcher {
    fn is(&self, id: u64, outbox: &Arc<Outbox>) -> bool {
        self.id == id && Arc::ptr_eq(&self.outbox, outbox)
    }

    /// Tells one step, unless it was told; whether the watch goes on.
    fn tell(&mut self, step: &Step) -> bool {
        if step.revision <= self.last {
            return true;
        }
        let Some(step) = step.within(&self.prefix) else { return true };
        let revision = step.revision;
        let told = self.outbox.offer(line(&Frame::Events { watch: self.id, events: step.events }));
        if told {
            self.last = revision;
        } else {
            self.end(CoordinatorError::Compacted { after: self.last });
        }
        told
    }

    fn end(&self, error: CoordinatorError) {
        self.outbox.push(line(&Frame::Ended { watch: self.id, failure: error.into() }));
    }
}

fn answer(ledger: &mut Ledger, ask: &Ask, changes: &mut Changes) -> Result<Answered, CoordinatorError> {
    let now = boot_time();
    match ask {
        Ask::Epoch => Ok(Answered::Epoch(ledger.epoch())),
        Ask::Txn(txn) => ledger.txn(txn).map(Answered::Outcome),
        Ask::Read(prefix) => Ok(Answered::Reading(ledger.read(prefix))),
        Ask::Grant(ttl) => {
            let lease = ledger.grant(*ttl, now)?;
            changes.granted.push(lease);
            Ok(Answered::Lease(lease))
        }
        Ask::KeepAlive(lease) => ledger.keep_alive(*lease, now).map(Answered::Ttl),
        Ask::Revoke(lease) => {
            ledger.revoke(*lease)?;
            changes.ended.push(*lease);
            Ok(Answered::Done)
        }
        Ask::Watch { .. } | Ask::Unwatch { .. } => Ok(Answered::Done),
    }
}

/// An error with what lies beneath it: whoever asked sees no log of ours.
fn explain(error: &StorageError) -> String {
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}
