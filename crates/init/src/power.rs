//! The electricity of one server, decided: its init lives, or the power is out and returns after a delay.
//!
//! The death of an init is a power loss whatever its cause, a clean exit included: nobody but the grid turns a server
//! off. The grid does so when it goes down, and when it is asked to ([`Action`]). Nothing here touches a process or a clock;
//! the acting part is [`crate::grid`]. `now` is time since the grid's own start.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub mod requests;

/// What may be asked for a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Cut its power, which returns after the usual delay: for what does not answer any more.
    Cycle,
    /// Shut it down in good order and boot it at once.
    Restart,
    /// Shut it down in good order and leave it off until it is switched on. Humans ask for this.
    Off,
    /// Boot it, if it was switched off.
    On,
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Cycle => "cycle",
            Self::Restart => "restart",
            Self::Off => "off",
            Self::On => "on",
        })
    }
}

/// Something happened to a server, or someone wants something of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// Its init runs as this process.
    Booted(u32),
    /// Its init could not be started.
    BootFailed,
    /// Its init died.
    Died(u32),
    /// Somebody asks for this; see [`Power::refusal`].
    Asked(Action),
    /// The grid goes down.
    Down,
    /// Time has passed; see [`Power::wake_at`].
    Tick,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Start the server's init; answer with [`Event::Booted`] or [`Event::BootFailed`].
    Boot,
    /// Ask the server's init to shut down (SIGTERM).
    ShutDown(u32),
    /// Pull the plug (SIGKILL): it did not shut down in time, or is not to be asked.
    Cut(u32),
    /// Say that the power went out and when it returns.
    TellLoss,
    /// Say that the power was cut as asked and when it returns.
    TellCut,
}

/// The state of a server's power.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// An init has been asked for.
    Booting,
    /// The init runs.
    On {
        /// Its process.
        pid: u32,
    },
    /// The power is out and returns at this time.
    Out {
        /// When.
        returns: Duration,
    },
    /// The init has been asked to shut down; at `cut_at` the plug is pulled.
    ShuttingDown {
        /// Its process.
        pid: u32,
        /// When the plug is pulled.
        cut_at: Duration,
        /// Whether it has been.
        cut: bool,
        /// What follows.
        then: Then,
    },
    /// Off: for good, or until it is switched on.
    Off {
        /// Whether somebody asked for that, rather than the end of the grid.
        by_hand: bool,
    },
}

/// What follows the end of an init that the grid has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// Nothing.
    Off {
        /// Until it is switched on again, not for good.
        by_hand: bool,
    },
    /// An outage.
    Outage,
    /// The next init.
    Boot,
}

/// Why a server's power stays as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Somebody wants it off.
    SwitchedOff,
    /// There will be no grid.
    GoingDown,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SwitchedOff => "it was switched off by hand, and only switching it on changes that",
            Self::GoingDown => "the power grid goes down",
        })
    }
}

/// One server on the grid.
#[derive(Clone, Debug)]
pub struct Power {
    limits: Limits,
    state: State,
    losses: u64,
    boots: u64,
}

/// How long things take on the grid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How long the power stays out after a loss.
    pub power_on_delay: Duration,
    /// How long a server may take to shut down before its plug is pulled.
    pub shut_down: Duration,
}

impl Power {
    /// A server about to boot for the first time.
    pub fn new(limits: Limits) -> (Self, Effect) {
        (Self { limits, state: State::Booting, losses: 0, boots: 0 }, Effect::Boot)
    }

    /// The state of the server's power.
    pub fn state(&self) -> State {
        self.state
    }

    /// How often the power went out unasked.
    pub fn losses(&self) -> u64 {
        self.losses
    }

    /// How often the server has booted.
    pub fn boots(&self) -> u64 {
        self.boots
    }

    /// Whether the server is off, and stays so.
    pub fn is_off(&self) -> bool {
        matches!(self.state, State::Off { .. })
    }

    /// The process of its init, if there is one.
    pub fn pid(&self) -> Option<u32> {
        match self.state {
            State::On { pid } | State::ShuttingDown { pid, .. } => Some(pid),
            State::Booting | State::Out { .. } | State::Off { .. } => None,
        }
    }

    /// When [`Event::Tick`] is wanted, if at all.
    pub fn wake_at(&self) -> Option<Duration> {
        match self.state {
            State::Out { returns } => Some(returns),
            State::ShuttingDown { cut_at, cut: false, .. } => Some(cut_at),
            _ => None,
        }
    }

    /// Why the action is not begun, if it is not.
    pub fn refusal(&self, action: Action) -> Option<Refusal> {
        match self.state {
            State::Off { by_hand: false }
            | State::ShuttingDown { then: Then::Off { by_hand: false }, .. } => Some(Refusal::GoingDown),
            State::Off { by_hand: true } | State::ShuttingDown { then: Then::Off { by_hand: true }, .. }
                if matches!(action, Action::Cycle | Action::Restart) =>
            {
                Some(Refusal::SwitchedOff)
            }
            _ => None,
        }
    }

    /// Takes one event and says what is to be done.
    pub fn on(&mut self, event: Event, now: Duration) -> Vec<Effect> {
        let (state, effects) = match (self.state, event) {
            (State::Booting, Event::Booted(pid)) => {
                self.boots += 1;
                (State::On { pid }, vec![])
            }
            (State::On { pid }, Event::Died(dead)) if pid == dead => self.loss(now),
            (State::Booting, Event::BootFailed) => self.loss(now),
            (State::Out { returns }, Event::Tick) if now >= returns => (State::Booting, vec![Effect::Boot]),
            (State::Out { .. } | State::Booting, Event::Down) => (State::Off { by_hand: false }, vec![]),
            (State::On { pid }, Event::Down) => self.shut_down(pid, Then::Off { by_hand: false }, now),
            // The server was turned off between asking for an init and getting it.
            (State::Off { by_hand }, Event::Booted(pid)) => self.shut_down(pid, Then::Off { by_hand }, now),
            (State::ShuttingDown { pid, cut_at, cut, .. }, Event::Down) => {
                (State::ShuttingDown { pid, cut_at, cut, then: Then::Off { by_hand: false } }, vec![])
            }
            (State::ShuttingDown { pid, then, .. }, Event::Died(dead)) if pid == dead => self.gone(then, now),
            (State::ShuttingDown { pid, cut_at, cut: false, then }, Event::Tick) if now >= cut_at => {
                (State::ShuttingDown { pid, cut_at, cut: true, then }, vec![Effect::Cut(pid)])
            }
            (_, Event::Asked(action)) if self.refusal(action).is_none() => self.asked(action, now),
            (same, _) => (same, vec![]),
        };
        self.state = state;
        effects
    }

    /// What somebody asked for, and that is not refused.
    fn asked(&self, action: Action, now: Duration) -> (State, Vec<Effect>) {
        let by_hand = Then::Off { by_hand: true };
        match (action, self.state) {
            (Action::Cycle, State::On { pid }) => {
                let cut = State::ShuttingDown { pid, cut_at: now, cut: true, then: Then::Outage };
                (cut, vec![Effect::Cut(pid)])
            }
            (Action::Cycle, State::ShuttingDown { pid, cut_at, cut, .. }) => {
                let effects = if cut { vec![] } else { vec![Effect::Cut(pid)] };
                (State::ShuttingDown { pid, cut_at, cut: true, then: Then::Outage }, effects)
            }
            (Action::Restart, State::On { pid }) => self.shut_down(pid, Then::Boot, now),
            (Action::Off, State::On { pid }) => self.shut_down(pid, by_hand, now),
            (Action::Off, State::ShuttingDown { pid, cut_at, cut, .. }) => {
                (State::ShuttingDown { pid, cut_at, cut, then: by_hand }, vec![])
            }
            (Action::Off, State::Out { .. } | State::Booting) => (State::Off { by_hand: true }, vec![]),
            (Action::On, State::Off { .. }) => (State::Booting, vec![Effect::Boot]),
            (Action::On, State::ShuttingDown { pid, cut_at, cut, then: Then::Off { .. } }) => {
                (State::ShuttingDown { pid, cut_at, cut, then: Then::Boot }, vec![])
            }
            // On its way already.
            (_, same) => (same, vec![]),
        }
    }

    fn loss(&mut self, now: Duration) -> (State, Vec<Effect>) {
        self.losses += 1;
        (State::Out { returns: now + self.limits.power_on_delay }, vec![Effect::TellLoss])
    }

    fn shut_down(&self, pid: u32, then: Then, now: Duration) -> (State, Vec<Effect>) {
        let cut_at = now + self.limits.shut_down;
        (State::ShuttingDown { pid, cut_at, cut: false, then }, vec![Effect::ShutDown(pid)])
    }

    /// The init that was to end has ended.
    fn gone(&self, then: Then, now: Duration) -> (State, Vec<Effect>) {
        match then {
            Then::Off { by_hand } => (State::Off { by_hand }, vec![]),
            Then::Outage => (State::Out { returns: now + self.limits.power_on_delay }, vec![Effect::TellCut]),
            Then::Boot => (State::Booting, vec![Effect::Boot]),
        }
    }
}

#[cfg(test)]
mod tests;
