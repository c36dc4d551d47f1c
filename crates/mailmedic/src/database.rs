//! `mailmedic database`: the mailbox databases as wholes.

mod restore;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use mailbox_sqlite::CheckProgress;
use settings::DataDirectory;
use shell::{Access, Connection, Failure, Outcome, Screen};

use crate::progress::Bar;
use crate::screen::{octets, say};
use crate::site::{Site, database_failure};

/// List, move, check, back up and restore the mailbox databases
#[derive(Args, Debug)]
#[command(
    arg_required_else_help = true,
    after_help = "\
Examples:
  mailmedic database list
  mailmedic database move DB01 --to mbx2
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
    #[command(flatten)]
    Where(shell::database::Command),
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
    /// Make a database from a backup; it must be dismounted
    #[command(after_help = "\
Example:
  mailmedic database dismount DB01
  mailmedic database restore DB01 --from /backup/DB01-monday.sqlite --replace
  mailmedic database mount DB01

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

impl Arguments {
    pub(crate) fn run(self, data: &DataDirectory, access: &Access) -> Outcome {
        if let Command::Where(command) = self.command {
            return command.run(&Connection::open(access, data)?, &Screen::standard());
        }
        let site = Site::open(data)?;
        match self.command {
            Command::Where(_) => Ok(()),
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

/// Checks one database. Whether it is sound.
fn check(site: &Site, name: &str) -> Outcome<bool> {
    let mut bar = Bar::new(format!("checking {name}"));
    let mut progress = |CheckProgress { done, total }| bar.show(done, total);
    let report = mailbox_sqlite::check(&site.data.database(name), &mut progress);
    bar.clear();
    let report = report.map_err(|error| database_failure(&error))?;
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
    copied.map_err(|error| database_failure(&error))?;
    let size = std::fs::metadata(to).map(|file| octets(file.len())).unwrap_or_default();
    say(format_args!("{name} is backed up in {} ({size})", to.display()))
}
