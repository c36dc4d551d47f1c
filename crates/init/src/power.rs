//! The electricity of one server, decided: its init lives, or the power is out and returns after a delay.
//!
//! The death of an init is a power loss whatever its cause, a clean exit included: nobody but the grid turns a server
//! off. Nothing here touches a process or a clock; the acting part is [`crate::grid`]. `now` is time since the grid's
//! own start.

use std::time::Duration;

/// Something happened to a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// Its init runs as this process.
    Booted(u32),
    /// Its init could not be started.
    BootFailed,
    /// Its init died.
    Died(u32),
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
    /// Pull the plug (SIGKILL): it did not shut down in time.
    Cut(u32),
    /// Say that the power went out and when it returns.
    TellLoss,
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
    },
    /// Off for good.
    Off,
}

/// One server on the grid.
#[derive(Clone, Debug)]
pub struct Power {
    limits: Limits,
    state: State,
    losses: u64,
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
        (Self { limits, state: State::Booting, losses: 0 }, Effect::Boot)
    }

    /// The state of the server's power.
    pub fn state(&self) -> State {
        self.state
    }

    /// How often the power went out.
    pub fn losses(&self) -> u64 {
        self.losses
    }

    /// When [`Event::Tick`] is wanted, if at all.
    pub fn wake_at(&self) -> Option<Duration> {
        match self.state {
            State::Out { returns } => Some(returns),
            State::ShuttingDown { cut_at, cut: false, .. } => Some(cut_at),
            _ => None,
        }
    }

    /// Takes one event and says what is to be done.
    pub fn on(&mut self, event: Event, now: Duration) -> Vec<Effect> {
        let (state, effects) = match (self.state, event) {
            (State::Booting, Event::Booted(pid)) => (State::On { pid }, vec![]),
            (State::On { pid }, Event::Died(dead)) if pid == dead => self.loss(now),
            (State::Booting, Event::BootFailed) => self.loss(now),
            (State::Out { returns }, Event::Tick) if now >= returns => (State::Booting, vec![Effect::Boot]),
            (State::Out { .. } | State::Booting, Event::Down) => (State::Off, vec![]),
            // The latter: the grid went down between asking for an init and getting it.
            (State::On { pid }, Event::Down) | (State::Off, Event::Booted(pid)) => self.shut_down(pid, now),
            (State::ShuttingDown { pid, .. }, Event::Died(dead)) if pid == dead => (State::Off, vec![]),
            (State::ShuttingDown { pid, cut_at, cut: false }, Event::Tick) if now >= cut_at => {
                (State::ShuttingDown { pid, cut_at, cut: true }, vec![Effect::Cut(pid)])
            }
            (same, _) => (same, vec![]),
        };
        self.state = state;
        effects
    }

    fn loss(&mut self, now: Duration) -> (State, Vec<Effect>) {
        self.losses += 1;
        (State::Out { returns: now + self.limits.power_on_delay }, vec![Effect::TellLoss])
    }

    fn shut_down(&self, pid: u32, now: Duration) -> (State, Vec<Effect>) {
        let cut_at = now + self.limits.shut_down;
        (State::ShuttingDown { pid, cut_at, cut: false }, vec![Effect::ShutDown(pid)])
    }
}

#[cfg(test)]
mod tests;
