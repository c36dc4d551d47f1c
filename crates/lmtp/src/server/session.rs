//! The machine.

use super::transaction::{Incoming, Outcomes, State};
use super::{Answered, Limits, Offer, Step, replies};
use crate::data::Decoder;
use crate::line::{Input, Line, Run};
use crate::xclient;
use crate::{Address, Command, CommandError, MailParameters, Reply, Xclient};

/// The session of one client; see the [module](super).
#[derive(Debug)]
pub struct Session {
    /// The name this server goes by.
    name: String,
    offer: Offer,
    limits: Limits,
    state: State,
    input: Input,
    input_closed: bool,
    output: Vec<u8>,
    /// What the client calls itself.
    client: Option<String>,
    /// Lines in a row that were no command.
    errors: u32,
    /// XCLIENT has been accepted, and cannot be said again.
    forwarded: bool,
    /// A transaction ended without a delivery, and the driver has not been told.
    abandoned: bool,
    /// A command was answered here, and the driver has not been told.
    answered: Option<Answered>,
}

/// What [`Session::advance`] came to.
enum Advance {
    Step(Step<'static>),
    Data(Run),
}

impl Session {
    /// A session that has said nothing yet. `name` is the server's host name.
    pub fn new(name: impl Into<String>, offer: Offer, limits: Limits) -> Self {
        Self {
            name: name.into(),
            offer,
            limits,
            state: State::Greeted,
            input: Input::default(),
            input_closed: false,
            output: Vec::new(),
            client: None,
            errors: 0,
            forwarded: false,
            abandoned: false,
            answered: None,
        }
    }

    /// Writes the greeting (RFC 5321 §4.3.1).
    pub fn greet(&mut self) {
        let greeting = Reply::plain(220, format!("{} LMTP ready", self.name));
        self.say(&greeting);
    }

    /// Takes received bytes. Receive only after [`Step::Input`]: that bounds the memory.
    pub fn receive(&mut self, bytes: &[u8]) {
        if !matches!(self.state, State::Closed) {
            self.input.receive(bytes);
        }
    }

    /// The client has closed its sending side. What it sent before is still answered.
    pub fn input_closed(&mut self) {
        self.input_closed = true;
    }

    /// Bytes to send. The driver takes from the front what it has sent.
    pub fn output(&mut self) -> &mut Vec<u8> {
        &mut self.output
    }

    /// What the client calls itself, for the `Received` line. Shown, never trusted.
    pub fn client_name(&self) -> Option<&str> {
        self.client.as_deref()
    }

    /// Whether no transaction is under way and nothing is owed: the moment to close a draining session.
    pub fn is_at_boundary(&self) -> bool {
        match self.state {
            State::Greeted | State::Idle => self.input.is_empty(),
            State::Closed => true,
            _ => false,
        }
    }

    /// What to do next.
    pub fn step(&mut self) -> Step<'_> {
        match self.advance() {
            Advance::Step(step) => step,
            Advance::Data(run) => Step::Data(self.input.content(&run)),
        }
    }

    /// Accepts the sender or the recipient of the last step.
    pub fn accept(&mut self) {
        match self.state {
            State::JudgingSender => {
                self.state = State::Recipients(0);
                self.say(&replies::sender_ok());
            }
            State::JudgingRecipient(accepted) => {
                self.state = State::Recipients(accepted + 1);
                self.say(&replies::recipient_ok());
            }
            _ => {}
        }
    }

    /// Refuses the sender, the recipient or the XCLIENT of the last step. A refused recipient leaves the others;
    /// a refused sender leaves no transaction.
    pub fn refuse(&mut self, reply: &Reply) {
        self.state = match self.state {
            State::JudgingSender => State::Idle,
            State::JudgingRecipient(accepted) => State::Recipients(accepted),
            State::JudgingForwarded => State::Greeted,
            _ => return,
        };
        self.say(reply);
    }

    /// Accepts the XCLIENT of the last step: the session begins again, with what is offered to whom the peer speaks
    /// for.
    pub fn forwarded(&mut self, offer: Offer) {
        if matches!(self.state, State::JudgingForwarded) {
            self.state = State::Greeted;
            self.offer = offer;
            self.forwarded = true;
            self.client = None;
            self.greet();
        }
    }

    /// Says what became of the message for the accepted recipient number `recipient`, counted from 0. In any order;
    /// the first word about a recipient counts.
    pub fn delivered(&mut self, recipient: usize, reply: Reply) {
        if let State::Delivering(outcomes) = &mut self.state
            && outcomes.note(recipient, reply, &mut self.output)
        {
            self.state = State::Idle;
        }
    }

    /// Ends the session from this side, as draining does: the reply (`421` of RFC 5321 §3.8), then [`Step::Close`].
    /// A message under way is abandoned, and replies still owed are never given.
    pub fn close_with(&mut self, reply: &Reply) {
        if !matches!(self.state, State::Closed) {
            self.say(reply);
            self.close();
        }
    }

    fn advance(&mut self) -> Advance {
        loop {
            if std::mem::take(&mut self.abandoned) {
                return Advance::Step(Step::Abandoned);
            }
            if let Some(answered) = self.answered.take() {
                return Advance::Step(Step::Answered(answered));
            }
            match &mut self.state {
                State::Closed => return Advance::Step(Step::Close),
                State::JudgingSender
                | State::JudgingRecipient(_)
                | State::JudgingForwarded
                | State::Delivering(_) => return Advance::Step(Step::Answer),
                State::Message(_) => {
                    if let Some(advance) = self.message() {
                        return advance;
                    }
                }
                State::Greeted | State::Idle | State::Recipients(_) => {
                    if let Some(step) = self.command() {
                        return Advance::Step(step);
                    }
                }
            }
        }
    }

    /// The next command; what the session can do by itself is no step.
    fn command(&mut self) -> Option<Step<'static>> {
        let (request, command) = match self.input.line(self.limits.line) {
            Some(Line::Complete(line)) => (line.len() + 2, Command::parse(line)),
            Some(Line::TooLong) => (0, Err(CommandError::TooLong)),
            Some(Line::BareLineFeed) => (0, Err(CommandError::Character)),
            None if self.input_closed => {
                self.close();
                return None;
            }
            None => return Some(Step::Input),
        };
        let before = self.output.len();
        let (command, step) = match command {
            Ok(command) => {
                self.errors = 0;
                (Some(command.verb()), self.obey(command))
            }
            Err(error) => {
                self.complain(error);
                (None, None)
            }
        };
        // DATA is answered when the message has come.
        if step.is_none() && !matches!(self.state, State::Message(_)) {
            let reply = &self.output[before..];
            self.answered = Some(Answered {
                command,
                // RFC 5321 §4.2.1: the first digit tells.
                ok: reply.starts_with(b"2"),
                request: request as u64,
                reply: reply.len() as u64,
            });
        }
        step
    }

    fn obey(&mut self, command: Command) -> Option<Step<'static>> {
        match command {
            Command::Mail(sender, parameters) => return self.mail(sender, parameters),
            Command::Rcpt(address) => return self.recipient(address),
            Command::Xclient(xclient) => return self.xclient(xclient),
            Command::Lhlo(name) => self.hello(name),
            Command::Data => self.data(),
            Command::Rset => {
                self.end_transaction();
                self.say(&replies::ok());
            }
            Command::Noop => self.say(&replies::ok()),
            Command::Vrfy => self.say(&replies::cannot_verify()),
            Command::Quit => {
                self.say(&replies::goodbye());
                self.close();
            }
        }
        None
    }

    /// RFC 2033 §4.1; like EHLO it ends a transaction (RFC 5321 §4.1.4).
    fn hello(&mut self, name: String) {
        self.end_transaction();
        self.client = Some(name);
        self.state = State::Idle;
        let mut lines = vec![
            self.name.clone(),
            "8BITMIME".to_owned(),                   // RFC 6152 §2
            "ENHANCEDSTATUSCODES".to_owned(),        // RFC 2034 §3
            "PIPELINING".to_owned(),                 // RFC 2920 §3
            format!("SIZE {}", self.limits.message), // RFC 1870 §4
        ];
        if self.offer.delivery_id {
            lines.push("XDELIVERYID".to_owned());
        }
        if self.offer.xclient && !self.forwarded {
            lines.push(format!("XCLIENT {}", xclient::ATTRIBUTES));
        }
        let last = lines.len() - 1;
        for (index, line) in lines.iter().enumerate() {
            let separator = if index == last { ' ' } else { '-' };
            self.output.extend_from_slice(format!("250{separator}{line}\r\n").as_bytes());
        }
    }

    fn mail(&mut self, sender: Option<Address>, parameters: MailParameters) -> Option<Step<'static>> {
        let refusal = match self.state {
            State::Idle if parameters.delivery_id.is_some() && !self.offer.delivery_id => {
                replies::no_command(CommandError::UnknownParameter)
            }
            // RFC 1870 §6.1: a declared size over the limit is refused at once.
            State::Idle if parameters.size.is_some_and(|size| size > self.limits.message) => {
                replies::too_large(self.limits.message)
            }
            State::Idle => {
                self.state = State::JudgingSender;
                return Some(Step::Sender(sender, parameters));
            }
            State::Greeted => replies::out_of_order("Say LHLO first"),
            _ => replies::out_of_order("There is a sender already"),
        };
        self.say(&refusal);
        None
    }

    fn recipient(&mut self, address: Address) -> Option<Step<'static>> {
        let refusal = match self.state {
            State::Recipients(accepted) if accepted < self.limits.recipients => {
                self.state = State::JudgingRecipient(accepted);
                return Some(Step::Recipient(address));
            }
            State::Recipients(_) => replies::too_many_recipients(),
            _ => replies::out_of_order("Send MAIL first"),
        };
        self.say(&refusal);
        None
    }

    fn data(&mut self) {
        let reply = match self.state {
            State::Recipients(recipients @ 1..) => {
                let decoder = Decoder::new();
                self.state = State::Message(Incoming { decoder, octets: 0, recipients, too_large: false });
                replies::send_message()
            }
            // RFC 2033 §4.2: without a successful RCPT, DATA must fail with 503.
            State::Recipients(_) => replies::out_of_order("No valid recipients"),
            _ => replies::out_of_order("Send MAIL and RCPT first"),
        };
        self.say(&reply);
    }

    fn xclient(&mut self, xclient: Xclient) -> Option<Step<'static>> {
        let refusal = match self.state {
            _ if !self.offer.xclient => Reply::new(550, 7, 0, "XCLIENT is not for this peer"),
            _ if self.forwarded => replies::out_of_order("XCLIENT has been said"),
            State::Greeted | State::Idle => {
                self.state = State::JudgingForwarded;
                return Some(Step::Forwarded(xclient));
            }
            _ => replies::out_of_order("A transaction is under way"),
        };
        self.say(&refusal);
        None
    }

    /// The next of the message, or its end.
    fn message(&mut self) -> Option<Advance> {
        let State::Message(incoming) = &mut self.state else { return None };
        while let Some(run) = self.input.run(&mut incoming.decoder) {
            if incoming.too_large {
                continue;
            }
            incoming.octets += self.input.content(&run).len() as u64;
            if incoming.octets <= self.limits.message {
                return Some(Advance::Data(run));
            }
            incoming.too_large = true;
            return Some(Advance::Step(Step::Abandoned));
        }
        let (recipients, too_large) = (incoming.recipients, incoming.too_large);
        if !incoming.decoder.ended() {
            if !self.input_closed {
                return Some(Advance::Step(Step::Input));
            }
            self.close();
            self.abandoned = !too_large;
            return None;
        }
        if !too_large {
            self.state = State::Delivering(Outcomes::of(recipients));
            return Some(Advance::Step(Step::DataEnd));
        }
        // RFC 1870 §6.3; RFC 2033 §4.2: one reply for each recipient.
        self.state = State::Idle;
        for _ in 0..recipients {
            self.say(&replies::too_large(self.limits.message));
        }
        None
    }

    /// Forgets the transaction, and tells the driver, who may hold something of it.
    fn end_transaction(&mut self) {
        if !matches!(self.state, State::Greeted | State::Idle | State::JudgingForwarded) {
            self.abandoned = true;
            self.state = State::Idle;
        }
    }

    fn close(&mut self) {
        self.end_transaction();
        self.state = State::Closed;
    }

    fn say(&mut self, reply: &Reply) {
        reply.write_to(&mut self.output);
    }

    /// Answers what is no command. Too much of it in a row ends the session; a command at the wrong time does not
    /// count, since pipelining makes many of one mistake (RFC 2920 §3.1).
    fn complain(&mut self, error: CommandError) {
        self.say(&replies::no_command(error));
        if !matches!(error, CommandError::Sender(_) | CommandError::Recipient(_)) {
            self.errors += 1;
        }
        if self.errors >= self.limits.errors {
            self.say(&replies::too_many_errors());
            self.close();
        }
    }
}
