//! What a session asks of its driver.

use crate::{Credentials, MessageNumber, Xclient};

use super::Exchange;

/// What the driver does next. Output may be waiting with any step; it is sent before what the step asks for is
/// awaited, or together with it.
#[derive(Debug)]
pub enum Step {
    /// Send the output, read from the client, and call [`receive`](super::Session::receive) or
    /// [`input_closed`](super::Session::input_closed).
    Input,
    /// Much output is waiting: send it before the next step.
    Flush,
    /// A command was answered. For the protocol log and the counters; nothing has to be done.
    Answered(Exchange),
    /// Send the output, do the TLS handshake with what arrives from now on, then call
    /// [`tls_started`](super::Session::tls_started). What was received before is gone already.
    StartTls,
    /// The peer speaks for a client: answer with [`forwarded`](super::Session::forwarded).
    Forwarded(Xclient),
    /// Find this user's SCRAM secret, or a lasting fake one for an unknown user: answer with
    /// [`scram_secret`](super::Session::scram_secret).
    ScramSecret {
        /// The name as the client gave it.
        user: String,
    },
    /// This user's SCRAM proof is wrong. Count it as a failed log-in and answer with
    /// [`refused`](super::Session::refused); nothing else is accepted.
    ScramRejected {
        /// The name as the client gave it.
        user: String,
    },
    /// Judge the credentials: answer with [`logged_in`](super::Session::logged_in) or take the session over with
    /// [`hand_over`](super::Session::hand_over).
    LogIn(Credentials),
    /// The number list is needed: answer with [`listing`](super::Session::listing).
    Listing,
    /// Send a message. Call [`retrieving`](super::Session::retrieving) when its beginning is at hand, send the
    /// dot-stuffed body after the output, and call [`retrieved`](super::Session::retrieved).
    Retrieve {
        /// The number the client asked for.
        number: MessageNumber,
        /// Its place in the list, from 0.
        index: usize,
        /// For TOP: the header, the blank line and this many lines of the body. Otherwise all of it.
        lines: Option<u64>,
    },
    /// Delete these messages (places in the list, ascending) for good, all or none: answer with
    /// [`committed`](super::Session::committed).
    Commit(Vec<usize>),
    /// The driver still owes the answer to an earlier step. Seeing this is a mistake of the driver's.
    Unanswered,
    /// Send the output and close the connection. Nothing was deleted unless [`Step::Commit`] was answered.
    Close(Closing),
}

/// Why a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Closing {
    /// The client said QUIT.
    Quit,
    /// The client closed its sending side without QUIT.
    InputClosed,
    /// Too many errors in a row.
    TooManyErrors,
    /// A line without end.
    Flooded,
    /// A refusal of the driver's ended it.
    Refused,
    /// A message broke off while it was sent; the client cannot be told.
    BodyBroken,
    /// The driver closed it, for example to drain.
    Ended,
    /// Another machine goes on with the connection.
    HandedOver,
}

impl Closing {
    /// A few words for logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Closing::Quit => "quit",
            Closing::InputClosed => "input closed",
            Closing::TooManyErrors => "too many errors",
            Closing::Flooded => "line without end",
            Closing::Refused => "refused",
            Closing::BodyBroken => "message broke off",
            Closing::Ended => "ended by the server",
            Closing::HandedOver => "handed over",
        }
    }
}
