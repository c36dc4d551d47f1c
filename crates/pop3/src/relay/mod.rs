//! What a front end does after log-in: commands one way, replies the other, bodies untouched.
//!
//! A [`Relay`] stands between a logged-in client and its back end. Commands are parsed and written anew, so the back
//! end never sees a line the front end understood differently. What the front end must answer itself (CAPA, lines
//! that are no command, commands that belong before log-in) takes its place in the queue of expected replies, and
//! the client gets every answer in the order of its questions (RFC 2449 section 6.6). Replies are framed, not
//! copied. So it is known at any moment whether the session is at a command boundary.
//!
//! Not here: log-in, sockets, time-outs. A relay opens when the inner session is logged in and closes with the reply
//! to QUIT, the back end's farewell, or an error of either side. Its driver goes round:
//!
//! ```
//! use pop3::Offer;
//! use pop3::relay::{Passage, Relay, RelayLimits};
//!
//! let mut relay = Relay::new(RelayLimits::default(), &Offer::standard());
//! relay.receive(b"STAT\r\nbogus\r\nretr 1\r\n");
//! relay.take_commands(&());
//! assert_eq!(relay.to_back_end(), b"STAT\r\nRETR 1\r\n");
//!
//! let mut from_back_end = b"+OK 1 5\r\n+OK 5 octets\r\nab\r\n.\r\n".as_slice();
//! let mut to_client = Vec::new();
//! while let Some(passage) = relay.pass(from_back_end)? {
//!     let passed = match passage {
//!         Passage::Part(length) | Passage::Reply(length, _) | Passage::Farewell(length) => length,
//!         Passage::Own(reply, _) => {
//!             to_client.extend_from_slice(&reply);
//!             0
//!         }
//!     };
//!     to_client.extend_from_slice(&from_back_end[..passed]);
//!     from_back_end = &from_back_end[passed..];
//! }
//! assert_eq!(to_client, b"+OK 1 5\r\n-ERR unknown command\r\n+OK 5 octets\r\nab\r\n.\r\n");
//! # Ok::<(), pop3::relay::FramingError>(())
//! ```

mod command;
mod reply;

pub use command::{Answerer, ClientError, ClientLine, CommandFramer};
pub use reply::{FramingError, ReplyEnd, ReplyFramer, ReplyShape, Walked};

use std::borrow::Cow;
use std::collections::VecDeque;

use crate::line::LineError;
use crate::reply::{write_err, write_ok};
use crate::session::{self, Exchange, Outcome};
use crate::{Command, Keyword, Offer};

/// The bounds of a relay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RelayLimits {
    /// The longest command line, CRLF included.
    pub line: usize,
    /// How many commands may wait for their replies; further input waits.
    pub in_flight: usize,
    /// How many lines in a row that are refused here end the session. The back end counts what it refuses.
    pub errors: u32,
}

impl Default for RelayLimits {
    fn default() -> RelayLimits {
        let session::Limits { line, errors, .. } = session::Limits::default();
        RelayLimits { line, in_flight: 100, errors }
    }
}

/// One logged-in session between client and back end. See the [module](self) for how it is driven.
///
/// `Mark` is what the driver wants to find again with the reply to a command, such as when the command came.
#[derive(Debug)]
pub struct Relay<Mark = ()> {
    limits: RelayLimits,
    commands: CommandFramer,
    replies: ReplyFramer,
    /// The whole reply to CAPA.
    capabilities: Vec<u8>,
    /// Commands without a complete reply, oldest first.
    pending: VecDeque<Pending<Mark>>,
    to_back_end: Vec<u8>,
    /// Lines refused in a row.
    errors: u32,
    /// The client sends nothing more; lines that wait for room are still taken.
    input_closed: bool,
    /// No more of the client's bytes are looked at: it said QUIT, made too many errors, or left nothing to look at.
    input_over: bool,
    farewell: Farewell,
}

/// Whether the back end ends the session unasked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Farewell {
    No,
    UnderWay,
    Said,
}

#[derive(Debug)]
struct Pending<Mark> {
    keyword: Option<Keyword>,
    /// Masked.
    parameters: String,
    request: u64,
    mark: Mark,
    answer: Answer,
}

#[derive(Debug)]
enum Answer {
    BackEnd(ReplyShape),
    Capabilities,
    Refusal(Cow<'static, str>),
}

/// One command and what became of it.
#[derive(Debug, PartialEq, Eq)]
pub struct Answered<Mark> {
    /// For the protocol log and the counters.
    pub exchange: Exchange,
    /// Whether the front end answered by itself.
    pub own: bool,
    /// What the driver attached to the command.
    pub mark: Mark,
}

/// What goes to the client next.
#[derive(Debug, PartialEq, Eq)]
pub enum Passage<Mark> {
    /// So many bytes from the start of the back end's; the reply goes on after them.
    Part(usize),
    /// So many bytes from the start of the back end's, and with the last of them a reply is complete.
    Reply(usize, Answered<Mark>),
    /// A reply of the front end, before any more of the back end's bytes.
    Own(Vec<u8>, Answered<Mark>),
    /// So many bytes from the start of the back end's: unasked it says `-ERR`, as it does when it drains. Pass them
    /// on and close.
    Farewell(usize),
}

impl<Mark> Relay<Mark> {
    /// A relay for a session that has just been logged in. `offer` is what the front end's CAPA lists.
    pub fn new(limits: RelayLimits, offer: &Offer) -> Relay<Mark> {
        let mut capabilities = Vec::new();
        write_ok("capabilities follow", &mut capabilities);
        offer.write_lines(&mut capabilities);
        capabilities.extend_from_slice(b".\r\n");
        Relay {
            limits,
            commands: CommandFramer::new(limits.line),
            replies: ReplyFramer::new(),
            capabilities,
            pending: VecDeque::new(),
            to_back_end: Vec::new(),
            errors: 0,
            input_over: false,
            input_closed: false,
            farewell: Farewell::No,
        }
    }

    /// Takes bytes of the client. Read from it only while [`wants_input`](Relay::wants_input): that bounds memory.
    pub fn receive(&mut self, bytes: &[u8]) {
        if !self.input_over {
            self.commands.receive(bytes);
        }
    }

    /// The client sends nothing more. What it sent before is still answered.
    pub fn input_closed(&mut self) {
        self.input_closed = true;
    }

    /// Takes commands from what was received, as many as may be in flight; each gets a copy of `mark`. Call it after
    /// [`receive`](Relay::receive) and, since replies make room, after replies; then send
    /// [`to_back_end`](Relay::to_back_end) and see whether [`pass`](Relay::pass) has something.
    pub fn take_commands(&mut self, mark: &Mark)
    where
        Mark: Clone,
    {
        while self.has_room() {
            let Some(ClientLine { octets, content }) = self.commands.next_line() else {
                if self.input_closed {
                    self.stop_input();
                }
                return;
            };
            if content == Err(ClientError::Line(LineError::Endless)) {
                // That the line is bad was answered when it began.
                self.stop_input();
                return;
            }
            let keyword = match &content {
                Ok(command) => Some(command.keyword()),
                Err(ClientError::Command(error)) => error.keyword,
                Err(ClientError::Line(_)) => None,
            };
            let parameters = content.as_ref().map(Command::masked_arguments).unwrap_or_default();
            let answer = match content {
                Ok(command) => self.judge(&command),
                Err(error) => self.refuse(error.to_string()),
            };
            self.pending.push_back(Pending {
                keyword,
                parameters,
                request: octets,
                mark: mark.clone(),
                answer,
            });
        }
    }

    /// Commands to send to the back end. The driver takes from the front what it has sent.
    pub fn to_back_end(&mut self) -> &mut Vec<u8> {
        &mut self.to_back_end
    }

    /// Whether the client is to be read from.
    pub fn wants_input(&self) -> bool {
        self.has_room() && !self.input_closed
    }

    /// Whether every command has its complete reply and the back end is not in the middle of saying something.
    pub fn at_command_boundary(&self) -> bool {
        self.pending.is_empty() && !self.is_inside_reply()
    }

    /// Whether the client has been sent a part of a reply and the rest is still to come.
    pub fn is_inside_reply(&self) -> bool {
        !self.replies.is_idle()
    }

    /// Whether everything has been said: send what is left and close both connections.
    pub fn is_over(&self) -> bool {
        self.farewell == Farewell::Said || (self.input_over && self.pending.is_empty())
    }

    /// How many commands wait for their replies.
    pub fn in_flight(&self) -> usize {
        self.pending.len()
    }

    /// The keyword and mark of the oldest command without a complete reply.
    pub fn oldest(&self) -> Option<(Option<Keyword>, &Mark)> {
        self.pending.front().map(|pending| (pending.keyword, &pending.mark))
    }

    /// What goes to the client next, given the back end's bytes that were not passed yet. Call it, with what it left,
    /// until there is nothing; and after [`take_commands`](Relay::take_commands) even without bytes, since the front
    /// end's own replies need none.
    pub fn pass(&mut self, back_end: &[u8]) -> Result<Option<Passage<Mark>>, FramingError> {
        if self.farewell == Farewell::No
            && let Some((reply, outcome)) =
                self.pending.front().and_then(|pending| self.own_reply(&pending.answer))
            && let Some(pending) = self.pending.pop_front()
        {
            let answered = pending.answered(outcome, reply.len() as u64, true);
            return Ok(Some(Passage::Own(reply, answered)));
        }
        let Some(&first) = back_end.first() else { return Ok(None) };
        if self.replies.is_idle() {
            let shape = self.expected(first)?;
            self.replies.expect(shape);
        }
        let Walked { taken, end } = self.replies.walk(back_end)?;
        let Some(ReplyEnd { outcome, size }) = end else { return Ok(Some(Passage::Part(taken))) };
        if self.farewell == Farewell::UnderWay {
            self.farewell = Farewell::Said;
            self.stop_input();
            return Ok(Some(Passage::Farewell(taken)));
        }
        let pending = self.pending.pop_front().ok_or(FramingError::Unexpected)?;
        Ok(Some(Passage::Reply(taken, pending.answered(outcome, size, false))))
    }

    /// Gives memory back that holds nothing. For a driver about to wait with everything sent.
    pub fn release_memory(&mut self) {
        self.commands.release_memory();
        self.pending.shrink_to_fit();
        self.to_back_end.shrink_to_fit();
    }

    fn has_room(&self) -> bool {
        !self.input_over && self.pending.len() < self.limits.in_flight
    }

    /// What a reply that begins with `first` has to look like.
    fn expected(&mut self, first: u8) -> Result<ReplyShape, FramingError> {
        match self.pending.front() {
            _ if self.farewell != Farewell::No => Err(FramingError::Unexpected),
            Some(Pending { answer: Answer::BackEnd(shape), .. }) => Ok(*shape),
            None if first == b'-' => {
                self.farewell = Farewell::UnderWay;
                Ok(ReplyShape::Single)
            }
            _ => Err(FramingError::Unexpected),
        }
    }

    fn judge(&mut self, command: &Command) -> Answer {
        let answer = match Answerer::of(command) {
            Answerer::Nobody => return self.refuse("already logged in"),
            Answerer::FrontEnd => Answer::Capabilities,
            Answerer::BackEnd(shape) => match command.write_to(&mut self.to_back_end) {
                Ok(()) => Answer::BackEnd(shape),
                Err(error) => return self.refuse(error.to_string()),
            },
        };
        self.errors = 0;
        if *command == Command::Quit {
            self.stop_input();
        }
        answer
    }

    fn refuse(&mut self, text: impl Into<Cow<'static, str>>) -> Answer {
        self.errors += 1;
        if self.errors >= self.limits.errors {
            self.stop_input();
        }
        Answer::Refusal(text.into())
    }

    fn stop_input(&mut self) {
        self.input_over = true;
        self.commands.clear();
    }

    /// What the front end says, unless the back end has to.
    fn own_reply(&self, answer: &Answer) -> Option<(Vec<u8>, Outcome)> {
        match answer {
            Answer::BackEnd(_) => None,
            Answer::Capabilities => Some((self.capabilities.clone(), Outcome::Ok)),
            Answer::Refusal(text) => {
                let mut reply = Vec::new();
                write_err(None, text, &mut reply);
                Some((reply, Outcome::Err(None)))
            }
        }
    }
}

impl<Mark> Pending<Mark> {
    fn answered(self, outcome: Outcome, reply: u64, own: bool) -> Answered<Mark> {
        let Pending { keyword, parameters, request, mark, answer: _ } = self;
        Answered { exchange: Exchange { keyword, parameters, request, reply, outcome }, own, mark }
    }
}
