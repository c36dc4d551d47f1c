//! The states of a session. Each owns its data; a transition consumes one and makes the next.

use super::authorization::Authorization;
use super::listing::Walk;
use super::step::{Closing, Step};
use super::transaction::Transaction;
use crate::line::LineReader;
use crate::reply::{write_err, write_ok};
use crate::sasl::Dialogue;
use crate::sasl::scram::AwaitingSecret;
use crate::{Capability, Command, Offer, Refusal, ResponseCode};

#[derive(Debug)]
pub(super) enum State {
    /// Waits for a command of somebody unknown.
    Authorization(Authorization),
    /// Waits for the client's response in an AUTH exchange.
    Sasl(Dialogue),
    /// Waits for a command of somebody known.
    Transaction(Transaction),
    /// A long listing is being sent.
    Walking(Walk),
    /// Waits for the driver.
    Awaiting(Awaiting),
    /// Over.
    Closed(Closing),
}

/// The answer the driver owes.
#[derive(Debug)]
pub(super) enum Awaiting {
    Tls,
    Forwarding,
    ScramSecret(Box<AwaitingSecret>),
    /// The SCRAM proof was wrong: only a refusal is accepted.
    Rejection,
    LogIn,
    /// The number list, for the command that needs it.
    Listing(Transaction, Command),
    Body(Transaction, Body),
    /// The UPDATE state (RFC 1939 section 6).
    Commit,
}

/// A message that is about to be sent, or being sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Body {
    /// For RETR: what `+OK` says.
    pub(super) octets: Option<u64>,
    /// Whether `+OK` was said.
    pub(super) started: bool,
}

/// What a transition may touch besides the state it consumes.
pub(super) struct Desk<'a> {
    pub(super) offer: &'a mut Offer,
    pub(super) spent: &'a mut Vec<Capability>,
    pub(super) input: &'a mut LineReader,
    pub(super) output: &'a mut Vec<u8>,
}

/// What follows from an event: the next state, and what the client or the driver hears of it.
pub(super) struct Next {
    pub(super) state: State,
    pub(super) then: Then,
}

pub(super) enum Then {
    /// The command was answered with `+OK`.
    Ok,
    /// The command was answered with `-ERR`.
    Err {
        code: Option<ResponseCode>,
        /// Whether it is one of the errors that end a session when there are too many in a row.
        counts: bool,
    },
    /// The command goes on by itself or with the client's next line; or nothing happened.
    Wait,
    /// The command goes on when the driver has answered.
    Ask(Step),
}

impl Next {
    pub(super) fn ok(state: State) -> Next {
        Next { state, then: Then::Ok }
    }

    pub(super) fn err(code: Option<ResponseCode>, counts: bool, state: State) -> Next {
        Next { state, then: Then::Err { code, counts } }
    }

    pub(super) fn wait(state: State) -> Next {
        Next { state, then: Then::Wait }
    }

    pub(super) fn ask(awaiting: Awaiting, step: Step) -> Next {
        Next { state: State::Awaiting(awaiting), then: Then::Ask(step) }
    }

    /// Goes on with a listing as far as the output has room.
    pub(super) fn walk(walk: Walk, desk: &mut Desk<'_>) -> Next {
        match walk.write_slice(desk.output) {
            Ok(transaction) => Next::ok(State::Transaction(transaction)),
            Err(walk) => Next::wait(State::Walking(walk)),
        }
    }
}

impl Desk<'_> {
    pub(super) fn ok(&mut self, text: &str, state: State) -> Next {
        write_ok(text, self.output);
        Next::ok(state)
    }

    /// Refuses what a client should not have said. Too many of these in a row end the session.
    pub(super) fn err(&mut self, text: &str, state: State) -> Next {
        write_err(None, text, self.output);
        Next::err(None, true, state)
    }

    /// The negative answer to a question that was in order.
    pub(super) fn negative(&mut self, text: &str, state: State) -> Next {
        write_err(None, text, self.output);
        Next::err(None, false, state)
    }

    /// Passes a driver's refusal on; `state` is where the session goes on unless the refusal ends it. Of these,
    /// failed log-ins count as the client's errors.
    pub(super) fn refuse(&mut self, refusal: &Refusal, state: State) -> Next {
        write_err(refusal.code, &refusal.text, self.output);
        let servers_fault = refusal.code.is_some_and(ResponseCode::is_servers_fault);
        let counts = matches!(state, State::Authorization(_)) && !servers_fault;
        let state = if refusal.close { State::Closed(Closing::Refused) } else { state };
        Next::err(refusal.code, counts, state)
    }

    /// Replaces the offer; `capability` was used and is not in it, now or later.
    pub(super) fn spend(&mut self, capability: Capability, offer: Offer) {
        self.spent.push(capability);
        *self.offer = self.spent.iter().copied().fold(offer, Offer::without);
    }

    /// The reply to CAPA (RFC 2449 section 5), the same in every state.
    pub(super) fn write_capabilities(&mut self) {
        write_ok("capabilities follow", self.output);
        self.offer.write_lines(self.output);
        self.output.extend_from_slice(b".\r\n");
    }
}
