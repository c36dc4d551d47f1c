//! Announcing: what a process says of itself in the coordinator, there as long as the process is.
//!
//! The entries stand under a lease of the process and are gone with it. The loop takes no orders: it is woken, compares
//! what is to be said with what it knows to be written, and writes the difference. While the coordinator is away it tries
//! again; when the lease is gone, everything is said anew under another.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use coordinator::{CHANGES_LIMIT, Change, Coordinator, CoordinatorError, Key, Lease, LeaseId, Txn};
use placement::RecordKey;
use serde::Serialize;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

use crate::key_of;

/// How long after a failure it is tried again.
const RETRY: Duration = Duration::from_millis(500);

/// What is to be said, by key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Announcements(BTreeMap<Key, Bytes>);

impl Announcements {
    /// Says this from now on.
    pub fn say(&mut self, key: &RecordKey, record: &impl Serialize) {
        let json = serde_json::to_vec(record).expect("records are structs of text and numbers, always JSON");
        self.0.insert(key_of(key), json.into());
    }
}

/// Says what is to be said until it is dropped. Then the entries stay until the lease has run out.
#[derive(Debug)]
pub struct Announcing {
    wanted: watch::Sender<Announcements>,
    lease: watch::Receiver<Option<LeaseId>>,
    task: JoinHandle<()>,
    coordinator: Coordinated,
}

#[derive(Clone)]
struct Coordinated(Arc<dyn Coordinator>);

impl std::fmt::Debug for Coordinated {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Coordinator")
    }
}

impl Announcing {
    /// Begins with nothing to say, under leases of `ttl`. Within a runtime only.
    pub fn start(coordinator: Arc<dyn Coordinator>, ttl: Duration) -> Self {
        let wanted = watch::Sender::new(Announcements::default());
        let (told, lease) = watch::channel(None);
        let coordinator = Coordinated(coordinator);
        let announcer = Announcer {
            coordinator: coordinator.clone(),
            ttl,
            wanted: wanted.subscribe(),
            told,
            lease: None,
            renewal: Instant::now(),
            written: BTreeMap::new(),
        };
        Self { wanted, lease, task: tokio::spawn(announcer.run()), coordinator }
    }

    /// What is to be said is changed, and soon said.
    pub fn update(&self, change: impl FnOnce(&mut Announcements)) {
        self.wanted.send_modify(change);
    }

    /// The lease under which it is said, while there is one.
    pub fn lease(&self) -> watch::Receiver<Option<LeaseId>> {
        self.lease.clone()
    }

    /// Takes everything back at once, so that nobody has to wait for the lease to run out.
    pub async fn withdraw(&self) {
        self.task.abort();
        let lease = *self.lease.borrow();
        if let Some(lease) = lease
            && let Err(error) = self.coordinator.0.revoke(lease).await
        {
            tracing::debug!(%error, "the lease is left to run out");
        }
    }
}

impl Drop for Announcing {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Announcer {
    coordinator: Coordinated,
    ttl: Duration,
    wanted: watch::Receiver<Announcements>,
    told: watch::Sender<Option<LeaseId>>,
    lease: Option<Lease>,
    /// When it wants to be kept alive.
    renewal: Instant,
    /// What stands there under the present lease, as far as is known.
    written: BTreeMap<Key, Bytes>,
}

impl Announcer {
    async fn run(mut self) {
        let mut troubled = false;
        loop {
            let next = match self.keep_up().await {
                Ok(next) => {
                    troubled = false;
                    next
                }
                Err(error) => {
                    if !std::mem::replace(&mut troubled, true) {
                        tracing::warn!(%error, "what this process says of itself is not up to date");
                    }
                    Instant::now() + RETRY
                }
            };
            tokio::select! {
                changed = self.wanted.changed() => if changed.is_err() { return },
                () = sleep_until(next) => {}
            }
        }
    }

    /// Makes what stands there what is to be said. Returns when the lease wants to be kept alive next.
    async fn keep_up(&mut self) -> Result<Instant, CoordinatorError> {
        let lease = match self.lease {
            Some(lease) if Instant::now() < self.renewal => lease.id,
            Some(lease) => match self.coordinator.0.keep_alive(lease.id).await {
                Err(CoordinatorError::LeaseGone) => self.begin().await?,
                kept => self.kept(Lease { id: lease.id, ttl: kept? }),
            },
            None => self.begin().await?,
        };
        match self.write(lease).await {
            Err(CoordinatorError::LeaseGone) => {
                self.lease = None;
                Ok(Instant::now())
            }
            written => written.map(|()| self.renewal),
        }
    }

    /// Another lease, under which nothing stands yet.
    async fn begin(&mut self) -> Result<LeaseId, CoordinatorError> {
        self.lease = None;
        self.written.clear();
        self.told.send_if_modified(|told| told.take().is_some());
        let lease = self.coordinator.0.grant(self.ttl).await?;
        self.told.send_replace(Some(lease.id));
        Ok(self.kept(lease))
    }

    fn kept(&mut self, lease: Lease) -> LeaseId {
        (self.lease, self.renewal) = (Some(lease), Instant::now() + lease.ttl / 3);
        lease.id
    }

    async fn write(&mut self, lease: LeaseId) -> Result<(), CoordinatorError> {
        let Announcements(wanted) = self.wanted.borrow_and_update().clone();
        let gone = self.written.keys().filter(|key| !wanted.contains_key(*key));
        let deletes = gone.map(|key| Change::Delete(key.clone()));
        let new = wanted.iter().filter(|(key, value)| self.written.get(*key) != Some(*value));
        let puts = new.map(|(key, value)| Change::Put {
            key: key.clone(),
            value: value.clone(),
            lease: Some(lease),
        });
        let changes: Vec<_> = deletes.chain(puts).collect();
        for some in changes.chunks(CHANGES_LIMIT) {
            // Whether it came to be written is not known after an error; said twice is as good as once.
            self.coordinator.0.txn(Txn { then: some.to_vec(), ..Txn::default() }).await?;
            for change in some {
                match change {
                    Change::Put { key, value, .. } => drop(self.written.insert(key.clone(), value.clone())),
                    Change::Delete(key) => drop(self.written.remove(key)),
                    Change::DeletePrefix(_) => {}
                }
            }
        }
        Ok(())
    }
}
