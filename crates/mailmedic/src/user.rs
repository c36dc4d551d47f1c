//! `mailmedic user`: who may fetch mail.

mod show;

use std::io::Read;
use std::path::PathBuf;

use ::mailbox::MailboxId;
use clap::{Args, Subcommand};
use directory::administration::{AdministrationError, BulkDefaults, NewUser, Removed, Secret};
use directory::{Administration, Name, Password};
use settings::{DataDirectory, SizeLimit, Value};
use shell::{Access, Connection, Failure, Outcome, Screen};

use crate::mailbox;
use crate::password::PasswordFrom;
use crate::screen::{Output, say};
use crate::site::{Site, unknown};
use show::UserView;

/// Add, change and remove users
#[derive(Args, Debug)]
#[command(
    arg_required_else_help = true,
    after_help = "\
Examples:
  mailmedic user add user1@example.com
  mailmedic user list
  mailmedic user passwd user1@example.com
  mailmedic user move user1@example.com --to DB02
  mailmedic user remove user1@example.com --delete-mail"
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Add a user, with an empty mailbox
    #[command(after_help = "\
Examples:
  mailmedic user add user1@example.com                    asks for the password
  printf 'secret\\n' | mailmedic user add user1 --password-stdin
  mailmedic user add user1 --database DB01 --quota '2 GB'

A name without a domain is of the default one. Without --database the mailbox goes to the database with the fewest users.")]
    Add(Add),
    /// List all users
    #[command(after_help = "\
Examples:
  mailmedic user list
  mailmedic user list --output json
  mailmedic user list --health          the health mailboxes, which only probes use")]
    List {
        /// The health mailboxes instead of the users
        #[arg(long)]
        health: bool,
        #[command(flatten)]
        output: Output,
    },
    /// Show one user
    #[command(after_help = "\
Example:
  mailmedic user show user1@example.com")]
    Show {
        #[command(flatten)]
        user: UserName,
        #[command(flatten)]
        output: Output,
    },
    /// Set a new password; it counts from the next log-in on
    #[command(after_help = "\
Examples:
  mailmedic user passwd user1@example.com                 asks for the password
  printf 'secret\\n' | mailmedic user passwd user1@example.com --password-stdin")]
    Passwd {
        #[command(flatten)]
        user: UserName,
        #[command(flatten)]
        password: PasswordFrom,
    },
    /// Remove a user; the mail is kept unless you say otherwise
    #[command(after_help = "\
Examples:
  mailmedic user remove user1@example.com                 the mail stays and can be exported or purged later
  mailmedic user remove user1@example.com --delete-mail   the mail goes too, for ever")]
    Remove {
        #[command(flatten)]
        user: UserName,
        /// Delete the user's mail too
        #[arg(long)]
        delete_mail: bool,
    },
    /// Let a user log in and get mail again
    #[command(after_help = "\
Example:
  mailmedic user enable user1@example.com")]
    Enable(UserName),
    /// Refuse log-in and mail for a user; nothing is lost
    #[command(after_help = "\
Example:
  mailmedic user disable user1@example.com")]
    Disable(UserName),
    /// Say how much a mailbox may hold
    #[command(after_help = "\
Examples:
  mailmedic user quota user1@example.com '2 GB'
  mailmedic user quota user1@example.com unlimited
  mailmedic user quota user1@example.com default          what [delivery] default-quota says")]
    Quota {
        #[command(flatten)]
        user: UserName,
        /// A size such as '2 GB', 'unlimited' or 'default'
        quota: String,
    },
    Move(shell::user::Move),
    Alias(AliasArguments),
    /// Add many users from a file: all of them or none
    #[command(after_help = "\
Examples:
  mailmedic user import users.txt
  mailmedic user import - < users.txt

One user a line, NAME:PASSWORD[:DATABASE[:QUOTA]]. Instead of a password there may be the hash of another system, such as \
{SHA512-CRYPT}$6$… or {BLF-CRYPT}$2y$…. Empty lines and lines that begin with # are passed over.")]
    Import {
        /// The file, or - for the standard input
        file: PathBuf,
    },
}

#[derive(Args, Debug)]
struct Add {
    #[command(flatten)]
    user: UserName,
    #[command(flatten)]
    password: PasswordFrom,
    /// The mailbox database for the mail, or the third-party route that leads to it
    #[arg(long, value_name = "NAME")]
    database: Option<String>,
    /// How much the mailbox may hold, such as '2 GB'
    #[arg(long, value_name = "SIZE")]
    quota: Option<String>,
}

#[derive(Args, Debug)]
struct UserName {
    /// The user's name, such as user1@example.com
    #[arg(value_name = "USER")]
    name: String,
}

/// Further addresses of a user
#[derive(Args, Debug)]
#[command(
    arg_required_else_help = true,
    after_help = "\
Examples:
  mailmedic user alias add user1@example.com postmaster@example.com
  mailmedic user alias remove user1@example.com postmaster@example.com"
)]
struct AliasArguments {
    #[command(subcommand)]
    command: AliasCommand,
}

#[derive(Subcommand, Debug)]
enum AliasCommand {
    /// Give a user a further address
    #[command(after_help = "\
Example:
  mailmedic user alias add user1@example.com postmaster@example.com")]
    Add(Alias),
    /// Take an address away from a user
    #[command(after_help = "\
Example:
  mailmedic user alias remove user1@example.com postmaster@example.com")]
    Remove(Alias),
}

#[derive(Args, Debug)]
struct Alias {
    #[command(flatten)]
    user: UserName,
    /// The further address
    alias: String,
}

impl Arguments {
    pub(crate) fn run(self, data: &DataDirectory, access: &Access) -> Outcome {
        if let Command::Move(command) = self.command {
            return command.run(&Connection::open(access, data)?, &Screen::standard());
        }
        let site = Site::open(data)?;
        let mut users = Users { administration: site.administration()?, site };
        match self.command {
            Command::Move(_) => Ok(()),
            Command::Add(add) => users.add(&add),
            Command::List { health, output } => users.list(health, output),
            Command::Show { user, output } => users.show(&user, output),
            Command::Passwd { user, password } => users.set_password(&user, &password),
            Command::Remove { user, delete_mail } => users.remove(&user, delete_mail),
            Command::Enable(user) => users.set_enabled(&user, true),
            Command::Disable(user) => users.set_enabled(&user, false),
            Command::Quota { user, quota } => users.set_quota(&user, &quota),
            Command::Alias(arguments) => users.alias(&arguments.command),
            Command::Import { file } => users.import(&file),
        }
    }
}

/// The users of an installation.
struct Users {
    site: Site,
    administration: Administration,
}

impl Users {
    fn add(&mut self, add: &Add) -> Outcome {
        let name = self.site.name(&add.user.name)?;
        let quota = add.quota.as_deref().map(parse_quota).transpose()?;
        let database = match &add.database {
            Some(name) => self.site.home(name)?,
            None => self.done(self.administration.choose_database(&self.site.databases()))?,
        };
        // Before anybody types a password in vain.
        match self.administration.show(&name) {
            Ok(user) if user.name == name => {
                return Err(Failure::bad_input(format!("there is a user {name} already")));
            }
            Ok(user) => return Err(Failure::bad_input(format!("{name} is an alias of {}", user.name))),
            Err(AdministrationError::NoSuchUser(_)) => {}
            Err(error) => return Err(Failure::because(&error)),
        }
        let secret = Secret::Password(add.password.read(&name)?);
        let added = self.administration.add(&NewUser { name, secret, database, quota });
        let user = self.done(added)?;
        say(format_args!("{} is added; the mailbox is in {}", user.name, user.database))
    }

    fn list(&self, health: bool, output: Output) -> Outcome {
        let users =
            if health { self.administration.list_health_mailboxes() } else { self.administration.list() };
        let users = self.done(users)?;
        let views: Vec<UserView> = users.iter().map(UserView::of).collect();
        output.print(&views, |views| show::list(views))
    }

    fn show(&self, user: &UserName, output: Output) -> Outcome {
        let name = self.site.name(&user.name)?;
        let user = self.done(self.administration.show(&name))?;
        output.print(&UserView::of(&user), show::one)
    }

    fn set_password(&mut self, user: &UserName, password: &PasswordFrom) -> Outcome {
        let name = self.known(user)?;
        let secret = Secret::Password(password.read(&name)?);
        let changed = self.administration.set_password(&name, &secret);
        self.done(changed)?;
        say(format_args!("the password of {name} is changed, from the next log-in on"))
    }

    fn remove(&mut self, user: &UserName, delete_mail: bool) -> Outcome {
        let name = self.known(user)?;
        let removed = self.administration.remove(&name);
        let Removed { mailbox, database, aliases } = self.done(removed)?;
        say(format_args!("{name} is removed"))?;
        if !aliases.is_empty() {
            let aliases: Vec<&str> = aliases.iter().map(Name::as_str).collect();
            say(format_args!("so are the aliases {}", aliases.join(", ")))?;
        }
        if !delete_mail {
            return say(format_args!(
                "the mail is kept in mailbox {mailbox} of {database}: `mailmedic mailbox export {mailbox} --to DIR` writes it \
                 to a Maildir, `mailmedic mailbox purge {mailbox}` deletes it"
            ));
        }
        let id = MailboxId::parse(&mailbox)
            .map_err(|error| Failure::failed(format!("mailbox {mailbox}: {error}")))?;
        match mailbox::remove(&self.site, &database, &id) {
            Ok(()) => say("the mail is deleted"),
            Err(Failure::NobodyReads) => Err(Failure::NobodyReads),
            Err(Failure::Failed(text) | Failure::BadInput(text)) => Err(Failure::failed(format!(
                "the mail is not deleted: {text}; delete it with `mailmedic mailbox purge {mailbox}`"
            ))),
        }
    }

    fn set_enabled(&mut self, user: &UserName, enabled: bool) -> Outcome {
        let name = self.known(user)?;
        let changed = self.administration.set_enabled(&name, enabled);
        self.done(changed)?;
        let what = if enabled { "may log in and gets mail" } else { "is refused log-in and mail" };
        say(format_args!("{name} {what}, from the next log-in and the next message on"))
    }

    fn set_quota(&mut self, user: &UserName, quota: &str) -> Outcome {
        let name = self.known(user)?;
        let limit = if quota.eq_ignore_ascii_case("default") { None } else { Some(parse_quota(quota)?) };
        let changed = self.administration.set_quota(&name, limit);
        self.done(changed)?;
        say(format_args!(
            "the quota of {name} is {}",
            limit.map_or("the default".to_owned(), |limit| limit.text())
        ))
    }

    fn alias(&mut self, command: &AliasCommand) -> Outcome {
        match command {
            AliasCommand::Add(Alias { user, alias }) => {
                let (user, alias) = (self.known(user)?, self.site.name(alias)?);
                let added = self.administration.add_alias(&user, &alias);
                self.done(added)?;
                say(format_args!("{alias} is an alias of {user}"))
            }
            AliasCommand::Remove(Alias { user, alias }) => {
                let (user, alias) = (self.known(user)?, self.site.name(alias)?);
                let removed = self.administration.remove_alias(&user, &alias);
                self.done(removed)?;
                say(format_args!("{alias} is no longer an alias of {user}"))
            }
        }
    }

    fn import(&mut self, file: &PathBuf) -> Outcome {
        let mut text = Vec::new();
        let read = if file.as_os_str() == "-" {
            std::io::stdin().lock().read_to_end(&mut text)
        } else {
            std::fs::File::open(file).and_then(|mut open| open.read_to_end(&mut text))
        };
        read.map_err(|error| Failure::bad_input(format!("cannot read {}: {error}", file.display())))?;
        // It is full of passwords: wiped when it goes.
        let text = Password::new(text);
        let (realm, databases, routes) = (self.site.realm(), self.site.databases(), self.site.routes());
        let defaults = BulkDefaults { realm: &realm, databases: &databases, routes: &routes };
        match self.administration.add_in_bulk(text.as_bytes(), &defaults) {
            Ok(count) => say(format_args!("{count} users are added")),
            Err(AdministrationError::Lines(lines)) => {
                let shown = lines
                    .iter()
                    .map(|line| format!("\n  {}:{}: {}", file.display(), line.number, line.reason));
                Err(Failure::bad_input(format!("nobody was added:{}", shown.collect::<String>())))
            }
            Err(error) => Err(Failure::because(&error)),
        }
    }

    /// The main name of a user that exists.
    fn known(&self, user: &UserName) -> Outcome<Name> {
        let name = self.site.name(&user.name)?;
        let user = self.done(self.administration.show(&name))?;
        if user.name == name {
            Ok(name)
        } else {
            Err(Failure::bad_input(format!("{name} is an alias of {0}: name {0}", user.name)))
        }
    }

    fn done<T>(&self, result: Result<T, AdministrationError>) -> Outcome<T> {
        result.map_err(|error| match &error {
            AdministrationError::NoSuchUser(name) => self.no_such_user(name),
            AdministrationError::Directory(_) | AdministrationError::Credential(_) => {
                Failure::because(&error)
            }
            AdministrationError::NoDatabase => Failure::bad_input(
                "there is no mailbox database to put a mailbox into; add a [[database]] to the configuration",
            ),
            _ => Failure::bad_input(error),
        })
    }

    fn no_such_user(&self, name: &Name) -> Failure {
        let users = self.administration.list().unwrap_or_default();
        let names = users.iter().flat_map(|user| std::iter::once(&user.name).chain(&user.aliases));
        let names: Vec<&str> = names.map(Name::as_str).collect();
        if names.len() > 10 && settings::nearest(name.as_str(), names.iter().copied()).is_none() {
            return Failure::bad_input(format!("there is no user {name}; `mailmedic user list` shows all"));
        }
        unknown("user", name.as_str(), names.into_iter())
    }
}

fn parse_quota(text: &str) -> Outcome<SizeLimit> {
    SizeLimit::parse(text).map_err(Failure::bad_input)
}

#[cfg(test)]
mod tests;
