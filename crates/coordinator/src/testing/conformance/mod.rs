//! The promises of [`Coordinator`], each a function that asks an engine to keep it.
//!
//! [`crate::conformance_suite`] makes one test of each. A function gets an empty [`super::TestStore`] and panics if the
//! promise is broken. Leases make some of them last a few seconds of the executor's time.

mod leases;
mod reading;
mod transactions;
mod watches;

use std::time::Duration;

use bytes::Bytes;

pub use leases::*;
pub use reading::*;
pub use transactions::*;
pub use watches::*;

use crate::{
    Change, Compare, Coordinator, CoordinatorError, Entry, Key, LeaseId, Prefix, Revision, Txn, TxnOutcome,
    Watch, WatchEvent,
};

/// Longer than anything takes; for bounded waits.
const PATIENCE: Duration = Duration::from_secs(20);

/// Makes a test of every promise: `conformance_suite!(block_on, MyStore::new())`, where `block_on` drives a future on a
/// runtime with time, and the expression makes an empty [`TestStore`](crate::testing::TestStore) within it, anew for each
/// test. `conformance_suite! { @tests block_on, MyStore::new(); this_promise that_promise }` makes tests of some.
#[macro_export]
macro_rules! conformance_suite {
    ($block_on:expr, $store:expr) => {
        $crate::conformance_suite! { @tests $block_on, $store;
            // Transactions.
            a_put_makes_an_entry_and_a_revision
            a_put_again_keeps_the_revision_of_creation
            an_entry_made_again_is_created_anew
            absent_holds_only_without_the_entry
            present_holds_only_with_the_entry
            modified_holds_only_for_the_last_put
            value_holds_only_for_the_same_octets
            all_compares_must_hold
            a_failed_transaction_changes_nothing_and_reads
            changes_of_one_transaction_share_a_revision
            a_transaction_that_changes_nothing_makes_no_revision
            a_key_named_twice_is_refused
            a_transaction_beyond_the_limits_is_refused
            the_largest_values_are_kept
            increments_by_many_at_once_are_all_counted
            only_one_of_many_makes_an_absent_entry
            // Reading.
            an_empty_store_has_an_epoch_and_a_revision
            the_epoch_is_the_same_for_all
            a_reading_has_its_part_by_key
            a_prefix_ends_where_its_segments_do
            what_one_client_put_all_read
            a_deleted_prefix_is_gone_and_nothing_beside
            // Leases.
            a_lease_lasts_at_least_as_long_as_asked_for
            entries_are_gone_with_their_lease
            a_lease_kept_alive_outlasts_its_time
            a_revoked_lease_takes_its_entries_along_at_once
            a_lease_that_is_gone_cannot_be_used
            an_entry_put_without_its_lease_stays
            // Watches.
            a_watch_tells_what_happens_after_its_revision
            a_watch_can_begin_at_every_revision
            a_watch_begins_at_the_next_change
            a_watch_tells_only_its_part
            the_changes_of_one_revision_are_told_together
            a_watch_may_be_given_up_while_it_waits
            a_watch_tells_the_end_of_a_lease
            a_watch_after_what_is_forgotten_is_told_so
            a_watch_after_the_forgotten_goes_on
            a_watch_after_a_revision_to_come_is_told_so
            two_watches_tell_the_same
            a_watch_in_step_ends_as_a_reading
        }
    };
    (@tests $block_on:expr, $store:expr; $($promise:ident)*) => {
        $(
            #[test]
            fn $promise() {
                $block_on(async { $crate::testing::conformance::$promise($store).await });
            }
        )*
    };
}

fn key(text: &str) -> Key {
    Key::new(text).unwrap()
}

fn prefix(text: &str) -> Prefix {
    Prefix::new(text).unwrap()
}

fn put(text: &str, value: &[u8]) -> Change {
    Change::Put { key: key(text), value: Bytes::copy_from_slice(value), lease: None }
}

fn put_under(text: &str, lease: LeaseId) -> Change {
    Change::Put { key: key(text), value: Bytes::from_static(b"held"), lease: Some(lease) }
}

fn unconditionally(then: Vec<Change>) -> Txn {
    Txn { then, ..Txn::default() }
}

async fn change(store: &dyn Coordinator, then: Vec<Change>) -> Revision {
    let outcome = store.txn(unconditionally(then)).await.unwrap();
    assert!(outcome.succeeded);
    outcome.revision
}

/// Whether the compare holds now.
async fn holds(store: &dyn Coordinator, compare: Compare) -> bool {
    let txn = Txn { compares: vec![compare], ..Txn::default() };
    store.txn(txn).await.unwrap().succeeded
}

async fn find(store: &dyn Coordinator, text: &str) -> Option<Entry> {
    let all = store.read(&Prefix::everything()).await.unwrap();
    all.entries.into_iter().find(|entry| entry.key == key(text))
}

async fn names(store: &dyn Coordinator, part: &str) -> Vec<String> {
    let reading = store.read(&prefix(part)).await.unwrap();
    reading.entries.into_iter().map(|entry| entry.key.to_string()).collect()
}

async fn next(watch: &mut dyn Watch) -> Result<Vec<WatchEvent>, CoordinatorError> {
    tokio::time::timeout(PATIENCE, watch.next()).await.expect("the watch never told anything")
}

/// The events until there are `count`.
async fn events(watch: &mut dyn Watch, count: usize) -> Vec<WatchEvent> {
    let mut told = Vec::new();
    while told.len() < count {
        told.extend(next(watch).await.unwrap());
    }
    assert_eq!(told.len(), count, "too much was told: {told:?}");
    told
}

#[track_caller]
fn assert_refused(outcome: &Result<TxnOutcome, CoordinatorError>) {
    assert!(matches!(outcome, Err(CoordinatorError::Refused { .. })), "not refused but {outcome:?}");
}
