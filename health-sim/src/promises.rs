//! What holds at every step, whatever happens; and what holds in the end, when faults have stopped.

use health::AlertValue;
use health::recovery::{Act, Event, RecoveryId, Slot, State, slot_path};
use settings::{Role, ServerName};

use crate::climbing::policy;
use crate::fault::alice;
use crate::simulation::Simulation;

impl Simulation {
    fn broken(&mut self, what: String) {
        self.tell(&format!("!! {what}"));
        self.broken.get_or_insert(what);
    }

    /// What is about to be done stands in the journal, is allowed, and has its slot.
    pub(crate) fn promise_before(&mut self, server: &ServerName, number: u64, act: &Act, token: Option<u64>) {
        let machine = &self.machines[server];
        let last = machine.journal.entries_of(number).last();
        let is_written =
            last.is_some_and(|entry| matches!(&entry.event, Event::Intended { act: it, .. } if it == act));
        if !is_written {
            self.broken(format!("{server} does {act} without an intent"));
        }
        if matches!(act, Act::Escalate { .. }) {
            return;
        }
        let machine = &self.machines[server];
        let about = match act {
            Act::PowerCycle { server } => server.clone(),
            _ => server.clone(),
        };
        if machine.hands_off {
            self.broken(format!("{server} does {act} under the hands-off file"));
        }
        if self.records.world.records.maintenance.contains_key(&about) {
            self.broken(format!("{server} does {act} in maintenance"));
        }
        let heavy = matches!(act, Act::FailOver { .. } | Act::RestartServer | Act::PowerCycle { .. });
        if !heavy {
            return;
        }
        let is_new = token.is_some();
        if self.records.world.records.health.contains_key(&health::recovery::brake_path()) && is_new {
            let began = self.intended_at(server, number);
            let brake = self.records.world.records.health.get(&health::recovery::brake_path());
            let pulled = brake.and_then(|kept| kept.value["since"].as_u64());
            if pulled.is_some_and(|pulled| pulled < began) {
                self.broken(format!("{server} does {act} under the brake"));
            }
        }
        let id = RecoveryId { server: server.clone(), number };
        let roles = self.records.world.topology.server(&about).map(|it| it.roles.clone()).unwrap_or_default();
        for role in roles {
            let kept = self.records.world.records.health.get(&slot_path(role));
            let slot = kept.and_then(|kept| serde_json::from_value::<Slot>(kept.value.clone()).ok());
            if slot.is_none_or(|slot| slot.recovery != id) || token.is_none() {
                self.broken(format!("{server} does {act} without the slot of its role"));
            }
        }
    }

    fn intended_at(&self, server: &ServerName, number: u64) -> u64 {
        let entries = self.machines[server].journal.entries_of(number);
        let intents = entries.filter(|entry| matches!(entry.event, Event::Intended { .. }));
        intents.last().map_or(0, |entry| entry.at.0)
    }

    /// A person's stop is not undone; and the budget holds, by what really was done.
    pub(crate) fn promise_restart(&mut self, server: &ServerName, service: &str) {
        let now = self.now;
        let done = self.restarts.entry((server.clone(), service.to_owned())).or_default();
        done.push(now);
        let of_hour = done.iter().filter(|at| **at + 3600 > now).count();
        // One that an agent had begun when it died may be done once more.
        let twice = done.windows(2).filter(|pair| pair[1] - pair[0] < 120).count();
        let allowed = policy().budgets.restarts[0].times;
        if of_hour > allowed + twice {
            self.broken(format!("{server} restarts {service} {of_hour} times within an hour"));
        }
    }

    /// One at a time of a role; not while half of the others are down; and within the budget.
    pub(crate) fn promise_reboot(&mut self, server: &ServerName) {
        let now = self.now;
        let done = self.reboots.entry(server.clone()).or_default();
        done.push(now);
        if done.iter().filter(|at| **at + 12 * 3600 > now).count() > 1 {
            self.broken(format!("{server} is restarted twice within twelve hours"));
        }
        let roles = self.records.world.topology.server(server).map(|it| it.roles.clone()).unwrap_or_default();
        for role in roles {
            let others: Vec<_> = self.servers_of(role).into_iter().filter(|it| it != server).collect();
            let others_off = others.iter().filter(|it| {
                self.reboots.get(*it).is_some_and(|done| done.iter().any(|at| *at + 3 > now))
                    && !self.machines[*it].is_on()
            });
            if others_off.count() > 0 {
                self.broken(format!("{server} is restarted while another one of its role is"));
            }
            // What broke a moment ago nobody can know.
            let down = others.iter().filter(|it| self.down_for(it, role) > 60).count();
            if down * 2 > others.len() {
                self.broken(format!(
                    "{server} is restarted while {down} of {} others are down",
                    others.len()
                ));
            }
        }
    }

    /// A database comes back to a server only if nobody else blocks it.
    pub(crate) fn promise_move_here(&mut self, id: &RecoveryId) {
        let blocks = self.records.world.records.blocks_of(&id.server);
        let by_alice = blocks.into_iter().find(|(by, _)| **by == alice()).map(|(_, kept)| kept.value.at.0);
        let began = self.intended_at(&id.server, id.number);
        if by_alice.is_some_and(|blocked| blocked < began) {
            self.broken(format!("{id} brings a database to a server that a person blocks"));
        }
    }

    /// For how many seconds the part of a server has not worked.
    fn down_for(&self, server: &ServerName, role: Role) -> u64 {
        self.down_since.get(&(server.clone(), role == Role::Mailbox)).map_or(0, |since| self.now - since)
    }

    /// Notes what works and what does not.
    pub(crate) fn note_what_works(&mut self) {
        for role in [Role::ClientAccess, Role::Mailbox] {
            for server in self.servers_of(role) {
                let machine = &self.machines[&server];
                let service = if role == Role::Mailbox { &machine.back_end } else { &machine.front_end };
                let works = machine.is_on() && !machine.hung && service.greets();
                let key = (server, role == Role::Mailbox);
                if works {
                    self.down_since.remove(&key);
                } else {
                    let now = self.now;
                    self.down_since.entry(key).or_insert(now);
                }
            }
        }
    }

    /// Everything is Healthy, or a person has been called about it; and nothing is held for ever.
    pub(crate) fn promise_in_the_end(&mut self) {
        let servers: Vec<_> = self.machines.keys().cloned().collect();
        // One that hangs can do nothing: the others call a person about it.
        let answers = |server: &&ServerName| self.machines[*server].agent_answers();
        let servers: Vec<_> = servers.iter().filter(answers).cloned().collect();
        for server in &servers {
            let machine = &self.machines[server];
            // Somebody was called about it, or has stopped its recovery.
            let known = |ladder: &str| {
                self.machines.values().flat_map(|other| other.journal.open()).any(|it| {
                    let known = it.called.is_some() || matches!(it.state, State::Escalated | State::Stopped);
                    known && (it.ladder.name == ladder || it.server == *server)
                })
            };
            let mut left = Vec::new();
            for verdict in machine.verdicts.iter().filter(|it| it.value == AlertValue::Unhealthy) {
                let ladder = health::recovery::ladder_of(&verdict.monitor).map_or("", |it| it.name);
                let blamed_elsewhere =
                    !matches!(&verdict.blame, Some(health::Blame::Own { server: it }) if it == server);
                if !known(ladder) && !blamed_elsewhere {
                    left.push(format!(
                        "{server}: {} {:?} is Unhealthy and nobody was called",
                        verdict.monitor, verdict.target
                    ));
                }
            }
            for recovery in machine.journal.open().filter(|it| it.state == State::Climbing) {
                if recovery.called.is_none() {
                    left.push(format!("{server}-{} still climbs, and nobody was called", recovery.number));
                }
            }
            if !left.is_empty() {
                let refused = self.machines[server].memory.refused.clone();
                for line in refused {
                    self.tell(&format!("{server} refuses {line}"));
                }
            }
            for what in left {
                self.broken(what);
            }
        }
        for role in [Role::ClientAccess, Role::Mailbox] {
            let Some(kept) = self.records.world.records.health.get(&slot_path(role)) else { continue };
            let Ok(slot) = serde_json::from_value::<Slot>(kept.value.clone()) else { continue };
            let recovery = self.machines[&slot.recovery.server].journal.recovery(slot.recovery.number);
            if recovery.is_none_or(|it| it.state != State::Climbing) {
                self.broken(format!("the slot of {role:?} is held by {} that is over", slot.recovery));
            }
        }
    }
}
