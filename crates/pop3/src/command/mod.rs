//! Commands: what a client asks, parsed from one line and written to one line.

mod parse;

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use thiserror::Error;
use zeroize::Zeroize as _;

use crate::decimal;
use crate::sasl::Mechanism;
use crate::xclient::XclientError;
use crate::{MessageNumber, Secret, Xclient};

/// One command of a client, with checked arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// `USER name` (RFC 1939 section 7).
    User(String),
    /// `PASS rest-of-line`, spaces included (RFC 1939 section 7).
    Pass(Secret),
    /// `QUIT` (RFC 1939 sections 4 and 6).
    Quit,
    /// `STAT` (RFC 1939 section 5).
    Stat,
    /// `LIST [message]` (RFC 1939 section 5).
    List(Option<MessageNumber>),
    /// `RETR message` (RFC 1939 section 5).
    Retr(MessageNumber),
    /// `DELE message` (RFC 1939 section 5).
    Dele(MessageNumber),
    /// `NOOP` (RFC 1939 section 5).
    Noop,
    /// `RSET` (RFC 1939 section 5).
    Rset,
    /// `TOP message lines`; the lines are of the body (RFC 1939 section 7).
    Top(MessageNumber, u64),
    /// `UIDL [message]` (RFC 1939 section 7).
    Uidl(Option<MessageNumber>),
    /// `CAPA` (RFC 2449 section 5).
    Capa,
    /// `STLS` (RFC 2595 section 4).
    Stls,
    /// `AUTH mechanism [initial-response]` (RFC 5034 section 4).
    Auth {
        /// The mechanism asked for.
        mechanism: Mechanism,
        /// The initial response, decoded; `=` on the line is an empty one.
        initial: Option<Secret>,
    },
    /// `XCLIENT NAME=value …`.
    Xclient(Xclient),
}

/// The keyword of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each is the keyword of the command of the same name")]
pub enum Keyword {
    User,
    Pass,
    Quit,
    Stat,
    List,
    Retr,
    Dele,
    Noop,
    Rset,
    Top,
    Uidl,
    Capa,
    Stls,
    Auth,
    Xclient,
}

impl Keyword {
    /// Every keyword; `keyword as usize` is its place.
    pub const ALL: [Keyword; 15] = [
        Keyword::User,
        Keyword::Pass,
        Keyword::Quit,
        Keyword::Stat,
        Keyword::List,
        Keyword::Retr,
        Keyword::Dele,
        Keyword::Noop,
        Keyword::Rset,
        Keyword::Top,
        Keyword::Uidl,
        Keyword::Capa,
        Keyword::Stls,
        Keyword::Auth,
        Keyword::Xclient,
    ];

    /// The keyword in capitals.
    pub fn as_str(self) -> &'static str {
        match self {
            Keyword::User => "USER",
            Keyword::Pass => "PASS",
            Keyword::Quit => "QUIT",
            Keyword::Stat => "STAT",
            Keyword::List => "LIST",
            Keyword::Retr => "RETR",
            Keyword::Dele => "DELE",
            Keyword::Noop => "NOOP",
            Keyword::Rset => "RSET",
            Keyword::Top => "TOP",
            Keyword::Uidl => "UIDL",
            Keyword::Capa => "CAPA",
            Keyword::Stls => "STLS",
            Keyword::Auth => "AUTH",
            Keyword::Xclient => "XCLIENT",
        }
    }

    /// The keyword `text` spells, in any case (RFC 1939 section 3).
    pub fn find(text: &[u8]) -> Option<Keyword> {
        Keyword::ALL.into_iter().find(|keyword| keyword.as_str().as_bytes().eq_ignore_ascii_case(text))
    }
}

impl fmt::Display for Keyword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A line that is no command, with the keyword it began with.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{problem}")]
pub struct CommandError {
    /// The keyword, if it is one of ours.
    pub keyword: Option<Keyword>,
    /// What is wrong with the line.
    pub problem: Problem,
}

/// What is wrong with a line. The texts are what the client is told; they quote nothing of the line.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Problem {
    /// CR, LF or NUL within the line.
    #[error("CR, LF and NUL are not allowed in a command")]
    ForbiddenOctet,
    /// No keyword of ours.
    #[error("unknown command")]
    UnknownCommand,
    /// An argument is missing.
    #[error("an argument is missing")]
    MissingArgument,
    /// There are more arguments than the command takes.
    #[error("too many arguments")]
    TooManyArguments,
    /// Not a message number.
    #[error("that is not a message number")]
    BadMessageNumber,
    /// Not a count of lines.
    #[error("that is not a number of lines")]
    BadLineCount,
    /// A name that is not UTF-8 or holds control characters.
    #[error("that is not a name")]
    BadName,
    /// A mechanism that does not exist here.
    #[error("unknown authentication mechanism")]
    UnknownMechanism,
    /// Arguments that would be read back as others, such as a name that begins with a space.
    #[error("that argument cannot be written")]
    Ambiguous,
    /// Not base64, or not the canonical form of it.
    #[error("that is not base64")]
    BadBase64,
    /// The arguments of XCLIENT are wrong.
    #[error("{0}")]
    Xclient(#[from] XclientError),
}

impl Command {
    /// The keyword of this command.
    pub fn keyword(&self) -> Keyword {
        match self {
            Command::User(_) => Keyword::User,
            Command::Pass(_) => Keyword::Pass,
            Command::Quit => Keyword::Quit,
            Command::Stat => Keyword::Stat,
            Command::List(_) => Keyword::List,
            Command::Retr(_) => Keyword::Retr,
            Command::Dele(_) => Keyword::Dele,
            Command::Noop => Keyword::Noop,
            Command::Rset => Keyword::Rset,
            Command::Top(..) => Keyword::Top,
            Command::Uidl(_) => Keyword::Uidl,
            Command::Capa => Keyword::Capa,
            Command::Stls => Keyword::Stls,
            Command::Auth { .. } => Keyword::Auth,
            Command::Xclient(_) => Keyword::Xclient,
        }
    }

    /// The arguments as a log may show them: secrets are `*****`.
    pub fn masked_arguments(&self) -> String {
        match self {
            Command::User(name) => name.clone(),
            Command::Pass(_) => MASK.to_owned(),
            Command::List(Some(number))
            | Command::Retr(number)
            | Command::Dele(number)
            | Command::Uidl(Some(number)) => number.to_string(),
            Command::Top(number, lines) => format!("{number} {lines}"),
            Command::Auth { mechanism, initial: None } => mechanism.as_str().to_owned(),
            Command::Auth { mechanism, initial: Some(_) } => format!("{mechanism} {MASK}"),
            Command::Xclient(xclient) => xclient.to_string(),
            Command::List(None)
            | Command::Uidl(None)
            | Command::Quit
            | Command::Stat
            | Command::Noop
            | Command::Rset
            | Command::Capa
            | Command::Stls => String::new(),
        }
    }

    /// Appends the command as a line with CRLF. Arguments that would be read as something else, or break out of their
    /// line, are refused, and then nothing is written.
    pub fn write_to(&self, out: &mut Vec<u8>) -> Result<(), CommandError> {
        let start = out.len();
        self.write_line(out);
        let written = Command::parse(&out[start..]).and_then(|command| {
            let keyword = Some(self.keyword());
            if command == *self { Ok(()) } else { Err(CommandError { keyword, problem: Problem::Ambiguous }) }
        });
        if written.is_ok() {
            out.extend_from_slice(b"\r\n");
        } else {
            out[start..].zeroize();
            out.truncate(start);
        }
        written
    }

    fn write_line(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.keyword().as_str().as_bytes());
        match self {
            Command::User(name) => write_argument(name.as_bytes(), out),
            Command::Pass(password) => write_argument(password.as_bytes(), out),
            Command::List(Some(number))
            | Command::Retr(number)
            | Command::Dele(number)
            | Command::Uidl(Some(number)) => write_number(u64::from(number.get()), out),
            Command::Top(number, lines) => {
                write_number(u64::from(number.get()), out);
                write_number(*lines, out);
            }
            Command::Auth { mechanism, initial } => {
                write_argument(mechanism.as_str().as_bytes(), out);
                match initial.as_ref().map(Secret::as_bytes) {
                    None => {}
                    Some([]) => write_argument(b"=", out), // RFC 5034 section 4
                    Some(bytes) => write_argument(Secret::new(BASE64.encode(bytes)).as_bytes(), out),
                }
            }
            Command::Xclient(xclient) => write_argument(xclient.to_string().as_bytes(), out),
            Command::List(None)
            | Command::Uidl(None)
            | Command::Quit
            | Command::Stat
            | Command::Noop
            | Command::Rset
            | Command::Capa
            | Command::Stls => {}
        }
    }
}

/// What stands in a log for a secret.
pub const MASK: &str = "*****";

fn write_argument(argument: &[u8], out: &mut Vec<u8>) {
    out.push(b' ');
    out.extend_from_slice(argument);
}

fn write_number(number: u64, out: &mut Vec<u8>) {
    out.push(b' ');
    decimal::write(number, out);
}
