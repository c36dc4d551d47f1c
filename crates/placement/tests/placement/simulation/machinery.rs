//! A cluster without processes: a coordinator, agents, back ends and stores that keep to their rules and fail in every
//! way they may.

use std::collections::{BTreeMap, BTreeSet};

use placement::record::{
    Assignment, AssignmentReason, Block, ComponentRequest, ComponentState, Maintenance, MountReport,
    MountState, Move, Presence, Wanted,
};
use placement::{
    Assign, Component, Kept, Limits, Moment, MoveRequest, RecordKey, Requester, Step, Token, UnixMillis,
    World, Writes, plan, request_dismount, request_mount, request_move,
};
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use serde::Serialize;
use settings::{DatabaseName, ServerName};

use super::event::{DATABASES, Event, REQUESTERS, SERVERS};
use crate::cluster::{by, database, move_id, second, server, topology};

/// Seconds.
const LEASE: u64 = 6;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Life {
    Alive,
    Hung,
    Dead { returns: Option<u64> },
}

/// One server: its agent and its back end.
struct Machine {
    agent: bool,
    agent_renewed: u64,
    back_end: Life,
    back_end_renewed: u64,
    clings: bool,
    mounts_fail: bool,
    /// What the back end does, by its own memory.
    mounts: BTreeMap<DatabaseName, (MountState, Token)>,
}

/// What lies on the disk of a database.
#[derive(Default)]
struct Store {
    token: Token,
    lock: Option<ServerName>,
}

pub(super) struct Machinery {
    now: u64,
    /// Of the leader; its records are those of the coordinator.
    world: World,
    revision: u64,
    coordinator_returns: u64,
    machines: BTreeMap<ServerName, Machine>,
    stores: BTreeMap<DatabaseName, Store>,
    late: Vec<(u64, Step)>,
    delay: u64,
    losing: usize,
    moves: u64,
}

impl Machinery {
    pub(super) fn new() -> Self {
        let machine = || Machine {
            agent: true,
            agent_renewed: 0,
            back_end: Life::Alive,
            back_end_renewed: 0,
            clings: false,
            mounts_fail: false,
            mounts: BTreeMap::new(),
        };
        Self {
            now: 0,
            world: World::new(topology(&SERVERS, &DATABASES), 1, Limits::default()),
            revision: 0,
            coordinator_returns: 0,
            machines: SERVERS.iter().map(|name| (server(name), machine())).collect(),
            stores: DATABASES.iter().map(|(name, _)| (database(name), Store::default())).collect(),
            late: Vec::new(),
            delay: 0,
            losing: 0,
            moves: 0,
        }
    }

    pub(super) fn world(&self) -> &World {
        &self.world
    }

    pub(super) fn now(&self) -> Moment {
        second(self.now)
    }

    fn wall(&self) -> UnixMillis {
        UnixMillis(self.now * 1000)
    }

    fn machine(&mut self, index: usize) -> &mut Machine {
        self.machines.get_mut(&server(SERVERS[index])).unwrap()
    }

    fn coordinator_is_there(&self) -> bool {
        self.now >= self.coordinator_returns
    }

    /// All that was broken is mended. What people want stays.
    pub(super) fn heal(&mut self) {
        for machine in self.machines.values_mut() {
            machine.agent = true;
            machine.mounts_fail = false;
            machine.back_end = match machine.back_end {
                Life::Dead { .. } => Life::Dead { returns: Some(self.now) },
                Life::Hung | Life::Alive => Life::Alive,
            };
        }
        self.coordinator_returns = self.now;
        (self.delay, self.losing) = (0, 0);
    }

    pub(super) fn happen(&mut self, event: Event) {
        let now = self.now;
        match event {
            Event::AgentDies(on) => self.machine(on).agent = false,
            Event::AgentReturns(on) => {
                self.machine(on).agent = true;
                if self.machine(on).back_end == (Life::Dead { returns: None }) {
                    self.machine(on).back_end = Life::Dead { returns: Some(now) };
                }
            }
            Event::BackEndDies(on) => self.kill(&server(SERVERS[on]), Some(now + 3)),
            Event::BackEndHangs(on) if self.machine(on).back_end == Life::Alive => {
                self.machine(on).back_end = Life::Hung;
            }
            Event::BackEndGoesOn(on) if self.machine(on).back_end == Life::Hung => {
                self.machine(on).back_end = Life::Alive;
            }
            Event::BackEndHangs(_) | Event::BackEndGoesOn(_) => {}
            Event::BackEndClings(on) => self.machine(on).clings = true,
            Event::PowerGoes(on) => {
                self.machine(on).agent = false;
                self.kill(&server(SERVERS[on]), None);
            }
            Event::MountsFail(on) => self.machine(on).mounts_fail = true,
            Event::MountsWork(on) => self.machine(on).mounts_fail = false,
            Event::LeaderChanges => {
                self.world.seen.clear();
                self.world.absent_since.clear();
                self.world.first_seen.clear();
                self.world.leading_since = second(now);
            }
            Event::CoordinatorGoes { seconds } => self.coordinator_returns = now + seconds,
            Event::CoordinatorIsRestored => self.world.epoch += 1,
            Event::StepsAreLost { steps } => self.losing = steps,
            Event::StepsAreLate { seconds } => self.delay = seconds,
            wish => {
                if self.coordinator_is_there() {
                    self.wish(wish);
                }
            }
        }
    }

    /// What someone asks for, as a transaction of its own.
    fn wish(&mut self, event: Event) {
        let (reason, at) = ("test".to_owned(), self.wall());
        let component =
            |on: usize| RecordKey::Component(server(SERVERS[on]), Component::back_end(), by("alice"));
        match event {
            Event::Move { of, to, by: who, force } => {
                self.moves += 1;
                let request = MoveRequest {
                    id: move_id(&format!("m{}", self.moves)),
                    database: DATABASES[of].0,
                    to: to.map(|to| SERVERS[to]),
                    by: by(REQUESTERS[who]),
                    reason,
                    force,
                    at,
                };
                if let Ok((of, requested)) = request_move(&self.world, request) {
                    self.commit(&requested.writes(&of));
                }
            }
            Event::MoveUnchecked { of, to } => {
                self.moves += 1;
                let (id, by) = (move_id(&format!("m{}", self.moves)), by("alice"));
                let to = Some(server(SERVERS[to]));
                let requested = Move { id, from: None, to, by, reason, requested: at, force: false };
                self.commit(&requested.writes(&database(DATABASES[of].0)));
            }
            Event::MoveVanishes(of) => self.delete(&RecordKey::Move(database(DATABASES[of].0))),
            Event::Block { on, by: who, move_now } => {
                let key = RecordKey::Block(server(SERVERS[on]), by(REQUESTERS[who]));
                self.put(&key, &Block { reason, at, move_now });
            }
            Event::Lift { on, by: who } => {
                self.delete(&RecordKey::Block(server(SERVERS[on]), by(REQUESTERS[who])));
            }
            Event::Maintain(on) => {
                let maintenance = Maintenance { by: Requester::maintenance(), reason, since: at, until: at };
                self.put(&RecordKey::Maintenance(server(SERVERS[on])), &maintenance);
            }
            Event::MaintainNoMore(on) => self.delete(&RecordKey::Maintenance(server(SERVERS[on]))),
            Event::Drain(on) => {
                self.put(&component(on), &ComponentRequest { state: ComponentState::Draining, reason, at });
            }
            Event::DrainNoMore(on) => self.delete(&component(on)),
            Event::HumanDismounts(of) => {
                let wish = request_dismount(&self.world, DATABASES[of].0, by("alice"));
                self.assign_by_wish(wish.ok().flatten());
            }
            Event::HumanMounts(of) => {
                let wish = request_mount(&self.world, DATABASES[of].0, by("alice"));
                self.assign_by_wish(wish.ok().flatten());
            }
            other => unreachable!("{other:?} is no wish"),
        }
    }

    fn assign_by_wish(&mut self, assign: Option<Assign>) {
        if let Some(assign) = assign {
            self.commit(&assign.writes(self.wall()));
        }
    }

    /// One second: leases, back ends, the leader, late steps. Then the promises are checked.
    pub(super) fn second_passes(&mut self) -> Result<(), TestCaseError> {
        self.now += 1;
        let names: Vec<_> = self.machines.keys().cloned().collect();
        for name in &names {
            self.leases(name);
        }
        for name in &names {
            if self.machines[name].back_end == Life::Alive {
                for (database, _) in DATABASES {
                    self.back_end(name, &crate::cluster::database(database));
                }
            }
        }
        if self.coordinator_is_there() {
            self.lead()?;
        }
        self.one_writes()
    }

    fn leases(&mut self, name: &ServerName) {
        let (now, there) = (self.now, self.coordinator_is_there());
        let machine = self.machines.get_mut(name).unwrap();
        let reborn = matches!(machine.back_end, Life::Dead { returns: Some(at) } if at <= now);
        if reborn {
            machine.back_end = Life::Alive;
        }
        // A coordinator that was away lets every lease begin anew.
        if machine.agent || !there {
            machine.agent_renewed = now;
        }
        if machine.back_end == Life::Alive || !there {
            machine.back_end_renewed = now;
        }
        let agent = machine.agent;
        let agent_expired = machine.agent_renewed + LEASE < now;
        let back_end_expired = machine.back_end_renewed + LEASE < now;
        if !there {
            return;
        }
        let key = RecordKey::Agent(name.clone());
        if agent && !self.world.records.agents.contains_key(name) {
            let presence = Presence { boot_id: "boot".into(), api: None, since: self.wall() };
            self.put(&key, &presence);
        } else if agent_expired {
            self.delete(&key);
        }
        if back_end_expired || reborn {
            for (database, _) in DATABASES {
                self.delete(&RecordKey::Mount(crate::cluster::database(database), name.clone()));
            }
        }
    }

    /// One second of a living back end's work on one database, by the assignments it sees.
    fn back_end(&mut self, name: &ServerName, of: &DatabaseName) {
        let there = self.coordinator_is_there();
        let assignment = self.world.records.assignments.get(of).cloned();
        let machine = self.machines.get_mut(name).unwrap();
        let store = self.stores.get_mut(of).unwrap();
        let held = machine.mounts.get(of).cloned();
        if let Some((MountState::Mounted, token)) = &held
            && store.token > *token
        {
            // Its next commit fails, and it lets go.
            machine.mounts.remove(of);
            release(store, name);
        }
        if !there {
            return;
        }
        let held = machine.mounts.get(of).cloned();
        let next = match (assignment, held) {
            (Some(at), held) if at.value.server == *name => {
                let token = self.world.token(&at);
                assigned(machine, store, name, (&at, token), held)
            }
            // Somebody else's now. A failure stays told.
            (_, Some((MountState::Mounted | MountState::Mounting | MountState::Dismounting, token)))
                if !machine.clings =>
            {
                release(store, name);
                Some((MountState::Dismounted, token))
            }
            (_, held) => held,
        };
        if let Some(next) = next {
            machine.mounts.insert(of.clone(), next);
        }
        if let Some((state, token)) = machine.mounts.get(of).cloned() {
            let told = self.world.records.report(of, name);
            if told.is_none_or(|told| told.state != state || told.token != token) {
                let report = MountReport { state, token, since: self.wall(), sessions: None };
                self.put(&RecordKey::Mount(of.clone(), name.clone()), &report);
            }
        }
    }

    fn kill(&mut self, name: &ServerName, returns: Option<u64>) {
        let machine = self.machines.get_mut(name).unwrap();
        machine.back_end = Life::Dead { returns };
        machine.clings = false;
        machine.mounts.clear();
        for store in self.stores.values_mut() {
            release(store, name);
        }
    }

    fn lead(&mut self) -> Result<(), TestCaseError> {
        self.world.observe(self.now());
        let decided = plan(&self.world, self.now());
        prop_assert_eq!(&decided, &plan(&self.world, self.now()), "the same world, another plan");
        self.keeps_the_rules(&decided.steps)?;
        for step in decided.steps {
            if self.losing > 0 {
                self.losing -= 1;
            } else {
                self.late.push((self.now + self.delay, step));
            }
        }
        self.delay = 0;
        let (due, late) = std::mem::take(&mut self.late).into_iter().partition(|(at, _)| *at <= self.now);
        self.late = late;
        let due: Vec<(u64, Step)> = due;
        for (_, step) in due {
            if self.can_be_done(&step) {
                self.commit(&step.writes(self.wall()));
            }
        }
        Ok(())
    }

    /// A fence is certain when the holder's server says so, or has no power.
    fn can_be_done(&mut self, step: &Step) -> bool {
        let Step::Fence(fence) = step else { return true };
        let name = &fence.holder.server;
        let machine = &self.machines[name];
        let dead = matches!(machine.back_end, Life::Dead { .. });
        if !dead && machine.agent {
            let holds = machine.mounts.get(&fence.database);
            let later = holds.is_some_and(|(_, token)| *token > fence.holder.token);
            if holds.is_some() && !later {
                self.kill(name, Some(self.now + 2));
            }
        }
        dead || self.machines[name].agent
    }

    /// Writes all or nothing.
    fn commit(&mut self, writes: &Writes) {
        let holds = writes.expects.iter().all(|expects| self.revision_of(&expects.key) == expects.revision);
        if !holds {
            return;
        }
        self.revision += 1;
        for (key, json) in &writes.puts {
            self.world.records.put(&key.to_string(), self.revision, json.as_bytes()).unwrap();
        }
        for key in &writes.deletes {
            self.delete(key);
        }
    }

    fn put(&mut self, key: &RecordKey, value: &impl Serialize) {
        let puts = vec![(key.clone(), serde_json::to_string(value).unwrap())];
        self.commit(&Writes { puts, ..Writes::default() });
    }

    fn delete(&mut self, key: &RecordKey) {
        self.world.records.remove(&key.to_string()).unwrap();
    }

    fn revision_of(&self, key: &RecordKey) -> Option<u64> {
        let records = &self.world.records;
        match key {
            RecordKey::Assignment(of) => records.assignments.get(of).map(|kept| kept.revision),
            RecordKey::Move(of) => records.moves.get(of).map(|kept| kept.revision),
            RecordKey::Fence(of, on) => {
                records.fences.get(&(of.clone(), on.clone())).map(|kept| kept.revision)
            }
            other => unreachable!("no step compares {other}"),
        }
    }

    /// What holds for every plan.
    fn keeps_the_rules(&self, steps: &[Step]) -> Result<(), TestCaseError> {
        let mut touched = BTreeSet::new();
        for step in steps {
            let Step::Assign(assign) = step else { continue };
            let database = self.world.topology.database(&assign.database).unwrap();
            prop_assert!(touched.insert(&assign.database), "two assignments of {}", assign.database);
            prop_assert!(database.copies.contains(&assign.server), "{} has no copy", assign.server);
            prop_assert_eq!(
                assign.expects,
                self.revision_of(&RecordKey::Assignment(assign.database.clone()))
            );
            let at = self.world.records.assignments.get(&assign.database);
            if at.is_none_or(|at| at.value.server != assign.server) {
                let blocked = self.world.records.blocks_of(&assign.server).next().is_some();
                prop_assert!(!blocked || self.may_ignore_blocks(assign), "a block is ignored: {:?}", assign);
            }
            let human = at.is_some_and(|at| at.value.dismounted_for_good());
            prop_assert!(
                !human || assign.wanted == Wanted::Dismounted,
                "mounted against a wish: {:?}",
                assign
            );
        }
        Ok(())
    }

    /// A block yields to force, and to a database that comes home after a move that failed.
    fn may_ignore_blocks(&self, assign: &Assign) -> bool {
        let requested = self.world.records.moves.get(&assign.database);
        let forced = requested.is_some_and(|requested| requested.value.force);
        forced || matches!(assign.reason, AssignmentReason::MoveFailed { .. })
    }

    /// Whoever holds the token of the store can write, stopped or not: it may go on at any time.
    fn one_writes(&self) -> Result<(), TestCaseError> {
        for (of, store) in &self.stores {
            let writers: Vec<_> = self
                .machines
                .iter()
                .filter(|(_, machine)| machine.mounts.get(of) == Some(&(MountState::Mounted, store.token)))
                .map(|(name, _)| name)
                .collect();
            prop_assert!(writers.len() <= 1, "{:?} all write to {}", writers, of);
        }
        Ok(())
    }
}

fn release(store: &mut Store, name: &ServerName) {
    if store.lock.as_ref() == Some(name) {
        store.lock = None;
    }
}

/// What a back end does next with a database that is assigned to it.
fn assigned(
    machine: &Machine,
    store: &mut Store,
    name: &ServerName,
    (at, token): (&Kept<Assignment>, Token),
    held: Option<(MountState, Token)>,
) -> Option<(MountState, Token)> {
    match (at.value.wanted, held) {
        (Wanted::Mounted, Some((MountState::Mounted, old))) if old != token => {
            store.token = token;
            Some((MountState::Mounted, token))
        }
        (Wanted::Mounted, Some((MountState::Mounted | MountState::Failed { .. }, under)))
            if under == token =>
        {
            None
        }
        (Wanted::Mounted, Some((MountState::Mounting, under))) if under == token => {
            let locked = store.lock.as_ref().is_some_and(|holder| holder != name);
            if machine.mounts_fail || store.token > token {
                let reason = "broken".to_owned();
                Some((MountState::Failed { reason }, token))
            } else if locked {
                None
            } else {
                store.lock = Some(name.clone());
                store.token = token;
                Some((MountState::Mounted, token))
            }
        }
        (Wanted::Mounted, _) => Some((MountState::Mounting, token)),
        (Wanted::Dismounted, Some((MountState::Mounted, _))) if machine.clings => None,
        (Wanted::Dismounted, Some((MountState::Mounted, _))) => Some((MountState::Dismounting, token)),
        (Wanted::Dismounted, _) => {
            release(store, name);
            Some((MountState::Dismounted, token))
        }
    }
}
