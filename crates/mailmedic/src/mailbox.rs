//! `mailmedic mailbox`: single mailboxes, whoever they belong to.

mod maildir;
mod removal;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use ::mailbox::{MailboxId, MailboxSummary};
use clap::{Args, Subcommand};
use directory::administration::AdministrationError;
use health_mailbox::HealthMailbox;
use mailbox_sqlite::Archive;
use serde::Serialize;
use settings::{DataDirectory, DatabaseName};
use shell::{Failure, Outcome};

use crate::screen::{Output, octets, say, table};
use crate::site::{Site, database_failure};

pub(crate) use removal::remove;

/// List and export mailboxes
#[derive(Args, Debug)]
#[command(
    arg_required_else_help = true,
    after_help = "\
Examples:
  mailmedic mailbox list
  mailmedic mailbox export user1@example.com --to ./user1"
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// List the mailboxes that hold or held mail
    #[command(after_help = "\
Examples:
  mailmedic mailbox list
  mailmedic mailbox list --database DB01 --output json

A mailbox without a user is that of a user who was removed: its mail can be exported and purged.")]
    List {
        /// Only this database
        #[arg(long, value_name = "NAME")]
        database: Option<String>,
        /// The health mailboxes, which only probes use, instead of those of users
        #[arg(long)]
        health: bool,
        #[command(flatten)]
        output: Output,
    },
    /// Write the mail of a mailbox, as it is now, into a Maildir
    #[command(after_help = "\
Examples:
  mailmedic mailbox export user1@example.com --to ./user1
  mailmedic mailbox export 0123456789abcdef0123456789abcdef --to ./somebody
  mailmedic mailbox export --all --to ./everybody       a Maildir for each mailbox

Messages that the Maildir has from an earlier export are passed over, so an export can be repeated or taken up again.")]
    Export {
        /// A user, an alias, or the id of a mailbox
        #[arg(value_name = "MAILBOX", required_unless_present = "all", conflicts_with = "all")]
        mailbox: Option<String>,
        /// Every mailbox
        #[arg(long)]
        all: bool,
        /// The Maildir to write to; with --all, the folder for them
        #[arg(long, value_name = "DIR")]
        to: PathBuf,
    },
    /// Delete, for ever, the mail of a mailbox that belongs to nobody
    #[command(after_help = "\
Example:
  mailmedic mailbox purge 0123456789abcdef0123456789abcdef

`mailmedic mailbox list` shows the ids, and which mailboxes have no user.")]
    Purge {
        /// The id of the mailbox
        id: String,
    },
}

/// A mailbox, as listed.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct MailboxView {
    mailbox: String,
    database: String,
    /// Nothing: it belongs to nobody.
    user: Option<String>,
    /// Its name when it last got mail.
    name: String,
    messages: u64,
    octets: u64,
}

/// A mailbox and where it is.
struct Found {
    database: DatabaseName,
    id: MailboxId,
}

impl Arguments {
    pub(crate) fn run(self, data: &DataDirectory) -> Outcome {
        let site = Site::open(data)?;
        match self.command {
            Command::List { database, health, output } => list(&site, database.as_deref(), health, output),
            Command::Export { mailbox: Some(mailbox), to, .. } => {
                let Found { database, id } = find(&site, &mailbox)?;
                export(&archive(&site, &database)?, &id, &mailbox, &to)
            }
            Command::Export { mailbox: None, to, .. } => export_all(&site, &to),
            Command::Purge { id } => purge(&site, &id),
        }
    }
}

fn archive(site: &Site, database: &DatabaseName) -> Outcome<Archive> {
    Archive::open(&site.data.database(database.as_str())).map_err(|error| database_failure(&error))
}

fn mailboxes(site: &Site, database: Option<&str>) -> Outcome<Vec<(DatabaseName, MailboxSummary)>> {
    let databases = match database {
        Some(name) => vec![site.database(name)?],
        None => site.databases(),
    };
    let mut all = Vec::new();
    for database in databases {
        let found = archive(site, &database)?.mailboxes().map_err(|error| database_failure(&error))?;
        all.extend(found.into_iter().map(|mailbox| (database.clone(), mailbox)));
    }
    Ok(all)
}

/// Whose each mailbox is. Health mailboxes have users, too.
fn owners(site: &Site) -> Outcome<HashMap<String, String>> {
    let administration = site.administration()?;
    let users = administration.list().map_err(|error| Failure::because(&error))?;
    let health = administration.list_health_mailboxes().map_err(|error| Failure::because(&error))?;
    Ok(users.into_iter().chain(health).map(|user| (user.mailbox, user.name.to_string())).collect())
}

fn list(site: &Site, database: Option<&str>, health: bool, output: Output) -> Outcome {
    let mut owners = owners(site)?;
    let views: Vec<MailboxView> = mailboxes(site, database)?
        .into_iter()
        .filter(|(_, summary)| is_of_health_mailbox(&summary.name) == health)
        .map(|(database, summary)| MailboxView {
            mailbox: summary.mailbox.to_string(),
            database: database.to_string(),
            user: owners.remove(&summary.mailbox.to_string()),
            name: summary.name,
            messages: summary.messages,
            octets: summary.octets.get(),
        })
        .collect();
    output.print(&views, |views| {
        if views.is_empty() {
            return "no mailbox has got mail yet".to_owned();
        }
        let rows = views.iter().map(|view| {
            let user = view.user.clone().unwrap_or_else(|| format!("nobody (was {})", view.name));
            let (id, database) = (view.mailbox.clone(), view.database.clone());
            [user, database, view.messages.to_string(), octets(view.octets), id]
        });
        table(&["USER", "DATABASE", "MESSAGES", "SIZE", "MAILBOX"], rows)
    })
}

fn is_of_health_mailbox(name: &str) -> bool {
    HealthMailbox::of_user(name).is_some()
}

/// The mailbox of a user, or the one with this id.
fn find(site: &Site, typed: &str) -> Outcome<Found> {
    if let Ok(id) = MailboxId::parse(typed) {
        let found = mailboxes(site, None)?.into_iter().find(|(_, mailbox)| mailbox.mailbox == id);
        return found.map(|(database, _)| Found { database, id }).ok_or_else(|| {
            Failure::bad_input(format!("no database has a mailbox {id}; `mailmedic mailbox list` shows all"))
        });
    }
    let name = site.name(typed)?;
    let user = site.administration()?.show(&name).map_err(|error| match error {
        AdministrationError::NoSuchUser(_) => Failure::bad_input(format!(
            "there is no user {name}; `mailmedic mailbox list` shows all mailboxes, with ids for those of nobody"
        )),
        error => Failure::because(&error),
    })?;
    let id = MailboxId::parse(&user.mailbox)
        .map_err(|error| Failure::failed(format!("mailbox {}: {error}", user.mailbox)))?;
    Ok(Found { database: user.database, id })
}

/// Exports one mailbox; a message that cannot be read is told, and does not keep the others.
fn export(archive: &Archive, id: &MailboxId, name: &str, to: &Path) -> Outcome {
    let exported = maildir::export(archive, id, to)?;
    for (message, problem) in &exported.unreadable {
        say(format_args!("{name}: message {message} cannot be read: {problem}"))?;
    }
    let passed_over = match exported.passed_over {
        0 => String::new(),
        count => format!(" ({count} were there already)"),
    };
    say(format_args!("{name}: {} messages written to {}{passed_over}", exported.written, to.display()))?;
    if exported.unreadable.is_empty() {
        return Ok(());
    }
    Err(Failure::failed(format!("{} messages of {name} could not be read", exported.unreadable.len())))
}

fn export_all(site: &Site, to: &Path) -> Outcome {
    let owners = owners(site)?;
    let mut first_failure = Ok(());
    for database in site.databases() {
        let archive = archive(site, &database)?;
        for summary in archive.mailboxes().map_err(|error| database_failure(&error))? {
            if is_of_health_mailbox(&summary.name) {
                continue;
            }
            let id = summary.mailbox.to_string();
            // Names have no slash; a mailbox of nobody is called by its id, since its name may be somebody else's now.
            let name = owners.get(&id).unwrap_or(&id);
            let exported = export(&archive, &summary.mailbox, name, &to.join(name));
            if let Err(Failure::NobodyReads) = exported {
                return exported;
            }
            first_failure = first_failure.and(exported);
        }
    }
    first_failure
}

fn purge(site: &Site, typed: &str) -> Outcome {
    let id = MailboxId::parse(typed).map_err(|error| Failure::bad_input(format!("{typed}: {error}")))?;
    if let Some(user) = owners(site)?.get(&id.to_string()) {
        if is_of_health_mailbox(user) {
            return Err(Failure::bad_input(format!(
                "mailbox {id} is that of {user}, which probes use: it is emptied by itself"
            )));
        }
        return Err(Failure::bad_input(format!(
            "mailbox {id} belongs to {user}; `mailmedic user remove {user} --delete-mail` removes both"
        )));
    }
    let found = find(site, typed)?;
    remove(site, &found.database, &found.id)?;
    say(format_args!("the mail in mailbox {id} is deleted"))
}
