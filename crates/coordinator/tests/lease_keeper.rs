//! A lease is kept as long as the coordinator hears of it, and is over here before it is over there.

#![allow(clippy::unwrap_used, reason = "this is a test")]

use std::sync::Arc;
use std::time::Duration;

use coordinator::testing::MemoryCoordinator;
use coordinator::{Coordinator, CoordinatorError, Holding, LeaseId, LeaseKeeper};
use tokio::time::{Instant, sleep, timeout};

const TTL: Duration = Duration::from_secs(9);

async fn held(keeper: &LeaseKeeper) -> LeaseId {
    let mut holding = keeper.holding();
    let waited =
        timeout(Duration::from_mins(1), holding.wait_for(|now| matches!(now, Holding::Held(_)))).await;
    match *waited.expect("no lease was ever held").unwrap() {
        Holding::Held(lease) => lease,
        _ => unreachable!("it was waited for"),
    }
}

async fn lost(keeper: &LeaseKeeper) {
    let mut holding = keeper.holding();
    let waited =
        timeout(Duration::from_mins(1), holding.wait_for(|now| matches!(now, Holding::Lost(_)))).await;
    waited.expect("the lease was never lost").unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_lease_is_kept_for_as_long_as_its_keeper_lives() {
    let store = MemoryCoordinator::new();
    let keeper = LeaseKeeper::start(Arc::new(store.clone()), TTL);
    let lease = held(&keeper).await;
    sleep(TTL * 20).await;
    assert_eq!(keeper.lease(), Some(lease));
    drop(keeper);
    sleep(TTL + Duration::from_millis(1)).await;
    assert!(matches!(store.keep_alive(lease).await, Err(CoordinatorError::LeaseGone)));
}

#[tokio::test(start_paused = true)]
async fn a_short_absence_costs_no_lease() {
    let store = MemoryCoordinator::new();
    let keeper = LeaseKeeper::start(Arc::new(store.clone()), TTL);
    let lease = held(&keeper).await;
    for _ in 0..5 {
        store.set_available(false);
        sleep(TTL / 2).await;
        store.set_available(true);
        sleep(TTL / 2).await;
    }
    assert_eq!(keeper.lease(), Some(lease));
}

#[tokio::test(start_paused = true)]
async fn a_lease_is_lost_here_before_it_is_lost_there() {
    let store = MemoryCoordinator::new();
    let keeper = LeaseKeeper::start(Arc::new(store.clone()), TTL);
    let lease = held(&keeper).await;
    let away = Instant::now();
    store.set_available(false);
    lost(&keeper).await;
    assert!(away.elapsed() <= TTL, "after {:?}", away.elapsed());
    assert_eq!(keeper.lease(), None);
    // It is not taken up again without being told to.
    store.set_available(true);
    sleep(TTL * 2).await;
    assert_eq!(keeper.lease(), None);
    keeper.renew();
    assert_ne!(held(&keeper).await, lease);
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_another_one_revoked_is_lost() {
    let store = MemoryCoordinator::new();
    let keeper = LeaseKeeper::start(Arc::new(store.clone()), TTL);
    let lease = held(&keeper).await;
    store.revoke(lease).await.unwrap();
    lost(&keeper).await;
    assert_eq!(keeper.lease(), None);
}

#[tokio::test(start_paused = true)]
async fn a_released_lease_is_gone_at_once() {
    let store = MemoryCoordinator::new();
    let keeper = LeaseKeeper::start(Arc::new(store.clone()), TTL);
    let lease = held(&keeper).await;
    keeper.release().await.unwrap();
    assert!(matches!(store.keep_alive(lease).await, Err(CoordinatorError::LeaseGone)));
}

#[tokio::test(start_paused = true)]
async fn a_keeper_asks_until_a_lease_is_granted() {
    let store = MemoryCoordinator::new();
    store.set_available(false);
    let keeper = LeaseKeeper::start(Arc::new(store.clone()), TTL);
    sleep(Duration::from_mins(5)).await;
    assert_eq!(*keeper.holding().borrow(), Holding::Asking);
    store.set_available(true);
    held(&keeper).await;
}
