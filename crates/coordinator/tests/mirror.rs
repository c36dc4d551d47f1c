//! A view that follows the store, outlives its absence and never goes back.

#![allow(clippy::unwrap_used, reason = "this is a test")]

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use coordinator::testing::MemoryCoordinator;
use coordinator::{Change, Coordinator, Key, Mirror, Prefix, Revision, Standing, Txn, View};
use tokio::time::Instant;

async fn put(store: &MemoryCoordinator, name: &str, value: &'static str) -> Revision {
    let change = Change::Put { key: Key::new(name).unwrap(), value: Bytes::from(value), lease: None };
    store.txn(Txn { then: vec![change], ..Txn::default() }).await.unwrap().revision
}

async fn delete(store: &MemoryCoordinator, name: &str) -> Revision {
    let change = Change::Delete(Key::new(name).unwrap());
    store.txn(Txn { then: vec![change], ..Txn::default() }).await.unwrap().revision
}

fn follow(store: &MemoryCoordinator) -> Mirror {
    Mirror::start(Arc::new(store.clone()), Prefix::new("a/").unwrap(), None)
}

/// Waits for a view that is as asked.
async fn until(mirror: &Mirror, what: impl FnMut(&Arc<View>) -> bool) -> Arc<View> {
    let mut changes = mirror.changes();
    let view = tokio::time::timeout(Duration::from_mins(10), changes.wait_for(what)).await;
    Arc::clone(&view.expect("the view never came to be so").unwrap())
}

fn shows(view: &View, name: &str, value: &str) -> bool {
    view.entries.get(name).is_some_and(|entry| entry.value == value)
}

fn is_live(view: &View) -> bool {
    view.standing == Standing::Live
}

#[tokio::test(start_paused = true)]
async fn a_view_follows_every_change_of_its_part() {
    let store = MemoryCoordinator::new();
    put(&store, "a/1", "one").await;
    put(&store, "b/1", "other").await;
    let mirror = follow(&store);
    assert_eq!(mirror.view().standing, Standing::Never);
    let view = until(&mirror, |view| is_live(view)).await;
    assert_eq!((view.epoch, view.entries.len()), (1, 1));
    let revision = put(&store, "a/2", "two").await;
    let view = until(&mirror, |view| view.entries.len() == 2).await;
    assert_eq!(view.revision, revision);
    delete(&store, "a/1").await;
    let view = until(&mirror, |view| view.entries.len() == 1).await;
    assert!(shows(&view, "a/2", "two"));
}

#[tokio::test(start_paused = true)]
async fn a_view_stands_while_the_coordinator_is_away_and_goes_on() {
    let store = MemoryCoordinator::new();
    put(&store, "a/1", "one").await;
    let mirror = follow(&store);
    until(&mirror, |view| is_live(view)).await;
    store.set_available(false);
    let lost = Instant::now();
    let view = until(&mirror, |view| !is_live(view)).await;
    assert_eq!(view.standing, Standing::Stale { since: lost });
    assert!(shows(&view, "a/1", "one"));
    tokio::time::advance(Duration::from_mins(3)).await;
    store.set_available(true);
    put(&store, "a/1", "two").await;
    until(&mirror, |view| is_live(view) && shows(view, "a/1", "two")).await;
}

#[tokio::test(start_paused = true)]
async fn a_view_is_read_anew_when_the_changes_are_forgotten() {
    let store = MemoryCoordinator::new();
    let mirror = follow(&store);
    until(&mirror, |view| is_live(view)).await;
    store.set_available(false);
    until(&mirror, |view| !is_live(view)).await;
    store.set_available(true);
    put(&store, "a/1", "one").await;
    store.compact();
    until(&mirror, |view| is_live(view) && shows(view, "a/1", "one")).await;
}

#[tokio::test(start_paused = true)]
async fn a_view_takes_a_store_made_anew() {
    let store = MemoryCoordinator::new();
    for _ in 0..10 {
        put(&store, "a/1", "one").await;
    }
    let mirror = follow(&store);
    until(&mirror, |view| is_live(view)).await;
    store.begin_anew();
    let view = until(&mirror, |view| view.epoch == 2).await;
    assert!(view.entries.is_empty(), "a greater epoch is newer, whatever its revision");
}

#[tokio::test(start_paused = true)]
async fn a_view_never_goes_back() {
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("view");
    let start = |store: &MemoryCoordinator| {
        Mirror::start(Arc::new(store.clone()), Prefix::new("a/").unwrap(), Some(cache.clone()))
    };
    let store = MemoryCoordinator::new();
    put(&store, "a/1", "new").await;
    let mirror = start(&store);
    until(&mirror, |view| is_live(view)).await;
    written(&cache).await;
    drop(mirror);
    // An older state of the same life, as from a backup.
    let older = MemoryCoordinator::new();
    let mirror = start(&older);
    assert!(shows(&mirror.view(), "a/1", "new"));
    tokio::time::sleep(Duration::from_mins(1)).await;
    assert!(!is_live(&mirror.view()) && shows(&mirror.view(), "a/1", "new"));
    put(&older, "a/2", "one").await;
    put(&older, "a/2", "two").await;
    until(&mirror, |view| is_live(view) && shows(view, "a/2", "two")).await;
}

/// Waits until the view is on the disk. Its writer has a thread of its own, which a paused clock does not wait for.
async fn written(cache: &std::path::Path) {
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    while !cache.exists() {
        assert!(std::time::Instant::now() < deadline, "the view was never written");
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_mirror_begins_with_what_was_last_known() {
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("view");
    let part = Prefix::new("a/").unwrap();
    let store = MemoryCoordinator::new();
    put(&store, "a/1", "one").await;
    let mirror = Mirror::start(Arc::new(store.clone()), part.clone(), Some(cache.clone()));
    until(&mirror, |view| is_live(view)).await;
    written(&cache).await;
    let known = mirror.view();
    drop(mirror);
    store.set_available(false);
    let mirror = Mirror::start(Arc::new(store.clone()), part, Some(cache.clone()));
    let view = mirror.view();
    assert_eq!(view.standing, Standing::Stale { since: Instant::now() });
    assert_eq!((view.epoch, view.revision, &view.entries), (known.epoch, known.revision, &known.entries));
    // Nor is it taken for that of another part, or read from something else.
    let other = Mirror::start(Arc::new(store.clone()), Prefix::new("b/").unwrap(), Some(cache.clone()));
    assert_eq!(other.view().standing, Standing::Never);
    std::fs::write(&cache, "{\"prefix\":").unwrap();
    let garbled = Mirror::start(Arc::new(store), Prefix::new("a/").unwrap(), Some(cache));
    assert_eq!(garbled.view().standing, Standing::Never);
}

#[tokio::test(start_paused = true)]
async fn a_coordinator_that_stays_away_is_asked_ever_more_rarely() {
    let store = Counting::default();
    let mirror = Mirror::start(Arc::new(store.clone()), Prefix::everything(), None);
    tokio::time::sleep(Duration::from_mins(10)).await;
    let asked = store.0.load(std::sync::atomic::Ordering::SeqCst);
    assert!((90..200).contains(&asked), "asked {asked} times in ten minutes");
    drop(mirror);
    tokio::time::sleep(Duration::from_mins(10)).await;
    assert_eq!(store.0.load(std::sync::atomic::Ordering::SeqCst), asked, "a dropped mirror asks nothing");
}

/// A coordinator that is never there, and counts.
#[derive(Clone, Default)]
struct Counting(Arc<std::sync::atomic::AtomicU32>);

impl Coordinator for Counting {
    fn epoch(&self) -> coordinator::Answer<'_, u64> {
        unimplemented!("a mirror reads")
    }

    fn txn(&self, _: Txn) -> coordinator::Answer<'_, coordinator::TxnOutcome> {
        unimplemented!("a mirror changes nothing")
    }

    fn read(&self, _: &Prefix) -> coordinator::Answer<'_, coordinator::Reading> {
        self.0.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        let source = Arc::new(std::io::Error::other("it is away"));
        let away = coordinator::CoordinatorError::Unavailable { operation: "read", source };
        Box::pin(std::future::ready(Err(away)))
    }

    fn grant(&self, _: Duration) -> coordinator::Answer<'_, coordinator::Lease> {
        unimplemented!("a mirror holds nothing")
    }

    fn keep_alive(&self, _: coordinator::LeaseId) -> coordinator::Answer<'_, Duration> {
        unimplemented!("a mirror holds nothing")
    }

    fn revoke(&self, _: coordinator::LeaseId) -> coordinator::Answer<'_, ()> {
        unimplemented!("a mirror holds nothing")
    }

    fn watch(&self, _: &Prefix, _: Revision) -> coordinator::Answer<'_, Box<dyn coordinator::Watch>> {
        unimplemented!("nothing was read")
    }
}
