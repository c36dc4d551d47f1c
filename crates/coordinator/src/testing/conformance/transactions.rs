//! What a transaction does, and what it refuses.

#![allow(missing_docs, reason = "each function's name is the promise that it checks")]

use std::sync::Arc;

use bytes::Bytes;

use super::{assert_refused, change, find, holds, key, put, unconditionally};
use crate::testing::TestStore;
use crate::{CHANGES_LIMIT, Change, Compare, Coordinator, Prefix, Revision, Txn, VALUE_LIMIT};

pub async fn a_put_makes_an_entry_and_a_revision(store: impl TestStore) {
    let client = store.client();
    let before = client.read(&Prefix::everything()).await.unwrap();
    let revision = change(&*client, vec![put("a/1", b"one")]).await;
    assert!(revision > before.revision);
    let entry = find(&*client, "a/1").await.unwrap();
    assert_eq!((&*entry.value, entry.created, entry.modified), (&b"one"[..], revision, revision));
    assert_eq!(entry.lease, None);
}

pub async fn a_put_again_keeps_the_revision_of_creation(store: impl TestStore) {
    let client = store.client();
    let created = change(&*client, vec![put("a", b"one")]).await;
    let modified = change(&*client, vec![put("a", b"two")]).await;
    let entry = find(&*client, "a").await.unwrap();
    assert_eq!((&*entry.value, entry.created, entry.modified), (&b"two"[..], created, modified));
    assert!(modified > created);
}

pub async fn an_entry_made_again_is_created_anew(store: impl TestStore) {
    let client = store.client();
    change(&*client, vec![put("a", b"one")]).await;
    change(&*client, vec![Change::Delete(key("a"))]).await;
    let again = change(&*client, vec![put("a", b"one")]).await;
    assert_eq!(find(&*client, "a").await.unwrap().created, again);
}

pub async fn absent_holds_only_without_the_entry(store: impl TestStore) {
    let client = store.client();
    assert!(holds(&*client, Compare::Absent(key("a"))).await);
    change(&*client, vec![put("a", b"")]).await;
    assert!(!holds(&*client, Compare::Absent(key("a"))).await);
    change(&*client, vec![Change::Delete(key("a"))]).await;
    assert!(holds(&*client, Compare::Absent(key("a"))).await);
}

pub async fn present_holds_only_with_the_entry(store: impl TestStore) {
    let client = store.client();
    assert!(!holds(&*client, Compare::Present(key("a"))).await);
    change(&*client, vec![put("a", b"")]).await;
    assert!(holds(&*client, Compare::Present(key("a"))).await);
    assert!(!holds(&*client, Compare::Present(key("a/b"))).await);
}

pub async fn modified_holds_only_for_the_last_put(store: impl TestStore) {
    let client = store.client();
    let first = change(&*client, vec![put("a", b"same")]).await;
    assert!(holds(&*client, Compare::Modified(key("a"), first)).await);
    change(&*client, vec![put("b", b"")]).await;
    assert!(holds(&*client, Compare::Modified(key("a"), first)).await);
    let second = change(&*client, vec![put("a", b"same")]).await;
    assert!(!holds(&*client, Compare::Modified(key("a"), first)).await);
    assert!(holds(&*client, Compare::Modified(key("a"), second)).await);
    change(&*client, vec![Change::Delete(key("a"))]).await;
    assert!(!holds(&*client, Compare::Modified(key("a"), second)).await);
    // To say absent in this way is a mistake.
    let zero = Compare::Modified(key("a"), Revision(0));
    assert_refused(&client.txn(Txn { compares: vec![zero], ..Txn::default() }).await);
}

pub async fn value_holds_only_for_the_same_octets(store: impl TestStore) {
    let client = store.client();
    let value = |octets: &'static [u8]| Compare::Value(key("a"), Bytes::from_static(octets));
    assert!(!holds(&*client, value(b"")).await, "what is absent has no value");
    change(&*client, vec![put("a", b"\0\xff\n")]).await;
    assert!(holds(&*client, value(b"\0\xff\n")).await);
    assert!(!holds(&*client, value(b"\0\xff")).await);
    change(&*client, vec![put("a", b"")]).await;
    assert!(holds(&*client, value(b"")).await);
}

pub async fn all_compares_must_hold(store: impl TestStore) {
    let client = store.client();
    change(&*client, vec![put("a", b"")]).await;
    let attempt = async |compares: Vec<Compare>| {
        let txn = Txn { compares, then: vec![put("b", b"")], ..Txn::default() };
        client.txn(txn).await.unwrap().succeeded
    };
    assert!(!attempt(vec![Compare::Present(key("a")), Compare::Present(key("b"))]).await);
    assert!(!attempt(vec![Compare::Present(key("b")), Compare::Present(key("a"))]).await);
    assert!(find(&*client, "b").await.is_none());
    assert!(attempt(vec![Compare::Present(key("a")), Compare::Absent(key("b"))]).await);
}

pub async fn a_failed_transaction_changes_nothing_and_reads(store: impl TestStore) {
    let client = store.client();
    let before = change(&*client, vec![put("a", b"one"), put("b", b"two")]).await;
    let txn = Txn {
        compares: vec![Compare::Absent(key("a"))],
        then: vec![put("a", b"other"), Change::Delete(key("b"))],
        otherwise: vec![key("b"), key("c"), key("a")],
    };
    let outcome = client.txn(txn).await.unwrap();
    assert!(!outcome.succeeded);
    assert_eq!(outcome.revision, before);
    let read: Vec<_> = outcome.read.iter().map(|entry| (entry.key.as_str(), &*entry.value)).collect();
    assert_eq!(read, [("b", &b"two"[..]), ("a", &b"one"[..])]);
    assert_eq!(client.read(&Prefix::everything()).await.unwrap().revision, before);
}

pub async fn changes_of_one_transaction_share_a_revision(store: impl TestStore) {
    let client = store.client();
    let first = change(&*client, vec![put("a", b"")]).await;
    let second = change(&*client, vec![put("b", b""), put("c", b""), Change::Delete(key("a"))]).await;
    assert_eq!(second, Revision(first.0 + 1));
    for name in ["b", "c"] {
        assert_eq!(find(&*client, name).await.unwrap().modified, second);
    }
}

pub async fn a_transaction_that_changes_nothing_makes_no_revision(store: impl TestStore) {
    let client = store.client();
    let revision = change(&*client, vec![put("a", b"")]).await;
    let nothing = vec![Change::Delete(key("b")), Change::DeletePrefix(Prefix::new("c/").unwrap())];
    assert_eq!(change(&*client, nothing).await, revision);
    assert_eq!(change(&*client, vec![]).await, revision);
}

pub async fn a_key_named_twice_is_refused(store: impl TestStore) {
    let client = store.client();
    let within = || Change::DeletePrefix(Prefix::new("a/").unwrap());
    for then in [
        vec![put("a/b", b"1"), put("a/b", b"2")],
        vec![put("a/b", b"1"), Change::Delete(key("a/b"))],
        vec![within(), put("a/b", b"1")],
        vec![Change::Delete(key("a/b")), within()],
        vec![within(), Change::DeletePrefix(Prefix::everything())],
    ] {
        assert_refused(&client.txn(unconditionally(then)).await);
    }
    assert!(client.read(&Prefix::everything()).await.unwrap().entries.is_empty());
    change(&*client, vec![within(), put("a", b"1"), put("ab", b"1")]).await;
}

pub async fn a_transaction_beyond_the_limits_is_refused(store: impl TestStore) {
    let client = store.client();
    assert_refused(&client.txn(unconditionally(vec![put("a", &vec![0; VALUE_LIMIT + 1])])).await);
    let many = |count: usize| (0..count).map(|number| put(&format!("many/{number}"), b"")).collect();
    assert_refused(&client.txn(unconditionally(many(CHANGES_LIMIT + 1))).await);
    change(&*client, many(CHANGES_LIMIT)).await;
    let large: Vec<_> =
        (0..17).map(|number| put(&format!("large/{number}"), &vec![0; VALUE_LIMIT])).collect();
    assert_refused(&client.txn(unconditionally(large)).await);
}

pub async fn the_largest_values_are_kept(store: impl TestStore) {
    let client = store.client();
    let value: Vec<u8> = (0..VALUE_LIMIT).map(|place| u8::try_from(place % 251).unwrap()).collect();
    let name = "k".repeat(512);
    change(&*client, vec![put(&name, &value)]).await;
    assert!(find(&*client, &name).await.unwrap().value == value);
    // As many as one transaction may have.
    let many = (0..15).map(|number| put(&format!("large/{number}"), &value)).collect();
    change(&*client, many).await;
    let reading = client.read(&Prefix::new("large/").unwrap()).await.unwrap();
    assert_eq!(reading.entries.len(), 15);
    assert!(reading.entries.iter().all(|entry| entry.value == value));
}

/// Reads a number and puts one more, until it was not changed in between.
async fn increment(client: &dyn Coordinator, name: &str) {
    loop {
        let entry = find(client, name).await.unwrap();
        let number: u64 = std::str::from_utf8(&entry.value).unwrap().parse().unwrap();
        let txn = Txn {
            compares: vec![Compare::Modified(key(name), entry.modified)],
            then: vec![put(name, (number + 1).to_string().as_bytes())],
            otherwise: vec![],
        };
        if client.txn(txn).await.unwrap().succeeded {
            return;
        }
    }
}

pub async fn increments_by_many_at_once_are_all_counted(store: impl TestStore) {
    let client = store.client();
    change(&*client, vec![put("count", b"0")]).await;
    let work = (0..8).map(|_| {
        let client = store.client();
        tokio::spawn(async move {
            for _ in 0..10 {
                increment(&*client, "count").await;
            }
        })
    });
    for worker in work.collect::<Vec<_>>() {
        worker.await.unwrap();
    }
    assert_eq!(find(&*client, "count").await.unwrap().value, "80");
}

pub async fn only_one_of_many_makes_an_absent_entry(store: impl TestStore) {
    let attempts = (0..16_u8).map(|number| {
        let client: Arc<dyn Coordinator> = store.client();
        tokio::spawn(async move {
            let txn = Txn {
                compares: vec![Compare::Absent(key("leader"))],
                then: vec![put("leader", &[number])],
                otherwise: vec![key("leader")],
            };
            (number, client.txn(txn).await.unwrap())
        })
    });
    let mut won = Vec::new();
    for attempt in attempts.collect::<Vec<_>>() {
        let (number, outcome) = attempt.await.unwrap();
        if outcome.succeeded {
            won.push(number);
        } else {
            assert_eq!(outcome.read.len(), 1, "who lost reads who won");
        }
    }
    assert_eq!(won, *find(&*store.client(), "leader").await.unwrap().value);
}
