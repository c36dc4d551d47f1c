//! The machine.

use std::collections::VecDeque;
use std::fmt;

use super::replies::Replies;
use super::{DialogueError, Event, Extensions, Limits, OutOfTurn, Phase};
use crate::data::Encoder;
use crate::{Address, MailParameters, Reply, Severity, Xclient};

/// The dialogue with one server; see the [module](super).
pub struct Dialogue {
    limits: Limits,
    replies: Replies,
    output: Vec<u8>,
    /// What the server owes a reply to, oldest first.
    expected: VecDeque<Expected>,
    /// How many recipients were named in this transaction.
    recipients: usize,
    /// Which of them the server accepted.
    accepted: Vec<usize>,
    /// The message, while it is being sent.
    message: Option<Encoder>,
    /// Why nothing more can be understood.
    failed: Option<DialogueError>,
}

#[derive(Clone, Copy, Debug)]
enum Expected {
    Greeting,
    Hello,
    Forwarded,
    Sender,
    Recipient(usize),
    Data,
    Delivered(usize),
    Reset,
    Noop,
    Quit,
}

impl Dialogue {
    /// A dialogue on a connection just opened: the greeting is awaited.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            replies: Replies::default(),
            output: Vec::new(),
            expected: VecDeque::from([Expected::Greeting]),
            recipients: 0,
            accepted: Vec::new(),
            message: None,
            failed: None,
        }
    }

    /// Takes received bytes.
    pub fn receive(&mut self, bytes: &[u8]) {
        self.replies.receive(bytes);
    }

    /// Bytes to send. The driver takes from the front what it has sent.
    pub fn output(&mut self) -> &mut Vec<u8> {
        &mut self.output
    }

    /// What is awaited next.
    pub fn phase(&self) -> Phase {
        match self.expected.front() {
            None if self.message.is_some() => Phase::Delivery,
            None => Phase::Idle,
            Some(Expected::Greeting) => Phase::Greeting,
            Some(Expected::Hello) => Phase::Hello,
            Some(Expected::Forwarded) => Phase::Forwarded,
            Some(Expected::Sender) => Phase::Sender,
            Some(Expected::Recipient(_)) => Phase::Recipient,
            Some(Expected::Data) => Phase::Data,
            Some(Expected::Delivered(_)) => Phase::Delivery,
            Some(Expected::Reset) => Phase::Reset,
            Some(Expected::Noop) => Phase::Noop,
            Some(Expected::Quit) => Phase::Quit,
        }
    }

    /// The server has closed the connection: the error this is, unless nothing was owed.
    pub fn closed(&self) -> Option<DialogueError> {
        let phase = self.phase();
        (phase != Phase::Idle).then_some(DialogueError::Closed { phase })
    }

    /// Says LHLO (RFC 2033 §4.1). `name` is our host name.
    pub fn hello(&mut self, name: &str) {
        self.say(Expected::Hello, format_args!("LHLO {name}"));
    }

    /// Says for whom we speak.
    pub fn forward(&mut self, xclient: &Xclient) {
        self.say(Expected::Forwarded, format_args!("XCLIENT{xclient}"));
    }

    /// Begins a transaction; no sender means the null path of a bounce.
    pub fn mail(&mut self, sender: Option<&Address>, parameters: &MailParameters) {
        self.recipients = 0;
        match sender {
            Some(sender) => self.say(Expected::Sender, format_args!("MAIL FROM:<{sender}>{parameters}")),
            None => self.say(Expected::Sender, format_args!("MAIL FROM:<>{parameters}")),
        }
    }

    /// Names a recipient of the transaction.
    pub fn recipient(&mut self, address: &Address) {
        self.say(Expected::Recipient(self.recipients), format_args!("RCPT TO:<{address}>"));
        self.recipients += 1;
    }

    /// Asks to send the message. Send it after [`Event::Data`] with an intermediate reply.
    pub fn data(&mut self) {
        self.say(Expected::Data, format_args!("DATA"));
    }

    /// Sends the next piece of the message, un-stuffed.
    pub fn message(&mut self, piece: &[u8]) -> Result<(), OutOfTurn> {
        self.message.as_mut().ok_or(OutOfTurn)?.encode(piece, &mut self.output);
        Ok(())
    }

    /// Ends the message. A reply for each accepted recipient follows.
    pub fn end_message(&mut self) -> Result<(), OutOfTurn> {
        self.message.take().ok_or(OutOfTurn)?.finish(&mut self.output);
        self.expected.extend(self.accepted.drain(..).map(Expected::Delivered));
        Ok(())
    }

    /// Abandons the transaction.
    pub fn reset(&mut self) {
        self.say(Expected::Reset, format_args!("RSET"));
    }

    /// Asks for a sign of life.
    pub fn noop(&mut self) {
        self.say(Expected::Noop, format_args!("NOOP"));
    }

    /// Ends the dialogue.
    pub fn quit(&mut self) {
        self.say(Expected::Quit, format_args!("QUIT"));
    }

    /// What the server answered next; nothing until more is received. An error stays.
    pub fn event(&mut self) -> Result<Option<Event>, DialogueError> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        self.next().inspect_err(|error| self.failed = Some(error.clone()))
    }

    fn next(&mut self) -> Result<Option<Event>, DialogueError> {
        let reply = match self.replies.next(&self.limits) {
            Ok(Some(reply)) => reply,
            Ok(None) => return Ok(None),
            Err(malformed) => return Err(self.violation(malformed.expected, malformed.got)),
        };
        let Some(expected) = self.expected.pop_front() else {
            // RFC 5321 §3.8: a server that must close says so, with 421 or with what made it.
            return match reply.severity() {
                Severity::Transient | Severity::Permanent => Ok(Some(Event::Closing(reply))),
                _ => Err(self.violation("silence", reply.to_string())),
            };
        };
        // RFC 5321 §4.2.1: DATA, and nothing else, is answered with an intermediate reply or a refusal.
        let allowed = match (expected, reply.severity()) {
            (Expected::Data, Severity::Intermediate) => !self.accepted.is_empty(),
            (Expected::Data, Severity::Positive) | (_, Severity::Intermediate) => false,
            _ => true,
        };
        if !allowed {
            self.expected.push_front(expected);
            return Err(self.violation("a reply to the command", reply.to_string()));
        }
        Ok(Some(self.turn(expected, reply)))
    }

    fn turn(&mut self, expected: Expected, reply: Reply) -> Event {
        match expected {
            Expected::Greeting => Event::Greeting(reply),
            Expected::Hello => {
                let extensions =
                    if reply.is_positive() { Extensions::of(&reply) } else { Extensions::default() };
                Event::Hello(reply, extensions)
            }
            Expected::Forwarded => Event::Forwarded(reply),
            Expected::Sender => {
                self.accepted.clear();
                Event::Sender(reply)
            }
            Expected::Recipient(recipient) => {
                if reply.is_positive() {
                    self.accepted.push(recipient);
                }
                Event::Recipient(recipient, reply)
            }
            Expected::Data => {
                if reply.severity() == Severity::Intermediate {
                    self.message = Some(Encoder::new());
                }
                Event::Data(reply)
            }
            Expected::Delivered(recipient) => Event::Delivered(recipient, reply),
            Expected::Reset => Event::Reset(reply),
            Expected::Noop => Event::Noop(reply),
            Expected::Quit => Event::Quit(reply),
        }
    }

    fn say(&mut self, expected: Expected, line: fmt::Arguments<'_>) {
        self.output.extend_from_slice(line.to_string().as_bytes());
        self.output.extend_from_slice(b"\r\n");
        self.expected.push_back(expected);
    }

    fn violation(&self, expected: &'static str, got: String) -> DialogueError {
        DialogueError::ProtocolViolation { phase: self.phase(), expected, got }
    }
}

/// Says how much is held, not what: it is mail.
impl fmt::Debug for Dialogue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dialogue")
            .field("phase", &self.phase())
            .field("in_flight", &self.expected.len())
            .field("output", &self.output.len())
            .field("failed", &self.failed)
            .finish_non_exhaustive()
    }
}
