//! A rung that has not been touched, or of which nobody knows whether it was.

use placement::UnixMillis;
use placement::record::AssignmentReason;
use settings::{DatabaseName, Role};

use super::{Intent, Next, Planner, Step, after, service_of};
use crate::alert_value::AlertValue;
use crate::recovery::act::Act;
use crate::recovery::guard::{blamed, guard, id_of, is_the_store};
use crate::recovery::journal::{Event, Outcome, Recovery};
use crate::recovery::ladder::{Action, When};
use crate::recovery::policy::Mode;
use crate::recovery::refusal::Refusal;
use crate::verdict::Verdict;

impl Planner<'_> {
    /// The rung has not been touched.
    pub(super) fn fresh(&self, recovery: &Recovery) -> Step {
        let rung = &recovery.ladder.rungs[recovery.rung];
        let action = rung.action;
        let refuse = |why: Refusal| Err((Some(action.word()), why));
        if action != Action::Escalate
            && let Some(why) = rung.when.iter().find_map(|when| self.does_not_hold(recovery, *when))
        {
            return refuse(why);
        }
        let left = recovery.moved.is_some();
        if !action.undoes() && action != Action::Escalate {
            match self.still_fails(recovery) {
                Ok(()) => {}
                // What has left has to come back.
                Err(Refusal::WorksAgain) if left && recovery.monitor != "PopSelfTestMonitor" => {}
                Err(Refusal::WorksAgain) if left => return refuse(Refusal::WorksAgain),
                Err(Refusal::WorksAgain) => return Ok(Self::works_again(recovery)),
                Err(why) if left && !matches!(why, Refusal::NotUnhealthy { .. }) => return refuse(why),
                Err(_) if left => {}
                Err(why) => return refuse(why),
            }
        }
        let act = match self.act_of(recovery, action) {
            Ok(act) => act,
            Err(why) => return refuse(why),
        };
        if let Err(why) = guard(recovery, &act, (self.journal, self.now), false) {
            return refuse(why);
        }
        if action == Action::Return
            && let Err(why) = self.well_for_long(recovery)
        {
            return refuse(why);
        }
        match self.mode(recovery, action) {
            Err(Refusal::Observing) if recovery.withheld != Some(recovery.rung) => {
                let event = Event::Withheld { rung: recovery.rung, act };
                return Ok(Next::Record { recovery: recovery.number, event });
            }
            Err(why) => return refuse(why),
            Ok(()) => {}
        }
        if let Some(step) = self.probed_before(recovery, &act) {
            return step;
        }
        let slots = if action.is_heavy() { self.now.roles(&recovery.server).to_vec() } else { Vec::new() };
        Ok(Next::Act { recovery: recovery.number, rung: recovery.rung, act, intent: Intent::New { slots } })
    }

    /// Before anything was done it has healed by itself, and after something it has recovered.
    pub(super) fn works_again(recovery: &Recovery) -> Next {
        let event = match recovery.ladder.rung_that(Action::ProtocolLogOff) {
            Some(to) if recovery.log_is_on => {
                Event::Skipped { rung: recovery.rung, to, why: Refusal::WorksAgain }
            }
            _ if recovery.has_acted => Event::Ended { outcome: Outcome::Recovered },
            _ => Event::Ended { outcome: Outcome::HealedByItself },
        };
        Next::Record { recovery: recovery.number, event }
    }

    /// Whether the monitor says that it fails, and that nobody else is to blame.
    fn still_fails(&self, recovery: &Recovery) -> Result<(), Refusal> {
        let Some(verdict) = self.verdict_of(recovery) else {
            return Err(if self.is_known_to_be_gone() {
                Refusal::WorksAgain
            } else {
                Refusal::NotUnhealthy { says: "nothing yet".to_owned() }
            });
        };
        match verdict.value {
            AlertValue::Unhealthy => blamed(verdict, self.now),
            AlertValue::Healthy => Err(Refusal::WorksAgain),
            // One that flaps fails still.
            AlertValue::Degraded if verdict.failing_for.is_some() => blamed(verdict, self.now),
            value => Err(Refusal::NotUnhealthy { says: value.word().to_owned() }),
        }
    }

    pub(super) fn does_not_hold(&self, recovery: &Recovery, when: When) -> Option<Refusal> {
        let now = self.now;
        let verdict = self.verdict_of(recovery);
        let holds = match when {
            When::BlamedItself => !verdict.is_some_and(is_the_store),
            When::OthersAreWell => self.others_are_well(recovery),
            When::OnMailboxServer => {
                now.roles(&recovery.server).contains(&Role::Mailbox)
                    && now.others_of(Role::Mailbox).next().is_some()
                    && recovery.target.as_deref() != Some("frontend")
            }
            When::SomethingLeft => recovery.moved.is_some(),
            When::LogIsOn => recovery.log_is_on,
            When::HasCommand => recovery.target.as_ref().is_some_and(|target| now.commands.contains(target)),
        };
        (!holds).then(|| Refusal::DoesNotApply { unless: when.words().to_owned() })
    }

    /// The server greets, and the deep test of another database there succeeds.
    fn others_are_well(&self, recovery: &Recovery) -> bool {
        let deep = |it: &&Verdict| it.monitor == "PopDeepTestMonitor" && it.target != recovery.target;
        let of_others: Vec<_> = self.now.verdicts.iter().filter(deep).collect();
        recovery.monitor == "PopDeepTestMonitor"
            && !of_others.is_empty()
            && of_others.iter().all(|it| it.value == AlertValue::Healthy)
    }

    /// What is to be done exactly.
    fn act_of(&self, recovery: &Recovery, action: Action) -> Result<Act, Refusal> {
        let now = self.now;
        let database = || now.database(recovery.target.as_deref()).cloned().ok_or(Refusal::NotSettled);
        Ok(match action {
            Action::RestartService => Act::RestartService { service: service_of(recovery) },
            Action::MoveDatabase => Act::MoveDatabase { database: database()? },
            Action::FailOver => Act::FailOver { databases: now.active_here() },
            Action::RestartServer => Act::RestartServer,
            Action::PowerCycle => Act::PowerCycle { server: recovery.server.clone() },
            Action::ProtocolLogOn => Act::ProtocolLogOn { was: None },
            Action::ProtocolLogOff => Act::ProtocolLogOff,
            Action::BringOneBack => {
                let first = self.ours_elsewhere(recovery).into_iter().next();
                let unless = "a database that left has not been moved by anybody else".to_owned();
                Act::BringOneBack { database: first.ok_or(Refusal::DoesNotApply { unless })? }
            }
            Action::Return => Act::Return { databases: self.ours_elsewhere(recovery) },
            Action::RunCommand => Act::RunCommand { target: recovery.target.clone().unwrap_or_default() },
            Action::Escalate => Act::Escalate {
                // A server that was not restarted is not what is at fault.
                lift_block: recovery.moved.is_some()
                    && !self.has_done(recovery, |act| matches!(act, Act::RestartServer)),
                send_away: recovery.canary.clone().filter(|_| recovery.moved.is_some()),
            },
        })
    }

    fn has_done(&self, recovery: &Recovery, which: impl Fn(&Act) -> bool) -> bool {
        let mut entries = self.journal.entries_of(recovery.number);
        entries.any(|entry| matches!(&entry.event, Event::Intended { act, .. } if which(act)))
    }

    /// What left the server for the recovery and has been moved by nobody else since.
    fn ours_elsewhere(&self, recovery: &Recovery) -> Vec<DatabaseName> {
        let own = id_of(recovery, self.now).requester();
        let ours = |database: &&DatabaseName| {
            let assignment = self.now.world.records.assignments.get(database).map(|kept| &kept.value);
            assignment.is_some_and(|it| {
                it.server != *self.now.server
                    && matches!(&it.reason, AssignmentReason::Moved { by, .. } if *by == own)
            })
        };
        recovery.moved.iter().flatten().filter(ours).cloned().collect()
    }

    /// What comes back has been in good health since it was tested.
    fn well_for_long(&self, recovery: &Recovery) -> Result<(), Refusal> {
        let of_server = ["PopSelfTestMonitor", "PopDeepTestMonitor"];
        let fails =
            |it: &&Verdict| of_server.contains(&it.monitor.as_str()) && it.value == AlertValue::Unhealthy;
        if let Some(bad) = self.now.verdicts.iter().find(fails) {
            return Err(Refusal::FailsAgain { what: format!("{}: {}", bad.monitor, bad.reason) });
        }
        let until = after(recovery.since, self.now.policy.return_after);
        // Nothing that left has to wait for nothing.
        let waits = recovery.moved.as_ref().is_some_and(|moved| !moved.is_empty());
        if waits && self.now.now < until { Err(Refusal::NotWellForLong { until }) } else { Ok(()) }
    }

    fn mode(&self, recovery: &Recovery, action: Action) -> Result<(), Refusal> {
        match self.now.policy.mode(action.class()) {
            _ if action == Action::Escalate => Ok(()),
            Mode::Automatic => Ok(()),
            Mode::Observe => Err(Refusal::Observing),
            Mode::Approval => {
                let approved = recovery.approved.as_ref().filter(|it| it.rung == recovery.rung);
                let holds = approved.is_some_and(|it| it.until > self.now.now);
                if holds { Ok(()) } else { Err(Refusal::AwaitingApproval) }
            }
        }
    }

    /// It was about to be done, and nobody knows whether it was.
    pub(super) fn resumed(
        &self,
        recovery: &Recovery,
        (act, at, boot_id, token): (&Act, UnixMillis, &str, Option<u64>),
    ) -> Step {
        let rung = recovery.rung;
        let happened = match act {
            Act::RestartServer => boot_id != self.now.boot_id,
            Act::RestartService { service } => {
                let services = self.now.services.into_iter().flatten();
                let mut since = services.filter(|it| it.name == *service).filter_map(|it| it.since);
                boot_id != self.now.boot_id || since.any(|since| since > at)
            }
            _ => false,
        };
        if happened {
            let event = Event::Acted { rung, failed: None };
            return Ok(Next::Record { recovery: recovery.number, event });
        }
        guard(recovery, act, (self.journal, self.now), true)
            .map_err(|why| (Some(act.action().word()), why))?;
        let act = act.clone();
        Ok(Next::Act { recovery: recovery.number, rung, act, intent: Intent::Written { token } })
    }
}
