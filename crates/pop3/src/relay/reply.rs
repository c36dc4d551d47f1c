//! Where a reply ends, found without copying it.
//!
//! A [`ReplyFramer`] is told the shape of each reply it is to expect and is shown the back end's bytes in
//! whatever pieces they come. It answers with lengths into those pieces, so a body passes from one socket to
//! the other untouched. It does not look inside bodies: un-stuffing them is the client's business.

use std::sync::LazyLock;

use memchr::memmem::Finder;
use thiserror::Error;

use crate::ResponseCode;
use crate::reply::MAX_FIRST_LINE;
use crate::session::Outcome;

/// How much of a status line is kept.
const HEAD: usize = 48;
/// `-ERR` and what separates it from its text.
const LONGEST_INDICATOR: usize = 5;

const END_OF_BODY: &[u8; 5] = b"\r\n.\r\n";

static BODY_END: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(END_OF_BODY));

/// What a command's reply looks like when it succeeds. A failed command's reply is always one line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplyShape {
    /// One status line.
    Single,
    /// A status line, then lines up to one that is a dot alone (RFC 1939 section 3).
    Multi,
}

/// A reply that has been seen to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplyEnd {
    /// What its status line said.
    pub outcome: Outcome,
    /// Its length in bytes on the wire, status line and final dot included.
    pub size: u64,
}

/// How far one piece of input was walked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Walked {
    /// How many bytes, from the start of the piece, belong to the current reply.
    pub taken: usize,
    /// Set when the reply ends with the last of them.
    pub end: Option<ReplyEnd>,
}

/// What the back end sent is not POP3: its fault, and nothing more can be understood of this connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum FramingError {
    /// Bytes came although every command had been answered.
    #[error("the back end sent a reply to no command")]
    Unexpected,
    /// A reply began with neither `+OK` nor `-ERR`.
    #[error("the back end's reply begins with neither +OK nor -ERR")]
    Status,
    /// A status line exceeded [`MAX_FIRST_LINE`].
    #[error("the back end's status line is longer than {MAX_FIRST_LINE} octets")]
    StatusTooLong,
    /// A status line held a CR or LF that was not part of its CRLF, or a NUL.
    #[error("the back end's status line holds a stray control character")]
    StatusCharacter,
}

/// Walks one reply at a time; see the module.
#[derive(Clone, Debug, Default)]
pub struct ReplyFramer {
    state: State,
}

#[derive(Clone, Debug, Default)]
enum State {
    /// No reply is expected.
    #[default]
    Idle,
    Status(Status),
    Body(Body),
}

#[derive(Clone, Debug)]
struct Status {
    shape: ReplyShape,
    /// The first bytes of the line, enough for the indicator and a response code.
    head: [u8; HEAD],
    /// Length of the line so far.
    length: usize,
    /// Whether the last byte was a CR.
    after_cr: bool,
}

#[derive(Clone, Copy, Debug)]
struct Body {
    /// How many bytes of `CRLF . CRLF` the input so far ends with: 0 to 4.
    matched: usize,
    /// Length of the reply so far, status line included.
    size: u64,
}

impl ReplyFramer {
    /// A framer that expects nothing.
    pub fn new() -> ReplyFramer {
        ReplyFramer::default()
    }

    /// Whether [`expect`](Self::expect) has to be called before more input can be walked.
    pub fn is_idle(&self) -> bool {
        matches!(self.state, State::Idle)
    }

    /// Expects a reply of this shape. Call only when [idle](Self::is_idle): a reply half walked is forgotten.
    pub fn expect(&mut self, shape: ReplyShape) {
        self.state = State::Status(Status::new(shape));
    }

    /// Walks `input` up to the end of the current reply or of the input, whichever comes first.
    pub fn walk(&mut self, input: &[u8]) -> Result<Walked, FramingError> {
        match &mut self.state {
            State::Idle if input.is_empty() => Ok(Walked { taken: 0, end: None }),
            State::Idle => Err(FramingError::Unexpected),
            State::Status(status) => {
                let Some((taken, outcome)) = status.walk(input)? else {
                    return Ok(Walked { taken: input.len(), end: None });
                };
                let size = status.length as u64;
                if status.shape == ReplyShape::Single || outcome != Outcome::Ok {
                    self.state = State::Idle;
                    return Ok(Walked { taken, end: Some(ReplyEnd { outcome, size }) });
                }
                // The status line's CRLF can be the first half of the terminator: an empty body is `. CRLF`.
                let rest = self.walk_body(Body { matched: 2, size }, &input[taken..]);
                Ok(Walked { taken: taken + rest.taken, ..rest })
            }
            State::Body(body) => {
                let body = *body;
                Ok(self.walk_body(body, input))
            }
        }
    }

    fn walk_body(&mut self, mut body: Body, input: &[u8]) -> Walked {
        let (taken, ended) = body.find_end(input);
        body.size += taken as u64;
        if ended {
            self.state = State::Idle;
            return Walked { taken, end: Some(ReplyEnd { outcome: Outcome::Ok, size: body.size }) };
        }
        self.state = State::Body(body);
        Walked { taken, end: None }
    }
}

impl Status {
    fn new(shape: ReplyShape) -> Status {
        Status { shape, head: [0; HEAD], length: 0, after_cr: false }
    }

    /// The length walked and what the line says, once it is complete.
    fn walk(&mut self, input: &[u8]) -> Result<Option<(usize, Outcome)>, FramingError> {
        for (index, &byte) in input.iter().enumerate() {
            if let Some(place) = self.head.get_mut(self.length) {
                *place = byte;
            }
            self.length += 1;
            match byte {
                b'\n' if self.after_cr => return self.outcome().map(|outcome| Some((index + 1, outcome))),
                _ if self.after_cr => return Err(FramingError::StatusCharacter),
                b'\n' | 0 => return Err(FramingError::StatusCharacter),
                byte => self.after_cr = byte == b'\r',
            }
            // At the first wrong byte, so that a peer that speaks something else is not waited for.
            if self.length <= LONGEST_INDICATOR && !could_begin_status(self.head()) {
                return Err(FramingError::Status);
            }
            if self.length == MAX_FIRST_LINE {
                return Err(FramingError::StatusTooLong);
            }
        }
        Ok(None)
    }

    fn head(&self) -> &[u8] {
        &self.head[..self.length.min(HEAD)]
    }

    fn outcome(&self) -> Result<Outcome, FramingError> {
        match self.head() {
            [b'+', b'O', b'K', b' ' | b'\r', ..] => Ok(Outcome::Ok),
            [b'-', b'E', b'R', b'R', b' ' | b'\r', text @ ..] => {
                let text = String::from_utf8_lossy(text);
                Ok(Outcome::Err(ResponseCode::at_start_of(&text)))
            }
            _ => Err(FramingError::Status),
        }
    }
}

/// Whether a status line may begin like this. RFC 1939 section 3: the indicators are in upper case.
fn could_begin_status(head: &[u8]) -> bool {
    let indicators = [b"+OK ".as_slice(), b"+OK\r", b"-ERR ", b"-ERR\r"];
    indicators.iter().any(|indicator| indicator.starts_with(head) || head.starts_with(indicator))
}

impl Body {
    /// How many bytes of `input` belong to the body, and whether it ends with them.
    fn find_end(&mut self, input: &[u8]) -> (usize, bool) {
        // A terminator that began in an earlier piece, byte by byte until it is complete or disproved.
        let mut start = 0;
        while self.matched > 0 {
            let Some(&byte) = input.get(start) else { return (start, false) };
            start += 1;
            self.matched = matched_after(self.matched, byte);
            if self.matched == END_OF_BODY.len() {
                return (start, true);
            }
        }
        if let Some(index) = BODY_END.find(&input[start..]) {
            return (start + index + END_OF_BODY.len(), true);
        }
        let tail = &input[start..];
        self.matched =
            (1..END_OF_BODY.len()).rev().find(|&length| tail.ends_with(&END_OF_BODY[..length])).unwrap_or(0);
        (input.len(), false)
    }
}

/// How much of the terminator is matched when `byte` follows `matched` bytes of it.
fn matched_after(matched: usize, byte: u8) -> usize {
    match (matched, byte) {
        (matched, byte) if END_OF_BODY[matched] == byte => matched + 1,
        (_, b'\r') => 1,
        _ => 0,
    }
}
