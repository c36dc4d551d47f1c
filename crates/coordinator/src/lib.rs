//! The coordinator: the small, consistent, watched store that the processes of a cluster share.
//!
//! A *coordinator* keeps entries, each a [`Key`] with a value of at most 64 KB. All change through transactions that
//! first compare, see [`Txn`]; each transaction that changes something makes the next [`Revision`] of the whole store.
//! A *lease* is time given to a holder: entries put under it are gone when it has run out. A [`Watch`] tells every
//! change after a revision, as long as the store still knows them all. The *epoch* counts the lives of the store: one
//! made anew has a greater epoch, so that (epoch, revision) never goes back.
//!
//! Engines: [`local`], a process of its own for the servers of one machine, and [`etcd`]. What is built on them alike:
//! [`Mirror`], a view of a part of the store that survives its absence.
//!
//! Not for: what the entries mean (assignments, moves, slots are above), nor anything large or frequent. Whoever loses
//! the coordinator loses decisions, not mail.
//!
//! With the feature `testing` come a coordinator in memory and the suite that every engine must pass.

mod backoff;
mod boot_time;
mod entry;
mod error;
pub mod etcd;
mod key;
mod ledger;
pub mod local;
mod mirror;
mod octets_text;
mod seam;
mod txn;

#[cfg(feature = "testing")]
pub mod testing;

pub use entry::{Entry, Lease, LeaseId, Reading, Revision};
pub use error::{Cause, CoordinatorError, Fault};
pub use key::{Key, KeyError, Prefix};
pub use mirror::{Mirror, Standing, View};
pub use seam::{Answer, Coordinator, Watch, WatchEvent};
pub use txn::{CHANGES_LIMIT, Change, Compare, Txn, TxnOutcome, VALUE_LIMIT};
