//! One command line, parsed (RFC 5321 §4.1.1, with LHLO of RFC 2033 §4.1).

use thiserror::Error;

use crate::address::{self, Address, AddressError};
use crate::parameter::{self, MailParameters};
use crate::xclient::{Xclient, XclientError};

/// What an LMTP client can ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// `LHLO name`: the name the client gives itself.
    Lhlo(String),
    /// `MAIL FROM:<path>`; no address for the null sender of bounces.
    Mail(Option<Address>, MailParameters),
    /// `RCPT TO:<path>`
    Rcpt(Address),
    /// `DATA`
    Data,
    /// `RSET`
    Rset,
    /// `NOOP`
    Noop,
    /// `VRFY`
    Vrfy,
    /// `QUIT`
    Quit,
    /// `XCLIENT`
    Xclient(Xclient),
}

/// Why a line is no command. The client's fault, every one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum CommandError {
    /// The line is longer than the limit; what follows it is unharmed.
    #[error("line too long")]
    TooLong,
    /// A NUL, a stray CR or LF, or an octet outside ASCII.
    #[error("line holds a character that no command has")]
    Character,
    /// No such command.
    #[error("command not recognized")]
    Unknown,
    /// HELO or EHLO (RFC 2033 §4.1 refuses both).
    #[error("this is LMTP: say LHLO")]
    NotSmtp,
    /// The command is known and its arguments are malformed.
    #[error("syntax error in parameters")]
    Syntax,
    /// The address of the sender.
    #[error("sender: {0}")]
    Sender(#[source] AddressError),
    /// The address of a recipient.
    #[error("recipient: {0}")]
    Recipient(#[source] AddressError),
    /// A parameter without its value, with a bad one, or given twice.
    #[error("bad parameter")]
    Parameter,
    /// A parameter that was not announced.
    #[error("parameter not recognized")]
    UnknownParameter,
    /// The attributes of XCLIENT.
    #[error(transparent)]
    Xclient(#[from] XclientError),
}

impl Command {
    /// Its first word.
    pub fn verb(&self) -> &'static str {
        match self {
            Self::Lhlo(_) => "LHLO",
            Self::Mail(..) => "MAIL",
            Self::Rcpt(_) => "RCPT",
            Self::Data => "DATA",
            Self::Rset => "RSET",
            Self::Noop => "NOOP",
            Self::Vrfy => "VRFY",
            Self::Quit => "QUIT",
            Self::Xclient(_) => "XCLIENT",
        }
    }

    /// Parses a line without its CRLF.
    pub fn parse(line: &[u8]) -> Result<Self, CommandError> {
        if !line.iter().all(|byte| matches!(byte, b' '..=b'~' | b'\t')) {
            return Err(CommandError::Character);
        }
        let line = std::str::from_utf8(line).map_err(|_| CommandError::Character)?;
        // RFC 5321 §4.1.1: trailing white space is tolerated.
        let line = line.trim_end_matches([' ', '\t']);
        let (verb, arguments) = line.split_once(' ').unwrap_or((line, ""));
        let bare = |command| if arguments.is_empty() { Ok(command) } else { Err(CommandError::Syntax) };
        match verb.to_ascii_uppercase().as_str() {
            "LHLO" => lhlo(arguments),
            "MAIL" => mail(arguments),
            "RCPT" => rcpt(arguments),
            "DATA" => bare(Self::Data),
            "RSET" => bare(Self::Rset),
            "QUIT" => bare(Self::Quit),
            // RFC 5321 §4.1.1.9: an argument of NOOP is ignored.
            "NOOP" => Ok(Self::Noop),
            "VRFY" if !arguments.is_empty() => Ok(Self::Vrfy),
            "VRFY" => Err(CommandError::Syntax),
            "XCLIENT" => Ok(Self::Xclient(Xclient::parse(arguments)?)),
            "HELO" | "EHLO" => Err(CommandError::NotSmtp),
            _ => Err(CommandError::Unknown),
        }
    }
}

/// RFC 2033 §4.1: the argument of EHLO. Any one word is taken; it is shown, never trusted.
fn lhlo(arguments: &str) -> Result<Command, CommandError> {
    let name = arguments.trim();
    if name.is_empty() || name.contains([' ', '\t']) {
        return Err(CommandError::Syntax);
    }
    Ok(Command::Lhlo(name.to_owned()))
}

fn mail(arguments: &str) -> Result<Command, CommandError> {
    let path = after("FROM:", arguments)?;
    let (address, rest) = address::path(path).map_err(CommandError::Sender)?;
    Ok(Command::Mail(address, MailParameters::parse(rest)?))
}

fn rcpt(arguments: &str) -> Result<Command, CommandError> {
    let path = after("TO:", arguments)?;
    let (address, rest) = address::path(path).map_err(CommandError::Recipient)?;
    // No extension that adds parameters to RCPT is offered.
    if parameter::split(rest)?.next().is_some() {
        return Err(CommandError::UnknownParameter);
    }
    address.map(Command::Rcpt).ok_or(CommandError::Recipient(AddressError::NotAPath))
}

/// What follows `FROM:` or `TO:`. Spaces before the path are an error many senders make (RFC 5321 §3.3).
fn after<'a>(label: &str, arguments: &'a str) -> Result<&'a str, CommandError> {
    match arguments.get(..label.len()) {
        Some(start) if start.eq_ignore_ascii_case(label) => {
            Ok(arguments[label.len()..].trim_start_matches(' '))
        }
        _ => Err(CommandError::Syntax),
    }
}
