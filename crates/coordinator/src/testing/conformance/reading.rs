//! What is read.

#![allow(missing_docs, reason = "each function's name is the promise that it checks")]

use super::{change, names, prefix, put};
use crate::testing::TestStore;
use crate::{Change, Prefix};

pub async fn an_empty_store_has_an_epoch_and_a_revision(store: impl TestStore) {
    let client = store.client();
    let reading = client.read(&Prefix::everything()).await.unwrap();
    assert!(reading.epoch > 0 && reading.revision.0 > 0, "{reading:?}");
    assert_eq!(reading.entries, []);
}

pub async fn the_epoch_is_the_same_for_all(store: impl TestStore) {
    let one = store.client();
    let epoch = one.epoch().await.unwrap();
    change(&*one, vec![put("a", b"")]).await;
    assert_eq!(store.client().epoch().await.unwrap(), epoch);
    assert_eq!(one.read(&prefix("a/")).await.unwrap().epoch, epoch);
}

pub async fn a_reading_has_its_part_by_key(store: impl TestStore) {
    let client = store.client();
    for name in ["b/2", "a/10", "b/10", "b/1", "b/1/x", "c"] {
        change(&*client, vec![put(name, b"")]).await;
    }
    assert_eq!(names(&*client, "b/").await, ["b/1", "b/1/x", "b/10", "b/2"]);
    assert_eq!(names(&*client, "").await, ["a/10", "b/1", "b/1/x", "b/10", "b/2", "c"]);
    assert!(names(&*client, "d/").await.is_empty());
}

pub async fn a_prefix_ends_where_its_segments_do(store: impl TestStore) {
    let client = store.client();
    // Before and behind `a/` in the order of octets: `.` is before `/`, `0` behind it.
    for name in ["a", "a.", "a/ ", "a/x", "a/~", "a0", "ab", "b"] {
        change(&*client, vec![put(name, b"")]).await;
    }
    assert_eq!(names(&*client, "a/").await, ["a/ ", "a/x", "a/~"]);
}

pub async fn what_one_client_put_all_read(store: impl TestStore) {
    let (one, other) = (store.client(), store.client());
    for number in 0..20_u8 {
        let revision = change(&*one, vec![put("a", &[number])]).await;
        let reading = other.read(&Prefix::everything()).await.unwrap();
        assert!(reading.revision >= revision);
        assert_eq!(*reading.entries[0].value, [number]);
    }
}

pub async fn a_deleted_prefix_is_gone_and_nothing_beside(store: impl TestStore) {
    let client = store.client();
    let all = ["a", "a/1", "a/1/x", "a0", "b/1"];
    change(&*client, all.iter().map(|name| put(name, b"")).collect()).await;
    change(&*client, vec![Change::DeletePrefix(prefix("a/"))]).await;
    assert_eq!(names(&*client, "").await, ["a", "a0", "b/1"]);
    change(&*client, vec![Change::DeletePrefix(Prefix::everything())]).await;
    assert!(names(&*client, "").await.is_empty());
    // What is deleted is not what the store is.
    assert!(client.epoch().await.unwrap() > 0);
}
