//! The seam between the cluster's decisions and the engines.

use std::{future::Future, pin::Pin, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{CoordinatorError, Entry, Key, Lease, LeaseId, Prefix, Reading, Revision, Txn, TxnOutcome};

/// What a coordinator answers, when it does. It always does: every engine has a deadline. Dropping a request unanswered
/// does not withdraw it.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, CoordinatorError>> + Send + 'a>>;

/// A coordinator, as one process sees it.
///
/// Every method may answer [`CoordinatorError::Unavailable`], and those that change something
/// [`CoordinatorError::OutcomeUnknown`]; the others they may answer are named with them. What was answered is durable,
/// and seen by every later request of anyone.
pub trait Coordinator: Send + Sync + 'static {
    /// The life of the store: at least 1, and greater in a store made anew than in any earlier one.
    fn epoch(&self) -> Answer<'_, u64>;

    /// Compares, and then changes all or reads, in one step.
    ///
    /// # Errors
    /// [`CoordinatorError::Refused`] for a transaction beyond the limits or that names a key twice,
    /// [`CoordinatorError::LeaseGone`] for a put under a lease that is not there: then nothing is changed.
    fn txn(&self, txn: Txn) -> Answer<'_, TxnOutcome>;

    /// What is in a part of the store at one moment.
    fn read(&self, prefix: &Prefix) -> Answer<'_, Reading>;

    /// A new lease of at least `ttl`, within the engine's bounds.
    fn grant(&self, ttl: Duration) -> Answer<'_, Lease>;

    /// Gives a lease its full time again, and says how long that is.
    ///
    /// # Errors
    /// [`CoordinatorError::LeaseGone`].
    fn keep_alive(&self, lease: LeaseId) -> Answer<'_, Duration>;

    /// Ends a lease, with its entries, in one revision.
    ///
    /// # Errors
    /// [`CoordinatorError::LeaseGone`].
    fn revoke(&self, lease: LeaseId) -> Answer<'_, ()>;

    /// Tells every change in a part of the store after a revision, which comes from a reading or an earlier event.
    ///
    /// # Errors
    /// [`CoordinatorError::Compacted`] for a revision whose successors are not all known, and for one that this life
    /// of the store has not reached; some engines say it only by [`Watch::next`].
    fn watch(&self, prefix: &Prefix, after: Revision) -> Answer<'_, Box<dyn Watch>>;
}

/// Changes as they happen. Dropping it ends it.
pub trait Watch: Send {
    /// Waits for the next changes: never none, in the order of their revisions, those of one revision together. An
    /// unfinished call may be dropped; nothing is lost by that.
    ///
    /// # Errors
    /// [`CoordinatorError::Unavailable`] when the coordinator is away, even if nothing would have happened, and
    /// [`CoordinatorError::Compacted`]. Either ends the watch: another one may begin after the last revision told.
    fn next(&mut self) -> Answer<'_, Vec<WatchEvent>>;
}

/// One change of one entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WatchEvent {
    /// It was put; `modified` is the revision.
    Put(Entry),
    /// It was deleted, or its lease is gone.
    Deleted {
        /// What was deleted.
        key: Key,
        /// When.
        revision: Revision,
    },
}

impl WatchEvent {
    /// The entry's name.
    pub const fn key(&self) -> &Key {
        match self {
            Self::Put(entry) => &entry.key,
            Self::Deleted { key, .. } => key,
        }
    }

    /// The revision that made the change.
    pub const fn revision(&self) -> Revision {
        match self {
            Self::Put(entry) => entry.modified,
            Self::Deleted { revision, .. } => *revision,
        }
    }
}
