//! A view of a part of the store that is kept in step, and that outlives the coordinator's absence.
//!
//! A task reads, then watches; when the watch ends, for whatever reason, it waits a little and begins again. What it
//! saw last stays in view, and on the disk, so that a service which starts while the coordinator is away begins with
//! what was last known. A view never goes back: what (epoch, revision) has been seen is never followed by a lower one.

mod cache;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use self::cache::Cache;
use crate::backoff::Backoff;
use crate::{Coordinator, CoordinatorError, Entry, Key, Prefix, Reading, Revision, WatchEvent};

/// A watch that held for as long went well, even if nothing happened.
const LONG: Duration = Duration::from_secs(30);

/// What is known of a part of the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    /// The life of the store; 0 when nothing was ever known.
    pub epoch: u64,
    /// The revision up to which all is in view.
    pub revision: Revision,
    /// What was there.
    pub entries: BTreeMap<Key, Entry>,
    /// How far it can be relied upon.
    pub standing: Standing,
}

/// How far a view can be relied upon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The coordinator tells every change.
    Live,
    /// The coordinator is away; this was last known.
    Stale {
        /// Since when on our side; for a view from the disk, when the mirror was started.
        since: Instant,
    },
    /// Nothing was ever known.
    Never,
}

impl View {
    fn at(&self) -> (u64, Revision) {
        (self.epoch, self.revision)
    }

    /// This view after `events`, in their order.
    fn after(&self, events: Vec<WatchEvent>) -> Self {
        let mut next = self.clone();
        for event in events {
            next.revision = next.revision.max(event.revision());
            match event {
                WatchEvent::Put(entry) => drop(next.entries.insert(entry.key.clone(), entry)),
                WatchEvent::Deleted { key, .. } => drop(next.entries.remove(&key)),
            }
        }
        next
    }
}

impl From<Reading> for View {
    fn from(reading: Reading) -> Self {
        let Reading { epoch, revision, entries } = reading;
        let entries = entries.into_iter().map(|entry| (entry.key.clone(), entry)).collect();
        Self { epoch, revision, entries, standing: Standing::Live }
    }
}

/// A view that follows the store. Dropping it ends that.
#[derive(Debug)]
pub struct Mirror {
    view: watch::Receiver<Arc<View>>,
    tasks: Vec<JoinHandle<()>>,
}

impl Mirror {
    /// Follows `prefix`. The last view is kept in the file `cache`, and is what the mirror begins with. To be called
    /// within a runtime; reads the file at once.
    pub fn start(coordinator: Arc<dyn Coordinator>, prefix: Prefix, cache: Option<PathBuf>) -> Self {
        let cache = cache.map(|file| Cache::new(file, prefix.clone()));
        let known = cache.as_ref().and_then(Cache::read).map(|reading| View {
            standing: Standing::Stale { since: Instant::now() },
            ..View::from(reading)
        });
        let nothing =
            View { epoch: 0, revision: Revision(0), entries: BTreeMap::new(), standing: Standing::Never };
        let first = known.unwrap_or(nothing);
        let written = first.at();
        let (sender, view) = watch::channel(Arc::new(first));
        let follower = Follower { coordinator, prefix, view: sender };
        let mut tasks = vec![tokio::spawn(follower.follow())];
        tasks.extend(cache.map(|cache| tokio::spawn(cache.keep(view.clone(), written))));
        Self { view, tasks }
    }

    /// What is known now.
    pub fn view(&self) -> Arc<View> {
        Arc::clone(&self.view.borrow())
    }

    /// Tells every view from now on; one that looks rarely sees only the latest.
    pub fn changes(&self) -> watch::Receiver<Arc<View>> {
        self.view.clone()
    }
}

impl Drop for Mirror {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

struct Follower {
    coordinator: Arc<dyn Coordinator>,
    prefix: Prefix,
    view: watch::Sender<Arc<View>>,
}

impl Follower {
    async fn follow(self) {
        let mut backoff = Backoff::default();
        loop {
            let began = Instant::now();
            let Err(error) = self.watch(&mut backoff).await;
            self.become_stale();
            if began.elapsed() > LONG {
                backoff.reset();
            }
            let wait = backoff.next();
            tracing::debug!(
                error = &error as &dyn std::error::Error,
                prefix = %self.prefix,
                ?wait,
                "the coordinator is not followed"
            );
            tokio::time::sleep(wait).await;
        }
    }

    /// Reads and watches until that fails.
    async fn watch(&self, backoff: &mut Backoff) -> Result<std::convert::Infallible, CoordinatorError> {
        let read = View::from(self.coordinator.read(&self.prefix).await?);
        let known = Arc::clone(&self.view.borrow());
        if read.at() < known.at() {
            let ((epoch, revision), (known_epoch, known_revision)) = (read.at(), known.at());
            let reason =
                format!("it is at {epoch}.{revision}, but {known_epoch}.{known_revision} has been seen");
            return Err(CoordinatorError::unavailable("read", reason));
        }
        let mut watch = self.coordinator.watch(&self.prefix, read.revision).await?;
        self.show(read);
        loop {
            let events = watch.next().await?;
            let next = self.view.borrow().after(events);
            self.show(next);
            backoff.reset();
        }
    }

    fn show(&self, view: View) {
        self.view.send_if_modified(|current| {
            let changed = **current != view;
            if changed {
                *current = Arc::new(view);
            }
            changed
        });
    }

    fn become_stale(&self) {
        let known = Arc::clone(&self.view.borrow());
        if known.standing == Standing::Live {
            self.show(View { standing: Standing::Stale { since: Instant::now() }, ..(*known).clone() });
        }
    }
}
