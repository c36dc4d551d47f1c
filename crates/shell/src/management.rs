//! `mailmedic shell`: the management shell, for those who know the commands of Exchange.
//!
//! At a terminal it reads a line after the other, with editing, history and completion. Other input it runs as it comes, and
//! the first line that does not work ends it, as it does with `-c`.

mod completion;
mod prompt;

use std::io::{self, BufRead, IsTerminal, Read};

use clap::Args;

use crate::cmdlets::Session;
use crate::connection::Connection;
use crate::failure::{Failure, Outcome};
use crate::language::{LONGEST, parse};
use crate::pipeline;
use crate::screen::{Output, Screen};

/// The management shell: the commands that administrators of Exchange know, and pipelines
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  mailmedic shell
  mailmedic shell -c 'Get-MailboxDatabaseCopyStatus -Server mbx1 | group Status'
  mailmedic shell -c 'Get-Service | ?{$_.Status -ne \"Running\"}' --output json
  mailmedic shell < lines

It reads a small, strict part of PowerShell: `mailmedic shell -c Get-Help` says which. Within double quotes the shell that \
starts mailmedic would take $ for itself, so write '…' around what is behind -c. The exit code is 0 if all is done, 1 if \
something is refused or does not work, and 2 if something is typed wrongly; what follows is not done then.")]
pub struct Arguments {
    /// Run this and leave
    #[arg(short = 'c', long = "command", value_name = "TEXT")]
    text: Option<String>,
    #[command(flatten)]
    output: Output,
}

impl Arguments {
    /// Does it; the agents are looked for when something is first asked of them.
    pub fn run(self, open: &dyn Fn() -> Outcome<Connection>, screen: &Screen) -> Outcome {
        let session = Session::new(open, screen, self.output.format());
        match self.text {
            Some(text) => pipeline::run(&text, 0, &session),
            None if io::stdin().is_terminal() => prompt::converse(&session),
            None => run_all(io::stdin().lock(), &session),
        }
    }
}

/// Runs what is read, each line as soon as it is complete.
fn run_all(mut input: impl BufRead, session: &Session<'_>) -> Outcome {
    let (mut text, mut lines, mut lines_before) = (String::new(), 0, 0);
    loop {
        // One octet more than is allowed, so that too much is told.
        let longest = u64::try_from(LONGEST).unwrap_or(u64::MAX) + 1;
        let read = (&mut input).take(longest).read_line(&mut text);
        let read = read.map_err(|error| Failure::bad_input(format!("the input cannot be read: {error}")))?;
        lines += 1;
        if read > 0 && parse(&text).is_err_and(|mistake| mistake.is_incomplete()) {
            continue;
        }
        if leaves(&text) {
            return Ok(());
        }
        pipeline::run(&text, lines_before, session)?;
        if read == 0 {
            return Ok(());
        }
        text.clear();
        lines_before = lines;
    }
}

/// Whether a line says that this is the end.
fn leaves(line: &str) -> bool {
    ["exit", "quit"].iter().any(|word| line.trim().eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests;
