//! Handing mail on: the dialogue with one server.
//!
//! The driver says what it wants ([`hello`](Dialogue::hello), [`mail`](Dialogue::mail), …), sends what gathers in
//! [`output`](Dialogue::output), hands received bytes over and asks for [events](Event). Commands may be said ahead of
//! their replies, as PIPELINING allows (RFC 2920); the dialogue keeps the order. Only the message has to wait for
//! [`Event::Data`].
//!
//! A refusal is an event, since each command and each recipient has its own; an [error](DialogueError) means that
//! nothing more can be understood of this connection.
//!
//! ```
//! use lmtp::client::{Dialogue, Event, Limits};
//! use lmtp::{Address, MailParameters};
//!
//! let mut dialogue = Dialogue::new(Limits::default());
//! dialogue.hello("cas1");
//! dialogue.mail(None, &MailParameters::default());
//! dialogue.recipient(&Address::parse("bob@example.com")?);
//! dialogue.data();
//! dialogue.receive(b"220 mx\r\n250 mx\r\n250 ok\r\n250 ok\r\n354 go\r\n");
//! while let Some(event) = dialogue.event()? {
//!     if matches!(event, Event::Data(_)) {
//!         dialogue.message(b"mail\r\n")?;
//!         dialogue.end_message()?;
//!     }
//! }
//! dialogue.receive(b"250 delivered\r\n");
//! assert!(matches!(dialogue.event()?, Some(Event::Delivered(0, reply)) if reply.is_positive()));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod dialogue;
mod extensions;
mod replies;

pub use dialogue::Dialogue;
pub use extensions::Extensions;

use std::fmt;

use thiserror::Error;

use crate::Reply;

/// The bounds of a dialogue: what a server may make us keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Octets of a reply line, CRLF included. RFC 5321 §4.5.3.1.5 says 512; not every server listens.
    pub line: usize,
    /// Lines of one reply.
    pub lines: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { line: 1024, lines: 64 }
    }
}

/// What the server answered. Recipients are counted from 0 within a transaction, in the order of
/// [`Dialogue::recipient`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The first word of the server.
    Greeting(Reply),
    /// To LHLO, with what the server offers.
    Hello(Reply, Extensions),
    /// To XCLIENT. When positive, the server has forgotten everything else: say hello again.
    Forwarded(Reply),
    /// To MAIL.
    Sender(Reply),
    /// To RCPT.
    Recipient(usize, Reply),
    /// To DATA. When intermediate, send the message now.
    Data(Reply),
    /// What became of the message for an accepted recipient.
    Delivered(usize, Reply),
    /// To RSET.
    Reset(Reply),
    /// To NOOP.
    Noop(Reply),
    /// To QUIT.
    Quit(Reply),
    /// Unasked, a refusal: the server gives up and closes (RFC 5321 §3.8).
    Closing(Reply),
}

/// What a reply is awaited to: for errors and timing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// The greeting.
    Greeting,
    /// LHLO
    Hello,
    /// XCLIENT
    Forwarded,
    /// MAIL
    Sender,
    /// RCPT
    Recipient,
    /// DATA
    Data,
    /// The message.
    Delivery,
    /// RSET
    Reset,
    /// NOOP
    Noop,
    /// QUIT
    Quit,
    /// Nothing.
    Idle,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Greeting => "greeting",
            Self::Hello => "hello",
            Self::Forwarded => "forwarded",
            Self::Sender => "sender",
            Self::Recipient => "recipient",
            Self::Data => "data",
            Self::Delivery => "delivery",
            Self::Reset => "reset",
            Self::Noop => "noop",
            Self::Quit => "quit",
            Self::Idle => "idle",
        })
    }
}

/// The dialogue cannot go on. The server's fault; another connection may do better.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DialogueError {
    /// The server said something that is not LMTP.
    #[error("protocol violation in phase {phase}: expected {expected}, got {got:?}")]
    ProtocolViolation {
        /// What was awaited.
        phase: Phase,
        /// What the protocol allows here.
        expected: &'static str,
        /// What came, made printable and cut short.
        got: String,
    },
    /// The server closed the connection while it owed a reply.
    #[error("connection closed in phase {phase}")]
    Closed {
        /// What was awaited.
        phase: Phase,
    },
}

/// A piece of message before the server asked for it, or after its end: the driver's mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the server does not await a message now")]
pub struct OutOfTurn;
