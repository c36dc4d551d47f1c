//! What is Unhealthy and has no recovery: may one begin?

use placement::{Requester, UnixMillis};
use settings::ServerName;

use super::{Next, Planner, Refused, after, rank, service_for, subject};
use crate::alert_value::AlertValue;
use crate::definition;
use crate::recovery::guard::{blamed, not_stopped, spoken_of};
use crate::recovery::id::RecoveryId;
use crate::recovery::journal::{Event, Outcome, Recovery, State};
use crate::recovery::ladder::{Action, Ladder};
use crate::recovery::ladders::ladder_of;
use crate::recovery::refusal::Refusal;
use crate::verdict::Verdict;

impl Planner<'_> {
    /// Begins a climb for what is Unhealthy and has none.
    pub(super) fn begin(&mut self) {
        let unhealthy = self.now.verdicts.iter().filter(|it| it.value == AlertValue::Unhealthy);
        let mut unhealthy: Vec<_> = unhealthy.filter_map(|it| Some((ladder_of(&it.monitor)?, it))).collect();
        unhealthy.sort_by_key(|(ladder, it)| (rank(ladder, &it.monitor), it.since));
        for (ladder, verdict) in unhealthy {
            if self.has_recovery(verdict) {
                continue;
            }
            let server = spoken_of(verdict);
            match self.may_begin(ladder, verdict, &server) {
                Ok(rung) => self.suggest(Next::Open(Event::Opened {
                    ladder: ladder.name.to_owned(),
                    rung,
                    monitor: verdict.monitor.clone(),
                    target: verdict.target.clone(),
                    server,
                    why: verdict.reason.to_string(),
                    blame: verdict.blame.as_ref().map(ToString::to_string).unwrap_or_default(),
                })),
                Err(why) => self.plan.refused.push(Refused {
                    subject: subject(verdict),
                    recovery: None,
                    action: None,
                    why,
                }),
            }
        }
    }

    /// Until when a monitor is given time to see what was healed a moment ago.
    fn given_time(&self, verdict: &Verdict) -> Option<UnixMillis> {
        let probe = definition::monitor(&verdict.monitor)?.its_probe();
        let healed = |it: &&Recovery| {
            let ended = [Outcome::Recovered, Outcome::HealedByItself].map(State::Ended);
            it.ladder.acts() && ended.contains(&it.state)
        };
        let last = self.journal.recoveries().iter().filter(healed).filter_map(|it| it.ended).max()?;
        Some(after(last, probe.every + probe.time_out))
    }

    /// The first of the servers that see the same fail: one of them is enough to call a person. What a server says of itself
    /// nobody else sees.
    fn told_by(&self, verdict: &Verdict) -> Option<ServerName> {
        let same = |it: &&Verdict| {
            it.monitor == verdict.monitor && it.target == verdict.target && it.value == AlertValue::Unhealthy
        };
        let others = self.now.elsewhere.iter().filter(same).map(|it| &it.server);
        let first = others.min().filter(|server| *server < self.now.server)?;
        (verdict.monitor != "HealthManagerControlMonitor").then(|| first.clone())
    }

    /// The recovery that has blocked the server of another copy, for which a database is not redundant: that is known.
    fn emptied_by(&self, verdict: &Verdict) -> Option<RecoveryId> {
        let database = self.now.database(verdict.target.as_deref())?;
        let copies = &self.now.world.topology.database(database)?.copies;
        let mut blocks = copies.iter().flat_map(|server| self.now.world.records.blocks_of(server));
        let id = |by: &Requester| RecoveryId::parse(by.as_str().strip_prefix("recovery-")?).ok();
        blocks.find_map(|(by, _)| id(by)).filter(|_| verdict.monitor == "DatabaseRedundancyMonitor")
    }

    fn has_recovery(&self, verdict: &Verdict) -> bool {
        self.journal.open().any(|it| it.monitor == verdict.monitor && it.target == verdict.target)
    }

    /// On which rung a climb begins.
    fn may_begin(&self, ladder: &Ladder, verdict: &Verdict, server: &ServerName) -> Result<usize, Refusal> {
        let now = self.now;
        let blame = blamed(verdict, now);
        if let Err(Refusal::Correlated { .. }) = &blame {
            return if ladder.acts() { Ok(ladder.last()) } else { blame.map(|()| 0) };
        }
        blame?;
        // One climb at a time on a server. One that was given up or stopped holds its ladder until the fault is gone.
        let climbs = |it: &&Recovery| {
            let same_server = it.server == *server || it.server == *now.server;
            let same_ladder = it.ladder.name == ladder.name;
            it.ladder.acts() && same_server && (it.state == State::Climbing || same_ladder)
        };
        if let Some(other) = self.journal.open().find(climbs) {
            let id = RecoveryId { server: now.server.clone(), number: other.number };
            return Err(Refusal::OtherRecovery { id });
        }
        if let Some(until) = self.given_time(verdict).filter(|until| now.now < *until) {
            return Err(Refusal::Grace { until });
        }
        if ladder.acts() {
            if server != now.server && !now.leads {
                return Err(Refusal::NotLeader);
            }
            if let Some(maintenance) = now.world.records.maintenance.get(server) {
                return Err(Refusal::Maintenance { by: maintenance.value.by.to_string() });
            }
            // Whoever starts services and does not answer is no reason to look away.
            let service = service_for(&verdict.monitor, verdict.target.as_deref());
            if ladder.rungs[0].action == Action::RestartService
                && let Err(why @ Refusal::StoppedByHand { .. }) = not_stopped(&service, now)
            {
                return Err(why);
            }
            return Ok(0);
        }
        if let Some(id) = self.emptied_by(verdict) {
            return Err(Refusal::OtherRecovery { id });
        }
        if let Some(server) = self.told_by(verdict) {
            return Err(Refusal::ToldBy { server });
        }
        let until = after(verdict.since, now.policy.grace);
        if now.now < until {
            return Err(Refusal::Grace { until });
        }
        Ok(ladder.last())
    }
}
