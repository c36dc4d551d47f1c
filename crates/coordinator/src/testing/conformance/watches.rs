//! What is told as it happens.

#![allow(missing_docs, reason = "each function's name is the promise that it checks")]

use std::collections::BTreeMap;
use std::time::Duration;

use super::{change, events, key, next, prefix, put, put_under};
use crate::testing::TestStore;
use crate::{Change, Coordinator, CoordinatorError, Prefix, Revision, Watch, WatchEvent};

/// What is said about a watch that cannot begin there: at once, or by its first answer.
async fn why_not(client: &dyn Coordinator, after: Revision) -> CoordinatorError {
    match client.watch(&Prefix::everything(), after).await {
        Ok(mut watch) => next(&mut *watch).await.unwrap_err(),
        Err(error) => error,
    }
}

async fn watch(client: &dyn Coordinator, part: &str, after: Revision) -> Box<dyn Watch> {
    client.watch(&prefix(part), after).await.unwrap()
}

fn told(events: &[WatchEvent]) -> Vec<(&str, Option<&[u8]>)> {
    let told = events.iter().map(|event| match event {
        WatchEvent::Put(entry) => (entry.key.as_str(), Some(&*entry.value)),
        WatchEvent::Deleted { key, .. } => (key.as_str(), None),
    });
    told.collect()
}

pub async fn a_watch_tells_what_happens_after_its_revision(store: impl TestStore) {
    let client = store.client();
    let first = change(&*client, vec![put("a", b"1")]).await;
    change(&*client, vec![put("a", b"2")]).await;
    let mut watch = watch(&*client, "", first).await;
    change(&*client, vec![put("b", b"3")]).await;
    let last = change(&*client, vec![Change::Delete(key("a"))]).await;
    let all = events(&mut *watch, 3).await;
    assert_eq!(told(&all), [("a", Some(&b"2"[..])), ("b", Some(b"3")), ("a", None)]);
    assert_eq!(all[2].revision(), last);
    let WatchEvent::Put(entry) = &all[0] else { unreachable!("it was just compared") };
    assert_eq!((entry.created, entry.modified), (first, Revision(first.0 + 1)));
}

pub async fn a_watch_can_begin_at_every_revision(store: impl TestStore) {
    let client = store.client();
    let mut revisions = vec![client.read(&Prefix::everything()).await.unwrap().revision];
    for number in 0..10_u8 {
        revisions.push(change(&*client, vec![put("a", &[number])]).await);
    }
    for (known, after) in revisions.iter().take(10).enumerate() {
        let mut watch = watch(&*store.client(), "", *after).await;
        let all = events(&mut *watch, 10 - known).await;
        let expected = revisions[known + 1..].iter();
        assert!(all.iter().map(WatchEvent::revision).eq(expected.copied()), "after {after}: {all:?}");
    }
}

pub async fn a_watch_begins_at_the_next_change(store: impl TestStore) {
    let client = store.client();
    let now = change(&*client, vec![put("a", b"old")]).await;
    let mut watch = watch(&*client, "", now).await;
    change(&*client, vec![put("a", b"new")]).await;
    assert_eq!(told(&events(&mut *watch, 1).await), [("a", Some(&b"new"[..]))]);
}

pub async fn a_watch_tells_only_its_part(store: impl TestStore) {
    let client = store.client();
    let now = change(&*client, vec![put("a/1", b"")]).await;
    let mut watch = watch(&*client, "a/", now).await;
    change(&*client, vec![put("a", b""), put("a0", b""), put("b/1", b"")]).await;
    change(&*client, vec![put("a/2", b""), put("b/2", b"")]).await;
    change(&*client, vec![Change::DeletePrefix(Prefix::everything())]).await;
    let all = events(&mut *watch, 3).await;
    assert_eq!(told(&all), [("a/2", Some(&b""[..])), ("a/1", None), ("a/2", None)]);
}

pub async fn the_changes_of_one_revision_are_told_together(store: impl TestStore) {
    let client = store.client();
    let now = change(&*client, vec![put("old", b"")]).await;
    let mut watch = watch(&*client, "", now).await;
    let many = (0..50).map(|number| put(&format!("many/{number}"), &[7; 1000]));
    let revision = change(&*client, many.chain([Change::Delete(key("old"))]).collect()).await;
    let all = next(&mut *watch).await.unwrap();
    assert_eq!(all.len(), 51);
    assert!(all.iter().all(|event| event.revision() == revision));
}

pub async fn a_watch_may_be_given_up_while_it_waits(store: impl TestStore) {
    let client = store.client();
    let now = change(&*client, vec![put("a", b"")]).await;
    let mut watch = watch(&*client, "", now).await;
    for number in 0..20_u8 {
        let waited = tokio::time::timeout(Duration::from_millis(1), watch.next()).await;
        assert!(waited.is_err(), "nothing happened, but {waited:?}");
        change(&*client, vec![put("a", &[number])]).await;
        assert_eq!(told(&events(&mut *watch, 1).await), [("a", Some(&[number][..]))]);
    }
}

pub async fn a_watch_tells_the_end_of_a_lease(store: impl TestStore) {
    let client = store.client();
    let lease = client.grant(Duration::from_mins(10)).await.unwrap();
    let now = change(&*client, vec![put_under("a", lease.id)]).await;
    let mut watch = watch(&*store.client(), "", now).await;
    client.revoke(lease.id).await.unwrap();
    let all = events(&mut *watch, 1).await;
    assert_eq!(told(&all), [("a", None)]);
    assert_eq!(all[0].revision(), client.read(&Prefix::everything()).await.unwrap().revision);
}

pub async fn a_watch_after_what_is_forgotten_is_told_so(mut store: impl TestStore) {
    let client = store.client();
    let first = change(&*client, vec![put("a", b"1")]).await;
    let second = change(&*client, vec![put("b", b"2")]).await;
    // The last revision before the forgotten ones, and a deletion as the very last of those.
    let third = change(&*client, vec![Change::Delete(key("b"))]).await;
    store.compact().await;
    for after in [first, second] {
        let error = why_not(&*client, after).await;
        assert!(
            matches!(error, CoordinatorError::Compacted { .. }),
            "after {after}, not Compacted but {error:?}"
        );
    }
    assert!(client.read(&Prefix::everything()).await.unwrap().revision >= third);
}

pub async fn a_watch_after_the_forgotten_goes_on(mut store: impl TestStore) {
    let client = store.client();
    change(&*client, vec![put("a", b"1")]).await;
    store.compact().await;
    let now = client.read(&Prefix::everything()).await.unwrap().revision;
    let mut watch = watch(&*client, "", now).await;
    change(&*client, vec![put("a", b"2")]).await;
    assert_eq!(told(&events(&mut *watch, 1).await), [("a", Some(&b"2"[..]))]);
}

pub async fn a_watch_after_a_revision_to_come_is_told_so(store: impl TestStore) {
    let client = store.client();
    let now = change(&*client, vec![put("a", b"")]).await;
    let error = why_not(&*client, Revision(now.0 + 1000)).await;
    assert!(matches!(error, CoordinatorError::Compacted { .. }), "not Compacted but {error:?}");
}

pub async fn two_watches_tell_the_same(store: impl TestStore) {
    let (one, other) = (store.client(), store.client());
    let now = change(&*one, vec![put("a", b"")]).await;
    let mut first = watch(&*one, "", now).await;
    let mut second = watch(&*other, "", now).await;
    let mut third = watch(&*other, "", now).await;
    for number in 0..10_u8 {
        change(&*one, vec![put("a", &[number])]).await;
    }
    let told = events(&mut *first, 10).await;
    assert_eq!(events(&mut *second, 10).await, told);
    drop(second);
    change(&*one, vec![put("a", b"last")]).await;
    assert_eq!(events(&mut *third, 11).await[..10], told);
}

pub async fn a_watch_in_step_ends_as_a_reading(store: impl TestStore) {
    let client = store.client();
    let began = client.read(&Prefix::everything()).await.unwrap();
    let mut watch = watch(&*client, "", began.revision).await;
    let work = (0..4_u64).map(|worker| {
        let client = store.client();
        tokio::spawn(async move {
            for number in 0..25_u64 {
                let name = format!("a/{}", (worker * 7 + number * 3) % 10);
                let then = match number % 3 {
                    0 => Change::Delete(key(&name)),
                    _ => put(&name, number.to_string().as_bytes()),
                };
                change(&*client, vec![then]).await;
            }
        })
    });
    for worker in work.collect::<Vec<_>>() {
        worker.await.unwrap();
    }
    let end = change(&*client, vec![put("end", b"")]).await;
    let (mut entries, mut reached) = (BTreeMap::new(), began.revision);
    while reached < end {
        for event in next(&mut *watch).await.unwrap() {
            assert!(event.revision() >= reached, "a watch never goes back");
            reached = event.revision();
            match event {
                WatchEvent::Put(entry) => drop(entries.insert(entry.key.clone(), entry)),
                WatchEvent::Deleted { key, .. } => drop(entries.remove(&key)),
            }
        }
    }
    let reading = client.read(&Prefix::everything()).await.unwrap();
    assert!(entries.into_values().eq(reading.entries), "a watch and a reading differ");
}
