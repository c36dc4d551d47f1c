//! What one attempt of a probe came to.
//!
//! An attempt knows no thresholds and does not try twice. What it found is a [`Finding`]; with who looked, at what and
//! when, it is an [`Observation`].

use std::time::Duration;

use placement::UnixMillis;
use serde::{Deserialize, Serialize};
use settings::{DatabaseName, ServerName};

use crate::phase::{Part, Phase};

/// One attempt, complete: what a monitor judges, and what is kept for whoever asks later.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Observation {
    /// The probe, as its definition is called.
    pub probe: String,
    /// The health set of the probe.
    pub health_set: String,
    /// The server on which it ran.
    pub server: ServerName,
    /// What it was aimed at; none if the probe has no targets.
    pub target: Option<String>,
    /// When it started.
    pub started: UnixMillis,
    /// How long it took.
    pub took: Duration,
    /// What it found.
    pub finding: Finding,
}

impl Observation {
    /// When it ended.
    pub fn ended(&self) -> UnixMillis {
        let took = u64::try_from(self.took.as_millis()).unwrap_or(u64::MAX);
        UnixMillis(self.started.0.saturating_add(took))
    }
}

/// What an attempt found.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// How it ended.
    pub outcome: Outcome,
    /// Why and where it failed; none if it succeeded.
    pub failure: Option<Failure>,
    /// How long each phase took, in the order in which they came. The last one is where it failed, if it failed.
    pub phases: Vec<PhaseTime>,
    /// The mailbox server behind it, if that is known.
    pub mailbox_server: Option<ServerName>,
    /// The mailbox database behind it, if that is known.
    pub database: Option<DatabaseName>,
    /// The id of its session on the server, if that is known.
    pub session: Option<String>,
    /// What it measured, for rules with a threshold; the unit is that of the probe.
    pub value: Option<f64>,
    /// How many samples the value is made of, if it is made of several.
    pub samples: Option<u64>,
    /// What was said, without secrets.
    pub transcript: Vec<Line>,
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Everything was as it should be.
    #[default]
    Succeeded,
    /// Something was not.
    Failed,
    /// It took too long.
    TimedOut,
    /// It could not be tried, or the observer cannot be trusted: it says nothing about what it was aimed at.
    CannotTest,
}

impl Outcome {
    /// The word that administrators know.
    pub fn word(self) -> &'static str {
        match self {
            Self::Succeeded => "Succeeded",
            Self::Failed => "Failed",
            Self::TimedOut => "TimedOut",
            Self::CannotTest => "CannotTest",
        }
    }

    /// Whether it speaks against what it was aimed at.
    pub fn is_failure(self) -> bool {
        matches!(self, Self::Failed | Self::TimedOut)
    }
}

/// Why and where an attempt failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// What was wrong.
    pub reason: FailureReason,
    /// In which phase.
    pub phase: Phase,
    /// Who is the first suspect: whoever that phase was about.
    pub part: Part,
    /// The particulars, in words for people, without secrets.
    pub detail: String,
}

/// What was wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureReason {
    /// The name has no address.
    NameResolution,
    /// Nobody accepts, or nobody can be reached.
    Connect,
    /// The handshake failed for a reason that is not the certificate.
    TlsHandshake,
    /// The server's certificate is expired, for another name, or by nobody we trust.
    Certificate,
    /// The server does not greet, or turns us away.
    Greeting,
    /// The log-in is refused for good: the account or its secret.
    Authentication,
    /// The log-in is refused for now, or the mailbox cannot be opened.
    MailboxUnavailable,
    /// The message that should be there is not, or is another.
    WrongContent,
    /// Something that the protocol allows no server to say.
    ProtocolViolation,
    /// A command is refused that should not be.
    Refused,
    /// The connection ended in the middle.
    ConnectionLost,
    /// The whole took too long.
    ScenarioTimeout,
    /// A message was not taken in.
    Delivery,
    /// The directory does not answer, or answers wrongly.
    LookUp,
    /// The store cannot be read.
    StoreRead,
    /// The store cannot be written.
    StoreWrite,
    /// Too little space is free.
    FreeSpace,
    /// The database is mounted nowhere.
    NotMounted,
    /// No other copy could be mounted.
    NotRedundant,
    /// It expires soon, or has.
    Expiring,
    /// The process does not answer.
    NoAnswer,
    /// The value is over the threshold, or under it.
    Threshold,
    /// The database is on its way from one server to another.
    Moving,
    /// The component takes no traffic because somebody said so.
    Drained,
    /// The listener that the probe needs is switched off by the settings.
    NoListener,
    /// What the probe needs is not there: an account, a secret, a setting.
    NotConfigured,
    /// The observer is late or fails its own control: what it sees is not to be trusted.
    SickObserver,
}

impl FailureReason {
    /// The word that administrators know.
    pub fn word(self) -> &'static str {
        match self {
            Self::NameResolution => "NameResolution",
            Self::Connect => "Connect",
            Self::TlsHandshake => "TlsHandshake",
            Self::Certificate => "Certificate",
            Self::Greeting => "Greeting",
            Self::Authentication => "Authentication",
            Self::MailboxUnavailable => "MailboxUnavailable",
            Self::WrongContent => "WrongContent",
            Self::ProtocolViolation => "ProtocolViolation",
            Self::Refused => "Refused",
            Self::ConnectionLost => "ConnectionLost",
            Self::ScenarioTimeout => "ScenarioTimeout",
            Self::Delivery => "Delivery",
            Self::LookUp => "LookUp",
            Self::StoreRead => "StoreRead",
            Self::StoreWrite => "StoreWrite",
            Self::FreeSpace => "FreeSpace",
            Self::NotMounted => "NotMounted",
            Self::NotRedundant => "NotRedundant",
            Self::Expiring => "Expiring",
            Self::NoAnswer => "NoAnswer",
            Self::Threshold => "Threshold",
            Self::Moving => "Moving",
            Self::Drained => "Drained",
            Self::NoListener => "NoListener",
            Self::NotConfigured => "NotConfigured",
            Self::SickObserver => "SickObserver",
        }
    }
}

/// How long a phase took.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhaseTime {
    /// The phase.
    pub phase: Phase,
    /// Its time.
    pub took: Duration,
}

/// A line of a transcript. Secrets are masked, bodies are left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// Since the attempt started.
    pub at: Duration,
    /// Who said it.
    pub by: Speaker,
    /// What was said, printable and cut short.
    pub text: String,
}

/// Who says a line of a transcript.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Speaker {
    /// The probe to the server.
    Probe,
    /// The server to the probe.
    Server,
    /// The probe to the reader: what it did that is not said on the wire.
    Note,
}
