//! Leading: one agent of the cluster decides where databases are served.
//!
//! The leader is whoever's record stands under the key `leader`, which is under the lease of that agent: when the agent
//! is gone, so is the record, and the others try to put theirs there. Everything a leader writes compares that its record
//! is still the one it put, so one that has lost the lead without knowing writes nothing.
//!
//! The loop takes no orders. It is woken by a change of the records, by the clock of the plan, or by a fence, reads what
//! there is and decides anew. What could not be done is in the next plan again.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cluster::{Committed, Placed, commit, key_of};
use coordinator::{Change, Compare, Coordinator, CoordinatorError, LeaseId, Revision, Standing, Txn};
use placement::record::Leader;
use placement::{Fence, Limits, Moment, Note, RecordKey, Step, Topology, World, plan};
use service::Live;
use settings::ServerName;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use crate::clock::unix_millis;
use crate::controls::{Controls, Undone};

/// When something that was not done is tried again, and how often an agent looks around if nothing wakes it.
const AGAIN: Duration = Duration::from_secs(1);

/// What an agent that would lead works with.
pub(crate) struct Leading {
    pub(crate) server: ServerName,
    pub(crate) live: Arc<Live>,
    pub(crate) coordinator: Arc<dyn Coordinator>,
    pub(crate) placed: watch::Receiver<Arc<Placed>>,
    /// The lease of this agent's presence, under which it leads.
    pub(crate) lease: watch::Receiver<Option<LeaseId>>,
    pub(crate) controls: Arc<Controls>,
    /// The world as this agent sees it, for whoever asks.
    pub(crate) world: watch::Sender<Arc<World>>,
    /// Whether this agent leads, for whatever only one agent does.
    pub(crate) leads: watch::Sender<bool>,
}

/// The loop and what it remembers. All of it may be lost: then the next leader waits a little longer before it acts.
struct Loop {
    with: Leading,
    began: Instant,
    world: World,
    /// The revision of our record as leader, while we lead as far as we know.
    reign: Option<Revision>,
    fencing: JoinSet<(Fence, Result<(), Undone>)>,
    /// The fences in hand, by the revisions of their records.
    in_hand: BTreeSet<u64>,
    /// The fences that are done while their records are still seen: another kill would meet a back end that is innocent.
    done: BTreeSet<u64>,
    /// What was waited for or impossible when it was last told.
    told: Vec<Note>,
}

impl Leading {
    /// Leads whenever it falls to this agent, for ever.
    pub(crate) async fn run(self) {
        let world = World::new(Topology::default(), 0, Limits::default());
        let mut lead = Loop {
            with: self,
            began: Instant::now(),
            world,
            reign: None,
            fencing: JoinSet::new(),
            in_hand: BTreeSet::new(),
            done: BTreeSet::new(),
            told: Vec::new(),
        };
        loop {
            let wake = match lead.pass().await {
                Ok(wake) => wake,
                Err(error) => {
                    tracing::warn!(%error, "the coordinator does not take decisions now; mail goes on, moves wait");
                    Instant::now() + AGAIN
                }
            };
            let Loop { with, fencing, .. } = &mut lead;
            tokio::select! {
                changed = with.placed.changed() => if changed.is_err() { return },
                Ok(()) = with.lease.changed() => {}
                Some(fenced) = fencing.join_next() => {
                    // One that panicked has told so; its fence is taken in hand again by a later leader.
                    if let Ok((fence, outcome)) = fenced
                        && let Err(error) = lead.fenced(&fence, outcome).await
                    {
                        tracing::warn!(%error, "a fence is not written down yet");
                    }
                }
                () = sleep_until(wake) => {}
            }
        }
    }
}

impl Loop {
    fn now(&self) -> Moment {
        Moment(self.began.elapsed())
    }

    /// Reads the truth, decides, and does. Returns when to look again at the latest.
    async fn pass(&mut self) -> Result<Instant, CoordinatorError> {
        let placed = Arc::clone(&self.with.placed.borrow_and_update());
        self.observe(&placed);
        if !matches!(placed.standing, Standing::Live) || !self.leads(&placed).await? {
            return Ok(Instant::now() + AGAIN);
        }
        let plan = plan(&self.world, self.now());
        self.tell(&plan.notes);
        for step in &plan.steps {
            self.carry_out(step).await?;
        }
        let look = Instant::now() + AGAIN;
        Ok(plan.wake_at.map_or(look, |Moment(at)| (self.began + at).min(look)))
    }

    /// The world as it is now, for us and for whoever asks.
    fn observe(&mut self, placed: &Placed) {
        let settled = self.with.live.snapshot();
        let limits = settled.configuration.cluster().placement;
        self.world.topology = Topology::from(&settled.configuration);
        self.world.limits = Limits {
            start_grace: limits.start_grace.duration(),
            hand_over: limits.hand_over.duration(),
            mount: limits.mount.duration(),
        };
        self.world.records = placed.records.clone();
        self.world.revision = placed.revision.0;
        self.world.epoch = placed.epoch;
        let seen: BTreeSet<_> = placed.records.fences.values().map(|fence| fence.revision).collect();
        self.done.retain(|fence| seen.contains(fence));
        let now = self.now();
        self.world.observe(now);
        self.with.world.send_replace(Arc::new(self.world.clone()));
    }

    /// Whether this agent leads; if nobody does, it tries to. Whoever waits for it is told.
    async fn leads(&mut self, placed: &Placed) -> Result<bool, CoordinatorError> {
        let leads = self.is_leader(placed).await;
        let now = matches!(leads, Ok(true));
        self.with.leads.send_if_modified(|told| std::mem::replace(told, now) != now);
        leads
    }

    async fn is_leader(&mut self, placed: &Placed) -> Result<bool, CoordinatorError> {
        let seen = placed.records.leader.as_ref().map(|leader| leader.revision);
        if let Some(Revision(ours)) = self.reign {
            // A view from before we put our record says nothing about it.
            if seen == Some(ours) || placed.revision < Revision(ours) {
                return Ok(true);
            }
            tracing::warn!("this agent leads no more");
            self.reign = None;
        }
        if seen.is_some() {
            return Ok(false);
        }
        let Some(lease) = *self.with.lease.borrow() else { return Ok(false) };
        let key = key_of(&RecordKey::Leader);
        let leader = Leader { server: self.with.server.clone(), since: unix_millis() };
        let value = serde_json::to_vec(&leader).map(Bytes::from).unwrap_or_default();
        let campaign = Txn {
            compares: vec![Compare::Absent(key.clone())],
            then: vec![Change::Put { key, value, lease: Some(lease) }],
            otherwise: Vec::new(),
        };
        let outcome = match self.with.coordinator.txn(campaign).await {
            // Another lease is on its way.
            Err(CoordinatorError::LeaseGone) => return Ok(false),
            outcome => outcome?,
        };
        if outcome.succeeded {
            tracing::info!(
                revision = outcome.revision.0,
                "this agent leads: it decides where databases are served"
            );
            self.reign = Some(outcome.revision);
            self.world.leading_since = self.now();
        }
        Ok(outcome.succeeded)
    }

    async fn carry_out(&mut self, step: &Step) -> Result<(), CoordinatorError> {
        if let Step::Fence(fence) = step
            && !self.done.contains(&fence.expects)
        {
            if self.in_hand.insert(fence.expects) {
                let (controls, fence) = (Arc::clone(&self.with.controls), fence.clone());
                self.fencing.spawn(async move {
                    let outcome = controls.fence(&fence.holder.server, fence.expects).await;
                    (fence, outcome)
                });
            }
            return Ok(());
        }
        if self.write(step).await? == Committed::Void {
            tracing::debug!(?step, "the world has changed: nothing is written");
        } else {
            told(step);
        }
        Ok(())
    }

    async fn fenced(&mut self, fence: &Fence, outcome: Result<(), Undone>) -> Result<(), CoordinatorError> {
        self.in_hand.remove(&fence.expects);
        let (database, server) = (&fence.database, &fence.holder.server);
        match outcome {
            Ok(()) => {
                tracing::info!(%database, %server, "fenced: the holder's back end is gone");
                self.done.insert(fence.expects);
                self.write(&Step::Fence(fence.clone())).await.map(drop)
            }
            Err(error) => {
                tracing::error!(%database, %server, %error, "a holder is not fenced yet; it is tried again");
                Ok(())
            }
        }
    }

    /// Writes a step down, if we lead.
    async fn write(&self, step: &Step) -> Result<Committed, CoordinatorError> {
        let Some(ours) = self.reign else { return Ok(Committed::Void) };
        let we_lead = Compare::Modified(key_of(&RecordKey::Leader), ours);
        commit(&*self.with.coordinator, &step.writes(unix_millis()), vec![we_lead]).await
    }

    /// Says what is waited for and what is impossible, once.
    fn tell(&mut self, notes: &[Note]) {
        for note in notes.iter().filter(|note| !self.told.contains(note)) {
            tracing::info!(%note, "placement");
        }
        self.told = notes.to_vec();
    }
}

/// One line of the service log for each thing done.
fn told(step: &Step) {
    match step {
        Step::Assign(assign) => tracing::info!(
            database = %assign.database, server = %assign.server, wanted = ?assign.wanted, reason = %assign.reason, "assigned"
        ),
        Step::FinishMove(finish) => tracing::info!(
            database = %finish.database, id = %finish.asked.id, outcome = %finish.outcome, "a move has ended"
        ),
        Step::RequestMove(request) => tracing::info!(
            database = %request.database, to = %request.to, by = %request.by, reason = request.reason, "a move is asked for"
        ),
        Step::Fence(_) => {}
    }
}
