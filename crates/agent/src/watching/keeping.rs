//! What was found and said goes to the disk a little later.
//!
//! A thread of its own writes what has gathered. If the disk does not keep up, the newest is left out, and told; if it is
//! full or broken, watching goes on all the same.

use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::time::{Duration, Instant};

use health::{Observation, Verdict};
use health_results::Results;

use crate::clock::unix_millis;

/// How long results gather before they are written.
const GATHER: Duration = Duration::from_secs(2);
/// How often what is old is let go of.
const TRIM: Duration = Duration::from_mins(1);
/// How many results may wait.
const WAITING: usize = 4096;

enum Item {
    Observation(Box<Observation>),
    Verdict(Box<Verdict>),
}

/// Where results are left.
pub(crate) struct Keeping(SyncSender<Item>);

impl Keeping {
    /// Starts the thread, which ends when this is dropped and everything is written.
    pub(crate) fn start(results: Arc<Results>) -> std::io::Result<Self> {
        let (items, waiting) = mpsc::sync_channel(WAITING);
        std::thread::Builder::new().name("results".into()).spawn(move || keep(&results, &waiting))?;
        Ok(Self(items))
    }

    pub(super) fn observation(&self, observation: Observation) {
        self.leave(Item::Observation(Box::new(observation)));
    }

    pub(super) fn verdict(&self, verdict: Verdict) {
        self.leave(Item::Verdict(Box::new(verdict)));
    }

    fn leave(&self, item: Item) {
        if self.0.try_send(item).is_err() {
            tracing::warn!("the disk does not keep up: a result is not kept");
        }
    }
}

fn keep(results: &Results, waiting: &Receiver<Item>) {
    let (mut gathered, mut trimmed, mut failing) = (Vec::new(), None::<Instant>, false);
    loop {
        let ended = gather(waiting, results, &mut gathered, &mut failing);
        if !gathered.is_empty() {
            tell(&mut failing, &results.keep(&gathered));
            gathered.clear();
        }
        if trimmed.is_none_or(|trimmed| trimmed.elapsed() >= TRIM) {
            tell(&mut failing, &results.trim(unix_millis()));
            trimmed = Some(Instant::now());
        }
        if ended {
            return;
        }
    }
}

/// Gathers for a while; whether nothing will come any more.
fn gather(
    waiting: &Receiver<Item>,
    results: &Results,
    gathered: &mut Vec<Observation>,
    failing: &mut bool,
) -> bool {
    let until = Instant::now() + GATHER;
    loop {
        match waiting.recv_timeout(until.saturating_duration_since(Instant::now())) {
            Ok(Item::Observation(observation)) => gathered.push(*observation),
            Ok(Item::Verdict(verdict)) => tell(failing, &results.keep_verdict(&verdict)),
            Err(RecvTimeoutError::Timeout) => return false,
            Err(RecvTimeoutError::Disconnected) => return true,
        }
    }
}

/// Says that results are not kept, and that they are again; once each.
fn tell(failing: &mut bool, outcome: &Result<(), health_results::ResultsError>) {
    match outcome {
        Ok(()) if *failing => tracing::info!("results are kept again"),
        Err(error) if !*failing => {
            let cause = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
            tracing::warn!(%error, cause, "results are not kept; watching goes on");
        }
        Ok(()) | Err(_) => {}
    }
    *failing = outcome.is_err();
}
