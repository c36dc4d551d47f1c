//! The life of one service, decided: (state, event, now) → (state, effects).
//!
//! A service is started, becomes ready, dies, is restarted at once (rung 0), and after too many deaths in a short
//! time is left as *Failed*, or tried again ever more rarely. What a human stopped stays stopped. Nothing here touches a process or a clock: the acting
//! part ([`crate::server`]) feeds events in and carries the effects out. `now` is time since init's own start.

use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use service::lifecycle;

/// What supervision may do to a service, and how long it waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Whether a dead service is started again without being asked (rung 0).
    pub restart: bool,
    /// So many deaths within `window` make the service *Failed*.
    pub deaths: usize,
    /// The time over which deaths are counted.
    pub window: Duration,
    /// How long a service may take to end after SIGTERM before it is killed.
    pub stop_limit: Duration,
    /// For a service that nobody else would start again: how long it stays *Failed*.
    pub retry: Option<Retry>,
}

/// How long a service stays *Failed* before it is tried again: twice as long each time, until it has lived for as long as
/// deaths are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    /// The first time.
    pub first: Duration,
    /// At most.
    pub most: Duration,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            restart: true,
            deaths: 3,
            window: Duration::from_mins(1),
            // A service drains for 5 s; the rest is for closing its files.
            stop_limit: Duration::from_secs(10),
            retry: None,
        }
    }
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Exit {
    /// It returned this code.
    Code(i32),
    /// This signal ended it.
    Signal(i32),
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "ended with exit code {code}"),
            Self::Signal(signal) => write!(f, "was ended by signal {signal}"),
        }
    }
}

/// Something happened to the service, or someone wants something of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// It is wanted: a human asks, or init has started.
    Start,
    /// A human wants it stopped, until a human wants it again.
    Stop,
    /// A human wants a new process in place of the present one.
    Restart,
    /// The process must be gone at once, whatever it is doing: others take over what it holds.
    Kill,
    /// The server goes down: stop, and start nothing again.
    PowerOff,
    /// The process asked for by [`Effect::Spawn`] exists.
    Spawned(u32),
    /// The process asked for by [`Effect::Spawn`] could not be made.
    SpawnFailed(String),
    /// The process says that it serves.
    Ready(u32),
    /// The process ended.
    Exited(u32, Exit),
    /// Time has passed; see [`Supervision::wake_at`].
    Tick,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Start a process; answer with [`Event::Spawned`] or [`Event::SpawnFailed`].
    Spawn,
    /// Ask the process to end (SIGTERM): it drains.
    Terminate(u32),
    /// End the process (SIGKILL).
    Kill(u32),
    /// Write this down.
    Tell(Notice),
}

/// What supervision has to say about a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// It serves.
    Ready,
    /// It died without being asked to and is started again; so many deaths lie within the window.
    Restarting {
        /// How it died.
        exit: String,
        /// This one included.
        deaths: usize,
    },
    /// It was killed as asked and is started again.
    Killed,
    /// It is left dead.
    Failed(Failure),
    /// It is dead and tried again later.
    Retrying {
        /// Why it is dead.
        failure: Failure,
        /// Until it is tried again.
        after: Duration,
    },
    /// It ended as asked.
    Stopped,
    /// It did not end in time and is killed.
    Overdue,
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ready => write!(f, "is ready"),
            Self::Restarting { exit, deaths } => {
                write!(f, "{exit} without being asked to (death {deaths}); it is started again")
            }
            Self::Killed => write!(f, "was killed as asked; it is started again"),
            Self::Failed(failure) => write!(f, "is left dead: {failure}"),
            Self::Retrying { failure, after } => {
                write!(f, "is dead: {failure}; it is tried again in {} s", after.as_secs_f64())
            }
            Self::Stopped => write!(f, "has stopped as asked"),
            Self::Overdue => write!(f, "did not end in time after SIGTERM and is killed"),
        }
    }
}

/// Why a service is left dead.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Failure {
    /// It died too often in too short a time.
    CrashLoop {
        /// How many deaths were counted.
        deaths: usize,
        /// Over how many seconds.
        window: u64,
        /// The last of them.
        last: String,
    },
    /// It says that its settings are wrong: starting it again does not help before they are changed.
    Misconfigured,
    /// It died, and restarting is switched off.
    RestartsOff {
        /// How it died.
        last: String,
    },
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CrashLoop { deaths, window, last } => {
                write!(f, "it died {deaths} times within {window} s; last it {last}")
            }
            Self::Misconfigured => f.write_str("its settings are wrong; it says which"),
            Self::RestartsOff { last } => write!(f, "it {last}, and restarting is switched off"),
        }
    }
}

/// Where a service is in its life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Life {
    /// No process, and none wanted.
    Stopped,
    /// A process has been asked for.
    Spawning,
    /// The process exists and does not serve yet.
    Starting {
        /// Its id.
        pid: u32,
    },
    /// The process serves.
    Running {
        /// Its id.
        pid: u32,
    },
    /// The process has been asked to end.
    Stopping {
        /// Its id.
        pid: u32,
        /// When it is killed.
        kill_at: Duration,
        /// Whether it has been.
        killed: bool,
        /// A restart, not a stop.
        then_start: bool,
    },
    /// No process, though one is wanted: see the reason.
    Failed(Failure),
}

/// One service under supervision.
#[derive(Clone, Debug)]
pub struct Supervision {
    policy: Policy,
    life: Life,
    since: Duration,
    /// When the service died unasked, oldest first, within the window.
    deaths: VecDeque<Duration>,
    /// How often in a row it has become *Failed*.
    failures: u32,
    /// When its process started.
    began: Duration,
    /// The process that was killed because somebody wanted it gone, which is no crash.
    killed: Option<u32>,
    restarts: u64,
    powered: bool,
}

impl Supervision {
    /// A service that is not wanted yet.
    pub fn new(policy: Policy) -> Self {
        Self {
            policy,
            life: Life::Stopped,
            since: Duration::ZERO,
            deaths: VecDeque::new(),
            failures: 0,
            began: Duration::ZERO,
            killed: None,
            restarts: 0,
            powered: true,
        }
    }

    /// Where the service is in its life.
    pub fn life(&self) -> &Life {
        &self.life
    }

    /// When the service came into its present state, as time since init's start.
    pub fn since(&self) -> Duration {
        self.since
    }

    /// How often the service was started again after it died or was killed.
    pub fn restarts(&self) -> u64 {
        self.restarts
    }

    /// The process, if there is one.
    pub fn pid(&self) -> Option<u32> {
        match self.life {
            Life::Starting { pid } | Life::Running { pid } | Life::Stopping { pid, .. } => Some(pid),
            Life::Stopped | Life::Spawning | Life::Failed(_) => None,
        }
    }

    /// When [`Event::Tick`] is wanted, if at all.
    pub fn wake_at(&self) -> Option<Duration> {
        match self.life {
            Life::Stopping { kill_at, killed: false, .. } => Some(kill_at),
            Life::Failed(_) => self.retry_after().map(|after| self.since + after),
            _ => None,
        }
    }

    /// How long the service stays *Failed*, if that is not for good.
    fn retry_after(&self) -> Option<Duration> {
        let Retry { first, most } = self.policy.retry.filter(|_| self.policy.restart)?;
        let doublings = self.failures.saturating_sub(1).min(16);
        Some(first.saturating_mul(1 << doublings).min(most))
    }

    /// Takes one event and says what is to be done. An event that means nothing in the present state does nothing.
    pub fn on(&mut self, event: Event, now: Duration) -> Vec<Effect> {
        match event {
            Event::Start => self.start(now),
            Event::Stop => self.stop(false, now),
            Event::Restart => match self.life {
                Life::Stopped | Life::Failed(_) => self.start(now),
                _ => self.stop(true, now),
            },
            Event::Kill => self.kill(),
            Event::PowerOff => {
                self.powered = false;
                self.stop(false, now)
            }
            Event::Spawned(pid) => self.spawned(pid, now),
            Event::SpawnFailed(reason) => match self.life {
                Life::Spawning => self.died(format!("could not be started ({reason})"), false, now),
                _ => Vec::new(),
            },
            Event::Ready(pid) if self.life == (Life::Starting { pid }) => {
                self.enter(Life::Running { pid }, now);
                vec![Effect::Tell(Notice::Ready)]
            }
            Event::Exited(pid, exit) if self.pid() == Some(pid) => self.exited(exit, now),
            Event::Tick => self.tick(now),
            Event::Ready(_) | Event::Exited(..) => Vec::new(),
        }
    }

    fn enter(&mut self, life: Life, now: Duration) {
        self.life = life;
        self.since = now;
    }

    /// Someone wants the service: what happened before is forgiven.
    fn start(&mut self, now: Duration) -> Vec<Effect> {
        match &mut self.life {
            _ if !self.powered => Vec::new(),
            Life::Stopped | Life::Failed(_) => {
                self.deaths.clear();
                self.failures = 0;
                self.enter(Life::Spawning, now);
                vec![Effect::Spawn]
            }
            // Changed their mind: the process is on its way out already, the next one follows it.
            Life::Stopping { then_start, .. } => {
                *then_start = true;
                Vec::new()
            }
            Life::Spawning | Life::Starting { .. } | Life::Running { .. } => Vec::new(),
        }
    }

    fn stop(&mut self, then_start: bool, now: Duration) -> Vec<Effect> {
        match &mut self.life {
            Life::Starting { pid } | Life::Running { pid } => {
                let pid = *pid;
                let kill_at = now + self.policy.stop_limit;
                self.deaths.clear();
                self.enter(Life::Stopping { pid, kill_at, killed: false, then_start }, now);
                vec![Effect::Terminate(pid)]
            }
            Life::Stopping { then_start: present, .. } => {
                *present = then_start;
                Vec::new()
            }
            // `Spawned` finds the service stopped and ends the process it brings.
            Life::Spawning if !then_start => {
                self.enter(Life::Stopped, now);
                Vec::new()
            }
            Life::Failed(_) => {
                self.enter(Life::Stopped, now);
                Vec::new()
            }
            Life::Spawning | Life::Stopped => Vec::new(),
        }
    }

    fn kill(&mut self) -> Vec<Effect> {
        match &mut self.life {
            Life::Starting { pid } | Life::Running { pid } => {
                self.killed = Some(*pid);
                vec![Effect::Kill(*pid)]
            }
            Life::Stopping { pid, killed, .. } => {
                *killed = true;
                vec![Effect::Kill(*pid)]
            }
            Life::Stopped | Life::Spawning | Life::Failed(_) => Vec::new(),
        }
    }

    fn spawned(&mut self, pid: u32, now: Duration) -> Vec<Effect> {
        self.began = now;
        if self.life == Life::Spawning {
            self.enter(Life::Starting { pid }, now);
            return Vec::new();
        }
        // Nobody wants it any more.
        let kill_at = now + self.policy.stop_limit;
        self.enter(Life::Stopping { pid, kill_at, killed: false, then_start: false }, now);
        vec![Effect::Terminate(pid)]
    }

    fn exited(&mut self, exit: Exit, now: Duration) -> Vec<Effect> {
        match self.life {
            Life::Stopping { then_start: true, .. } if self.powered => {
                self.enter(Life::Spawning, now);
                vec![Effect::Tell(Notice::Stopped), Effect::Spawn]
            }
            Life::Stopping { .. } => {
                self.enter(Life::Stopped, now);
                vec![Effect::Tell(Notice::Stopped)]
            }
            _ if self.policy.restart && self.killed.take().is_some() => {
                self.restarts += 1;
                self.enter(Life::Spawning, now);
                vec![Effect::Tell(Notice::Killed), Effect::Spawn]
            }
            _ => {
                let misconfigured = matches!(exit, Exit::Code(code) if lifecycle::Exit::of(code) == lifecycle::Exit::Misconfigured);
                self.died(exit.to_string(), misconfigured, now)
            }
        }
    }

    fn died(&mut self, how: String, misconfigured: bool, now: Duration) -> Vec<Effect> {
        let window = self.policy.window;
        let lived = now.saturating_sub(self.began);
        if lived >= window {
            self.failures = 0;
        }
        self.deaths.retain(|death| now.saturating_sub(*death) < window);
        self.deaths.push_back(now);
        let deaths = self.deaths.len();
        let failure = if misconfigured {
            Failure::Misconfigured
        } else if !self.policy.restart {
            Failure::RestartsOff { last: how }
        } else if deaths >= self.policy.deaths || self.failures > 0 {
            Failure::CrashLoop { deaths, window: window.as_secs(), last: how }
        } else {
            self.restarts += 1;
            self.enter(Life::Spawning, now);
            return vec![Effect::Tell(Notice::Restarting { exit: how, deaths }), Effect::Spawn];
        };
        self.failures = self.failures.saturating_add(1);
        self.enter(Life::Failed(failure.clone()), now);
        vec![Effect::Tell(match self.retry_after() {
            Some(after) => Notice::Retrying { failure, after },
            None => Notice::Failed(failure),
        })]
    }

    fn tick(&mut self, now: Duration) -> Vec<Effect> {
        let due = self.wake_at().is_some_and(|at| now >= at);
        match &mut self.life {
            Life::Stopping { pid, killed, .. } if due => {
                *killed = true;
                vec![Effect::Tell(Notice::Overdue), Effect::Kill(*pid)]
            }
            Life::Failed(_) if self.powered && due => {
                self.restarts += 1;
                self.enter(Life::Spawning, now);
                vec![Effect::Spawn]
            }
            _ => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests;
