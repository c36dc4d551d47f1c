//! Whether a service takes traffic.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::watch;

/// What happens to traffic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Traffic {
    /// New sessions are let in.
    Admitting,
    /// No new sessions; those under way come to a boundary and are then closed.
    Draining,
    /// No sessions at all.
    Refusing,
}

/// The gate of a service: closed by a signal, an operator or the agent, watched by listeners and sessions.
#[derive(Debug, Clone)]
pub struct Gate {
    state: watch::Sender<Traffic>,
}

impl Default for Gate {
    fn default() -> Self {
        Self { state: watch::Sender::new(Traffic::Admitting) }
    }
}

impl Gate {
    /// What happens to traffic now.
    pub fn traffic(&self) -> Traffic {
        *self.state.borrow()
    }

    /// Whether new sessions are let in.
    pub fn admits(&self) -> bool {
        self.traffic() == Traffic::Admitting
    }

    /// Sets what happens to traffic. Works from any thread. Whether that was a change.
    pub fn set(&self, traffic: Traffic) -> bool {
        self.state.send_if_modified(|state| std::mem::replace(state, traffic) != traffic)
    }

    /// Resolves once traffic is no longer admitted; at once if it is not.
    pub async fn closed(&self) {
        let mut state = self.state.subscribe();
        // The sender lives in `self`, so the wait ends only with the state.
        let _ = state.wait_for(|traffic| *traffic != Traffic::Admitting).await;
    }

    /// Every change from now on.
    pub fn subscribe(&self) -> watch::Receiver<Traffic> {
        self.state.subscribe()
    }

    /// Closes the gate, waits until `is_empty` says that nobody is left or `limit` is over, then refuses.
    ///
    /// `changed` resolves each time it is worth asking again. Whether nobody was left.
    pub async fn drain<F, C>(&self, limit: Duration, is_empty: impl Fn() -> bool, changed: F) -> bool
    where
        F: Fn() -> C,
        C: Future<Output = ()>,
    {
        self.set(Traffic::Draining);
        let emptied = async {
            while !is_empty() {
                changed().await;
            }
        };
        let empty = tokio::time::timeout(limit, emptied).await.is_ok();
        self.set(Traffic::Refusing);
        empty
    }
}
