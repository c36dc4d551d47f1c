//! Watching: the probes of this server are run, what they find is judged, and what is known is there for whoever asks.
//!
//! - `rounds`: which attempt is due when, on the agent's own clock;
//! - `attempts`: one attempt of each kind, from a target to a finding;
//! - `judgement`: from what was found to verdicts, with what operators have said about them;
//! - `elsewhere`: what the monitors of other servers say, when that matters;
//! - `tally`: how many attempts there were, and how long they took;
//! - `keeping`: results go to the disk a little later, and never hold anything up.
//!
//! The loop takes no orders. It is woken by the clock, by an attempt that has ended, or by a change of the world, and makes
//! everything anew from what it sees. Nothing here acts on a verdict.

mod attempts;
mod elsewhere;
mod judgement;
mod keeping;
mod rounds;
mod tally;

use std::sync::Arc;
use std::time::Duration;

use health::{Observation, Watched, watch_list};
use placement::World;
use settings::ServerName;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

pub(crate) use attempts::{Aim, Attempts, Means, health_key};
pub(crate) use elsewhere::follow as follow_elsewhere;
pub(crate) use judgement::{Judgement, Judgements, path, tunings};
pub(crate) use keeping::Keeping;
use rounds::Rounds;
pub(crate) use tally::{Counted, Tally, Times};

/// How often everything is judged anew if nothing wakes the loop: verdicts also age.
const AGAIN: Duration = Duration::from_secs(1);

/// What the loop works with.
pub(crate) struct Watching {
    pub(crate) server: ServerName,
    pub(crate) world: watch::Receiver<Arc<World>>,
    pub(crate) attempts: Arc<Attempts>,
    pub(crate) judgement: Judgement,
    /// What was found by attempts that others made, and is judged with the rest.
    pub(crate) extra: mpsc::Receiver<(Watched, Observation)>,
    /// None if nothing can be kept.
    pub(crate) keeping: Option<Keeping>,
    /// What monitors say, for whoever asks.
    pub(crate) told: watch::Sender<Arc<Judgements>>,
    /// What is counted, for whoever asks.
    pub(crate) tally: Arc<Tally>,
}

/// An attempt that has ended.
struct Ended {
    watched: Watched,
    /// How late it began.
    lag: Duration,
    observation: Observation,
}

impl Watching {
    /// Watches for ever.
    pub(crate) async fn run(mut self) {
        let mut rounds = Rounds::new(self.server.clone(), Instant::now());
        let mut under_way: JoinSet<Ended> = JoinSet::new();
        loop {
            let world = Arc::clone(&self.world.borrow_and_update());
            let watched = watch_list(&self.server, &world, &self.attempts.surroundings());
            self.judgement.follow(&watched, &world.records);
            let tuning = |watched: &Watched| self.judgement.probe_tuning(watched);
            for due in rounds.due(&watched, tuning, Instant::now()) {
                under_way.spawn(self.attempt(due.watched, due.lag, due.limit));
            }
            let judged = self.judgement.judge(rounds.now());
            for changed in judged.changed {
                self.keep(|keeping| keeping.verdict(changed));
            }
            self.told.send_replace(judged.all);
            self.tally.beat();
            let wake =
                rounds.next_due().unwrap_or_else(|| Instant::now() + AGAIN).min(Instant::now() + AGAIN);
            tokio::select! {
                // One that panicked has told so, and comes round again.
                Some(ended) = under_way.join_next() => if let Ok(ended) = ended {
                    self.take(ended, &mut rounds);
                },
                Some((watched, observation)) = self.extra.recv() => {
                    self.judgement.take(&watched, &observation, rounds.now());
                    self.keep(|keeping| keeping.observation(observation));
                }
                changed = self.world.changed() => if changed.is_err() { return },
                () = sleep_until(wake) => {}
            }
        }
    }

    fn attempt(
        &self,
        watched: Watched,
        lag: Duration,
        limit: Duration,
    ) -> impl Future<Output = Ended> + Send + use<> {
        let attempts = Arc::clone(&self.attempts);
        async move {
            let observation = attempts.observe(&watched, &Aim::within(limit)).await;
            let observation = health::distrust(observation, lag, attempts.control_fails());
            Ended { watched, lag, observation }
        }
    }

    fn take(&mut self, ended: Ended, rounds: &mut Rounds) {
        let Ended { watched, lag, observation } = ended;
        self.tally.count(&observation, lag);
        let failed = observation.finding.outcome.is_failure();
        self.judgement.take(&watched, &observation, rounds.now());
        // Once it is settled, asking again every second would tell nothing new.
        let again = failed && !self.judgement.is_settled(&watched);
        let every = self.judgement.probe_tuning(&watched).every;
        rounds.ended(&watched, every, again);
        self.keep(|keeping| keeping.observation(observation));
    }

    fn keep(&self, keep: impl FnOnce(&Keeping)) {
        if let Some(keeping) = &self.keeping {
            keep(keeping);
        }
    }
}
