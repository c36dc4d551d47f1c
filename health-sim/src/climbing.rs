//! An agent carries out what is planned, as the real one does: slots, intent, act, result, each of which may be its last.

use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Duration;

use health::Watched;
use health::definition;
use health::recovery::{
    Act, Allowance, Budgets, Entry, Event, Found, Intent, Next, Policy, ProbeAim, Reboots, RecoveryId,
    ServiceNow, Situation, Slot, plan, reboots_path, slot_path,
};
use placement::record::Block;
use placement::{
    Expects, MoveId, MoveRequest, RecordKey, UnixMillis, block, request_move, say_of_health, unblock,
};
use settings::{Role, ServerName};

use crate::machine::Busy;
use crate::simulation::Simulation;

/// How much may be planned within one second.
const STEPS: usize = 20;

/// A slot is another's, or nobody can tell.
struct Taken;

/// What these fleets allow: everything, and soon.
pub(crate) fn policy() -> Policy {
    let times = |times, hours| Allowance { times, within: Duration::from_hours(hours) };
    Policy {
        modes: std::collections::BTreeMap::new(),
        budgets: Budgets {
            restarts: vec![times(3, 1), times(8, 24)],
            fail_overs: vec![times(2, 1)],
            reboots: vec![times(1, 12)],
        },
        return_after: Duration::from_mins(2),
        look_again: Some(Duration::from_mins(2)),
        ..Policy::default()
    }
}

impl Simulation {
    /// A second of recovering on one server.
    pub(crate) fn recover(&mut self, server: &ServerName) {
        self.count_restarts(server);
        for _ in 0..STEPS {
            if let Some(busy) = self.machines[server].memory.busy.clone() {
                if busy.until > self.now {
                    return;
                }
                self.machine(server).memory.busy = None;
                self.finish(server, busy.with);
                continue;
            }
            let Some(next) = self.plan(server) else { return };
            self.start(server, next);
            if !self.machines[server].agent_answers() {
                return;
            }
        }
    }

    /// What the init has restarted is told.
    fn count_restarts(&mut self, server: &ServerName) {
        for name in ["frontend", "backend"] {
            let machine = self.machine(server);
            let count = machine.service(name).restarts;
            let before = machine.memory.restarts.insert(name, count).unwrap_or(count);
            for _ in before..count {
                self.write(server, None, Event::Restarted { service: name.to_owned() });
            }
        }
    }

    fn plan(&mut self, server: &ServerName) -> Option<Next> {
        let machine = &self.machines[server];
        let services: Vec<_> = [("frontend", &machine.front_end), ("backend", &machine.back_end)]
            .map(|(name, service)| ServiceNow {
                name: name.to_owned(),
                stopped_by_hand: service.by_hand,
                since: service.since.map(|since| UnixMillis(since * 1000)),
            })
            .into();
        // Others are asked only while something is wrong.
        let asks = machine.memory.open || machine.verdicts.iter().any(|it| it.failing_for.is_some());
        let elsewhere = if asks { Rc::clone(&self.said) } else { Rc::default() };
        let (policy, commands) = (policy(), BTreeSet::new());
        let situation = Situation {
            server,
            verdicts: &machine.verdicts,
            elsewhere: &elsewhere,
            world: &self.records.world,
            services: Some(&services),
            boot_id: &format!("{server}-{}", machine.boot),
            leads: self.leader.as_ref() == Some(server),
            hands_off: machine.hands_off,
            coordinator: self.coordinator_is_there(),
            clock_jumped_until: machine.clock_jumped_until.map(|until| UnixMillis(until * 1000)),
            commands: &commands,
            policy: &policy,
            now: self.wall(),
        };
        let planned = plan(&machine.journal, &situation);
        let refused: Vec<_> =
            planned.refused.iter().map(|it| format!("{}: {}", it.subject, it.why)).collect();
        let open = machine.journal.open().next().is_some();
        let memory = &mut self.machine(server).memory;
        (memory.open, memory.refused) = (open, refused);
        planned.next
    }

    /// Writes an entry into the journal of a server.
    pub(crate) fn write(&mut self, server: &ServerName, recovery: Option<u64>, event: Event) {
        let entry = Entry { at: self.wall(), recovery, event };
        let number = recovery.map(|number| format!("-{number}")).unwrap_or_default();
        self.tell(&format!("{server}{number} {}: {}", entry.event.kind(), entry.event));
        self.machine(server).journal.take(entry);
        self.entries += 1;
        if self.dies_after == Some(self.entries) {
            self.tell(&format!("-- the agent of {server} dies"));
            let returns = self.now + 3;
            self.machine(server).agent_dies(returns);
        }
    }

    fn id(server: &ServerName, number: u64) -> RecoveryId {
        RecoveryId { server: server.clone(), number }
    }

    fn start(&mut self, server: &ServerName, next: Next) {
        let now = self.now;
        match next {
            Next::Open(event) => {
                let number = self.machines[server].journal.next_number();
                self.write(server, Some(number), event);
            }
            Next::Record { recovery, event } => self.write(server, Some(recovery), event),
            Next::Act { recovery, rung, act, intent } => {
                let token = match intent {
                    Intent::Written { token } => token,
                    Intent::New { slots } => {
                        let Ok(token) = self.take_slots(server, recovery, &slots, &act) else { return };
                        self.count_reboot(server, &act);
                        let boot_id = format!("{server}-{}", self.machines[server].boot);
                        let event = Event::Intended { rung, act: act.clone(), boot_id, token };
                        self.write(server, Some(recovery), event);
                        token
                    }
                };
                if self.die_here(server) || !self.machines[server].agent_answers() {
                    return;
                }
                self.promise_before(server, recovery, &act, token);
                let takes = self.takes(server);
                let with = Next::Act { recovery, rung, act, intent: Intent::Written { token } };
                self.machine(server).memory.busy = Some(Busy { until: now + takes, with });
            }
            Next::Undo { recovery } => {
                if self.coordinator_is_there() {
                    let id = Self::id(server, recovery);
                    self.records.commit(&unblock(server, &id.requester()));
                    self.write(server, Some(recovery), Event::Undone);
                }
            }
            Next::Release { role, token } => {
                let path = slot_path(role);
                let mut writes = say_of_health(path.clone(), None::<&Slot>);
                writes.expects.push(Expects { key: RecordKey::Health(path), revision: Some(token) });
                self.records.commit(&writes);
            }
            with @ (Next::Probe { .. } | Next::Ask { .. }) => {
                let until = now + 1 + self.random.u64(..3);
                self.machine(server).memory.busy = Some(Busy { until, with });
            }
        }
    }

    /// How long an act takes.
    fn takes(&mut self, server: &ServerName) -> u64 {
        let slow = self.machines[server].slow;
        1 + self.random.u64(..if slow { 60 } else { 4 })
    }

    /// Now and then an agent dies right after it has written something down.
    fn die_here(&mut self, server: &ServerName) -> bool {
        let dies = self.faults && self.random.u8(..16) == 0;
        if dies {
            self.tell(&format!("-- the agent of {server} dies"));
            let returns = self.now + 2 + self.random.u64(..10);
            self.machine(server).agent_dies(returns);
        }
        dies
    }

    /// Takes the slots; not if another recovery has one of them. Tells the last one's token, if there is any.
    fn take_slots(
        &mut self,
        server: &ServerName,
        recovery: u64,
        slots: &[Role],
        act: &Act,
    ) -> Result<Option<u64>, Taken> {
        let mut token = None;
        for role in slots {
            let path = slot_path(*role);
            let id = Self::id(server, recovery);
            let kept = self.records.world.records.health.get(&path);
            let ours = kept.and_then(|kept| {
                let slot: Slot = serde_json::from_value(kept.value.clone()).ok()?;
                (slot.recovery == id).then_some(kept.revision)
            });
            if ours.is_some() {
                token = ours;
                continue;
            }
            let slot = Slot { recovery: id, reason: act.to_string(), since: self.wall() };
            let mut writes = say_of_health(path.clone(), Some(&slot));
            writes.expects.push(Expects { key: RecordKey::Health(path), revision: None });
            if !self.coordinator_is_there() {
                return Err(Taken);
            }
            token = Some(self.records.commit(&writes).ok_or(Taken)?);
        }
        Ok(token)
    }

    fn count_reboot(&mut self, server: &ServerName, act: &Act) {
        let server = match act {
            Act::RestartServer => server,
            Act::PowerCycle { server } => server,
            _ => return,
        };
        let path = reboots_path(server);
        let kept = self.records.world.records.health.get(&path);
        let known: Reboots =
            kept.and_then(|kept| serde_json::from_value(kept.value.clone()).ok()).unwrap_or_default();
        let wall = self.wall();
        self.records.commit(&say_of_health(path, Some(&known.and(wall))));
    }

    fn finish(&mut self, server: &ServerName, next: Next) {
        match next {
            Next::Probe { recovery, rung, aim, until } => self.probed(server, (recovery, rung), aim, until),
            Next::Ask { recovery, rung, server: other, aim } => {
                let answers = self.machines[&other].agent_answers();
                let (found, what) = if answers {
                    self.found(&other, &aim)
                } else {
                    (Found::CannotTest, "no answer".to_owned())
                };
                self.write(server, Some(recovery), Event::Probed { rung, by: other, found, what });
            }
            Next::Act { recovery, rung, act, intent } => {
                let token = match intent {
                    Intent::Written { token } => token,
                    Intent::New { .. } => None,
                };
                let failed = self.carry_out(server, (recovery, rung), &act, token).err();
                // A server that is restarted takes its agent with it.
                if self.machines[server].agent_answers() && !self.die_here(server) {
                    self.write(server, Some(recovery), Event::Acted { rung, failed });
                }
            }
            _ => {}
        }
    }

    fn found(&mut self, server: &ServerName, aim: &ProbeAim) -> (Found, String) {
        let Some(probe) = definition::probe(aim.probe) else { return (Found::CannotTest, String::new()) };
        let watched = Watched { probe, target: aim.target.clone() };
        let observation = self.observe(server, &watched);
        self.take(server, &watched, &observation);
        let what = format!("{} {}", probe.name, observation.finding.outcome.word());
        match observation.finding.outcome {
            health::Outcome::Succeeded => (Found::Works, what),
            health::Outcome::CannotTest => (Found::CannotTest, what),
            _ => (Found::Fails, what),
        }
    }

    fn probed(
        &mut self,
        server: &ServerName,
        (recovery, rung): (u64, usize),
        aim: ProbeAim,
        until: Option<UnixMillis>,
    ) {
        let (found, what) = self.found(server, &aim);
        let is_over = until.is_none_or(|until| self.wall() >= until);
        if found == Found::Works || is_over {
            let by = server.clone();
            self.write(server, Some(recovery), Event::Probed { rung, by, found, what });
        } else {
            let with = Next::Probe { recovery, rung, aim, until };
            let until = self.now + 1;
            self.machine(server).memory.busy = Some(Busy { until, with });
        }
    }

    fn carry_out(
        &mut self,
        server: &ServerName,
        (recovery, rung): (u64, usize),
        act: &Act,
        token: Option<u64>,
    ) -> Result<(), String> {
        let (now, id) = (self.now, Self::id(server, recovery));
        let lost = || "the coordinator does not answer".to_owned();
        let there = self.coordinator_is_there();
        match act {
            Act::RestartService { service } => {
                self.promise_restart(server, service);
                let service = self.machine(server).service(service);
                if service.by_hand {
                    return Err("a person has stopped it".to_owned());
                }
                service.replace(now);
                Ok(())
            }
            Act::RestartServer => {
                if self.machines[server].power_broken {
                    return Err("nobody restarts it".to_owned());
                }
                self.cut_power(server, (&id, rung));
                Ok(())
            }
            Act::PowerCycle { server: other } => {
                self.cut_power(other, (&id, rung));
                Ok(())
            }
            _ if !there => Err(lost()),
            Act::FailOver { .. } => self.empty(&id, token),
            Act::MoveDatabase { database } => self.ask_for_move(&id, rung, database.as_str(), false),
            Act::BringOneBack { database } => self.ask_for_move(&id, rung, database.as_str(), true),
            Act::Return { databases } => {
                self.records.commit(&unblock(server, &id.requester()));
                databases.iter().try_for_each(|of| self.ask_for_move(&id, rung, of.as_str(), true))
            }
            Act::Escalate { lift_block: true, .. } => {
                self.records.commit(&unblock(server, &id.requester()));
                Ok(())
            }
            Act::Escalate { send_away: Some(_), .. } => self.empty(&id, None),
            Act::Escalate { .. }
            | Act::ProtocolLogOn { .. }
            | Act::ProtocolLogOff
            | Act::RunCommand { .. } => Ok(()),
        }
    }

    /// Twice with one id is once.
    fn cut_power(&mut self, server: &ServerName, (id, rung): (&RecoveryId, usize)) {
        if self.power_requests.insert(format!("{id}-{rung}")) {
            self.promise_reboot(server);
            let returns = self.now + 3 + self.random.u64(..20);
            self.machine(server).lose_power(returns);
        }
    }

    fn empty(&mut self, id: &RecoveryId, token: Option<u64>) -> Result<(), String> {
        let record = Block { reason: format!("recovery {id}"), at: self.wall(), move_now: true };
        let mut writes = block(&id.server, &id.requester(), &record);
        if let Some(token) = token {
            let key = RecordKey::Health(slot_path(Role::Mailbox));
            writes.expects.push(Expects { key, revision: Some(token) });
        }
        self.records.commit(&writes).map(drop).ok_or_else(|| "the slot is another's".to_owned())
    }

    fn ask_for_move(
        &mut self,
        id: &RecoveryId,
        rung: usize,
        database: &str,
        here: bool,
    ) -> Result<(), String> {
        let request = MoveRequest {
            id: MoveId::parse(&format!("{}-{rung}", id.requester())).map_err(|error| error.to_string())?,
            database,
            to: here.then_some(id.server.as_str()),
            by: id.requester(),
            reason: format!("recovery {id}"),
            force: here,
            at: self.wall(),
        };
        if here {
            self.promise_move_here(id);
        }
        let (name, asked) =
            request_move(&self.records.world, request).map_err(|refusal| refusal.to_string())?;
        self.records.commit(&asked.writes(&name)).map(drop).ok_or_else(|| "it moves already".to_owned())
    }
}
