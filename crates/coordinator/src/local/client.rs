//! Asking the local engine.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::{Instant, timeout, timeout_at};

use super::link::{Events, Link, Stage};
use super::protocol::{Answered, Ask, Request, line};
use crate::{
    Answer, Coordinator, CoordinatorError, Lease, LeaseId, Prefix, Reading, Revision, Txn, TxnOutcome, Watch,
    WatchEvent,
};

/// A client of the server on a socket. It connects when it is asked something, and again when the connection was lost.
#[derive(Clone)]
pub struct LocalClient(Arc<Inner>);

struct Inner {
    socket: PathBuf,
    deadline: Duration,
    next_id: AtomicU64,
    link: Mutex<Option<Arc<Link>>>,
}

impl LocalClient {
    /// How long an answer may take, unless one has a reason for something else.
    pub const DEADLINE: Duration = Duration::from_secs(3);

    /// A client of the server on `socket`, who waits at most `deadline` for each answer.
    pub fn new(socket: impl Into<PathBuf>, deadline: Duration) -> Self {
        Self(Arc::new(Inner {
            socket: socket.into(),
            deadline,
            next_id: AtomicU64::new(1),
            link: Mutex::new(None),
        }))
    }

    fn ask<T: Send + 'static>(&self, ask: Ask, read: fn(Answered) -> Option<T>) -> Answer<'_, T> {
        Box::pin(async move {
            let operation = ask.operation();
            let deadline = Instant::now() + self.0.deadline;
            let link = self.0.link(operation, deadline).await?;
            let id = self.0.next_id();
            let answer = self.0.ask(&link, id, ask, deadline).await?;
            read(answer).ok_or_else(|| CoordinatorError::unavailable(operation, "it answered something else"))
        })
    }
}

impl Inner {
    fn next_id(&self) -> u64 {
        self.next_id.fetch_add(1, Relaxed)
    }

    /// The link that works, a new one if need be.
    async fn link(&self, operation: &'static str, deadline: Instant) -> Result<Arc<Link>, CoordinatorError> {
        let connect = async {
            let mut current = self.link.lock().await;
            match current.as_ref().filter(|link| !link.has_ended()) {
                Some(link) => Ok(Arc::clone(link)),
                None => Ok(Arc::clone(current.insert(Arc::new(Link::open(&self.socket).await?)))),
            }
        };
        match timeout_at(deadline, connect).await {
            Ok(connected) => {
                connected.map_err(|error: std::io::Error| CoordinatorError::unavailable(operation, error))
            }
            Err(_) => Err(CoordinatorError::unavailable(operation, self.late())),
        }
    }

    async fn ask(
        &self,
        link: &Link,
        id: u64,
        ask: Ask,
        deadline: Instant,
    ) -> Result<Answered, CoordinatorError> {
        let (operation, changes) = (ask.operation(), ask.changes());
        let lost = || "the connection was lost".to_owned();
        let mut expected = link.expect(id).ok_or_else(|| CoordinatorError::unavailable(operation, lost()))?;
        let stage = Arc::<Stage>::default();
        let exchange = async {
            let sent = link.send(line(&Request { id, ask }), Arc::clone(&stage)).await;
            if sent { expected.answer().await } else { None }
        };
        let reason = match timeout_at(deadline, exchange).await {
            Ok(Some(answer)) => return answer.map_err(|failure| failure.into_error(operation)),
            Ok(None) => lost(),
            Err(_) => self.late(),
        };
        Err(if stage.withdraw() || !changes {
            CoordinatorError::unavailable(operation, reason)
        } else {
            CoordinatorError::unknown(operation, reason)
        })
    }

    fn late(&self) -> String {
        format!("there was no answer within {:?}", self.deadline)
    }
}

impl Coordinator for LocalClient {
    fn epoch(&self) -> Answer<'_, u64> {
        self.ask(Ask::Epoch, |answer| match answer {
            Answered::Epoch(epoch) => Some(epoch),
            _ => None,
        })
    }

    fn txn(&self, txn: Txn) -> Answer<'_, TxnOutcome> {
        if let Err(error) = txn.check() {
            return Box::pin(std::future::ready(Err(error)));
        }
        self.ask(Ask::Txn(txn), |answer| match answer {
            Answered::Outcome(outcome) => Some(outcome),
            _ => None,
        })
    }

    fn read(&self, prefix: &Prefix) -> Answer<'_, Reading> {
        self.ask(Ask::Read(prefix.clone()), |answer| match answer {
            Answered::Reading(reading) => Some(reading),
            _ => None,
        })
    }

    fn grant(&self, ttl: Duration) -> Answer<'_, Lease> {
        self.ask(Ask::Grant(ttl), |answer| match answer {
            Answered::Lease(lease) => Some(lease),
            _ => None,
        })
    }

    fn keep_alive(&self, lease: LeaseId) -> Answer<'_, Duration> {
        self.ask(Ask::KeepAlive(lease), |answer| match answer {
            Answered::Ttl(ttl) => Some(ttl),
            _ => None,
        })
    }

    fn revoke(&self, lease: LeaseId) -> Answer<'_, ()> {
        self.ask(Ask::Revoke(lease), |answer| match answer {
            Answered::Done => Some(()),
            _ => None,
        })
    }

    fn watch(&self, prefix: &Prefix, after: Revision) -> Answer<'_, Box<dyn Watch>> {
        let ask = Ask::Watch { prefix: prefix.clone(), after };
        Box::pin(async move {
            let deadline = Instant::now() + self.0.deadline;
            let link = self.0.link(ask.operation(), deadline).await?;
            let id = self.0.next_id();
            let events = link.expect_events(id, after);
            self.0.ask(&link, id, ask, deadline).await?;
            Ok(Box::new(LocalWatch { client: Arc::clone(&self.0), link, events, over: None })
                as Box<dyn Watch>)
        })
    }
}

/// A watch on the link that it was asked for on.
struct LocalWatch {
    client: Arc<Inner>,
    link: Arc<Link>,
    events: Events,
    over: Option<CoordinatorError>,
}

impl LocalWatch {
    /// Whether the server still answers on this link.
    async fn require_answer(&self) -> Result<(), CoordinatorError> {
        let deadline = Instant::now() + self.client.deadline;
        self.client.ask(&self.link, self.client.next_id(), Ask::Epoch, deadline).await.map(drop)
    }

    async fn wait(&mut self) -> Result<Vec<WatchEvent>, CoordinatorError> {
        const OPERATION: &str = "watch";
        loop {
            match timeout(self.client.deadline, self.events.next()).await {
                Ok(Ok(events)) => return Ok(events),
                Ok(Err(Some(failure))) => return Err(failure.into_error(OPERATION)),
                Ok(Err(None)) => {
                    return Err(CoordinatorError::unavailable(OPERATION, "the connection was lost"));
                }
                // Silence may mean that nothing happens, or that the server hangs.
                Err(_) => self.require_answer().await?,
            }
        }
    }
}

impl Watch for LocalWatch {
    fn next(&mut self) -> Answer<'_, Vec<WatchEvent>> {
        Box::pin(async {
            if let Some(error) = &self.over {
                return Err(error.clone());
            }
            self.wait().await.inspect_err(|error| self.over = Some(error.clone()))
        })
    }
}

impl Drop for LocalWatch {
    fn drop(&mut self) {
        if self.over.is_none() {
            let ask = Ask::Unwatch { watch: self.events.id() };
            self.link.mention(line(&Request { id: self.client.next_id(), ask }));
        }
    }
}
