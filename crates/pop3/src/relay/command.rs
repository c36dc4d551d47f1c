//! What a logged-in client asks, and who has to answer it.

use thiserror::Error;

use super::reply::ReplyShape;
use crate::line::{LineError, LineReader};
use crate::{Command, CommandError};

/// Command lines out of the client's bytes, whatever the packet boundaries.
#[derive(Debug)]
pub struct CommandFramer {
    lines: LineReader,
    limit: usize,
    /// Octets of lines already handed out.
    reported: u64,
}

/// One line of the client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientLine {
    /// Its octets, CRLF included, with what was thrown away before it.
    pub octets: u64,
    /// What it says.
    pub content: Result<Command, ClientError>,
}

/// Why a line is no command.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ClientError {
    /// It is a line, but nothing that can be asked.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// It is not even a line: over-long, or with a NUL or a stray CR or LF. Reported once; what belongs to it is
    /// thrown away.
    #[error(transparent)]
    Line(#[from] LineError),
}

impl CommandFramer {
    /// A framer for lines of at most `limit` octets, CRLF included.
    pub fn new(limit: usize) -> CommandFramer {
        CommandFramer { lines: LineReader::new(), limit, reported: 0 }
    }

    /// Takes received bytes.
    pub fn receive(&mut self, bytes: &[u8]) {
        self.lines.receive(bytes);
    }

    /// The next line, if it is complete or spoilt.
    pub fn next_line(&mut self) -> Option<ClientLine> {
        let content = match self.lines.next_line(self.limit)? {
            Ok(line) => Command::parse(line.content()).map_err(ClientError::from),
            Err(error) => Err(error.into()),
        };
        let consumed = self.lines.consumed();
        let octets = consumed - std::mem::replace(&mut self.reported, consumed);
        Some(ClientLine { octets, content })
    }

    /// Throws away what was received and not handed out.
    pub fn clear(&mut self) {
        *self = CommandFramer::new(self.limit);
    }

    /// Gives memory back that holds nothing.
    pub fn release_memory(&mut self) {
        self.lines.release_memory();
    }
}

/// Who answers a command of a logged-in client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answerer {
    /// The back end, with a reply of this shape.
    BackEnd(ReplyShape),
    /// The front end: CAPA lists what the client has from it, not what the back end offers on the inner leg.
    FrontEnd,
    /// The command belongs before log-in, or to the inner leg: the front end refuses it.
    Nobody,
}

impl Answerer {
    /// Who answers `command`.
    pub fn of(command: &Command) -> Answerer {
        match command {
            Command::Retr(_) | Command::Top(..) | Command::List(None) | Command::Uidl(None) => {
                Answerer::BackEnd(ReplyShape::Multi)
            }
            Command::List(Some(_))
            | Command::Uidl(Some(_))
            | Command::Stat
            | Command::Dele(_)
            | Command::Noop
            | Command::Rset
            | Command::Quit => Answerer::BackEnd(ReplyShape::Single),
            Command::Capa => Answerer::FrontEnd,
            Command::User(_)
            | Command::Pass(_)
            | Command::Auth { .. }
            | Command::Stls
            | Command::Xclient(_) => Answerer::Nobody,
        }
    }
}
