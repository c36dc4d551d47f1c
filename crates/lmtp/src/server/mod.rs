//! Receiving mail: the session of one connected client.
//!
//! The driver hands received bytes to a [`Session`], asks it for [steps](Step) until there are none, does what each
//! step says, answers it, and sends what has gathered in [`output`](Session::output). The session knows the
//! protocol, its order and its bounds; the driver knows recipients, quotas and stores.
//!
//! A session opens with [`greet`](Session::greet) and closes with [`Step::Close`]. One transaction at a time:
//! sender, recipients, message, and then one reply for each recipient accepted, in the order of `RCPT` (RFC 2033
//! §4.2), whatever the order in which the driver learns them.
//!
//! ```
//! use lmtp::Reply;
//! use lmtp::server::{Limits, Offer, Session, Step};
//!
//! let mut session = Session::new("mx.example.com", Offer::default(), Limits::default());
//! session.greet();
//! session.receive(b"LHLO mta\r\nMAIL FROM:<>\r\nRCPT TO:<bob>\r\nDATA\r\n..\r\n.\r\nQUIT\r\n");
//! let mut message = Vec::new();
//! loop {
//!     match session.step() {
//!         Step::Sender(..) | Step::Recipient(_) => session.accept(),
//!         Step::Data(bytes) => message.extend_from_slice(bytes),
//!         Step::DataEnd => session.delivered(0, Reply::new(250, 0, 0, "delivered")),
//!         Step::Close => break,
//!         _ => {}
//!     }
//! }
//! assert_eq!(message, b".\r\n");
//! assert!(session.output().ends_with(b"250 2.0.0 delivered\r\n221 2.0.0 Goodbye\r\n"));
//! ```

mod replies;
mod session;
mod transaction;

pub use session::Session;

use crate::{Address, MailParameters, Xclient};

/// What a session offers its client.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Offer {
    /// XCLIENT: only for listed peers and for front ends on the inner leg.
    pub xclient: bool,
    /// `XDELIVERYID=` on MAIL: only on the inner leg.
    pub delivery_id: bool,
}

/// The bounds of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Octets of a command line, CRLF included: 512 for the command (RFC 5321 §4.5.3.1.4), the rest for parameters.
    pub line: usize,
    /// Recipients of a transaction; RFC 5321 §4.5.3.1.8 wants at least 100.
    pub recipients: usize,
    /// Octets of a message, un-stuffed; announced by SIZE (RFC 1870).
    pub message: u64,
    /// Lines in a row that are no command, after which the session ends.
    pub errors: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { line: 2048, recipients: 100, message: 64 * 1024 * 1024, errors: 10 }
    }
}

/// A command that the session has answered by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answered {
    /// The command; nothing, if the line was none.
    pub command: Option<&'static str>,
    /// Whether the answer was a good one.
    pub ok: bool,
    /// Octets of the line, its end included; 0 if it was too long to be kept.
    pub request: u64,
    /// Octets of the answer.
    pub reply: u64,
}

/// What the driver has to do next.
#[derive(Debug, PartialEq, Eq)]
pub enum Step<'a> {
    /// Send the output and receive more.
    Input,
    /// Nothing until the last step has its answer.
    Answer,
    /// A listed peer says for whom it speaks. Answer with [`Session::forwarded`] or [`Session::refuse`].
    Forwarded(Xclient),
    /// A transaction begins; there is no address in the null path of a bounce. Answer with [`Session::accept`]
    /// or [`Session::refuse`].
    Sender(Option<Address>, MailParameters),
    /// A recipient. Answer with [`Session::accept`] or [`Session::refuse`].
    Recipient(Address),
    /// Content of the message, un-stuffed; never empty.
    Data(&'a [u8]),
    /// The message is complete. Answer with [`Session::delivered`] for each accepted recipient.
    DataEnd,
    /// The transaction is over without a message having been delivered: forget what has been kept of it.
    Abandoned,
    /// The session has answered a command by itself. There is nothing to do but to count and log it.
    Answered(Answered),
    /// Send the output and close the connection.
    Close,
}
