//! What each command cost since the service started: how many, how many failed, how long.
//!
//! Everything only grows, so that whoever polls can take differences over any window. Written by every session at once:
//! atomics, no locks.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The upper bounds of the buckets, in microseconds. A last bucket without bound follows.
pub const BUCKETS: [u64; 18] = [
    100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000,
    2_500_000, 5_000_000, 10_000_000, 30_000_000, 60_000_000,
];

/// The commands of POP3 that are counted apart.
pub const POP3: &[&str] = &[
    "USER", "PASS", "AUTH", "STAT", "LIST", "UIDL", "RETR", "TOP", "DELE", "NOOP", "RSET", "QUIT", "CAPA",
    "STLS", "XCLIENT", OTHER,
];

/// The commands of LMTP that are counted apart.
pub const LMTP: &[&str] = &["LHLO", "MAIL", "RCPT", "DATA", "RSET", "NOOP", "VRFY", "QUIT", "XCLIENT", OTHER];

/// What every command is counted as that is not counted apart.
pub const OTHER: &str = "OTHER";

/// A command that is counted: a place in the table of [`Counters`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verb(pub(crate) u8);

/// The counters of one protocol.
#[derive(Debug)]
pub struct Counters {
    protocol: &'static str,
    verbs: &'static [&'static str],
    cells: Box<[Cell]>,
    opened: AtomicU64,
    closed: AtomicU64,
}

#[derive(Debug, Default)]
struct Cell {
    count: AtomicU64,
    errors: AtomicU64,
    total_micros: AtomicU64,
    buckets: [AtomicU64; BUCKETS.len() + 1],
}

/// The counters of one protocol at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CountersReport {
    /// `pop3` or `lmtp`.
    pub protocol: String,
    /// Sessions opened.
    pub sessions_opened: u64,
    /// Sessions closed.
    pub sessions_closed: u64,
    /// The upper bounds of the buckets in microseconds; each command has one bucket more, without bound.
    pub bucket_bounds_micros: Vec<u64>,
    /// The commands that have been given at least once.
    pub commands: Vec<CommandReport>,
}

/// What one command cost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandReport {
    /// The command.
    pub command: String,
    /// How many were completed.
    pub count: u64,
    /// How many of those were answered with an error.
    pub errors: u64,
    /// Their processing time together, in microseconds.
    pub total_micros: u64,
    /// How many took as long as each bucket says, not cumulative.
    pub buckets: Vec<u64>,
}

impl Counters {
    /// Counters of `protocol`, for the commands in `verbs`, of which the last is [`OTHER`].
    pub fn new(protocol: &'static str, verbs: &'static [&'static str]) -> Self {
        let cells = verbs.iter().map(|_| Cell::default()).collect();
        Self { protocol, verbs, cells, opened: 0.into(), closed: 0.into() }
    }

    /// The place of `command`, whatever its case.
    pub fn verb(&self, command: &str) -> Verb {
        let last = self.verbs.len().saturating_sub(1);
        let place = self.verbs.iter().position(|verb| verb.eq_ignore_ascii_case(command)).unwrap_or(last);
        Verb(u8::try_from(place).unwrap_or(u8::MAX))
    }

    /// The word for `verb`.
    pub fn word(&self, verb: Verb) -> &'static str {
        self.verbs.get(usize::from(verb.0)).copied().unwrap_or(OTHER)
    }

    /// The name of the protocol.
    pub fn protocol(&self) -> &'static str {
        self.protocol
    }

    /// Counts a completed command that took `processing` time.
    pub fn record(&self, verb: Verb, ok: bool, processing: Duration) {
        let Some(cell) = self.cells.get(usize::from(verb.0)) else { return };
        let micros = u64::try_from(processing.as_micros()).unwrap_or(u64::MAX);
        cell.count.fetch_add(1, Relaxed);
        cell.total_micros.fetch_add(micros, Relaxed);
        cell.buckets[BUCKETS.partition_point(|bound| *bound < micros)].fetch_add(1, Relaxed);
        if !ok {
            cell.errors.fetch_add(1, Relaxed);
        }
    }

    pub(crate) fn session_opened(&self) {
        self.opened.fetch_add(1, Relaxed);
    }

    pub(crate) fn session_closed(&self) {
        self.closed.fetch_add(1, Relaxed);
    }

    /// All counters now.
    pub fn report(&self) -> CountersReport {
        let commands = self.verbs.iter().zip(&self.cells).map(|(verb, cell)| CommandReport {
            command: (*verb).to_owned(),
            count: cell.count.load(Relaxed),
            errors: cell.errors.load(Relaxed),
            total_micros: cell.total_micros.load(Relaxed),
            buckets: cell.buckets.iter().map(|bucket| bucket.load(Relaxed)).collect(),
        });
        CountersReport {
            protocol: self.protocol.to_owned(),
            // Closed first: a session that opens and closes in between must not make more closed than opened.
            sessions_closed: self.closed.load(Relaxed),
            sessions_opened: self.opened.load(Relaxed),
            bucket_bounds_micros: BUCKETS.to_vec(),
            commands: commands.filter(|command| command.count > 0).collect(),
        }
    }
}
