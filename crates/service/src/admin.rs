//! The admin socket: what an operator's command or the agent asks of one process on this machine.
//!
//! A Unix socket that only its owner may use. Each connection asks one thing: a line of JSON, answered by a line of JSON.
//! Served by threads of their own, it answers although the runtime that serves clients hangs: that is when it is needed.

mod client;
mod moving;
mod server;
mod socket;
mod store_check;

pub use client::{AskError, ask};
pub use moving::{ImportReport, ImportState, MoveAnswer, MoveOrder, MoveStep};
use net::drain::Phase;
use serde::{Deserialize, Serialize};
pub use server::{AdminServer, ListenError};
pub use store_check::{StoreCheck, StoreStep, StoreStepReport};

use crate::counters::CountersReport;
use crate::protocol_log::ProtocolLogReport;
use crate::ring::KeptSession;
use crate::roster::{InFlightReport, SessionReport};
use crate::session_id::SessionId;

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Ask {
    /// How the process is. Answered with [`Answer::Status`].
    Status,
    /// What commands cost so far. Answered with [`Answer::Counters`].
    Counters,
    /// Who is on. Answered with [`Answer::Sessions`].
    Sessions {
        /// At most so many, and never more than 100,000.
        limit: usize,
    },
    /// Everything known of one session. Answered with [`Answer::Session`].
    Session {
        /// Its id.
        id: SessionId,
    },
    /// The sessions of one client that are kept: those of a probe, which knows its own address. Answered with
    /// [`Answer::Session`].
    SessionsOfClient {
        /// Its address.
        client: std::net::SocketAddr,
    },
    /// The settings that hold, with their origins. Answered with [`Answer::Settings`].
    Settings,
    /// Read the settings again, now. Answered with [`Answer::Reloaded`].
    Reload,
    /// Let no new sessions in and bring those under way to an end. Answered with [`Answer::Done`].
    Drain,
    /// Let sessions in again. Answered with [`Answer::Done`].
    Admit,
    /// Remove a mailbox with all its mail, where its database is mounted. Answered with [`Answer::Done`].
    RemoveMailbox {
        /// The database.
        database: String,
        /// The mailbox.
        mailbox: String,
    },
    /// Do a step of the move of a mailbox, where a database of it is mounted. Answered with [`Answer::Move`].
    Move {
        /// Of which move.
        order: MoveOrder,
        /// Which step.
        step: MoveStep,
    },
    /// Use the store of a mounted database as sessions do: read, write, space. Answered with [`Answer::StoreCheck`].
    CheckStore {
        /// The database.
        database: String,
        /// How long that may take, in milliseconds.
        limit_millis: u64,
    },
    /// Change how much the service log says, until the next start. Answered with [`Answer::Done`].
    LogLevel {
        /// `error`, `warn`, `info`, `debug` or `trace`.
        level: String,
    },
}

/// What is answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "kebab-case")]
pub enum Answer {
    /// How the process is.
    Status(Box<Status>),
    /// What commands cost so far.
    Counters(Box<CountersAnswer>),
    /// Who is on.
    Sessions {
        /// How many there are in all.
        total: usize,
        /// Those asked for, the oldest first.
        sessions: Vec<SessionReport>,
    },
    /// Everything known of one session; both lists are empty if it is unknown here.
    Session {
        /// Those that are on.
        open: Vec<SessionReport>,
        /// Those kept, under way or over.
        kept: Vec<KeptSession>,
    },
    /// The settings that hold.
    Settings {
        /// Every setting of every section.
        settings: Vec<SettingReport>,
    },
    /// What came of a step of a move.
    Move(MoveAnswer),
    /// What came of the check of a store.
    StoreCheck(StoreCheck),
    /// The settings have been read.
    Reloaded {
        /// Whether anything was different.
        changed: bool,
    },
    /// It is done.
    Done,
    /// It is not done.
    Refused {
        /// Why, for people.
        reason: String,
    },
}

/// What happens to traffic: the phase of its sessions, see [`net::drain`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Traffic {
    /// New sessions are let in.
    Admitting,
    /// No new sessions; those under way end at their next boundary.
    Draining,
    /// No sessions at all.
    Refusing,
}

impl From<Phase> for Traffic {
    fn from(phase: Phase) -> Self {
        match phase {
            Phase::Admitting => Self::Admitting,
            Phase::Draining => Self::Draining,
            Phase::Refusing => Self::Refusing,
        }
    }
}

/// How a process is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// `frontend`, `backend`.
    pub service: String,
    /// The server it runs on.
    pub server: String,
    /// The version of the program.
    pub version: String,
    /// The process.
    pub pid: u32,
    /// When it started.
    pub started: jiff::Timestamp,
    /// Whether it takes traffic.
    pub traffic: Traffic,
    /// How many sessions there are.
    pub sessions: usize,
    /// The protocol log.
    pub protocol_log: ProtocolLogReport,
    /// What only this kind of service can say: mounted databases, addresses listened on.
    pub details: serde_json::Value,
}

/// What commands cost so far, and those under way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CountersAnswer {
    /// When the process started: counters of another start cannot be compared.
    pub started: jiff::Timestamp,
    /// One for each protocol.
    pub protocols: Vec<ProtocolAnswer>,
    /// Whatever else the service counts, by name: connections refused, log-ins waiting.
    pub gauges: std::collections::BTreeMap<String, u64>,
}

/// What the commands of one protocol cost so far, and those under way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProtocolAnswer {
    /// Those completed.
    #[serde(flatten)]
    pub counters: CountersReport,
    /// Those being processed, at most 1000 of them one by one.
    pub in_flight: InFlightReport,
}

/// A setting that holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettingReport {
    /// The section, as `pop`.
    pub section: String,
    /// The name administrators know.
    pub name: String,
    /// The value.
    pub value: String,
    /// Where it comes from.
    pub origin: String,
}

/// Answers what is asked. Called on threads of the admin socket, several at once; it must not wait for the runtime.
pub trait Answers: Send + Sync + 'static {
    /// The answer.
    fn answer(&self, ask: Ask) -> Answer;
}

/// How long a line may be that asks.
const ASK_LIMIT: u64 = 4 << 10;
/// How long a line may be that answers: all sessions of a busy server.
const ANSWER_LIMIT: u64 = 64 << 20;
