//! What comes next: of everything that could be done, the one thing, or why nothing is done.

mod after;
mod before;
mod begin;
mod rung;

use std::time::Duration;

use placement::UnixMillis;
use settings::{Role, ServerName};

use super::act::Act;
use super::journal::{Event, Journal, Outcome, Phase, Recovery, State};
use super::ladder::Ladder;
use super::policy::Policy;
use super::refusal::{Course, Refusal};
use super::situation::{ProbeAim, Situation};
use crate::alert_value::AlertValue;
use crate::definition;
use crate::verdict::Verdict;

/// The one thing that comes next.
#[derive(Clone, Debug, PartialEq)]
pub enum Next {
    /// A climb begins: this is the first entry of a recovery with a new number.
    Open(Event),
    /// This is written down.
    Record {
        /// About which recovery.
        recovery: u64,
        /// What.
        event: Event,
    },
    /// A probe is run, and written down.
    Probe {
        /// For which recovery.
        recovery: u64,
        /// For which rung.
        rung: usize,
        /// At what.
        aim: ProbeAim,
        /// Until when it is repeated until it succeeds; none: it is run once.
        until: Option<UnixMillis>,
    },
    /// Another server is asked to run a probe, and what it finds is written down.
    Ask {
        /// For which recovery.
        recovery: u64,
        /// For which rung.
        rung: usize,
        /// Which server.
        server: ServerName,
        /// At what.
        aim: ProbeAim,
    },
    /// An act: the slots are taken, the intent is written down unless it stands there already, it is done, and what came
    /// of it is written down.
    Act {
        /// Of which recovery.
        recovery: u64,
        /// On which rung.
        rung: usize,
        /// What.
        act: Act,
        /// Whether it is written down already.
        intent: Intent,
    },
    /// What a stopped recovery has blocked and switched on is undone, and that is written down.
    Undo {
        /// Which.
        recovery: u64,
    },
    /// The slot of a role is given back.
    Release {
        /// Of which role.
        role: Role,
        /// Its token.
        token: u64,
    },
}

/// Whether an act stands in the journal already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Intent {
    /// It does not: the slots of these roles are taken, and it is written down.
    New {
        /// The roles.
        slots: Vec<Role>,
    },
    /// It does, from before whoever wrote it died.
    Written {
        /// The token of the slot.
        token: Option<u64>,
    },
}

/// Something that is not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The monitor with its target.
    pub subject: String,
    /// The recovery, if there is one.
    pub recovery: Option<u64>,
    /// What would be done; none if no climb is begun.
    pub action: Option<&'static str>,
    /// Why it is not.
    pub why: Refusal,
}

/// What comes next, and everything that is not done.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// The one thing; none if there is nothing to do.
    pub next: Option<Next>,
    /// What is not done.
    pub refused: Vec<Refused>,
}

/// Plans.
pub fn plan(journal: &Journal, now: &Situation<'_>) -> Plan {
    let mut planner = Planner { journal, now, plan: Plan::default() };
    planner.give_slots_back();
    for recovery in journal.open() {
        planner.go_on(recovery);
    }
    planner.begin();
    planner.plan
}

struct Planner<'a> {
    journal: &'a Journal,
    now: &'a Situation<'a>,
    plan: Plan,
}

/// What a rung comes to: the one thing to do for it, or why there is none now.
type Step = Result<Next, (Option<&'static str>, Refusal)>;

impl Planner<'_> {
    /// The first thing found is the one that is done; the others come in the next pass.
    fn suggest(&mut self, next: Next) {
        self.plan.next.get_or_insert(next);
    }

    fn record(&mut self, recovery: &Recovery, event: Event) {
        self.suggest(Next::Record { recovery: recovery.number, event });
    }

    /// A slot is this agent's as long as its recovery climbs.
    fn give_slots_back(&mut self) {
        for role in [Role::ClientAccess, Role::Mailbox] {
            let Some((slot, token)) = self.now.slot(role) else { continue };
            let climbs = |recovery: &Recovery| recovery.state == State::Climbing;
            let is_over = !self.journal.recovery(slot.recovery.number).is_some_and(climbs);
            if slot.recovery.server == *self.now.server && is_over && self.now.coordinator {
                self.suggest(Next::Release { role, token });
            }
        }
    }

    fn go_on(&mut self, recovery: &Recovery) {
        match recovery.state {
            State::Ended(_) => {}
            State::Stopped if recovery.moved.is_some() || recovery.log_is_on => {
                self.suggest(Next::Undo { recovery: recovery.number });
            }
            State::Stopped => self.end_if_gone(recovery, Outcome::Stopped),
            State::Escalated => self.end_if_gone(recovery, Outcome::Escalated),
            State::Climbing => {
                let step = match &recovery.phase {
                    Phase::Fresh => self.fresh(recovery),
                    Phase::Intended { act, at, boot_id, token } => {
                        self.resumed(recovery, (act, *at, boot_id, *token))
                    }
                    Phase::Acted { act, at, failed } => {
                        self.verified(recovery, (act, *at, failed.as_deref()))
                    }
                    Phase::Healed => {
                        let event = Event::Ended { outcome: Outcome::Recovered };
                        Ok(Next::Record { recovery: recovery.number, event })
                    }
                };
                match step {
                    Ok(next) => self.suggest(next),
                    Err((action, why)) => self.refuse(recovery, action, why),
                }
            }
        }
    }

    /// What a refusal means: the climb waits, passes the rung over, or calls a person.
    fn refuse(&mut self, recovery: &Recovery, action: Option<&'static str>, why: Refusal) {
        let (subject, number) = (recovery.subject(), Some(recovery.number));
        self.plan.refused.push(Refused { subject, recovery: number, action, why: why.clone() });
        let rung = recovery.rung;
        // An init that hangs keeps its secret for ever.
        let is_in_vain = matches!(why, Refusal::ServiceUnknown { .. })
            && duration_since(self.now.now, recovery.since) > Policy::INIT_ANSWERS;
        match why.course() {
            // Whoever leads now begins anew.
            _ if why == Refusal::NotLeader => {
                self.record(recovery, Event::Ended { outcome: Outcome::HandedOver });
            }
            _ if is_in_vain => self.record(recovery, Event::Skipped { rung, to: rung + 1, why }),
            Course::PassOver => self.record(recovery, Event::Skipped { rung, to: rung + 1, why }),
            Course::Escalate => {
                self.record(recovery, Event::Skipped { rung, to: recovery.ladder.last(), why });
            }
            Course::Wait => {
                let too_long = duration_since(self.now.now, recovery.last) > self.now.policy.patience;
                let call = why.needs_a_person() || (too_long && !why.is_wanted());
                if call && recovery.called.is_none() {
                    self.record(recovery, Event::Called { why: why.to_string() });
                }
            }
        }
    }

    /// A fault that a person was called for is over when its monitor says so, and nothing is blocked for it any more.
    fn end_if_gone(&mut self, recovery: &Recovery, outcome: Outcome) {
        let is_gone = match self.verdict_of(recovery) {
            Some(verdict) => verdict.value == AlertValue::Healthy,
            None => self.is_known_to_be_gone(),
        };
        if is_gone && recovery.moved.is_none() {
            self.record(recovery, Event::Ended { outcome });
        }
    }

    fn verdict_of(&self, recovery: &Recovery) -> Option<&Verdict> {
        self.now.verdict(&recovery.monitor, recovery.target.as_deref())
    }

    /// Nothing is looked at any more, rather than nothing known yet.
    fn is_known_to_be_gone(&self) -> bool {
        self.now.coordinator && self.now.world.revision > 0 && !self.now.verdicts.is_empty()
    }
}

/// What fails nearest to its cause comes first.
fn rank(ladder: &Ladder, monitor: &str) -> usize {
    const ORDER: [&str; 6] = [
        "PopSelfTestMonitor",
        "PopProxyTestMonitor",
        "PopDeepTestMonitor",
        "AverageCommandProcessingTimeGt60sMonitor",
        "HealthManagerObserverMonitor",
        "PopCTPMonitor",
    ];
    let known = ORDER.iter().position(|it| *it == monitor).unwrap_or(ORDER.len());
    if ladder.acts() { known } else { ORDER.len() + 1 }
}

fn subject(verdict: &Verdict) -> String {
    let target = verdict.target.as_ref().map(|target| format!("\\{target}")).unwrap_or_default();
    format!("{}{target}", verdict.monitor)
}

/// The service that the ladder of a monitor restarts.
fn service_for(monitor: &str, target: Option<&str>) -> String {
    match monitor {
        "PopSelfTestMonitor" | "PopDeepTestMonitor" => "backend".to_owned(),
        "AverageCommandProcessingTimeGt60sMonitor" => target.unwrap_or("backend").to_owned(),
        _ => "frontend".to_owned(),
    }
}

fn service_of(recovery: &Recovery) -> String {
    service_for(&recovery.monitor, recovery.target.as_deref())
}

/// The probe behind the monitor of a recovery.
fn own_aim(recovery: &Recovery) -> Option<ProbeAim> {
    let probe = definition::monitor(&recovery.monitor)?.probe;
    Some(ProbeAim { probe, target: recovery.target.clone() })
}

/// The probe by which a server says that it works itself.
fn own_test_of(roles: &[Role]) -> Option<ProbeAim> {
    let probe = match roles {
        roles if roles.contains(&Role::Mailbox) => "PopSelfTestProbe",
        roles if roles.contains(&Role::ClientAccess) => "PopProxyTestProbe",
        _ => return None,
    };
    let target = (probe == "PopProxyTestProbe").then(|| "POP3".to_owned());
    Some(ProbeAim { probe, target })
}

fn after(time: UnixMillis, then: Duration) -> UnixMillis {
    let millis = u64::try_from(then.as_millis()).unwrap_or(u64::MAX);
    UnixMillis(time.0.saturating_add(millis))
}

fn duration_since(now: UnixMillis, then: UnixMillis) -> Duration {
    Duration::from_millis(now.millis_since(then))
}
