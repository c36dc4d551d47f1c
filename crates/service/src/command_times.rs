//! How long commands take: what the counters of a process say of the last while.
//!
//! Counters only grow, so a window over them is the difference between what was answered now and what was answered when the
//! window began. A [`Window`] takes the answers to [`Ask::Counters`](crate::admin::Ask::Counters) of one service as they
//! come and yields [`CommandTimes`]: the mean over the commands of one protocol that were completed within the window and
//! those that are in flight, each of these with its processing time so far.
//!
//! The process that answered last is the one that is measured. What an earlier one did before it was restarted is
//! forgotten, and what was done while nobody asked for longer than the window is left out: nobody knows when that was.
//!
//! It has no clock: each answer comes with its moment. Whether the times are good ones is for a monitor to say.

use std::collections::VecDeque;
use std::time::Duration;

use jiff::Timestamp;

use crate::admin::{CountersAnswer, ProtocolAnswer};
use crate::roster::InFlight;

/// The answers of one service within the last while, for the commands of one protocol.
#[derive(Debug, Clone)]
pub struct Window {
    protocol: &'static str,
    span: Duration,
    /// When the process started that answered last.
    started: Option<Timestamp>,
    /// The answers of that process, the oldest first. The first is where the window begins.
    marks: VecDeque<Mark>,
}

/// What was completed up to a moment.
#[derive(Debug, Clone, Copy, Default)]
struct Mark {
    at: Duration,
    completed: u64,
    micros: u64,
}

/// How long commands take.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CommandTimes {
    /// How far back what is known goes: less than the window at first, and up to one poll more than it later.
    pub over: Duration,
    /// How many commands there were: those completed in that time, and those in flight.
    pub samples: u64,
    /// Their mean processing time; nothing, if there were none.
    pub mean: Option<Duration>,
    /// Of those in flight, the one that has been processed longest.
    pub oldest: Option<InFlight>,
}

impl Window {
    /// A window over the last `span`, for the commands of `protocol`: `pop3` or `lmtp`.
    pub fn new(protocol: &'static str, span: Duration) -> Self {
        Self { protocol, span, started: None, marks: VecDeque::new() }
    }

    /// Takes what the service answered at the moment `at`, since some fixed moment, and yields the times up to then. Moments
    /// never go back.
    pub fn take(&mut self, at: Duration, answer: &CountersAnswer) -> CommandTimes {
        let Some(now) = answer.protocols.iter().find(|now| now.counters.protocol == self.protocol) else {
            return CommandTimes::default();
        };
        let mark = Mark::of(at, now);
        self.begin_anew_after_a_restart(at, answer.started);
        self.marks.push_back(mark);
        // The window begins at the last answer that is older than it, so that it is whole.
        while self.marks.get(1).is_some_and(|second| at.saturating_sub(second.at) >= self.span) {
            self.marks.pop_front();
        }
        // Nobody asked for too long: what was completed since may be older than the window.
        if self.marks.front().is_some_and(|first| at.saturating_sub(first.at) >= self.span * 2) {
            self.marks.pop_front();
        }
        let first = self.marks.front().copied().unwrap_or(mark);
        mark.since(first, now)
    }

    /// The counters of a process that has just started began at 0, at some time after the last answer of the one before.
    fn begin_anew_after_a_restart(&mut self, at: Duration, started: Timestamp) {
        if self.started == Some(started) {
            return;
        }
        let last = self.marks.back().map(|last| last.at).filter(|_| self.started.is_some());
        self.marks.clear();
        self.started = Some(started);
        if let Some(last) = last.filter(|last| at.saturating_sub(*last) < self.span) {
            self.marks.push_back(Mark { at: last, ..Mark::default() });
        }
    }
}

impl Mark {
    fn of(at: Duration, now: &ProtocolAnswer) -> Self {
        let commands = &now.counters.commands;
        Self {
            at,
            completed: commands.iter().map(|command| command.count).sum(),
            micros: commands.iter().map(|command| command.total_micros).sum(),
        }
    }

    /// The times from `first` to this one, with what is in flight `now`.
    fn since(self, first: Self, now: &ProtocolAnswer) -> CommandTimes {
        let in_flight = &now.in_flight;
        let samples = self.completed.saturating_sub(first.completed) + in_flight.count;
        let micros = self.micros.saturating_sub(first.micros).saturating_add(in_flight.processing_micros);
        CommandTimes {
            over: self.at.saturating_sub(first.at),
            samples,
            mean: micros.checked_div(samples).map(Duration::from_micros),
            oldest: in_flight.longest.first().cloned(),
        }
    }
}

#[cfg(test)]
mod tests;
