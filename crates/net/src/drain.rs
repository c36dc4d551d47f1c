//! The sessions of a service, and how they are asked to end.
//!
//! [`Phase`] goes one way while a service stops: *Admitting* → *Draining* (no new sessions; each one under way ends at
//! its next boundary between commands) → *Refusing* (each one ends now). It may go back to Admitting when a drain is
//! called off. A session learns of it through its [`SessionToken`]; the token is also what is counted, so a session is
//! open exactly as long as its token lives.

use std::any::Any;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::Poll;

use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

/// What new sessions and sessions under way meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// New sessions are admitted.
    Admitting,
    /// No new sessions; those under way end at their next boundary between commands.
    Draining,
    /// No new sessions; those under way end now, wherever they are.
    Refusing,
}

/// No session is opened, because the service is on its way down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no new sessions are admitted")]
pub struct NotAdmitting;

/// The deadline passed with sessions still open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{sessions} sessions are still open")]
pub struct StillOpen {
    /// How many.
    pub sessions: usize,
}

/// The sessions of a service. Clones are the same sessions.
#[derive(Debug, Clone)]
pub struct Sessions {
    /// What sessions are told; whoever listens is one.
    phase: Arc<watch::Sender<Phase>>,
    /// What others are told.
    announced: Arc<watch::Sender<Phase>>,
}

impl Default for Sessions {
    fn default() -> Self {
        Self::new()
    }
}

impl Sessions {
    /// No sessions yet, and admitting.
    pub fn new() -> Self {
        let told = || Arc::new(watch::Sender::new(Phase::Admitting));
        Self { phase: told(), announced: told() }
    }

    /// The phase now.
    pub fn phase(&self) -> Phase {
        *self.phase.borrow()
    }

    /// Changes the phase and tells every session.
    pub fn set_phase(&self, phase: Phase) {
        for told in [&self.phase, &self.announced] {
            told.send_if_modified(|now| std::mem::replace(now, phase) != phase);
        }
    }

    /// Told of every change of the phase from now on, without being a session.
    pub fn phases(&self) -> watch::Receiver<Phase> {
        self.announced.subscribe()
    }

    /// How many sessions are open.
    pub fn open(&self) -> usize {
        self.phase.receiver_count()
    }

    /// Opens a session; it is open until its token is dropped.
    pub fn admit(&self) -> Result<SessionToken, NotAdmitting> {
        // Counted before the phase is looked at: whoever sets Draining and then counts misses nobody.
        let phase = self.phase.subscribe();
        if *phase.borrow() == Phase::Admitting { Ok(SessionToken { phase }) } else { Err(NotAdmitting) }
    }

    /// Opens a session and runs it in a task of its own. A panic ends that session only, and is logged. If none is
    /// admitted, `session` is dropped with all it holds; whoever has something to say first asks [`Sessions::admit`].
    pub fn spawn<F, S>(&self, session: F) -> Result<(), NotAdmitting>
    where
        F: FnOnce(SessionToken) -> S,
        S: Future<Output = ()> + Send + 'static,
    {
        let token = self.admit()?;
        // Boxed so that the task holds the session once: moving a future into an async block would hold it twice.
        let mut session = Some(Box::pin(session(token)));
        tokio::spawn(poll_fn(move |context| {
            let Some(running) = session.as_mut() else { return Poll::Ready(()) };
            // Unwind safe: a session that has panicked is dropped and never looked at again.
            match catch_unwind(AssertUnwindSafe(|| running.as_mut().poll(context))) {
                Ok(progress) => progress,
                Err(panic) => {
                    tracing::error!(panic = panic_text(panic.as_ref()), "a session panicked and was ended");
                    session = None;
                    Poll::Ready(())
                }
            }
        }));
        Ok(())
    }

    /// Waits until no session is open, or until the deadline.
    pub async fn ended(&self, deadline: Instant) -> Result<(), StillOpen> {
        timeout_at(deadline, self.phase.closed()).await.map_err(|_| StillOpen { sessions: self.open() })
    }
}

/// A session's own end of [`Sessions`].
#[derive(Debug)]
pub struct SessionToken {
    phase: watch::Receiver<Phase>,
}

impl SessionToken {
    /// The phase now. A session looks at its boundaries between commands.
    pub fn phase(&self) -> Phase {
        *self.phase.borrow()
    }

    /// Resolves once the session is to end at its next boundary. Awaited while the session is idle at one.
    pub async fn draining(&mut self) {
        self.reached(Phase::Draining).await;
    }

    /// Resolves once the session is to end now. Awaited while the session is in the middle of something.
    pub async fn refusing(&mut self) {
        self.reached(Phase::Refusing).await;
    }

    async fn reached(&mut self, phase: Phase) {
        if self.phase.wait_for(|now| *now >= phase).await.is_err() {
            // The registry is gone, and with it whoever could ask for an end: the session decides alone.
            std::future::pending::<()>().await;
        }
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("(no text)")
}
