//! The server's side of one POP3 connection: bytes in, steps and bytes out.
//!
//! A driver calls [`Session::step`] in a loop and does what the [`Step`] says. One command is taken at a time; a step
//! that asks the driver something holds every further command back until it is answered, so pipelined commands are
//! answered in order whatever the packet boundaries. The session begins with [`Session::greet`] and ends with
//! [`Step::Close`].
//!
//! ```
//! use pop3::session::{Limits, Session, Step};
//! use pop3::{Capability, Maildrop, Offer};
//!
//! let mut session = Session::new(Offer::standard().with(Capability::User), Limits::default());
//! session.greet("mailmedic");
//! session.receive(b"USER ann\r\nPASS a secret\r\nSTAT\r\nQUIT\r\n");
//! loop {
//!     match session.step() {
//!         Step::LogIn(_) => session.logged_in(Maildrop { messages: 2, octets: 320 }),
//!         Step::Close(_) => break,
//!         _ => {}
//!     }
//! }
//! assert!(session.output().ends_with(b"+OK 2 320\r\n+OK bye\r\n"));
//! ```

mod authorization;
mod exchange;
mod listing;
mod marks;
mod state;
mod step;
mod transaction;

use std::borrow::Cow;
use std::sync::Arc;

pub use exchange::{Exchange, Outcome};
pub use listing::MessageList;
pub use step::{Closing, Step};
pub use transaction::Maildrop;

use crate::line::{LineError, LineReader};
use crate::reply::{write_err, write_greeting, write_ok};
use crate::sasl::{self, Nonce, ScramSecret};
use crate::{Capability, Command, CommandError, Keyword, Offer, Refusal, ResponseCode, Secret};
use authorization::{follow, fresh, respond};
use exchange::Draft;
use state::{Awaiting, Body, Desk, Next, State, Then};
use transaction::Transaction;

/// How much output is gathered before the driver is asked to send it, in octets.
const FLUSH_AT: usize = 32 * 1024;

/// The bounds of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The longest command line, CRLF included.
    pub line: usize,
    /// The longest line of a SASL exchange, CRLF included.
    pub sasl_line: usize,
    /// How many errors in a row end the session: lines that are no command, commands out of place, failed log-ins.
    /// Only success after log-in breaks the row. Not errors: the server's own failures, and messages that are not
    /// there.
    pub errors: u32,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { line: 512, sasl_line: sasl::MAX_LINE, errors: 5 }
    }
}

/// The machine of one connection. See the [module](self) for how it is driven.
#[derive(Debug)]
pub struct Session {
    state: State,
    offer: Offer,
    /// What was offered once and is not again.
    spent: Vec<Capability>,
    limits: Limits,
    input: LineReader,
    input_closed: bool,
    output: Vec<u8>,
    /// What the last transition wants the driver to know first.
    pending: Option<Step>,
    draft: Draft,
    /// Octets of input that belong to exchanges already reported.
    reported: u64,
    errors: u32,
    /// How the session ends at the next command boundary.
    end: Option<Refusal>,
}

/// A connection whose client may log in, on its way to another machine. See [`Session::hand_over`].
#[derive(Debug)]
pub struct HandOver {
    /// What is still to be sent to the client.
    pub output: Vec<u8>,
    /// What the client sent after its log-in.
    pub input: Vec<u8>,
    /// The log-in, for the protocol log.
    pub exchange: Option<Exchange>,
}

impl Session {
    /// A session with somebody unknown.
    pub fn new(offer: Offer, limits: Limits) -> Session {
        Session {
            state: fresh(),
            offer,
            spent: Vec::new(),
            limits,
            input: LineReader::new(),
            input_closed: false,
            output: Vec::new(),
            pending: None,
            draft: Draft::default(),
            reported: 0,
            errors: 0,
            end: None,
        }
    }

    /// Puts the greeting into the output. A peer that may use XCLIENT learns it here, without CAPA.
    pub fn greet(&mut self, banner: &str) {
        write_greeting(self.offer.has(Capability::Xclient), banner, &mut self.output);
    }

    /// Takes bytes of the client, in portions of any size. Read from it only at [`Step::Input`]: that bounds memory.
    pub fn receive(&mut self, bytes: &[u8]) {
        if !matches!(self.state, State::Closed(_)) {
            self.input.receive(bytes);
        }
    }

    /// The client sends nothing more. What it sent before is still answered.
    pub fn input_closed(&mut self) {
        self.input_closed = true;
    }

    /// The bytes to send. The driver drains them.
    pub fn output(&mut self) -> &mut Vec<u8> {
        &mut self.output
    }

    /// Changes what is offered from the next command on, when settings change. What STLS or XCLIENT took out of the
    /// offer stays out.
    pub fn set_offer(&mut self, offer: Offer) {
        self.offer = self.spent.iter().copied().fold(offer, Offer::without);
    }

    /// Changes the bounds from the next command on, when settings change.
    pub fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// What happens next; takes at most one command.
    pub fn step(&mut self) -> Step {
        loop {
            if let Some(step) = self.pending.take() {
                return step;
            }
            if self.output.len() >= FLUSH_AT {
                return Step::Flush;
            }
            if self.end_if_asked() {
                continue;
            }
            match &self.state {
                State::Closed(closing) => return Step::Close(*closing),
                State::Awaiting(_) => return Step::Unanswered,
                State::Walking(_) => self.transit(|state, desk| match state {
                    State::Walking(walk) => Next::walk(walk, desk),
                    other => Next::wait(other),
                }),
                State::Authorization(_) | State::Sasl(_) | State::Transaction(_) => match self.next_request()
                {
                    Some(request) => self.take(request),
                    None if self.input_closed => self.state = State::Closed(Closing::InputClosed),
                    None => return Step::Input,
                },
            }
        }
    }

    /// Answers [`Step::LogIn`]: the client is who it says and this is its maildrop.
    pub fn logged_in(&mut self, maildrop: Maildrop) {
        self.transit(|state, desk| match state {
            State::Awaiting(Awaiting::LogIn) => {
                desk.ok("logged in", State::Transaction(Transaction::new(maildrop)))
            }
            other => Next::wait(other),
        });
    }

    /// Answers [`Step::LogIn`] where another machine goes on with the connection: the client is told `+OK`, and what
    /// it sent already comes along. The session is over.
    pub fn hand_over(mut self) -> HandOver {
        self.transit(|state, desk| match state {
            State::Awaiting(Awaiting::LogIn) => desk.ok("logged in", State::Closed(Closing::HandedOver)),
            other => Next::wait(other),
        });
        let exchange = match self.pending.take() {
            Some(Step::Answered(exchange)) => Some(exchange),
            _ => None,
        };
        HandOver { output: self.output, input: self.input.take_rest(), exchange }
    }

    /// The negative answer to whatever the session waits for: nothing was done. After a refused log-in, listing or
    /// retrieval the session goes on, unless the refusal closes it; after a refused commit or handshake, or when the
    /// body was begun already, it ends.
    pub fn refused(&mut self, refusal: &Refusal) {
        self.transit(|state, desk| match state {
            // Nothing can be said in the middle of a message or of a handshake.
            State::Awaiting(Awaiting::Body(_, Body { started: true, .. })) => {
                Next::err(refusal.code, false, State::Closed(Closing::BodyBroken))
            }
            State::Awaiting(Awaiting::Tls) => Next::err(refusal.code, false, State::Closed(Closing::Refused)),
            State::Awaiting(Awaiting::Commit) => desk.refuse(refusal, State::Closed(Closing::Refused)),
            State::Awaiting(Awaiting::Listing(transaction, _) | Awaiting::Body(transaction, _)) => {
                desk.refuse(refusal, State::Transaction(transaction))
            }
            State::Awaiting(
                Awaiting::Forwarding | Awaiting::ScramSecret(_) | Awaiting::Rejection | Awaiting::LogIn,
            ) => desk.refuse(refusal, fresh()),
            other => Next::wait(other),
        });
    }

    /// Answers [`Step::ScramSecret`]. The nonce must never have been used before.
    pub fn scram_secret(&mut self, secret: &ScramSecret, nonce: &Nonce) {
        self.transit(|state, desk| match state {
            State::Awaiting(Awaiting::ScramSecret(awaiting)) => follow(awaiting.secret(secret, nonce), desk),
            other => Next::wait(other),
        });
    }

    /// Answers [`Step::StartTls`]: the handshake is done. Everything the client said before is forgotten (RFC 2595
    /// section 4), and `offer` replaces what was offered; STLS is not offered again.
    pub fn tls_started(&mut self, offer: Offer) {
        self.transit(|state, desk| match state {
            State::Awaiting(Awaiting::Tls) => {
                desk.input.clear();
                desk.spent.clear();
                desk.spend(Capability::Stls, offer);
                Next::ok(fresh())
            }
            other => Next::wait(other),
        });
    }

    /// Answers [`Step::Forwarded`]: the driver believes the peer. `offer` replaces what was offered; XCLIENT is not
    /// offered again.
    pub fn forwarded(&mut self, offer: Offer) {
        self.transit(|state, desk| match state {
            State::Awaiting(Awaiting::Forwarding) => {
                desk.spend(Capability::Xclient, offer);
                desk.ok("", fresh())
            }
            other => Next::wait(other),
        });
    }

    /// Answers [`Step::Listing`] with the messages of the snapshot. The session keeps the list.
    pub fn listing(&mut self, list: Arc<dyn MessageList>) {
        self.transit(|state, desk| match state {
            State::Awaiting(Awaiting::Listing(mut transaction, command)) => {
                transaction.learn(list);
                transaction.command(command, desk)
            }
            other => Next::wait(other),
        });
    }

    /// Tells that the message of [`Step::Retrieve`] is there: `+OK` goes to the output and the driver sends the body
    /// after it, dot-stuffed, without the final dot line.
    pub fn retrieving(&mut self) {
        self.transit(|state, desk| match state {
            State::Awaiting(Awaiting::Body(transaction, Body { octets, started: false })) => {
                match octets {
                    Some(octets) => write_ok(&format!("{octets} octets"), desk.output),
                    None => write_ok("top of message follows", desk.output),
                }
                Next::wait(State::Awaiting(Awaiting::Body(transaction, Body { octets, started: true })))
            }
            other => Next::wait(other),
        });
    }

    /// Answers [`Step::Retrieve`] after [`retrieving`](Session::retrieving): `sent` octets of body were sent, or put
    /// into the output, and ended with CRLF. The final dot line goes to the output.
    pub fn retrieved(&mut self, sent: u64) {
        if matches!(self.state, State::Awaiting(Awaiting::Body(_, Body { started: true, .. }))) {
            self.draft.reply += sent;
        }
        self.transit(|state, desk| match state {
            State::Awaiting(Awaiting::Body(transaction, Body { started: true, .. })) => {
                desk.output.extend_from_slice(b".\r\n");
                Next::ok(State::Transaction(transaction))
            }
            other => Next::wait(other),
        });
    }

    /// Answers [`Step::Commit`]: the messages are gone for good.
    pub fn committed(&mut self) {
        self.transit(|state, desk| match state {
            State::Awaiting(Awaiting::Commit) => desk.ok("bye", State::Closed(Closing::Quit)),
            other => Next::wait(other),
        });
    }

    /// Ends the session at the next command boundary with `-ERR [code] text`, for example to drain: a later
    /// [`step`](Session::step) is [`Step::Close`]. A command under way is answered first; QUIT deletes as it would
    /// have.
    pub fn close_with(&mut self, code: ResponseCode, text: impl Into<Cow<'static, str>>) {
        self.end = Some(Refusal::new(code, text).closing());
    }

    /// Whether no command is under way: the client may be told something, or moved.
    pub fn at_command_boundary(&self) -> bool {
        self.pending.is_none() && matches!(self.state, State::Authorization(_) | State::Transaction(_))
    }

    /// The command whose step the driver is answering, for the list of commands in flight.
    pub fn command_under_way(&self) -> Option<Keyword> {
        self.draft.keyword
    }

    /// Whether the client has logged in.
    pub fn is_logged_in(&self) -> bool {
        matches!(
            self.state,
            State::Transaction(_)
                | State::Walking(_)
                | State::Awaiting(Awaiting::Listing(..) | Awaiting::Body(..) | Awaiting::Commit)
        )
    }

    /// Gives back memory that holds nothing. For a driver about to wait with its output sent.
    pub fn release_memory(&mut self) {
        self.input.release_memory();
        self.output.shrink_to_fit();
    }

    /// The next line of the client, understood as far as that goes without the state.
    fn next_request(&mut self) -> Option<Request> {
        let in_sasl = matches!(self.state, State::Sasl(_));
        let limit = if in_sasl { self.limits.sasl_line } else { self.limits.line };
        Some(match self.input.next_line(limit)? {
            Ok(line) if in_sasl => Request::Response(Secret::new(line.content())),
            Ok(line) => Request::Command(Command::parse(line.content())),
            Err(error) => Request::BadLine(error),
        })
    }

    fn take(&mut self, request: Request) {
        match request {
            Request::Response(response) => self.transit(|state, desk| match state {
                State::Sasl(dialogue) => respond(dialogue, &response, desk),
                other => Next::wait(other),
            }),
            Request::Command(parsed) => {
                self.draft = Draft::of(&parsed);
                self.transit(|state, desk| match (state, parsed) {
                    (State::Authorization(state), Ok(command)) => state.command(command, desk),
                    (State::Transaction(state), Ok(command)) => state.command(command, desk),
                    (State::Authorization(state), Err(error)) => state.bad_command(&error, desk),
                    (state, Err(error)) => desk.err(&error.to_string(), state),
                    (state, Ok(_)) => Next::wait(state),
                });
            }
            Request::BadLine(LineError::Endless) => self.state = State::Closed(Closing::Flooded),
            Request::BadLine(error) => self.transit(|state, desk| match state {
                // Who knows what the line was: a PASS forgets the pending USER, a response ends its exchange.
                State::Authorization(_) | State::Sasl(_) => desk.err(&error.to_string(), fresh()),
                other => desk.err(&error.to_string(), other),
            }),
        }
    }

    /// Makes one transition and notes what the driver must hear of it.
    fn transit(&mut self, transition: impl FnOnce(State, &mut Desk<'_>) -> Next) {
        let written = self.output.len();
        let state = std::mem::replace(&mut self.state, fresh());
        let mut desk = Desk {
            offer: &mut self.offer,
            spent: &mut self.spent,
            input: &mut self.input,
            output: &mut self.output,
        };
        let Next { state, then } = transition(state, &mut desk);
        self.state = state;
        self.draft.reply += (self.output.len() - written) as u64;
        match then {
            Then::Wait => {}
            Then::Ask(step) => self.pending = Some(step),
            Then::Ok => {
                // Before log-in a success proves nothing: USER is always one.
                if self.is_logged_in() {
                    self.errors = 0;
                }
                self.report(Outcome::Ok);
            }
            Then::Err { code, counts } => {
                self.errors += u32::from(counts);
                if self.errors >= self.limits.errors && !matches!(self.state, State::Closed(_)) {
                    self.state = State::Closed(Closing::TooManyErrors);
                }
                self.report(Outcome::Err(code));
            }
        }
    }

    fn report(&mut self, outcome: Outcome) {
        let Draft { keyword, parameters, reply } = std::mem::take(&mut self.draft);
        let consumed = self.input.consumed();
        let request = consumed - std::mem::replace(&mut self.reported, consumed);
        self.pending = Some(Step::Answered(Exchange { keyword, parameters, request, reply, outcome }));
    }

    /// Ends the session if that was asked for and it waits for the client; a SASL exchange is answered by it.
    fn end_if_asked(&mut self) -> bool {
        if !matches!(self.state, State::Authorization(_) | State::Sasl(_) | State::Transaction(_)) {
            return false;
        }
        let Some(refusal) = self.end.take() else { return false };
        self.transit(|state, desk| {
            write_err(refusal.code, &refusal.text, desk.output);
            let ended = State::Closed(Closing::Ended);
            match state {
                State::Sasl(_) => Next::err(refusal.code, false, ended),
                _ => Next::wait(ended),
            }
        });
        true
    }
}

/// One line of the client.
enum Request {
    Command(Result<Command, CommandError>),
    Response(Secret),
    BadLine(LineError),
}
