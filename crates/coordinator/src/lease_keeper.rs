//! Keeping a lease alive, and knowing when it may be lost.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use crate::backoff::Backoff;
use crate::stopwatch::Stopwatch;
use crate::{Coordinator, CoordinatorError, LeaseId};

/// What a keeper has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holding {
    /// Nothing yet: it is asking for a lease.
    Asking,
    /// A lease whose time is not over.
    Held(LeaseId),
    /// The lease may be over: what was held by it has to be let go. The keeper does nothing until it is told to
    /// [`LeaseKeeper::renew`].
    Lost(LeaseId),
}

/// Holds a lease. Dropping it lets the lease run out; [`LeaseKeeper::release`] ends it at once.
///
/// Our clock starts when the coordinator is asked, so that it is over here before it can be over there. It goes on
/// while the machine sleeps.
#[derive(Debug)]
pub struct LeaseKeeper {
    coordinator: Releasing,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    holding: watch::Sender<Holding>,
    deadline: std::sync::Mutex<Option<(Stopwatch, Duration)>>,
    renew: Notify,
}

/// For the sake of `Debug`.
struct Releasing(Arc<dyn Coordinator>);

impl std::fmt::Debug for Releasing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Coordinator")
    }
}

impl LeaseKeeper {
    /// Asks for a lease of `ttl`, again and again until it is granted, and keeps it. To be called within a runtime.
    pub fn start(coordinator: Arc<dyn Coordinator>, ttl: Duration) -> Self {
        let shared = Arc::new(Shared {
            holding: watch::Sender::new(Holding::Asking),
            deadline: std::sync::Mutex::new(None),
            renew: Notify::new(),
        });
        let task = tokio::spawn(keep(Arc::clone(&coordinator), ttl, Arc::clone(&shared)));
        Self { coordinator: Releasing(coordinator), shared, task }
    }

    /// The lease, if its time is not over at this very moment.
    pub fn lease(&self) -> Option<LeaseId> {
        match *self.shared.holding.borrow() {
            Holding::Held(lease) if !self.shared.left().is_zero() => Some(lease),
            _ => None,
        }
    }

    /// What the keeper has, and every change of that.
    pub fn holding(&self) -> watch::Receiver<Holding> {
        self.shared.holding.subscribe()
    }

    /// After a lease was lost, asks for another one. While one is held this does nothing.
    pub fn renew(&self) {
        if matches!(*self.shared.holding.borrow(), Holding::Lost(_)) {
            self.shared.renew.notify_one();
        }
    }

    /// Ends the lease, and with it the entries under it.
    pub async fn release(self) -> Result<(), CoordinatorError> {
        self.task.abort();
        let holding = *self.shared.holding.borrow();
        match holding {
            Holding::Held(lease) => match self.coordinator.0.revoke(lease).await {
                Err(CoordinatorError::LeaseGone) => Ok(()),
                outcome => outcome,
            },
            Holding::Asking | Holding::Lost(_) => Ok(()),
        }
    }
}

impl Drop for LeaseKeeper {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Shared {
    /// How much time the lease has certainly left.
    fn left(&self) -> Duration {
        let deadline = *self.deadline.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        deadline.map_or(Duration::ZERO, |(since, ttl)| ttl.saturating_sub(since.elapsed()))
    }

    fn extend(&self, since: Stopwatch, ttl: Duration) {
        let deadline = Some((since, ttl));
        *self.deadline.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = deadline;
    }
}

async fn keep(coordinator: Arc<dyn Coordinator>, ttl: Duration, shared: Arc<Shared>) {
    loop {
        shared.holding.send_replace(Holding::Asking);
        let lease = obtain(&*coordinator, ttl, &shared).await;
        shared.holding.send_replace(Holding::Held(lease));
        hold(&*coordinator, lease, &shared).await;
        shared.holding.send_replace(Holding::Lost(lease));
        shared.renew.notified().await;
    }
}

async fn obtain(coordinator: &dyn Coordinator, ttl: Duration, shared: &Shared) -> LeaseId {
    let mut backoff = Backoff::default();
    loop {
        let since = Stopwatch::start();
        match coordinator.grant(ttl).await {
            Ok(lease) => {
                shared.extend(since, lease.ttl);
                return lease.id;
            }
            Err(error) => {
                tracing::debug!(error = &error as &dyn std::error::Error, "no lease is granted");
                sleep(backoff.next()).await;
            }
        }
    }
}

/// Keeps the lease alive until it is gone or may be.
async fn hold(coordinator: &dyn Coordinator, lease: LeaseId, shared: &Shared) {
    let mut ttl = shared.left();
    let mut wait = ttl / 3;
    let mut backoff = Backoff::default();
    loop {
        sleep(wait).await;
        let since = Stopwatch::start();
        // Zero after the machine slept: then the lease is not kept alive behind the back of whoever lost it.
        let left = shared.left();
        if left.is_zero() {
            return;
        }
        match timeout(left, coordinator.keep_alive(lease)).await {
            Ok(Ok(kept)) => {
                shared.extend(since, kept);
                backoff.reset();
                ttl = kept;
                wait = ttl / 3;
            }
            Ok(Err(CoordinatorError::LeaseGone)) => return,
            // Often enough that whatever time is left is enough for some more attempts.
            Ok(Err(_)) | Err(_) => wait = backoff.next().min(ttl / 9).min(shared.left()),
        }
    }
}
