//! A command as it is written down, with places for the server and the id of the request.

use std::path::Path;

use settings::ServerName;
use thiserror::Error;

use crate::RequestId;

/// A program and its arguments, of which some hold `{server}` or `{id}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandLine(Vec<String>);

/// What stands in place of the server.
const SERVER: &str = "{server}";
/// What stands in place of the request's id.
const ID: &str = "{id}";

impl CommandLine {
    /// Checks an argument list, the program first.
    pub fn parse(words: &[String]) -> Result<Self, CommandLineError> {
        let Some((program, arguments)) = words.split_first() else { return Err(CommandLineError::Empty) };
        if !Path::new(program).is_absolute() {
            return Err(CommandLineError::Program(program.clone()));
        }
        if words.iter().any(|word| word.contains('\0')) {
            return Err(CommandLineError::Nul);
        }
        for word in words {
            let rest = word.replace(SERVER, "").replace(ID, "");
            if let Some(odd) = rest.find('{').and_then(|from| placeholder(&rest[from..])) {
                return Err(CommandLineError::Placeholder(odd.to_owned()));
            }
        }
        if !arguments.iter().any(|word| word.contains(SERVER)) {
            return Err(CommandLineError::NoServer);
        }
        Ok(Self(words.to_vec()))
    }

    /// The words with the places filled. Neither name can look like an option.
    pub(crate) fn filled(&self, server: &ServerName, id: &RequestId) -> Vec<String> {
        self.0.iter().map(|word| word.replace(SERVER, server.as_str()).replace(ID, id.as_str())).collect()
    }
}

/// What looks like a place for something at the start of the text: a word in braces.
fn placeholder(text: &str) -> Option<&str> {
    let end = text.find('}')?;
    let word = &text[1..end];
    let is_word = !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    is_word.then_some(&text[..=end])
}

/// Why an argument list is no command.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CommandLineError {
    /// There is nothing.
    #[error("the command is empty; write the program and its arguments as a list")]
    Empty,
    /// The program could be any of that name.
    #[error("{0:?} is not the full path of a program; write one such as \"/usr/bin/ipmitool\"")]
    Program(String),
    /// No argument can hold that.
    #[error("an argument holds a NUL; leave it out")]
    Nul,
    /// A place that nothing fills.
    #[error("nothing is known to fill in for {0}; write {{server}} or {{id}}")]
    Placeholder(String),
    /// It would act on the same machine whatever server is meant.
    #[error("the command does not say which server it is about; write {{server}} in one of the arguments")]
    NoServer,
}

#[cfg(test)]
mod tests {
    use settings::Value as _;

    use super::*;

    fn parse(words: &[&str]) -> Result<CommandLine, CommandLineError> {
        CommandLine::parse(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn the_places_are_filled_and_nothing_else_is_touched() {
        let line = parse(&["/bin/cut", "--host={server}-bmc", "{id}", "$HOME; true", "{ }"]).unwrap();
        let (server, id) = (ServerName::parse("mbx1").unwrap(), RequestId::parse("r1").unwrap());
        assert_eq!(line.filled(&server, &id), ["/bin/cut", "--host=mbx1-bmc", "r1", "$HOME; true", "{ }"]);
    }

    #[test]
    fn a_command_that_could_hit_the_wrong_machine_is_refused() {
        assert_eq!(parse(&[]), Err(CommandLineError::Empty));
        assert_eq!(parse(&["ipmitool", "{server}"]), Err(CommandLineError::Program("ipmitool".into())));
        assert_eq!(parse(&["/bin/cut", "{id}"]), Err(CommandLineError::NoServer));
        assert_eq!(parse(&["/bin/{server}"]), Err(CommandLineError::NoServer));
        assert_eq!(
            parse(&["/bin/cut", "{server}", "{host}"]),
            Err(CommandLineError::Placeholder("{host}".into()))
        );
        assert_eq!(parse(&["/bin/cut", "{server}\0"]), Err(CommandLineError::Nul));
    }
}
