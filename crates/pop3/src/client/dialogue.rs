//! The machine.

use std::collections::VecDeque;
use std::fmt;
use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::auth::{Auth, Beginning};
use super::body::{BodyReader, Piece};
use super::expected::Expected;
use super::input::{BadLine, Input};
use super::listing::{Gathered, drop_listing, printable, scan_listing, unique_id_listing};
use super::{BodyForm, DialogueError, Event, Greeting, Limits, LogIn, NotSaid, Phase};
use crate::{Command, ResponseCode, Secret, sasl};

/// How much of what a server said wrongly is shown.
const SHOWN: usize = 80;

/// The dialogue with one server. See the [module](super) for how it is driven.
pub struct Dialogue {
    limits: Limits,
    form: BodyForm,
    input: Input,
    output: Vec<u8>,
    /// What the server owes, oldest first; the first stays until its reply is complete.
    expected: VecDeque<Expected>,
    reading: Reading,
    state: State,
}

/// Where in a reply we are.
enum Reading {
    Status,
    Listing(Gathered),
    Body(BodyReader),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    Open,
    /// The server agreed to TLS: the handshake is to be done.
    Handshake,
    /// The server said goodbye.
    Over,
    /// Nothing more can be understood. What comes now is not even looked at: a server that failed to prove itself
    /// must not be able to say `+OK`.
    Failed(DialogueError),
}

/// An event whose bytes are still in their place.
enum Found {
    Event(Event<'static>),
    Body(Range<usize>),
}

impl Dialogue {
    /// A dialogue on a connection just opened: the greeting is awaited.
    pub fn new(limits: Limits) -> Dialogue {
        Dialogue {
            limits,
            form: BodyForm::default(),
            input: Input::default(),
            output: Vec::new(),
            expected: VecDeque::from([Expected::Greeting]),
            reading: Reading::Status,
            state: State::Open,
        }
    }

    /// In which form messages are handed out, from the next one on.
    pub fn set_body_form(&mut self, form: BodyForm) {
        self.form = form;
    }

    /// Says a command. AUTH is said by [`log_in`](Dialogue::log_in).
    pub fn say(&mut self, command: &Command) -> Result<(), NotSaid> {
        let expected = Expected::of(command).ok_or(NotSaid::Auth)?;
        self.check_turn()?;
        command.write_to(&mut self.output)?;
        self.expected.push_back(expected);
        Ok(())
    }

    /// Logs in. One write does it where the mechanism's first message is all there is to say, and more may be said
    /// after it.
    pub fn log_in(&mut self, log_in: LogIn) -> Result<(), NotSaid> {
        self.check_turn()?;
        match log_in.begin()? {
            Beginning::Auth(command, auth) => {
                command.write_to(&mut self.output)?;
                self.expected.push_back(Expected::Auth(auth));
            }
            Beginning::Password(user, password) => {
                let mut lines = Vec::new();
                user.write_to(&mut lines)?;
                password.write_to(&mut lines)?;
                self.output.append(&mut lines);
                self.expected.extend([Expected::User, Expected::Pass]);
            }
        }
        Ok(())
    }

    /// Bytes to send. The driver takes from the front what it has sent.
    pub fn output(&mut self) -> &mut Vec<u8> {
        &mut self.output
    }

    /// Takes received bytes. Ask for [events](Dialogue::event) until there are none before receiving more: that bounds
    /// the memory.
    pub fn receive(&mut self, bytes: &[u8]) {
        match &self.state {
            // RFC 2595 section 4: what comes before the handshake is not the server's word.
            State::Handshake if !bytes.is_empty() => self.state = State::Failed(injected()),
            State::Handshake | State::Failed(_) => {}
            State::Open | State::Over => self.input.receive(bytes),
        }
    }

    /// The handshake asked for by [`Event::StartTls`] is done.
    pub fn tls_started(&mut self) {
        if self.state == State::Handshake {
            self.state = State::Open;
        }
    }

    /// What is awaited.
    pub fn phase(&self) -> Phase {
        self.expected.front().map_or(Phase::Idle, Expected::phase)
    }

    /// How many replies are owed.
    pub fn in_flight(&self) -> usize {
        self.expected.len()
    }

    /// The server has closed the connection: the error this is, unless nothing was owed.
    pub fn closed(&self) -> Option<DialogueError> {
        (!self.expected.is_empty()).then(|| DialogueError::Closed { phase: self.phase() })
    }

    /// Ends the dialogue in favour of a relay: gives what was received and not understood yet.
    pub fn into_rest(self) -> Vec<u8> {
        self.input.into_rest()
    }

    /// What the server answered next; nothing until more is received. An error other than a rejection stays.
    pub fn event(&mut self) -> Result<Option<Event<'_>>, DialogueError> {
        if let State::Failed(error) = &self.state {
            return Err(error.clone());
        }
        match self.find() {
            Ok(None) => Ok(None),
            Ok(Some(Found::Event(event))) => Ok(Some(event)),
            Ok(Some(Found::Body(place))) => Ok(Some(Event::Body(self.input.at(place)))),
            Err(rejected @ DialogueError::Rejected { .. }) => Err(rejected),
            Err(error) => {
                self.state = State::Failed(error.clone());
                Err(error)
            }
        }
    }

    fn check_turn(&self) -> Result<(), NotSaid> {
        let turn = self.state == State::Open && self.expected.back().is_none_or(Expected::allows_more);
        if turn { Ok(()) } else { Err(NotSaid::OutOfTurn) }
    }

    fn find(&mut self) -> Result<Option<Found>, DialogueError> {
        while !matches!(self.reading, Reading::Body(_)) {
            let Some(line) = self.line()? else { return Ok(None) };
            let event = match std::mem::replace(&mut self.reading, Reading::Status) {
                Reading::Listing(gathered) => self.listing_line(gathered, &line)?,
                Reading::Status | Reading::Body(_) => self.status_line(&line)?,
            };
            if let Some(event) = event {
                return Ok(Some(Found::Event(event)));
            }
        }
        Ok(self.body())
    }

    /// The next of a message.
    fn body(&mut self) -> Option<Found> {
        let Reading::Body(reader) = &mut self.reading else { return None };
        loop {
            match reader.next(self.input.rest())? {
                Piece::Content(length) => return Some(Found::Body(self.input.take(length))),
                Piece::HeldBack(bytes) => return Some(Found::Event(Event::Body(bytes))),
                Piece::Hidden(length) => _ = self.input.take(length),
                Piece::End => return Some(Found::Event(self.complete(Event::Retrieved))),
            }
        }
    }

    /// The next line. A challenge of SASL may be longer than other lines.
    fn line(&mut self) -> Result<Option<Vec<u8>>, DialogueError> {
        let limit = match self.expected.front() {
            Some(Expected::Auth(_)) => self.limits.line.max(sasl::MAX_LINE),
            _ => self.limits.line,
        };
        match self.input.line(limit) {
            Ok(line) => Ok(line.map(<[u8]>::to_vec)),
            Err(BadLine::TooLong) => Err(self.violation("a shorter line", b"")),
            Err(BadLine::Character) => Err(self.violation("a line that ends with CRLF", b"")),
        }
    }

    /// One line of a listing; the event when it is the last.
    fn listing_line(
        &mut self,
        mut gathered: Gathered,
        line: &[u8],
    ) -> Result<Option<Event<'static>>, DialogueError> {
        if line == b"." {
            return Ok(Some(self.complete(gathered.into_event())));
        }
        if gathered.is_full(self.limits.listing) {
            return Err(self.violation("fewer lines", line));
        }
        // RFC 1939 section 3: a dot that begins a line was doubled.
        if gathered.add(line.strip_prefix(b".").unwrap_or(line)).is_none() {
            return Err(self.violation("a line of the listing", line));
        }
        self.reading = Reading::Listing(gathered);
        Ok(None)
    }

    /// The first line of a reply; the event, unless more lines belong to it.
    fn status_line(&mut self, line: &[u8]) -> Result<Option<Event<'static>>, DialogueError> {
        if let Some(text) = after(b"-ERR", line) {
            return Err(self.rejected(text));
        }
        if let Some(Expected::Auth(auth)) = self.expected.front_mut()
            && !auth.is_said()
            && let Some(challenge) = after(b"+", line)
        {
            let Ok(decoded) = BASE64.decode(challenge) else {
                return Err(self.violation("base64", challenge));
            };
            let (next, response) = std::mem::replace(auth, Auth::Said).respond(&decoded)?;
            *auth = next;
            let response = Secret::new(BASE64.encode(response.as_bytes()));
            self.output.extend_from_slice(response.as_bytes());
            self.output.extend_from_slice(b"\r\n");
            return Ok(None);
        }
        let Some(text) = after(b"+OK", line) else {
            return Err(self.violation("+OK or -ERR", line));
        };
        let event = match self.expected.front() {
            None => return Err(self.violation("silence", line)),
            Some(Expected::Capabilities) => return Ok(self.gather(Gathered::Capabilities(Vec::new()))),
            Some(Expected::List) => return Ok(self.gather(Gathered::Octets(Vec::new()))),
            Some(Expected::Uidl) => return Ok(self.gather(Gathered::UniqueIds(Vec::new()))),
            Some(Expected::Retr | Expected::Top) => {
                self.reading = Reading::Body(BodyReader::new(self.form));
                return Ok(Some(Event::Retrieving));
            }
            Some(Expected::StartTls) => {
                // RFC 2595 section 4, from the client's side: nothing follows but the handshake.
                if !self.input.rest().is_empty() {
                    return Err(injected());
                }
                self.state = State::Handshake;
                Some(Event::StartTls)
            }
            Some(Expected::Quit) => {
                self.state = State::Over;
                Some(Event::Quit)
            }
            Some(Expected::Auth(auth)) if !auth.is_said() => {
                return Err(self.violation("a challenge, or -ERR", line));
            }
            Some(Expected::Greeting) => Some(Event::Greeting(Greeting::read(text))),
            Some(Expected::Auth(_) | Expected::Pass) => Some(Event::LoggedIn(printable(text))),
            Some(Expected::User) => Some(Event::User),
            Some(Expected::Forwarded) => Some(Event::Forwarded),
            Some(Expected::Stat) => {
                drop_listing(text).map(|(messages, octets)| Event::Stat { messages, octets })
            }
            Some(Expected::ListOne) => scan_listing(text).map(|entry| Event::List(vec![entry])),
            Some(Expected::UidlOne) => unique_id_listing(text).map(|entry| Event::Uidl(vec![entry])),
            Some(Expected::Dele) => Some(Event::Deleted),
            Some(Expected::Noop) => Some(Event::Noop),
            Some(Expected::Rset) => Some(Event::Reset),
        };
        match event {
            Some(event) => Ok(Some(self.complete(event))),
            None => Err(self.violation("numbers after +OK", line)),
        }
    }

    fn gather(&mut self, gathered: Gathered) -> Option<Event<'static>> {
        self.reading = Reading::Listing(gathered);
        None
    }

    /// The reply that is owed first is complete.
    fn complete(&mut self, event: Event<'static>) -> Event<'static> {
        self.reading = Reading::Status;
        self.expected.pop_front();
        event
    }

    /// The server said `-ERR text`.
    fn rejected(&mut self, text: &[u8]) -> DialogueError {
        let phase = self.phase();
        self.expected.pop_front();
        let text = printable(text);
        DialogueError::Rejected { phase, code: ResponseCode::at_start_of(&text), text }
    }

    fn violation(&self, expected: &'static str, got: &[u8]) -> DialogueError {
        let got = printable(&got[..got.len().min(SHOWN)]);
        DialogueError::ProtocolViolation { phase: self.phase(), expected, got }
    }
}

/// Says how much is held, not what: passwords go out here and mail comes in.
impl fmt::Debug for Dialogue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dialogue")
            .field("state", &self.state)
            .field("phase", &self.phase())
            .field("in_flight", &self.expected.len())
            .field("output", &self.output.len())
            .finish_non_exhaustive()
    }
}

fn injected() -> DialogueError {
    let expected = "nothing in the clear before the handshake";
    DialogueError::ProtocolViolation { phase: Phase::Stls, expected, got: String::new() }
}

/// What follows an indicator, without the space between them.
fn after<'a>(indicator: &[u8], line: &'a [u8]) -> Option<&'a [u8]> {
    match line.strip_prefix(indicator)? {
        [] => Some(&[]),
        [b' ', text @ ..] => Some(text),
        _ => None,
    }
}
