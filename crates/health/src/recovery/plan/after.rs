//! After a rung: has it helped, and where does it go on?

use placement::UnixMillis;
use placement::record::AssignmentReason;

use super::{Next, Planner, Step, after, own_aim, own_test_of};
use crate::alert_value::AlertValue;
use crate::recovery::act::Act;
use crate::recovery::guard::id_of;
use crate::recovery::journal::{Event, Found, LastProbe, Onward, Recovery};
use crate::recovery::ladder::{Action, Rung, Then, Verification};
use crate::recovery::refusal::{Course, Refusal};
use crate::recovery::situation::ProbeAim;

/// Whether a rung has been seen to help.
enum Seen {
    Well(String),
    Not(String),
    Look(Next),
    Wait(Refusal),
}

/// It was done, and it is not known yet whether it helps.
fn under_way(what: String) -> Seen {
    Seen::Wait(Refusal::UnderWay { what })
}

impl Planner<'_> {
    /// It was done: has it helped?
    pub(super) fn verified(
        &self,
        recovery: &Recovery,
        (act, at, failed): (&Act, UnixMillis, Option<&str>),
    ) -> Step {
        let rung = &recovery.ladder.rungs[recovery.rung];
        let seen = match failed {
            Some(why) if act.action() != Action::Escalate => {
                Seen::Not(format!("it could not be done: {why}"))
            }
            _ => self.seen(recovery, rung, (act, at)),
        };
        let (well, what) = match seen {
            Seen::Well(what) => (true, what),
            Seen::Not(what) => (false, what),
            Seen::Look(next) => return Ok(next),
            Seen::Wait(why) => return Err((Some("verification"), why)),
        };
        let event = if act.action() == Action::Escalate {
            Event::Escalated { why: self.why_escalated(recovery) }
        } else {
            let onward = self.onward(recovery, rung, well).map_or(Onward::Recovered, Onward::Rung);
            Event::Verified { rung: recovery.rung, well, what, onward }
        };
        Ok(Next::Record { recovery: recovery.number, event })
    }

    /// Where it goes on; none: it is healed.
    fn onward(&self, recovery: &Recovery, rung: &Rung, well: bool) -> Option<usize> {
        let (next, last) = (recovery.rung + 1, recovery.ladder.last());
        match if well { rung.if_well } else { rung.if_not } {
            Then::Recovered => None,
            Then::Escalate => Some(last),
            // Of what is left nothing applies to one that is well.
            Then::Next if well && rung.action != Action::FailOver => {
                let applies =
                    |rung: &Rung| rung.when.iter().all(|when| self.does_not_hold(recovery, *when).is_none());
                (next..last).any(|index| applies(&recovery.ladder.rungs[index])).then_some(next)
            }
            Then::Next => Some(next),
        }
    }

    fn why_escalated(&self, recovery: &Recovery) -> String {
        let mut why = None;
        for entry in self.journal.entries_of(recovery.number) {
            match &entry.event {
                Event::Skipped { why: refusal, .. } if refusal.course() == Course::Escalate => {
                    why = Some(refusal.to_string());
                }
                Event::Verified { well: false, what, .. } => why = Some(what.clone()),
                _ => {}
            }
        }
        why.unwrap_or_else(|| {
            let last = if recovery.ladder.acts() {
                "nothing is left to be tried"
            } else {
                "there is nothing to restart for it"
            };
            last.to_owned()
        })
    }

    fn seen(&self, recovery: &Recovery, rung: &Rung, (act, at): (&Act, UnixMillis)) -> Seen {
        let now = self.now;
        let deadline = after(at, rung.within);
        match rung.verified_by {
            Verification::Done => Seen::Well("it was done".to_owned()),
            Verification::Probe => match own_aim(recovery) {
                Some(_) if self.verdict_of(recovery).is_none() && self.is_known_to_be_gone() => {
                    Seen::Well("nothing is aimed at it any more".to_owned())
                }
                Some(aim) => self.probe_says(recovery, aim, (at, deadline)),
                None => Seen::Not("there is no probe to look with".to_owned()),
            },
            Verification::SelfTest => match own_test_of(now.roles(&recovery.server)) {
                Some(aim) => self.probe_says(recovery, aim, (at, deadline)),
                None => Seen::Not("the server has no self test".to_owned()),
            },
            Verification::DeepTest => {
                let Act::BringOneBack { database } = act else {
                    return Seen::Not("no database came back".to_owned());
                };
                if now.world.mounted_on(database) == Some(now.server) {
                    let target = Some(database.to_string());
                    self.probe_says(recovery, ProbeAim { probe: "PopDeepTestProbe", target }, (at, deadline))
                } else if now.now < deadline {
                    under_way(format!("{database} is on its way back"))
                } else {
                    Seen::Not(format!("{database} was not mounted here in time"))
                }
            }
            Verification::StaysWell(time) => {
                let until = after(at, now.policy.look_again.unwrap_or(time));
                match self.verdict_of(recovery).map(|verdict| verdict.value) {
                    Some(AlertValue::Unhealthy) if now.now > deadline.min(until) => {
                        Seen::Not("the monitor is Unhealthy again".to_owned())
                    }
                    _ if now.now < until => Seen::Wait(Refusal::NotWellForLong { until }),
                    Some(AlertValue::Healthy) | None => Seen::Well("the monitor stayed well".to_owned()),
                    Some(value) => Seen::Not(format!("the monitor is {}", value.word())),
                }
            }
            Verification::ServedElsewhere => self.served_elsewhere(act, deadline),
            Verification::Returned => self.returned(recovery, act, deadline),
        }
    }

    /// What a probe says that ended after the act; it is repeated until it succeeds or time is up.
    fn probe_says(
        &self,
        recovery: &Recovery,
        aim: ProbeAim,
        (at, deadline): (UnixMillis, UnixMillis),
    ) -> Seen {
        let ours =
            |probe: &&LastProbe| probe.by == *self.now.server && probe.rung == recovery.rung && probe.at > at;
        let (number, rung) = (recovery.number, recovery.rung);
        match recovery.probes.iter().find(ours) {
            Some(LastProbe { found: Found::Works, what, .. }) => Seen::Well(what.clone()),
            Some(LastProbe { what, .. }) if self.now.now >= deadline => Seen::Not(what.clone()),
            _ => Seen::Look(Next::Probe { recovery: number, rung, aim, until: Some(deadline) }),
        }
    }

    /// Nothing is active here, and what left passes its deep test where it is.
    fn served_elsewhere(&self, act: &Act, deadline: UnixMillis) -> Seen {
        let now = self.now;
        let is_over = now.now >= deadline;
        let mut unknown = Vec::new();
        for database in act.databases() {
            let Some(server) = now.world.mounted_on(database).filter(|server| *server != now.server) else {
                if is_over {
                    return Seen::Not(format!("{database} was not mounted anywhere else in time"));
                }
                return under_way(format!("{database} is on its way to another server"));
            };
            let target = database.as_str();
            let deep = now.elsewhere.iter().find(|it| {
                it.server == *server
                    && it.monitor == "PopDeepTestMonitor"
                    && it.target.as_deref().is_some_and(|it| it.eq_ignore_ascii_case(target))
            });
            match deep.map(|verdict| verdict.value) {
                Some(AlertValue::Healthy) => {}
                Some(AlertValue::Unhealthy) => {
                    return Seen::Not(format!("{database} fails on {server} too: it is the database"));
                }
                _ => unknown.push(format!("{database} on {server}")),
            }
        }
        if unknown.is_empty() {
            Seen::Well("what left works where it went".to_owned())
        } else if is_over {
            // It is mounted there, which is all that is known.
            Seen::Well(format!("what left is mounted; {} could not be tested in time", unknown.join(", ")))
        } else {
            under_way(format!("{} is to be tested", unknown.join(", ")))
        }
    }

    fn returned(&self, recovery: &Recovery, act: &Act, deadline: UnixMillis) -> Seen {
        let now = self.now;
        let own = id_of(recovery, now).requester();
        let mut missing = Vec::new();
        for database in act.databases() {
            let assignment = now.world.records.assignments.get(database).map(|kept| &kept.value);
            let by_others = assignment.is_some_and(|it| {
                !matches!(&it.reason, AssignmentReason::Moved { by, .. } if *by == own)
                    && !now.world.records.moves.contains_key(database)
            });
            if now.world.mounted_on(database) != Some(now.server) && !by_others {
                missing.push(database.to_string());
            }
        }
        match missing.is_empty() {
            true => Seen::Well("what left is back".to_owned()),
            false if now.now >= deadline => {
                Seen::Not(format!("{} did not come back in time", missing.join(", ")))
            }
            false => under_way(format!("{} is on its way back", missing.join(", "))),
        }
    }
}
