//! Recovering: the ladders of this server are climbed, as `health::recovery` plans it.
//!
//! - `ledger`: the journal on the disk;
//! - `look`: everything that a plan looks at, read anew at every pass;
//! - `acts`: what is done to the world;
//! - `probing`: the probes before and after;
//! - `tell`: what people are told.
//!
//! The loop takes no orders. At every pass it reads the journal, the verdicts and the world, and does the one thing that is
//! planned. What people say about a recovery they write into the journal, where the next pass finds it. If the journal cannot
//! be written, nothing is done.

mod acts;
mod ledger;
mod look;
mod probing;
mod tell;

use std::sync::Arc;
use std::time::Duration;

use health::recovery::{Entry, Event, Journal, Next, Refused, plan};
use health::{Observation, Verdict, Watched};
use tokio::sync::{mpsc, watch};
use tokio::time::{sleep, timeout};

use crate::controls::Controls;
use crate::watching::{Attempts, Judgements, Means};
pub(crate) use ledger::Ledger;
use look::Clock;
pub(crate) use look::policy;

/// How often it is looked whether there is anything to do.
const LOOK: Duration = Duration::from_millis(500);
/// How long something that could not be done waits until it is tried again.
const AGAIN: Duration = Duration::from_secs(1);

/// What the loop works with.
pub(crate) struct Recovering {
    pub(crate) means: Means,
    pub(crate) controls: Arc<Controls>,
    pub(crate) attempts: Arc<Attempts>,
    /// What the probes of recoveries find, for the monitors.
    pub(crate) observed: mpsc::Sender<(Watched, Observation)>,
    /// What the monitors of this server say.
    pub(crate) told: watch::Receiver<Arc<Judgements>>,
    /// What those of other servers say, while it is followed.
    pub(crate) elsewhere: watch::Receiver<Arc<Vec<Verdict>>>,
    pub(crate) leads: watch::Receiver<bool>,
    pub(crate) boot_id: String,
    pub(crate) ledger: Arc<Ledger>,
    /// What is not done and why, for whoever asks.
    pub(crate) refused: watch::Sender<Arc<Vec<Refused>>>,
    /// Whether anything is open, so that other servers are asked how they are.
    pub(crate) open: watch::Sender<bool>,
}

impl Recovering {
    /// Recovers for ever.
    pub(crate) async fn run(self) {
        let mut clock = Clock::start();
        let mut restarts = look::Restarts::default();
        let mut news = self.ledger.changes();
        loop {
            news.mark_unchanged();
            match self.pass(&mut clock, &mut restarts).await {
                Ok(true) => {}
                Ok(false) => {
                    // A word of a person's is heard at once.
                    let _ = timeout(LOOK, news.changed()).await;
                }
                Err(why) => {
                    tracing::warn!(%why, "recovery cannot go on now; it is tried again");
                    sleep(AGAIN).await;
                }
            }
        }
    }

    /// Reads the truth, plans, and does what comes next. Tells whether there was anything.
    async fn pass(&self, clock: &mut Clock, restarts: &mut look::Restarts) -> Result<bool, String> {
        let seen = look::Seen::now(self, clock).await;
        for service in restarts.news(seen.reports.as_deref()) {
            self.write(None, Event::Restarted { service }).await?;
        }
        let (planned, open) = self.ledger.read(|journal| {
            let planned = plan(journal, &seen.situation(self));
            (planned, journal.open().next().is_some())
        });
        self.open.send_if_modified(|told| std::mem::replace(told, open) != open);
        self.refused.send_if_modified(|told| {
            let is_new = **told != planned.refused;
            if is_new {
                *told = Arc::new(planned.refused.clone());
            }
            is_new
        });
        let Some(next) = planned.next else { return Ok(false) };
        self.carry_out(next).await?;
        Ok(true)
    }

    async fn carry_out(&self, next: Next) -> Result<(), String> {
        match next {
            Next::Open(event) => {
                let number = self.ledger.read(Journal::next_number);
                self.write(Some(number), event).await
            }
            Next::Record { recovery, event } => self.write(Some(recovery), event).await,
            Next::Probe { recovery, rung, aim, until } => self.probe(recovery, rung, &aim, until).await,
            Next::Ask { recovery, rung, server, aim } => self.ask(recovery, rung, server, &aim).await,
            Next::Act { recovery, rung, act, intent } => self.act(recovery, rung, act, intent).await,
            Next::Undo { recovery } => self.undo(recovery).await,
            Next::Release { role, token } => self.release(role, token).await,
        }
    }

    /// Writes an entry down. If that is not possible nothing may be done.
    async fn write(&self, recovery: Option<u64>, event: Event) -> Result<(), String> {
        let entry = write(&self.ledger, recovery, event).await?;
        tell::entry(&self.means.server, &entry);
        Ok(())
    }
}

/// Writes an entry into the journal on the disk.
pub(crate) async fn write(
    ledger: &Arc<Ledger>,
    recovery: Option<u64>,
    event: Event,
) -> Result<Entry, String> {
    let ledger = Arc::clone(ledger);
    let written = tokio::task::spawn_blocking(move || ledger.write(recovery, event)).await;
    let written = written.map_err(|panicked| panicked.to_string())?;
    written.map_err(|error| format!("the journal cannot be written, so nothing is done: {error}"))
}
