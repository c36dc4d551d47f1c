//! `mailmedic database`: the mailbox databases as wholes.

mod restore;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use mailbox_sqlite::{Archive, CheckProgress, DatabaseError};
use serde::Serialize;
use settings::{DataDirectory, Database};

use crate::failure::{Failure, Outcome, chain};
use crate::progress::Bar;
use crate::screen::{Output, octets, say, table};
use crate::site::Site;

/// Check, back up, restore and list the mailbox databases
#[derive(Args, Debug)]
#[command(
    arg_required_else_help = true,
    after_help = "\
Examples:
  mailmedic database list
  mailmedic database check DB01
  mailmedic database backup DB01 --to /backup/DB01.sqlite
  mailmedic database restore DB01 --from /backup/DB01.sqlite --replace"
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// List the databases: where they are and what they hold
    #[command(after_help = "\
Examples:
  mailmedic database list
  mailmedic database list --output json")]
    List(Output),
    /// Read everything in a database and compare it with its checksums; nothing is changed
    #[command(after_help = "\
Examples:
  mailmedic database check DB01     while it is mounted or not
  mailmedic database check          all of them

The exit code is 0 if all is well, and 1 if anything is not.")]
    Check {
        /// The database; without it, all
        database: Option<String>,
    },
    /// Copy a database, as it is now, into a new file; it may be in use meanwhile
    #[command(after_help = "\
Example:
  mailmedic database backup DB01 --to /backup/DB01-monday.sqlite

Users are kept in directory.sqlite and certificates in ca, in the data directory: back these up too.")]
    Backup {
        /// The database
        database: String,
        /// The file to write, which must not exist
        #[arg(long, value_name = "FILE")]
        to: PathBuf,
    },
    /// Make a database from a backup; the back end must be stopped
    #[command(after_help = "\
Example:
  mailmedic service stop mbx1 backend
  mailmedic database restore DB01 --from /backup/DB01-monday.sqlite --replace
  mailmedic service start mbx1 backend

What the database holds now is kept beside it under another name. Clients see messages of the backup as those they know, \
and no message that arrives later is mistaken for one that arrived after the backup was made.")]
    Restore {
        /// The database
        database: String,
        /// The backup
        #[arg(long, value_name = "FILE")]
        from: PathBuf,
        /// Put what is there now aside
        #[arg(long)]
        replace: bool,
    },
}

/// A database, as listed.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct DatabaseView {
    database: String,
    copies: Vec<String>,
    folder: PathBuf,
    mailboxes: Option<usize>,
    messages: Option<u64>,
    octets: Option<u64>,
    /// Why it cannot be looked into.
    problem: Option<String>,
}

impl Arguments {
    pub(crate) fn run(self, data: &DataDirectory) -> Outcome {
        let site = Site::open(data)?;
        match self.command {
            Command::List(output) => {
                let views: Vec<DatabaseView> =
                    site.configuration.databases.iter().map(|database| look(&site, database)).collect();
                output.print(&views, |views| as_table(views))
            }
            Command::Check { database } => {
                let names = match database {
                    Some(name) => vec![site.database(&name)?],
                    None => site.databases(),
                };
                let sound =
                    names.iter().map(|name| check(&site, name.as_str())).collect::<Outcome<Vec<bool>>>()?;
                if sound.contains(&false) {
                    return Err(Failure::failed(
                        "restore a backup with `mailmedic database restore`, or delete the messages named above",
                    ));
                }
                Ok(())
            }
            Command::Backup { database, to } => {
                let name = site.database(&database)?;
                back_up(&data.database(name.as_str()), name.as_str(), &to)
            }
            Command::Restore { database, from, replace } => {
                let name = site.database(&database)?;
                restore::restore(&data.database(name.as_str()), name.as_str(), &from, replace)
            }
        }
    }
}

fn look(site: &Site, database: &Database) -> DatabaseView {
    let folder = site.data.database(database.name.as_str());
    let found = Archive::open(&folder).and_then(|archive| archive.mailboxes());
    let (mailboxes, problem) = match found {
        Ok(mailboxes) => (Some(mailboxes), None),
        Err(error) => (None, Some(chain(&error))),
    };
    DatabaseView {
        database: database.name.to_string(),
        copies: database.copies.iter().map(ToString::to_string).collect(),
        folder,
        messages: mailboxes.as_ref().map(|all| all.iter().map(|mailbox| mailbox.messages).sum()),
        octets: mailboxes.as_ref().map(|all| all.iter().map(|mailbox| mailbox.octets.get()).sum()),
        mailboxes: mailboxes.map(|all| all.len()),
        problem,
    }
}

fn as_table(views: &[DatabaseView]) -> String {
    let number = |number: Option<u64>| number.map(|number| number.to_string()).unwrap_or_default();
    let rows = views.iter().map(|view| {
        [
            view.database.clone(),
            view.copies.join(" "),
            number(view.mailboxes.map(|mailboxes| mailboxes as u64)),
            number(view.messages),
            view.octets.map(octets).unwrap_or_default(),
            view.problem.clone().unwrap_or_else(|| view.folder.display().to_string()),
        ]
    });
    table(&["DATABASE", "COPIES", "MAILBOXES", "MESSAGES", "SIZE", "FOLDER"], rows)
}

/// Checks one database. Whether it is sound.
fn check(site: &Site, name: &str) -> Outcome<bool> {
    let mut bar = Bar::new(format!("checking {name}"));
    let mut progress = |CheckProgress { done, total }| bar.show(done, total);
    let report = mailbox_sqlite::check(&site.data.database(name), &mut progress);
    bar.clear();
    let report = report?;
    for problem in &report.problems {
        say(format_args!("{name}: {problem}"))?;
    }
    say(format_args!(
        "{name}: {} messages in {} mailboxes read, {} in all: {}",
        report.messages,
        report.mailboxes,
        octets(report.bytes),
        match report.problems.len() {
            0 => "all is well".to_owned(),
            count => format!("{count} problems"),
        }
    ))?;
    Ok(report.problems.is_empty())
}

fn back_up(folder: &Path, name: &str, to: &Path) -> Outcome {
    let mut bar = Bar::new(format!("backing up {name}"));
    let copied = mailbox_sqlite::back_up(folder, to, &mut |progress| bar.show(progress.done, progress.total));
    bar.clear();
    copied?;
    let size = std::fs::metadata(to).map(|file| octets(file.len())).unwrap_or_default();
    say(format_args!("{name} is backed up in {} ({size})", to.display()))
}

/// With the exit code that fits.
impl From<DatabaseError> for Failure {
    fn from(error: DatabaseError) -> Self {
        match error {
            DatabaseError::Exists { .. } | DatabaseError::NotOurs { .. } => Self::BadInput(chain(&error)),
            _ => Self::because(&error),
        }
    }
}
