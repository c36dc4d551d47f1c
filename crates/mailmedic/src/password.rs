//! Where a password comes from: never from the command line.

use std::io::{self, BufRead, IsTerminal};

use clap::Args;
use directory::{Name, Password};

use shell::{Failure, Outcome};

/// Where the password comes from.
#[derive(Args, Debug)]
pub(crate) struct PasswordFrom {
    /// Read the password from the first line of the standard input instead of asking
    #[arg(long)]
    password_stdin: bool,
    // Not offered: taken only to say why it is refused.
    #[arg(long, hide = true, value_name = "PASSWORD", num_args = 0..=1, default_missing_value = "")]
    password: Option<String>,
    #[arg(hide = true, value_name = "PASSWORD")]
    on_the_command_line: Option<String>,
}

/// RFC 1939 leaves 505 octets for it; a longer line is a mistake that must not fill the memory.
const LONGEST_LINE: u64 = 4096;

impl PasswordFrom {
    /// Reads the password of the user.
    pub(crate) fn read(&self, name: &Name) -> Outcome<Password> {
        if self.password.is_some() || self.on_the_command_line.is_some() {
            return Err(Failure::bad_input(
                "a password on the command line can be read by every user of this machine and stays in the history of \
                 the shell: leave it out to be asked for it, or use --password-stdin. If it was the real one, choose \
                 another",
            ));
        }
        let password = if self.password_stdin { from_stdin()? } else { from_terminal(name)? };
        password.check().map_err(Failure::bad_input)?;
        Ok(password)
    }
}

/// Where a password comes from that somebody else will judge.
#[derive(Args, Debug)]
pub(crate) struct KnownPassword {
    /// Read the password from the first line of the standard input instead of asking
    #[arg(long)]
    password_stdin: bool,
}

impl KnownPassword {
    /// Reads the password of `user`.
    pub(crate) fn read(&self, user: &str) -> Outcome<Password> {
        if self.password_stdin { from_stdin() } else { ask(format!("Password for {user}: ")) }
    }
}

fn from_stdin() -> Outcome<Password> {
    let mut line = Vec::new();
    let stdin = io::stdin().lock();
    io::Read::take(stdin, LONGEST_LINE).read_until(b'\n', &mut line).map_err(|error| {
        Failure::failed(format!("cannot read the password from the standard input: {error}"))
    })?;
    for end in [b'\n', b'\r'] {
        if line.last() == Some(&end) {
            line.pop();
        }
    }
    Ok(Password::new(line))
}

fn from_terminal(name: &Name) -> Outcome<Password> {
    let first = ask(format!("Password for {name}: "))?;
    let second = ask("Once more: ".to_owned())?;
    if first.as_bytes() == second.as_bytes() {
        Ok(first)
    } else {
        Err(Failure::bad_input("the two passwords differ; nothing was changed"))
    }
}

fn ask(prompt: String) -> Outcome<Password> {
    if !io::stdin().is_terminal() {
        return Err(Failure::bad_input(
            "there is no terminal to ask for the password on: use --password-stdin and write it to the standard input",
        ));
    }
    rpassword::prompt_password(prompt)
        .map(Password::new)
        .map_err(|error| Failure::failed(format!("cannot read the password from the terminal: {error}")))
}
