//! A fleet, a second at a time.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::rc::Rc;

use fastrand::Rng;
use health::recovery::{Event, Outcome, State};
use health::{AlertValue, Verdict};
use placement::record::{MountReport, MountState, Presence, Wanted};
use placement::{Kept, Limits, RecordKey, Step, UnixMillis, World};
use settings::{DatabaseName, Role, ServerName};

use crate::fault::Fault;
use crate::fleet::Fleet;
use crate::machine::{Extent, Machine, Sick, moment};
use crate::records::Records;

/// How long the lease of a process outlives it.
const LEASE: u64 = 6;
/// How long nothing happens at first.
const QUIET: u64 = 60;
/// How long things go wrong.
const FAULTS: u64 = 1800;
/// How long it may take until everything is well again, or somebody was called.
const CALM: u64 = 3600;

/// For how long everything has to be well to end earlier.
const WELL: u64 = 120;

/// A fleet and everything about it.
pub(crate) struct Simulation {
    pub(crate) now: u64,
    pub(crate) random: Rng,
    pub(crate) records: Records,
    pub(crate) machines: BTreeMap<ServerName, Machine>,
    pub(crate) leader: Option<ServerName>,
    pub(crate) corrupt: BTreeSet<DatabaseName>,
    pub(crate) directory_returns: u64,
    pub(crate) coordinator_returns: u64,
    /// Whether things go wrong by themselves.
    pub(crate) faults: bool,
    holders: BTreeMap<DatabaseName, ServerName>,
    pub(crate) restarts: BTreeMap<(ServerName, String), Vec<u64>>,
    pub(crate) reboots: BTreeMap<ServerName, Vec<u64>>,
    /// The ids of restarts that have been carried out.
    pub(crate) power_requests: BTreeSet<String>,
    pub(crate) down_since: BTreeMap<(ServerName, bool), u64>,
    /// What all monitors say whose agents answer, while it matters.
    pub(crate) said: Rc<Vec<Verdict>>,
    pub(crate) broken: Option<String>,
    /// After so many entries of all journals the agent that has written the last one dies.
    pub(crate) dies_after: Option<usize>,
    pub(crate) entries: usize,
    timeline: Vec<String>,
}

/// What a run came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// How many things went wrong.
    pub faults: usize,
    /// How many recoveries ended in which way; those still open among them.
    pub recoveries: BTreeMap<&'static str, usize>,
    /// How often what was done.
    pub acts: BTreeMap<&'static str, usize>,
}

/// A promise was broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// By which seed.
    pub seed: u64,
    /// In which fleet.
    pub fleet: Fleet,
    /// Which promise.
    pub what: String,
    /// Everything that happened.
    pub timeline: Vec<String>,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, fleet, what, timeline } = self;
        for line in timeline {
            writeln!(f, "{line}")?;
        }
        writeln!(f, "seed {seed} of a fleet of {fleet}: {what}")?;
        write!(f, "again: cargo run -p health-sim -- --fleet {fleet} --replay {seed}")
    }
}

/// Runs a fleet by a seed. The timeline is told to `follow` as it happens.
pub fn simulate(fleet: Fleet, seed: u64, follow: &mut dyn FnMut(&str)) -> Result<Report, Box<Broken>> {
    let mut simulation = Simulation::new(fleet, seed);
    let mut told = 0;
    let mut report = Report::default();
    // How much goes wrong differs: from a fault now and then to everything at once.
    let every = simulation.random.u64(10..300);
    let mut next = QUIET;
    let mut well_for = 0;
    while simulation.now < QUIET + FAULTS + CALM && simulation.broken.is_none() && well_for < WELL {
        if simulation.now == QUIET + FAULTS {
            simulation.faults = false;
            simulation.faults_stop();
        }
        simulation.faults = (QUIET..QUIET + FAULTS).contains(&simulation.now);
        while simulation.faults && simulation.now >= next {
            let mut random = simulation.random.fork();
            let fault = Fault::any(&mut random, &simulation);
            simulation.happen(&fault);
            report.faults += 1;
            next = simulation.now + simulation.random.u64(1..=2 * every);
        }
        simulation.second();
        let calm = simulation.now > QUIET + FAULTS;
        well_for = if calm && simulation.is_well() { well_for + 1 } else { 0 };
        simulation.timeline[told..].iter().for_each(|line| follow(line));
        told = simulation.timeline.len();
    }
    if simulation.broken.is_none() {
        simulation.promise_in_the_end();
    }
    if let Some(what) = simulation.broken {
        return Err(Box::new(Broken { seed, fleet, what, timeline: simulation.timeline }));
    }
    for machine in simulation.machines.values() {
        for recovery in machine.journal.recoveries() {
            let state = match recovery.state {
                State::Ended(outcome) => outcome.word(),
                State::Escalated => Outcome::Escalated.word(),
                State::Stopped => Outcome::Stopped.word(),
                State::Climbing => "climbing",
            };
            *report.recoveries.entry(state).or_default() += 1;
        }
        for entry in machine.journal.entries() {
            if let Event::Intended { act, .. } = &entry.event {
                *report.acts.entry(act.action().word()).or_default() += 1;
            }
        }
    }
    Ok(report)
}

/// What was done, and how it ended, in a fleet of one client-access server and two mailbox servers, of which the first cannot
/// serve any more until it is restarted; if any agent dies right after the entry of this number.
pub fn climb_with_a_death(dies_after: Option<usize>) -> (Vec<String>, Option<Outcome>, Vec<String>) {
    let mut simulation = Simulation::new(Fleet { client_access: 1, mailbox: 2 }, 0);
    simulation.dies_after = dies_after;
    let sick = (Sick::UntilReboot, Extent::Whole);
    let server = simulation.servers_of(Role::Mailbox)[0].clone();
    while simulation.now < QUIET + CALM {
        if simulation.now == QUIET {
            simulation.machine(&server).back_end.sick = Some(sick);
        }
        simulation.second();
    }
    let journal = &simulation.machines[&server].journal;
    let acts = journal.entries().iter().filter_map(|entry| match &entry.event {
        Event::Intended { act, .. } => Some(act.action().word().to_owned()),
        _ => None,
    });
    let outcome = journal.entries().iter().rev().find_map(|entry| match &entry.event {
        Event::Ended { outcome } => Some(*outcome),
        _ => None,
    });
    (acts.collect(), outcome, simulation.timeline)
}

impl Simulation {
    fn new(fleet: Fleet, seed: u64) -> Self {
        let topology = fleet.topology();
        let machines = topology.servers.iter().map(|server| (server.name.clone(), Machine::new())).collect();
        Self {
            now: 0,
            random: Rng::with_seed(seed),
            records: Records::new(World::new(topology, 1, Limits::default())),
            machines,
            leader: None,
            corrupt: BTreeSet::new(),
            directory_returns: 0,
            coordinator_returns: 0,
            faults: false,
            holders: BTreeMap::new(),
            restarts: BTreeMap::new(),
            reboots: BTreeMap::new(),
            power_requests: BTreeSet::new(),
            down_since: BTreeMap::new(),
            said: Rc::default(),
            broken: None,
            dies_after: None,
            entries: 0,
            timeline: Vec::new(),
        }
    }

    pub(crate) fn tell(&mut self, line: &str) {
        self.timeline.push(format!("{:>5} s  {line}", self.now));
    }

    pub(crate) fn wall(&self) -> UnixMillis {
        UnixMillis(self.now * 1000)
    }

    pub(crate) fn machine(&mut self, server: &ServerName) -> &mut Machine {
        self.machines.get_mut(server).expect("every server has a machine")
    }

    pub(crate) fn servers_of(&self, role: Role) -> Vec<ServerName> {
        let servers = self.records.world.topology.servers.iter().filter(|it| it.roles.contains(&role));
        servers.map(|it| it.name.clone()).collect()
    }

    pub(crate) fn coordinator_is_there(&self) -> bool {
        self.now >= self.coordinator_returns
    }

    pub(crate) fn directory_is_there(&self) -> bool {
        self.now >= self.directory_returns
    }

    fn second(&mut self) {
        self.now += 1;
        let now = self.now;
        let servers: Vec<_> = self.machines.keys().cloned().collect();
        for server in &servers {
            self.machine(server).second(now);
            self.leases(server);
        }
        for server in &servers {
            if self.machines[server].back_end_acts() {
                self.serve(server);
            }
        }
        self.lead();
        self.note_what_works();
        for server in &servers {
            if self.machines[server].agent_answers() {
                self.watch(server);
            }
        }
        self.blame_all();
        for server in &servers {
            if self.machines[server].agent_answers() {
                self.recover(server);
            }
        }
    }

    /// Everything is Healthy, and nothing is open.
    fn is_well(&self) -> bool {
        self.machines.values().all(|it| {
            it.agent_answers()
                && !it.verdicts.is_empty()
                && it.verdicts.iter().all(|verdict| verdict.value == AlertValue::Healthy)
                && it.journal.open().next().is_none()
        })
    }

    fn leases(&mut self, server: &ServerName) {
        let (now, there) = (self.now, self.coordinator_is_there());
        let machine = self.machine(server);
        let (agent, back_end) = (machine.agent_answers(), machine.back_end_acts());
        if agent || !there {
            machine.agent_renewed = now;
        }
        let reborn = machine.back_end.since != machine.mounted_by;
        if reborn {
            machine.mounted_by = machine.back_end.since;
            machine.mounts.clear();
        }
        if back_end || !there {
            machine.back_end_renewed = now;
        }
        let boot_id = format!("{server}-{}", machine.boot);
        let agent_gone = machine.agent_renewed + LEASE < now;
        let back_end_gone = machine.back_end_renewed + LEASE < now;
        if !there {
            return;
        }
        let key = RecordKey::Agent(server.clone());
        let known = self.records.world.records.agents.get(server).map(|kept| kept.value.boot_id.clone());
        if agent && known.as_deref() != Some(&boot_id) {
            let presence = Presence { boot_id, api: None, since: self.wall() };
            let json = serde_json::to_value(&presence).expect("it is JSON");
            self.records.put(&key, &json);
        } else if agent_gone {
            self.records.delete(&key);
        }
        if back_end_gone || reborn {
            let databases: Vec<_> = self.databases();
            for database in databases {
                self.records.delete(&RecordKey::Mount(database, server.clone()));
            }
        }
        if reborn {
            self.holders.retain(|_, holder| holder != server);
        }
    }

    fn databases(&self) -> Vec<DatabaseName> {
        self.records.world.topology.databases.iter().map(|it| it.name.clone()).collect()
    }

    /// A second of a back end: it mounts what is assigned to it, and lets go of what is not.
    fn serve(&mut self, server: &ServerName) {
        if !self.coordinator_is_there() {
            return;
        }
        for placed in self.records.world.topology.databases.clone() {
            let database = placed.name;
            let assignment: Option<Kept<_>> = self.records.world.records.assignments.get(&database).cloned();
            let machine = &self.machines[server];
            let held = machine.mounts.get(&database).cloned();
            let next = match assignment.filter(|it| it.value.server == *server) {
                Some(at) if at.value.wanted == Wanted::Mounted => {
                    let token = self.records.world.token(&at);
                    let holder = self.holders.get(&database).filter(|holder| *holder != server);
                    match held {
                        Some((MountState::Mounted | MountState::Failed { .. }, of)) if of == token => None,
                        _ if holder.is_some() => Some((MountState::Mounting, token)),
                        _ if machine.store_broken => {
                            Some((MountState::Failed { reason: "no access".to_owned() }, token))
                        }
                        _ => {
                            self.holders.insert(database.clone(), server.clone());
                            Some((MountState::Mounted, token))
                        }
                    }
                }
                Some(at) => {
                    self.holders.retain(|of, holder| *of != database || holder != server);
                    let token = self.records.world.token(&at);
                    (held != Some((MountState::Dismounted, token))).then_some((MountState::Dismounted, token))
                }
                None => match held {
                    Some((MountState::Mounted | MountState::Mounting | MountState::Dismounting, token)) => {
                        self.holders.retain(|of, holder| *of != database || holder != server);
                        Some((MountState::Dismounted, token))
                    }
                    _ => None,
                },
            };
            let Some((state, token)) = next else { continue };
            let report = MountReport { state: state.clone(), token, since: self.wall(), sessions: None };
            let json = serde_json::to_value(&report).expect("it is JSON");
            if self.machines[server].mounts.get(&database) != Some(&(state.clone(), token)) {
                self.records.put(&RecordKey::Mount(database.clone(), server.clone()), &json);
            }
            self.machine(server).mounts.insert(database, (state, token));
        }
    }

    /// A second of placement.
    fn lead(&mut self) {
        let now = moment(self.now);
        if !self.coordinator_is_there() {
            return;
        }
        let leads = |name: &&ServerName| {
            self.machines[*name].agent_answers() && self.records.world.records.agents.contains_key(*name)
        };
        let leader = self.leader.iter().find(leads).or_else(|| self.machines.keys().find(leads)).cloned();
        if leader != self.leader {
            self.records.world.leading_since = now;
            self.leader = leader;
        }
        self.records.world.observe(now);
        if self.leader.is_none() {
            return;
        }
        let plan = placement::plan(&self.records.world, now);
        for step in &plan.steps {
            if let Step::Fence(fence) = step {
                let server = fence.holder.server.clone();
                let seconds = self.now;
                let machine = self.machine(&server);
                // An init that answers kills it; one that does not loses its power.
                if machine.hung {
                    machine.lose_power(seconds + 20);
                } else {
                    machine.back_end.die(seconds);
                }
                self.holders.retain(|_, holder| *holder != server);
            }
            let wall = self.wall();
            self.records.commit(&step.writes(wall));
        }
    }
}
