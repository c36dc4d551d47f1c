//! Time given to holders.

#![allow(missing_docs, reason = "each function's name is the promise that it checks")]

use std::time::Duration;

use tokio::time::Instant;

use super::{PATIENCE, change, find, key, next, put, put_under, unconditionally};
use crate::testing::TestStore;
use crate::{CoordinatorError, Prefix, WatchEvent};

const TTL: Duration = Duration::from_secs(2);

#[track_caller]
fn assert_gone<T: std::fmt::Debug>(outcome: &Result<T, CoordinatorError>) {
    assert!(matches!(outcome, Err(CoordinatorError::LeaseGone)), "not LeaseGone but {outcome:?}");
}

pub async fn a_lease_lasts_at_least_as_long_as_asked_for(store: impl TestStore) {
    let client = store.client();
    for ttl in [Duration::from_millis(1), TTL, Duration::from_millis(30_500)] {
        let lease = client.grant(ttl).await.unwrap();
        assert!(lease.ttl >= ttl, "{lease:?} for {ttl:?}");
        assert!(client.keep_alive(lease.id).await.unwrap() >= ttl);
    }
}

pub async fn entries_are_gone_with_their_lease(store: impl TestStore) {
    let client = store.client();
    let granted = Instant::now();
    let lease = client.grant(TTL).await.unwrap();
    let held =
        change(&*client, vec![put_under("a", lease.id), put_under("b", lease.id), put("c", b"")]).await;
    assert_eq!(find(&*client, "a").await.unwrap().lease, Some(lease.id));
    let mut watch = client.watch(&Prefix::everything(), held).await.unwrap();
    let gone = next(&mut *watch).await.unwrap();
    assert!(granted.elapsed() >= TTL, "after {:?}", granted.elapsed());
    assert_eq!(gone.len(), 2, "they go together: {gone:?}");
    assert!(gone.iter().all(|event| matches!(event, WatchEvent::Deleted { .. })));
    assert!(find(&*client, "a").await.is_none() && find(&*client, "c").await.is_some());
}

pub async fn a_lease_kept_alive_outlasts_its_time(store: impl TestStore) {
    let client = store.client();
    let lease = client.grant(TTL).await.unwrap();
    let held = change(&*client, vec![put_under("a", lease.id)]).await;
    let mut watch = store.client().watch(&Prefix::everything(), held).await.unwrap();
    let began = Instant::now();
    while began.elapsed() < lease.ttl * 2 {
        client.keep_alive(lease.id).await.unwrap();
        assert!(tokio::time::timeout(lease.ttl / 3, watch.next()).await.is_err(), "it is gone");
    }
    assert!(tokio::time::timeout(PATIENCE, watch.next()).await.is_ok(), "nobody keeps it alive any more");
}

pub async fn a_revoked_lease_takes_its_entries_along_at_once(store: impl TestStore) {
    let client = store.client();
    let lease = client.grant(Duration::from_mins(10)).await.unwrap();
    let other = client.grant(Duration::from_mins(10)).await.unwrap();
    assert_ne!(lease.id, other.id);
    change(&*client, vec![put_under("a", lease.id), put_under("b", other.id)]).await;
    store.client().revoke(lease.id).await.unwrap();
    assert!(find(&*client, "a").await.is_none() && find(&*client, "b").await.is_some());
}

pub async fn a_lease_that_is_gone_cannot_be_used(store: impl TestStore) {
    let client = store.client();
    let lease = client.grant(Duration::from_mins(10)).await.unwrap();
    client.revoke(lease.id).await.unwrap();
    assert_gone(&client.keep_alive(lease.id).await);
    assert_gone(&client.revoke(lease.id).await);
    assert_gone(&client.txn(unconditionally(vec![put("b", b""), put_under("a", lease.id)])).await);
    assert!(find(&*client, "b").await.is_none(), "a transaction is done whole or not at all");
}

pub async fn an_entry_put_without_its_lease_stays(store: impl TestStore) {
    let client = store.client();
    let lease = client.grant(Duration::from_mins(10)).await.unwrap();
    change(&*client, vec![put_under("a", lease.id), put_under("b", lease.id)]).await;
    change(&*client, vec![put("a", b"mine")]).await;
    client.revoke(lease.id).await.unwrap();
    let reading = client.read(&Prefix::everything()).await.unwrap();
    assert_eq!(reading.entries.len(), 1);
    assert_eq!((&reading.entries[0].key, reading.entries[0].lease), (&key("a"), None));
}
