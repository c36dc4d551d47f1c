//! What the probes of an agent find, and what its monitors make of it.

use std::rc::Rc;
use std::time::Duration;

use health::definition::{MONITORS, Scenario};
use health::{
    AlertValue, Case, Failure, FailureReason, Finding, Observation, Outcome, Part, Phase, Samples,
    Surroundings, Tunings, Verdict, Watched, blame, judge, watch_list,
};
use settings::{DatabaseName, ServerName, Value as _};

use crate::machine::{Extent, Machine, moment};
use crate::simulation::Simulation;

/// In a fleet of so many servers nobody looks at everybody.
const LARGE: usize = 50;

impl Simulation {
    /// A second of watching on one server.
    pub(crate) fn watch(&mut self, server: &ServerName) {
        let now = self.now;
        self.follow(server);
        let memory = &self.machines[server].memory;
        let due: Vec<usize> = (0..memory.watched.len()).filter(|index| memory.due[*index] <= now).collect();
        for index in &due {
            let watched = self.machines[server].memory.watched[*index].clone();
            let observation = self.observe(server, &watched);
            self.take(server, &watched, &observation);
            let failed = observation.finding.outcome.is_failure();
            let settled = self.machines[server].verdicts.iter().any(|it| {
                it.value == AlertValue::Unhealthy
                    && it.target == watched.target
                    && MONITORS.iter().any(|of| of.name == it.monitor && of.probe == watched.probe.name)
            });
            let every = if failed && !settled { 1 } else { watched.probe.every.as_secs() };
            self.machine(server).memory.due[*index] = now + every.max(1);
        }
        // What is well ages slowly.
        let restless = |it: &Verdict| it.value != AlertValue::Healthy;
        if !due.is_empty() || now.is_multiple_of(5) || self.machines[server].verdicts.iter().any(restless) {
            self.judge(server);
        }
    }

    /// What is watched follows the world.
    fn follow(&mut self, server: &ServerName) {
        let revision = self.records.world.revision;
        if self.machines[server].memory.of_revision == revision && revision > 0 {
            return;
        }
        let surroundings = Surroundings { listeners: vec!["POP3".to_owned()], ..Surroundings::default() };
        let is_large = self.machines.len() > LARGE;
        let mut watched = watch_list(server, &self.records.world, &surroundings);
        watched.retain(|it| match it.probe.scenario {
            Scenario::SelfTest
            | Scenario::ProxyTest
            | Scenario::DeepTest
            | Scenario::TouchPoint
            | Scenario::Store
            | Scenario::DirectoryLookUp
            | Scenario::Mounted
            | Scenario::Redundancy => true,
            Scenario::Observer => !is_large,
            _ => false,
        });
        let memory = &mut self.machine(server).memory;
        memory.of_revision = revision;
        memory.watched = watched;
        let names: Vec<_> = memory.watched.iter().map(Watched::identity).collect();
        memory.samples.retain(|name, _| names.contains(name));
        let old = std::mem::replace(&mut memory.names, names);
        let due = memory
            .names
            .iter()
            .map(|name| old.iter().position(|it| it == name).map_or(0, |index| memory.due[index]));
        memory.due = due.collect();
    }

    /// What was found counts from now on.
    pub(crate) fn take(&mut self, server: &ServerName, watched: &Watched, observation: &Observation) {
        let now = self.now;
        let samples = &mut self.machine(server).memory.samples;
        samples.entry(watched.identity()).or_default().push(observation, moment(now));
    }

    fn judge(&mut self, server: &ServerName) {
        let (now, wall) = (moment(self.now), self.wall());
        let machine = &self.machines[server];
        let none = Samples::default();
        let tunings = Tunings::default();
        let mut verdicts = Vec::new();
        for (index, watched) in machine.memory.watched.iter().enumerate() {
            let samples = machine.memory.samples.get(&machine.memory.names[index]).unwrap_or(&none);
            let target = watched.target.as_deref();
            for monitor in MONITORS.iter().filter(|it| it.probe == watched.probe.name) {
                let tuning = tunings.monitor(server, monitor, target, wall);
                let before = machine
                    .verdicts
                    .iter()
                    .find(|it| it.monitor == monitor.name && it.target == watched.target);
                verdicts.push(judge(
                    Case { monitor, server, target, tuning: &tuning, samples, before },
                    now,
                    wall,
                ));
            }
        }
        self.machine(server).verdicts = verdicts;
    }

    /// Who is to blame is found out by what all agents say that answer; it is the same for each of them.
    pub(crate) fn blame_all(&mut self) {
        let fails = |it: &Verdict| matches!(it.value, AlertValue::Degraded | AlertValue::Unhealthy);
        let matters = |it: &Machine| it.memory.open || it.verdicts.iter().any(fails);
        let answering: Vec<_> = self
            .machines
            .iter()
            .filter(|(_, it)| it.agent_answers())
            .map(|(name, it)| (name.clone(), it.verdicts.len()))
            .collect();
        if !self.machines.values().any(matters) {
            self.said = Rc::default();
            return;
        }
        let all = answering.iter().flat_map(|(name, _)| self.machines[name].verdicts.iter().cloned());
        let blamed = blame(&all.collect::<Vec<_>>());
        let mut from = 0;
        for (name, count) in answering {
            self.machine(&name).verdicts = blamed[from..from + count].to_vec();
            from += count;
        }
        self.said = Rc::new(blamed);
    }

    /// One attempt.
    pub(crate) fn observe(&self, server: &ServerName, watched: &Watched) -> Observation {
        let machine = &self.machines[server];
        let target = watched.target.as_deref().unwrap_or_default();
        let database = || {
            let name = DatabaseName::parse(target).ok()?;
            self.records.world.topology.database(&name).map(|it| it.name.clone())
        };
        let finding = match watched.probe.scenario {
            _ if machine.starved_until > self.now => cannot_test(FailureReason::Drained),
            Scenario::SelfTest => {
                if machine.back_end.greets() {
                    well()
                } else {
                    failed(FailureReason::Connect, Phase::Connect, Part::BackEnd)
                }
            }
            Scenario::ProxyTest => {
                if machine.front_end.greets() {
                    well()
                } else {
                    failed(FailureReason::Connect, Phase::Connect, Part::FrontEnd)
                }
            }
            Scenario::DeepTest => {
                database().map_or_else(|| cannot_test(FailureReason::Moving), |of| self.deep(server, &of))
            }
            Scenario::TouchPoint => {
                database().map_or_else(|| cannot_test(FailureReason::Moving), |of| self.touch(server, &of))
            }
            Scenario::Store => database().map_or_else(
                || cannot_test(FailureReason::Moving),
                |of| {
                    if !machine.back_end_acts() || self.records.world.mounted_on(&of) != Some(server) {
                        cannot_test(FailureReason::Moving)
                    } else if self.store_fails(server, &of) {
                        failed(FailureReason::StoreRead, Phase::Read, Part::Store)
                    } else {
                        well()
                    }
                },
            ),
            Scenario::DirectoryLookUp if self.directory_is_there() => well(),
            Scenario::DirectoryLookUp => failed(FailureReason::LookUp, Phase::LookUp, Part::Directory),
            Scenario::Mounted => {
                let mounted = database().is_some_and(|of| self.records.world.mounted_on(&of).is_some());
                if mounted {
                    well()
                } else {
                    failed(FailureReason::NotMounted, Phase::Compare, Part::HighAvailability)
                }
            }
            Scenario::Observer => {
                let other = ServerName::parse(target).ok().and_then(|name| self.machines.get(&name));
                if other.is_some_and(Machine::agent_answers) {
                    well()
                } else {
                    failed(FailureReason::NoAnswer, Phase::Ask, Part::Agent)
                }
            }
            _ => well(),
        };
        Observation {
            probe: watched.probe.name.to_owned(),
            health_set: watched.probe.health_set.to_owned(),
            server: server.clone(),
            target: watched.target.clone(),
            started: self.wall(),
            took: Duration::from_millis(20),
            finding,
        }
    }

    fn deep(&self, server: &ServerName, of: &DatabaseName) -> Finding {
        let machine = &self.machines[server];
        let behind = Finding { mailbox_server: Some(server.clone()), database: Some(of.clone()), ..well() };
        if !machine.back_end.greets() {
            return Finding {
                failure: Some(why(FailureReason::Connect, Phase::Connect, Part::BackEnd)),
                outcome: Outcome::Failed,
                ..behind
            };
        }
        if self.records.world.mounted_on(of) != Some(server) {
            return cannot_test(FailureReason::Moving);
        }
        if !self.directory_is_there() {
            let failure = Some(why(FailureReason::LookUp, Phase::Auth, Part::Directory));
            return Finding { failure, outcome: Outcome::Failed, ..behind };
        }
        if self.store_fails(server, of) || matches!(machine.back_end.sick, Some((_, Extent::Sessions))) {
            let failure = Some(why(FailureReason::ScenarioTimeout, Phase::Retrieve, Part::BackEnd));
            return Finding { failure, outcome: Outcome::TimedOut, ..behind };
        }
        behind
    }

    fn touch(&self, server: &ServerName, of: &DatabaseName) -> Finding {
        let machine = &self.machines[server];
        if !machine.front_end.greets() {
            return failed(FailureReason::Connect, Phase::Connect, Part::FrontEnd);
        }
        let assigned = self.records.world.records.assignments.get(of).map(|kept| kept.value.server.clone());
        let behind = Finding { mailbox_server: assigned.clone(), database: Some(of.clone()), ..well() };
        let fails = |reason, phase, part| Finding {
            outcome: Outcome::Failed,
            failure: Some(why(reason, phase, part)),
            ..behind.clone()
        };
        if !self.directory_is_there() {
            return fails(FailureReason::LookUp, Phase::Auth, Part::Directory);
        }
        if matches!(machine.front_end.sick, Some((_, Extent::Sessions))) {
            return fails(FailureReason::ScenarioTimeout, Phase::Retrieve, Part::FrontEnd);
        }
        match assigned {
            Some(at) if self.records.world.mounted_on(of) == Some(&at) => {
                let found = self.deep(&at, of);
                if found.outcome == Outcome::CannotTest { cannot_test(FailureReason::Moving) } else { found }
            }
            _ => fails(FailureReason::MailboxUnavailable, Phase::Auth, Part::HighAvailability),
        }
    }

    fn store_fails(&self, server: &ServerName, of: &DatabaseName) -> bool {
        self.corrupt.contains(of) || self.machines[server].store_broken
    }
}

fn well() -> Finding {
    Finding::default()
}

fn why(reason: FailureReason, phase: Phase, part: Part) -> Failure {
    Failure { reason, phase, part, detail: String::new() }
}

fn failed(reason: FailureReason, phase: Phase, part: Part) -> Finding {
    Finding { outcome: Outcome::Failed, failure: Some(why(reason, phase, part)), ..Finding::default() }
}

fn cannot_test(reason: FailureReason) -> Finding {
    Finding {
        outcome: Outcome::CannotTest,
        failure: Some(why(reason, Phase::Ask, Part::Observer)),
        ..Finding::default()
    }
}
