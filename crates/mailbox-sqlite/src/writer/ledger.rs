//! One transaction of the writer: the token it is entitled by, and the numbers it gives out.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use mailbox::{ChangeNumber, FencingToken, MailboxError, Uid};
use rusqlite::{Connection, params};

use crate::{
    error::{Failure, Severity, severity},
    mount::Mounted,
};

/// A transaction under way.
pub(crate) struct Ledger<'a> {
    pub(super) connection: &'a Connection,
    pub(super) mounted: &'a Mounted,
    /// The epoch in the names of the messages that arrive now.
    pub(super) epoch: u32,
    written: Counters,
    counters: Counters,
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Counters {
    next_uid: u64,
    next_mailbox: u64,
    change: u64,
}

impl<'a> Ledger<'a> {
    /// Begins with the comparison of the token, which the same transaction protects.
    pub(super) fn open(
        connection: &'a Connection,
        mounted: &'a Mounted,
        held: FencingToken,
    ) -> Result<Self, Failure> {
        let mut statement = connection.prepare_cached(
            "SELECT token_epoch, token_revision, epoch, next_uid, next_mailbox, change FROM database",
        )?;
        let (found, epoch, counters) = statement.query_row([], |row| {
            let found = FencingToken { epoch: row.get(0)?, revision: row.get(1)? };
            let counters = Counters { next_uid: row.get(3)?, next_mailbox: row.get(4)?, change: row.get(5)? };
            Ok((found, row.get(2)?, counters))
        })?;
        if found != held {
            return Err(MailboxError::Fenced { held, found }.into());
        }
        Ok(Self { connection, mounted, epoch, written: counters, counters })
    }

    /// Writes down the numbers given out.
    pub(super) fn close(self) -> rusqlite::Result<()> {
        if self.counters != self.written {
            let Counters { next_uid, next_mailbox, change } = self.counters;
            self.execute(
                "UPDATE database SET next_uid = ?1, next_mailbox = ?2, change = ?3",
                params![next_uid, next_mailbox, change],
            )?;
        }
        Ok(())
    }

    /// Does `work`, or leaves everything as it was: `None` if the work panicked. An error concerns the whole
    /// transaction.
    pub(super) fn attempt<T>(
        &mut self,
        operation: &'static str,
        work: impl FnOnce(&mut Self) -> Result<T, Failure>,
    ) -> rusqlite::Result<Option<Result<T, MailboxError>>> {
        let before = self.counters;
        self.execute("SAVEPOINT attempt", [])?;
        let outcome = match catch_unwind(AssertUnwindSafe(|| work(self))) {
            Ok(Ok(answer)) => {
                self.execute("RELEASE attempt", [])?;
                return Ok(Some(Ok(answer)));
            }
            Ok(Err(Failure::Refused(error))) => Some(Err(error)),
            Ok(Err(Failure::Sqlite(error))) => {
                if severity(&error) != Severity::Unexpected || self.connection.is_autocommit() {
                    return Err(error);
                }
                tracing::error!(%error, "could not {operation}");
                Some(Err(MailboxError::Unavailable { operation, source: Some(Arc::new(error)) }))
            }
            Err(_panic) => {
                tracing::error!("an attempt to {operation} panicked");
                None
            }
        };
        self.counters = before;
        self.execute("ROLLBACK TO attempt", [])?;
        self.execute("RELEASE attempt", [])?;
        Ok(outcome)
    }

    /// The uid that the next message gets.
    pub(super) const fn next_uid(&self) -> Uid {
        Uid::new(self.counters.next_uid)
    }

    /// Gives that uid out.
    pub(super) const fn take_uid(&mut self) -> Uid {
        let uid = self.next_uid();
        self.counters.next_uid += 1;
        uid
    }

    /// Gives out the number of a new mailbox.
    pub(super) const fn take_mailbox(&mut self) -> u64 {
        let number = self.counters.next_mailbox;
        self.counters.next_mailbox += 1;
        number
    }

    /// Gives out the stamp of a new deletion.
    pub(super) const fn take_change(&mut self) -> ChangeNumber {
        self.counters.change += 1;
        ChangeNumber::new(self.counters.change)
    }

    /// Whether a stamp was given by an earlier transaction, so that no snapshot from now on sees what it is on.
    pub(super) fn is_durable(&self, stamp: ChangeNumber) -> bool {
        stamp.get() <= self.written.change
    }

    /// Executes a statement that is kept prepared; how many rows it changed.
    pub(super) fn execute(&self, sql: &str, parameters: impl rusqlite::Params) -> rusqlite::Result<usize> {
        self.connection.prepare_cached(sql)?.execute(parameters)
    }
}
