//! The coordinator of tests keeps the promises that it stands for.

#![allow(clippy::unwrap_used, reason = "this is a test")]

use std::future::Future;
use std::time::Duration;

use coordinator::testing::{MemoryCoordinator, MemoryStore};
use coordinator::{Coordinator, CoordinatorError, Prefix, Txn};

fn block_on<F: Future>(future: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("a runtime needs nothing that could be missing").block_on(future)
}

coordinator::conformance_suite!(block_on, MemoryStore::new());

#[test]
fn every_promise_is_in_the_suite() {
    let suite = include_str!("../src/testing/conformance/mod.rs");
    let files = [
        include_str!("../src/testing/conformance/transactions.rs"),
        include_str!("../src/testing/conformance/reading.rs"),
        include_str!("../src/testing/conformance/leases.rs"),
        include_str!("../src/testing/conformance/watches.rs"),
    ];
    let mut promises = 0;
    for line in files.iter().flat_map(|file| file.lines()) {
        let Some(signature) = line.strip_prefix("pub async fn ") else { continue };
        let name = signature.split('(').next().unwrap_or_default();
        assert!(suite.lines().any(|line| line.trim() == name), "{name} is not in the suite");
        promises += 1;
    }
    assert!(promises > 35, "only {promises} promises were found");
}

#[test]
fn while_it_is_away_nothing_is_answered_and_watches_end() {
    block_on(async {
        let store = MemoryCoordinator::new();
        let everything = Prefix::everything();
        let revision = store.read(&everything).await.unwrap().revision;
        let mut watch = store.watch(&everything, revision).await.unwrap();
        store.set_available(false);
        store.set_available(true);
        assert!(matches!(watch.next().await, Err(CoordinatorError::Unavailable { .. })));
        store.set_available(false);
        assert!(matches!(store.epoch().await, Err(CoordinatorError::Unavailable { .. })));
        assert!(matches!(store.txn(Txn::default()).await, Err(CoordinatorError::Unavailable { .. })));
    });
}

#[test]
fn a_lost_answer_is_that_of_a_change_that_happened() {
    block_on(async {
        let store = MemoryCoordinator::new();
        store.lose_answers(true);
        let lost = store.grant(Duration::from_secs(5)).await;
        assert!(matches!(lost, Err(CoordinatorError::OutcomeUnknown { .. })), "{lost:?}");
        store.read(&Prefix::everything()).await.unwrap();
    });
}

#[test]
fn a_store_begun_anew_is_empty_and_of_a_greater_epoch() {
    block_on(async {
        let store = MemoryCoordinator::new();
        let (epoch, lease) =
            (store.epoch().await.unwrap(), store.grant(Duration::from_mins(1)).await.unwrap());
        store.begin_anew();
        assert!(store.epoch().await.unwrap() > epoch);
        let new = store.grant(Duration::from_mins(1)).await.unwrap();
        assert_ne!(new.id, lease.id);
        assert!(matches!(store.keep_alive(lease.id).await, Err(CoordinatorError::LeaseGone)));
    });
}
