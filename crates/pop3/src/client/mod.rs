//! The client's side of POP3: what a front end says to a back end, and what probes and load generators say to both.
//!
//! The driver [says](Dialogue::say) commands and [logs in](Dialogue::log_in), sends what gathers in
//! [`output`](Dialogue::output), hands received bytes over and asks for [events](Event). Several commands may be said
//! before the first is answered (RFC 2449 section 6.6); events come in their order. A dialogue opens with the
//! server's greeting. Once logged in it can be taken apart: [`into_rest`](Dialogue::into_rest) gives what was received
//! and not understood yet, for a relay to go on with.
//!
//! Every error names its [phase](Phase) and whose fault it is. A [rejection](DialogueError::Rejected) leaves the
//! dialogue intact; after any other error nothing more can be understood.
//!
//! ```
//! use pop3::Command;
//! use pop3::client::{Dialogue, Event, Limits};
//!
//! let mut dialogue = Dialogue::new(Limits::default());
//! dialogue.say(&Command::Stat)?;
//! dialogue.say(&Command::Quit)?;
//! assert_eq!(dialogue.output(), b"STAT\r\nQUIT\r\n");
//!
//! dialogue.receive(b"+OK hello\r\n+OK 2 320\r\n+OK bye\r\n");
//! assert!(matches!(dialogue.event()?, Some(Event::Greeting(_))));
//! assert_eq!(dialogue.event()?, Some(Event::Stat { messages: 2, octets: 320 }));
//! assert_eq!(dialogue.event()?, Some(Event::Quit));
//! assert_eq!(dialogue.event()?, None);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Not here: sockets, time-outs, TLS, and what to make of the answers.

mod auth;
mod body;
mod capabilities;
mod dialogue;
mod expected;
mod input;
mod listing;

pub use auth::LogIn;
pub use body::BodyForm;
pub use capabilities::Capabilities;
pub use dialogue::Dialogue;

use std::fmt;

use thiserror::Error;

use crate::reply::MAX_FIRST_LINE;
use crate::sasl::scram::ScramClientError;
use crate::{CommandError, MessageNumber, ResponseCode};
use listing::printable;

/// The bounds of a dialogue: what a server may make us keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The longest line of a reply, CRLF included; bodies have no lines here.
    pub line: usize,
    /// The most entries of LIST and UIDL.
    pub listing: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { line: MAX_FIRST_LINE, listing: 1_000_000 }
    }
}

/// What the server answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// The server is there.
    Greeting(Greeting),
    /// To CAPA.
    Capabilities(Capabilities),
    /// To STLS: do the handshake, then call [`tls_started`](Dialogue::tls_started).
    StartTls,
    /// To XCLIENT: the server takes us for whom we speak for.
    Forwarded,
    /// To USER: the password is wanted.
    User,
    /// To PASS, or at the end of AUTH; with the server's words.
    LoggedIn(String),
    /// To STAT.
    Stat {
        /// How many messages there are.
        messages: u64,
        /// Their octets.
        octets: u64,
    },
    /// To LIST, one message or all: numbers and octets.
    List(Vec<(MessageNumber, u64)>),
    /// To UIDL, one message or all: numbers and unique ids.
    Uidl(Vec<(MessageNumber, String)>),
    /// To RETR or TOP: the message begins.
    Retrieving,
    /// The next of the message; never empty.
    Body(&'a [u8]),
    /// The message is complete.
    Retrieved,
    /// To DELE.
    Deleted,
    /// To NOOP.
    Noop,
    /// To RSET.
    Reset,
    /// To QUIT.
    Quit,
}

/// The server's first line. An APOP timestamp in it has no meaning here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Greeting {
    /// Whether XCLIENT is announced, as `[XCLIENT]` before the text.
    pub xclient: bool,
    /// The text.
    pub text: String,
}

impl Greeting {
    fn read(text: &[u8]) -> Greeting {
        let text = printable(text);
        match text.strip_prefix("[XCLIENT]") {
            Some(rest) => Greeting { xclient: true, text: rest.trim_start().to_owned() },
            None => Greeting { xclient: false, text },
        }
    }
}

/// What a dialogue is about at a moment, for errors, timings and probes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// Waiting for the greeting.
    Greeting,
    /// CAPA
    Capa,
    /// STLS
    Stls,
    /// XCLIENT
    Xclient,
    /// USER, PASS and AUTH
    Auth,
    /// STAT
    Stat,
    /// LIST
    List,
    /// UIDL
    Uidl,
    /// RETR
    Retrieve,
    /// TOP
    Top,
    /// DELE
    Delete,
    /// NOOP
    Noop,
    /// RSET
    Reset,
    /// QUIT
    Quit,
    /// Nothing is awaited.
    Idle,
}

impl Phase {
    /// The name of the phase.
    pub fn as_str(self) -> &'static str {
        match self {
            Phase::Greeting => "greeting",
            Phase::Capa => "capa",
            Phase::Stls => "stls",
            Phase::Xclient => "xclient",
            Phase::Auth => "auth",
            Phase::Stat => "stat",
            Phase::List => "list",
            Phase::Uidl => "uidl",
            Phase::Retrieve => "retrieve",
            Phase::Top => "top",
            Phase::Delete => "delete",
            Phase::Noop => "noop",
            Phase::Reset => "reset",
            Phase::Quit => "quit",
            Phase::Idle => "idle",
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What went wrong between us and the server.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DialogueError {
    /// The server said no, which it may. The dialogue goes on. In [`Phase::Idle`] it said so unasked, and closes.
    #[error("{phase}: refused: {text}")]
    Rejected {
        /// What was refused.
        phase: Phase,
        /// Why, for programs.
        code: Option<ResponseCode>,
        /// Why, for people: what follows `-ERR`, made printable.
        text: String,
    },
    /// The server said what the protocol does not allow: its fault.
    #[error("{phase}: expected {expected}, got {got:?}")]
    ProtocolViolation {
        /// What was awaited.
        phase: Phase,
        /// What the protocol allows here.
        expected: &'static str,
        /// What came, made printable and cut short.
        got: String,
    },
    /// The server could not prove that it knows the password: it may be somebody else.
    #[error("{phase}: {source}", phase = Phase::Auth)]
    Unproven {
        /// What was wrong with its proof.
        #[from]
        source: ScramClientError,
    },
    /// The connection ended while an answer was owed.
    #[error("{phase}: the connection ended")]
    Closed {
        /// What was awaited.
        phase: Phase,
    },
}

/// A command that was not said: the driver's mistake.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NotSaid {
    /// An argument would break out of its line.
    #[error(transparent)]
    Argument(#[from] CommandError),
    /// Nothing may be said between STLS and the end of the handshake, within an exchange of AUTH, or after QUIT.
    #[error("not now")]
    OutOfTurn,
    /// AUTH has a method of its own.
    #[error("AUTH is said by logging in")]
    Auth,
}
