//! `mailmedic token`: who may ask the agents over the network.

use std::collections::BTreeSet;

use admin_api::Role;
use agent::tokens::{ChangeError, Entry, TokenFile, TokenName};
use clap::{Args, Subcommand};
use jiff::Timestamp;
use serde::Serialize;
use settings::{DataDirectory, Span, nearest};
use shell::{Failure, Outcome, chain};

use crate::screen::{Colour, Output, coloured, note, say, table, time};
use crate::site::{Site, span, unknown};

/// Add, list and remove the tokens that let people and programs ask the agents over the network
#[derive(Args, Debug)]
#[command(
    arg_required_else_help = true,
    after_help = "\
Examples:
  mailmedic token add backup --role viewer --expires 90d
  mailmedic token list
  mailmedic token remove backup"
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Make a token and print it, this once: only its SHA-256 is kept
    #[command(after_help = "\
Examples:
  mailmedic token add ann@example.com --role operator
  mailmedic token add backup --role viewer --expires 90d > backup.token
  mailmedic token add backup --role viewer --replace      a new one in the place of the old

A viewer looks; an operator also moves, starts, stops and drains; an administrator also takes servers down and decides for \
users. Agents take the token at once. Show it with --api-token-file FILE.")]
    Add(Add),
    /// List the tokens: names, roles and how long they live
    #[command(after_help = "\
Examples:
  mailmedic token list
  mailmedic token list --output json")]
    List {
        #[command(flatten)]
        of: Of,
        #[command(flatten)]
        output: Output,
    },
    /// Remove a token; whoever shows it from now on is refused
    #[command(after_help = "\
Example:
  mailmedic token remove backup")]
    Remove {
        /// The name of the token
        name: String,
        #[command(flatten)]
        of: Of,
    },
}

#[derive(Args, Debug)]
struct Add {
    /// The name: what audit logs call whoever shows the token
    #[arg(value_parser = name)]
    name: TokenName,
    /// What it allows: viewer, operator or administrator
    #[arg(long, value_name = "ROLE", value_parser = role)]
    role: Role,
    /// How long it lives, such as 90d or '12 h'; otherwise until it is removed
    #[arg(long, value_name = "TIME", value_parser = span)]
    expires: Option<Span>,
    /// In the place of the token of that name
    #[arg(long)]
    replace: bool,
    #[command(flatten)]
    of: Of,
}

/// Whose token file it is.
#[derive(Args, Debug)]
struct Of {
    /// The server whose agent lets in, if the servers have token files of their own
    #[arg(long, value_name = "NAME")]
    server: Option<String>,
}

/// A token as it is listed.
#[derive(Debug, Serialize)]
struct Row {
    name: String,
    role: Role,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires: Option<Timestamp>,
    expired: bool,
}

fn name(text: &str) -> Result<TokenName, String> {
    TokenName::parse(text).map_err(|error| error.to_string())
}

fn role(text: &str) -> Result<Role, String> {
    let known = || Role::ALL.into_iter().map(Role::word);
    Role::named(text).ok_or_else(|| match nearest(text, known()) {
        Some(near) => format!("there is no such role; did you mean {near}?"),
        None => format!("there is no such role; write one of {}", known().collect::<Vec<_>>().join(", ")),
    })
}

impl Arguments {
    pub(crate) fn run(self, data: &DataDirectory) -> Outcome {
        let site = Site::open(data)?;
        match self.command {
            Command::Add(arguments) => add(&arguments, &arguments.of.file(&site)?, Timestamp::now()),
            Command::List { of, output } => list(&of.file(&site)?, output, Timestamp::now()),
            Command::Remove { name, of } => remove(&name, &of.file(&site)?),
        }
    }
}

impl Of {
    /// The token file that is meant: there is one, unless servers have their own.
    fn file(&self, site: &Site) -> Outcome<TokenFile> {
        let mut files = BTreeSet::new();
        for server in site.servers(self.server.as_deref())? {
            files.insert(site.settings_of(server)?.api.token_file.from_folder(site.data.root()));
        }
        match files.pop_first() {
            Some(file) if files.is_empty() => Ok(TokenFile::new(file)),
            _ => {
                Err(Failure::bad_input("the servers have token files of their own; say which with --server"))
            }
        }
    }
}

fn add(arguments: &Add, file: &TokenFile, now: Timestamp) -> Outcome {
    let Add { name, role, expires, replace, .. } = arguments;
    let expires = expires.map(|life| end_of(life, now)).transpose()?;
    let token = file.add(name, *role, expires, *replace).map_err(|error| match error {
        ChangeError::Taken { .. } => Failure::bad_input(format!("{error}; --replace makes a new one")),
        _ => Failure::because(&error),
    })?;
    say(token)
}

/// When a life that begins now ends, to the second.
fn end_of(life: Span, now: Timestamp) -> Outcome<Timestamp> {
    let seconds = life.duration().as_secs();
    let end = i64::try_from(seconds).ok().filter(|seconds| *seconds > 0);
    let end = end.and_then(|seconds| Timestamp::from_second(now.as_second().checked_add(seconds)?).ok());
    end.ok_or_else(|| Failure::bad_input(format!("--expires {life}: write a time such as 90d")))
}

fn list(file: &TokenFile, output: Output, now: Timestamp) -> Outcome {
    let (entries, broken) = file.read().map_err(|error| Failure::because(&error))?;
    let rows: Vec<Row> = entries.into_iter().map(|entry| row(entry, now)).collect();
    for line in &broken {
        note(format_args!("{}: {line}", file.path().display()));
    }
    if rows.is_empty() && !output.is_json() {
        note("no tokens; `mailmedic token add NAME --role ROLE` makes one");
        return Ok(());
    }
    output.print(&rows, |rows| {
        table(
            &["NAME", "ROLE", "EXPIRES"],
            rows.iter().map(|row| [row.name.clone(), row.role.word().to_owned(), life(row)]),
        )
    })
}

fn row(Entry { name, role, expires, .. }: Entry, now: Timestamp) -> Row {
    Row { name, role, expires, expired: expires.is_some_and(|expires| expires <= now) }
}

fn life(row: &Row) -> String {
    match row.expires {
        None => "never".to_owned(),
        Some(expires) if row.expired => coloured(&format!("expired {}", time(expires)), Colour::Bad),
        Some(expires) => time(expires),
    }
}

fn remove(name: &str, file: &TokenFile) -> Outcome {
    let failed = |error: ChangeError| Failure::Failed(chain(&error));
    if file.remove(name).map_err(failed)? {
        return say(format_args!("the token of {name} is removed, and lets nobody in any more"));
    }
    let (entries, _) = file.read().map_err(failed)?;
    Err(unknown("token", name, entries.iter().map(|entry| entry.name.as_str())))
}

#[cfg(test)]
mod tests;
