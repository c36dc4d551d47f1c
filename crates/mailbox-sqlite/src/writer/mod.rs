//! The thread that writes: whatever waits is made in one transaction, made durable by one fsync, and answered.
//!
//! Between transactions it removes a little of what nobody sees any more: see [`tidying`].

mod change;
mod deletion;
mod delivery;
mod import;
mod ledger;
mod removal;
mod tidying;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use mailbox::{FencingToken, MailboxError};
use rusqlite::{Connection, Transaction, TransactionBehavior};

pub(crate) use change::{Asked, Change, Kind};
pub(crate) use deletion::Deletion;
use ledger::Ledger;
pub(crate) use removal::Removal;
use tidying::{Tidied, tidy};

use crate::{checkpoint::Log, error::Failure, mount::Mounted, queue::Found};

/// Most changes and wire bytes in one transaction: enough to share an fsync, not so much that anyone waits long.
const GROUP: usize = 512;
const GROUP_BYTES: u64 = 16 << 20;

/// The writing thread's means.
pub(crate) struct Writer {
    connection: Connection,
    mounted: Arc<Mounted>,
    log: Arc<Log>,
    token: FencingToken,
    tidied: Instant,
    /// What the last tidying left.
    left: Tidied,
    /// Whether disk space is known to be held back for deletions.
    reserve_held: bool,
}

impl Writer {
    pub(crate) fn new(
        connection: Connection,
        mounted: Arc<Mounted>,
        log: Arc<Log>,
        token: FencingToken,
    ) -> Self {
        let (tidied, left) = (Instant::now(), Tidied::More);
        Self { connection, mounted, log, token, tidied, left, reserve_held: false }
    }

    /// Writes until the mount ends; the connection is given back, to be closed last.
    pub(crate) fn run(mut self) -> Connection {
        loop {
            match self.mounted.changes.drain(GROUP, self.patience()) {
                Found::Closed => return self.connection,
                Found::Quiet => {}
                Found::Work(changes) => self.carry_out(changes),
            }
            if self.patience() == Some(Duration::ZERO) && !self.mounted.is_broken() {
                self.tidy();
            }
        }
    }

    /// How long until the next tidying, if there is any reason for one.
    fn patience(&self) -> Option<Duration> {
        match self.left {
            Tidied::More => Some(Duration::ZERO),
            Tidied::Nothing if self.reserve_held => None,
            _ => Some(self.mounted.options.tidy_interval.saturating_sub(self.tidied.elapsed())),
        }
    }

    fn carry_out(&mut self, changes: Vec<Box<dyn Change>>) {
        let mut changes = changes.into_iter().peekable();
        while changes.peek().is_some() {
            let (mut group, mut bytes) = (Vec::new(), 0);
            while let Some(change) = changes.next_if(|_| bytes < GROUP_BYTES) {
                bytes += change.bytes();
                group.push(change);
            }
            self.commit(group);
        }
        self.left = self.left.max(Tidied::Later);
    }

    /// Makes a group of changes and answers them.
    fn commit(&mut self, mut group: Vec<Box<dyn Change>>) {
        let Err(error) = self.make(&mut group) else { return settle(group, None) };
        if !matches!(error, MailboxError::NoSpace) {
            return settle(group, Some(&error));
        }
        // The disk is full. What takes mail away is done all the same, with the space held back for it.
        let (adding, mut removing) = group.into_iter().partition(|change| change.adds_mail());
        settle(adding, Some(&error));
        if !removing.is_empty() {
            self.mounted.place.release_reserve();
            self.reserve_held = false;
            let outcome = self.make(&mut removing);
            settle(removing, outcome.err().as_ref());
        }
    }

    fn make(&mut self, group: &mut [Box<dyn Change>]) -> Result<(), MailboxError> {
        if self.mounted.is_broken() {
            return Err(self.mounted.no_answer("change a mailbox"));
        }
        let made = self.transact(|ledger| {
            group.iter_mut().try_for_each(|change| change.make(ledger))?;
            Ok(())
        });
        made.map_err(|failure| self.mounted.judge_writing("change a mailbox", failure))
    }

    /// One transaction, from the comparison of the token to the fsync.
    fn transact<T>(
        &mut self,
        work: impl FnOnce(&mut Ledger<'_>) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let _turn = self.log.turn();
        let transaction = Transaction::new(&mut self.connection, TransactionBehavior::Immediate)?;
        let mut ledger = Ledger::open(&transaction, &self.mounted, self.token)?;
        let outcome = work(&mut ledger)?;
        ledger.close()?;
        transaction.commit()?;
        self.log.committed();
        Ok(outcome)
    }

    fn tidy(&mut self) {
        self.tidied = Instant::now();
        self.reserve_held = self.reserve_held || self.hold_reserve();
        self.left = match self.transact(tidy) {
            Ok(left) => left,
            Err(failure) => {
                // A disk that is full now need not be full later.
                self.mounted.judge_writing("remove deleted mail", failure);
                Tidied::Later
            }
        };
        if self.left != Tidied::More {
            self.log.quiet();
        }
    }

    /// Holds disk space back for deletions, if there is enough of it; whether it is held.
    fn hold_reserve(&self) -> bool {
        let options = &self.mounted.options;
        let ample = options.low_water.saturating_add(options.reserve.saturating_mul(2));
        let enough = self.mounted.place.free_space().is_ok_and(|free| free > ample);
        enough && self.mounted.place.hold_reserve(options.reserve).is_ok()
    }
}

fn settle(group: Vec<Box<dyn Change>>, error: Option<&MailboxError>) {
    for change in group {
        change.settle(error.cloned());
    }
}
