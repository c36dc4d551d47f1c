//! From one line to one command.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::{Command, CommandError, Keyword, Problem};
use crate::sasl::Mechanism;
use crate::{MessageNumber, Secret, Xclient, decimal};

/// Octets that no command may hold.
fn is_forbidden(byte: u8) -> bool {
    matches!(byte, b'\r' | b'\n' | 0)
}

impl Command {
    /// Parses one line, without its CRLF. Keywords are not case-sensitive (RFC 1939 section 3).
    ///
    /// Spaces around arguments are forgiven, except in PASS, whose argument is everything after one space, and in
    /// USER, whose name may hold spaces.
    pub fn parse(line: &[u8]) -> Result<Command, CommandError> {
        let (word, rest) = match line.iter().position(|byte| *byte == b' ') {
            Some(space) => (&line[..space], Some(&line[space + 1..])),
            None => (line, None),
        };
        let keyword = Keyword::find(word);
        let parsed = match keyword {
            _ if line.iter().any(|byte| is_forbidden(*byte)) => Err(Problem::ForbiddenOctet),
            None => Err(Problem::UnknownCommand),
            Some(keyword) => arguments_of(keyword, rest.unwrap_or_default()),
        };
        parsed.map_err(|problem| CommandError { keyword, problem })
    }
}

fn arguments_of(keyword: Keyword, rest: &[u8]) -> Result<Command, Problem> {
    let mut arguments = Arguments(rest);
    let command = match keyword {
        // RFC 1939 section 7: PASS has one argument, so spaces may be part of the password.
        Keyword::Pass if rest.is_empty() => return Err(Problem::MissingArgument),
        Keyword::Pass => return Ok(Command::Pass(Secret::new(rest))),
        Keyword::User => return name(rest).map(Command::User),
        Keyword::Xclient => {
            let text = std::str::from_utf8(rest).map_err(|_| Problem::BadName)?;
            return Ok(Command::Xclient(Xclient::parse(text)?));
        }
        Keyword::Quit => Command::Quit,
        Keyword::Stat => Command::Stat,
        Keyword::Noop => Command::Noop,
        Keyword::Rset => Command::Rset,
        Keyword::Capa => Command::Capa,
        Keyword::Stls => Command::Stls,
        Keyword::List => Command::List(arguments.next().map(number).transpose()?),
        Keyword::Uidl => Command::Uidl(arguments.next().map(number).transpose()?),
        Keyword::Retr => Command::Retr(number(arguments.required()?)?),
        Keyword::Dele => Command::Dele(number(arguments.required()?)?),
        Keyword::Top => {
            let message = number(arguments.required()?)?;
            let lines = decimal::parse(arguments.required()?).ok_or(Problem::BadLineCount)?;
            Command::Top(message, lines)
        }
        Keyword::Auth => {
            let mechanism = Mechanism::find(arguments.required()?).ok_or(Problem::UnknownMechanism)?;
            let initial = arguments.next().map(initial_response).transpose()?;
            Command::Auth { mechanism, initial }
        }
    };
    match arguments.next() {
        None => Ok(command),
        Some(_) => Err(Problem::TooManyArguments),
    }
}

/// The words of a line after its keyword.
struct Arguments<'a>(&'a [u8]);

impl<'a> Arguments<'a> {
    fn next(&mut self) -> Option<&'a [u8]> {
        let start = self.0.iter().position(|byte| *byte != b' ')?;
        let rest = &self.0[start..];
        let end = rest.iter().position(|byte| *byte == b' ').unwrap_or(rest.len());
        self.0 = &rest[end..];
        Some(&rest[..end])
    }

    fn required(&mut self) -> Result<&'a [u8], Problem> {
        self.next().ok_or(Problem::MissingArgument)
    }
}

fn number(text: &[u8]) -> Result<MessageNumber, Problem> {
    MessageNumber::parse(text).ok_or(Problem::BadMessageNumber)
}

fn name(text: &[u8]) -> Result<String, Problem> {
    let text = std::str::from_utf8(text).map_err(|_| Problem::BadName)?.trim_matches(' ');
    match text {
        "" => Err(Problem::MissingArgument),
        text if text.contains(char::is_control) => Err(Problem::BadName),
        text => Ok(text.to_owned()),
    }
}

fn initial_response(text: &[u8]) -> Result<Secret, Problem> {
    match text {
        b"=" => Ok(Secret::default()), // RFC 5034 section 4
        text => BASE64.decode(text).map(Secret::new).map_err(|_| Problem::BadBase64),
    }
}
