//! A server: its power, its services and its agent.

use std::collections::{BTreeMap, VecDeque};

use health::recovery::{Journal, Next};
use health::{Moment, Samples, Verdict, Watched};
use placement::Token;
use placement::record::MountState;
use settings::DatabaseName;

/// Deaths within a minute after which an init leaves a service dead.
const DEATHS: usize = 3;

/// What keeps a service from working though its process runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sick {
    /// A restart of the service heals it.
    UntilRestart,
    /// Only a restart of the server heals it.
    UntilReboot,
    /// Nothing of ours heals it.
    ForGood,
}

/// Which part of it does not work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    /// It does not even greet.
    Whole,
    /// It greets, and hangs after the log-in.
    Sessions,
}

/// A service.
#[derive(Clone, Debug, Default)]
pub(crate) struct Service {
    /// Since when its process runs; none if there is none.
    pub(crate) since: Option<u64>,
    /// When its init starts it again.
    pub(crate) starts: Option<u64>,
    /// Whether a person stopped it.
    pub(crate) by_hand: bool,
    pub(crate) sick: Option<(Sick, Extent)>,
    pub(crate) restarts: u64,
    deaths: VecDeque<u64>,
}

impl Service {
    pub(crate) fn greets(&self) -> bool {
        self.since.is_some() && !matches!(self.sick, Some((_, Extent::Whole)))
    }

    /// It dies; its init starts it again, unless it has died too often.
    pub(crate) fn die(&mut self, now: u64) {
        if self.since.take().is_none() {
            return;
        }
        self.deaths.push_back(now);
        self.deaths.retain(|at| at + 60 > now);
        self.starts = (self.deaths.len() < DEATHS).then_some(now + 1);
    }

    /// It is ended and started again.
    pub(crate) fn replace(&mut self, now: u64) {
        self.since = Some(now);
        self.starts = None;
        if matches!(self.sick, Some((Sick::UntilRestart, _))) {
            self.sick = None;
        }
    }

    pub(crate) fn second(&mut self, now: u64) {
        if self.since.is_none() && !self.by_hand && self.starts.is_some_and(|at| at <= now) {
            self.restarts += 1;
            self.replace(now);
        }
    }

    /// Its server starts.
    pub(crate) fn boot(&mut self, now: u64) {
        let sick = self.sick.filter(|(sick, _)| *sick == Sick::ForGood);
        let by_hand = self.by_hand;
        *self = Self { since: (!by_hand).then_some(now), by_hand, sick, ..Self::default() };
    }
}

/// What an agent is busy with.
#[derive(Clone, Debug)]
pub(crate) struct Busy {
    pub(crate) until: u64,
    pub(crate) with: Next,
}

/// What an agent remembers as long as it lives.
#[derive(Default)]
pub(crate) struct Memory {
    pub(crate) watched: Vec<Watched>,
    /// For which revision of the world.
    pub(crate) of_revision: u64,
    /// The names of what is watched, and when each is due.
    pub(crate) names: Vec<String>,
    pub(crate) due: Vec<u64>,
    pub(crate) samples: BTreeMap<String, Samples>,
    pub(crate) restarts: BTreeMap<&'static str, u64>,
    pub(crate) busy: Option<Busy>,
    pub(crate) open: bool,
    /// What is not done, and why.
    pub(crate) refused: Vec<String>,
}

/// A server.
#[expect(clippy::struct_excessive_bools, reason = "each is a fault of its own, in any combination")]
pub(crate) struct Machine {
    pub(crate) back_end: Service,
    pub(crate) front_end: Service,
    /// When its power returns; none while it is on.
    pub(crate) off_until: Option<u64>,
    pub(crate) boot: u64,
    /// Whether its agent runs.
    pub(crate) agent: bool,
    /// When its agent comes back.
    pub(crate) agent_returns: u64,
    /// All of its processes are stopped.
    pub(crate) hung: bool,
    /// Its agent gets no time: nothing that it finds counts.
    pub(crate) starved_until: u64,
    /// Its store cannot be reached, until the server is restarted.
    pub(crate) store_broken: bool,
    /// Whoever is asked to restart it does not.
    pub(crate) power_broken: bool,
    pub(crate) slow: bool,
    pub(crate) agent_renewed: u64,
    pub(crate) back_end_renewed: u64,
    /// Since when the back end runs that mounted what is mounted.
    pub(crate) mounted_by: Option<u64>,
    /// What its back end does with databases.
    pub(crate) mounts: BTreeMap<DatabaseName, (MountState, Token)>,
    /// On its disk: it outlives everything.
    pub(crate) journal: Journal,
    pub(crate) verdicts: Vec<Verdict>,
    pub(crate) memory: Memory,
    pub(crate) clock_jumped_until: Option<u64>,
    pub(crate) hands_off: bool,
}

impl Machine {
    pub(crate) fn new() -> Self {
        let service = || Service { since: Some(0), ..Service::default() };
        Self {
            back_end: service(),
            front_end: service(),
            off_until: None,
            boot: 1,
            agent: true,
            agent_returns: 0,
            hung: false,
            starved_until: 0,
            store_broken: false,
            power_broken: false,
            slow: false,
            agent_renewed: 0,
            back_end_renewed: 0,
            mounted_by: None,
            mounts: BTreeMap::new(),
            journal: Journal::default(),
            verdicts: Vec::new(),
            memory: Memory::default(),
            clock_jumped_until: None,
            hands_off: false,
        }
    }

    pub(crate) fn is_on(&self) -> bool {
        self.off_until.is_none()
    }

    pub(crate) fn agent_answers(&self) -> bool {
        self.is_on() && self.agent && !self.hung
    }

    pub(crate) fn back_end_acts(&self) -> bool {
        self.is_on() && !self.hung && self.back_end.since.is_some()
    }

    pub(crate) fn service(&mut self, name: &str) -> &mut Service {
        if name == "frontend" { &mut self.front_end } else { &mut self.back_end }
    }

    /// The power goes, and returns.
    pub(crate) fn lose_power(&mut self, returns: u64) {
        self.off_until = Some(returns);
        self.back_end.since = None;
        self.front_end.since = None;
        self.agent = false;
        self.memory = Memory::default();
        self.mounts.clear();
    }

    pub(crate) fn second(&mut self, now: u64) {
        if self.off_until.is_some_and(|at| at <= now) {
            self.off_until = None;
            self.boot += 1;
            self.hung = false;
            self.store_broken = false;
            self.back_end.boot(now);
            self.front_end.boot(now);
            self.agent_returns = now + 1;
        }
        if self.is_on() && !self.hung {
            self.back_end.second(now);
            self.front_end.second(now);
            if !self.agent && self.agent_returns <= now {
                self.agent = true;
                self.memory = Memory::default();
                self.verdicts.clear();
            }
        }
    }

    /// The agent dies, and its init starts it again.
    pub(crate) fn agent_dies(&mut self, returns: u64) {
        self.agent = false;
        self.agent_returns = returns;
        self.memory = Memory::default();
    }
}

/// A moment of the simulation.
pub(crate) fn moment(now: u64) -> Moment {
    Moment(std::time::Duration::from_secs(now))
}
