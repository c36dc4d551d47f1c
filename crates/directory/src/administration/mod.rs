//! What the operator does to the directory, from the command line. Everything here blocks.
//!
//! Each change is one transaction: services and other commands see all of it or nothing, at their next question.

mod bulk;
mod error;
mod health;
mod moves;

use std::{
    collections::HashMap,
    path::Path,
    time::{SystemTime, UNIX_EPOCH},
};

pub use bulk::BulkDefaults;
pub use error::{AdministrationError, BadLine};
pub use health::Provision;
use health_mailbox::DOMAIN;
use rusqlite::{Connection, ToSql, Transaction, TransactionBehavior, params};
use settings::{DatabaseName, SizeLimit};
use zeroize::Zeroizing;

use crate::{
    Credential, CredentialError, DirectoryError, Hashing, Name, Password, ScramKeys, User,
    sqlite::{find, list, open, random_name, stored_quota, unavailable},
};

/// How secrets are stored.
#[derive(Debug, Clone, Copy, Default)]
pub struct AdministrationSettings {
    /// The cost of new hashes.
    pub hashing: Hashing,
    /// Whether SCRAM is offered: only then its keys are made and stored.
    pub scram: bool,
}

/// What is known of a user's password.
#[derive(Debug, Clone)]
pub enum Secret {
    /// The password.
    Password(Password),
    /// Its hash, from another system.
    Hashed(Credential),
}

/// A secret in the form that is written.
struct Stored {
    credential: Credential,
    scram: Option<Zeroizing<String>>,
}

impl Secret {
    fn store(&self, settings: AdministrationSettings) -> Result<Stored, CredentialError> {
        match self {
            Self::Password(password) => {
                let keys = if settings.scram { ScramKeys::derive(password)? } else { None };
                let credential = Credential::new(password, settings.hashing)?;
                Ok(Stored { credential, scram: keys.as_ref().map(ScramKeys::to_text) })
            }
            Self::Hashed(credential) => Ok(Stored { credential: credential.clone(), scram: None }),
        }
    }

    fn check(&self) -> Result<(), AdministrationError> {
        match self {
            Self::Password(password) => Ok(password.check()?),
            Self::Hashed(_) => Ok(()),
        }
    }
}

/// A user to be added.
#[derive(Debug, Clone)]
pub struct NewUser {
    /// The name to log in with.
    pub name: Name,
    /// The password or its hash.
    pub secret: Secret,
    /// The mailbox database for the mailbox; see [`Administration::choose_database`].
    pub database: DatabaseName,
    /// How much the mailbox may hold; without one, `default-quota` of the delivery settings counts.
    pub quota: Option<SizeLimit>,
}

/// What was removed. The mail is still there: it is for the caller to say so, or to remove it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removed {
    /// The mailbox that belongs to nobody now.
    pub mailbox: String,
    /// The database that holds it.
    pub database: DatabaseName,
    /// The aliases that went with the user.
    pub aliases: Vec<Name>,
}

/// The directory's file, opened for changes.
pub struct Administration {
    connection: Connection,
    settings: AdministrationSettings,
}

impl Administration {
    /// Opens the file, and creates it if it is missing; older schemas are upgraded, newer ones refused.
    pub fn open(path: &Path, settings: AdministrationSettings) -> Result<Self, AdministrationError> {
        Ok(Self { connection: open(path)?, settings })
    }

    /// Adds a user, with a new mailbox.
    pub fn add(&mut self, user: &NewUser) -> Result<User, AdministrationError> {
        user.secret.check()?;
        let stored = user.secret.store(self.settings)?;
        self.change("add a user", |transaction| {
            check_free(transaction, &user.name)?;
            insert(transaction, &user.name, &stored, &user.database, user.quota)?;
            known(transaction, &user.name)
        })
    }

    /// Adds a user for each line `name:password-or-{SCHEME}hash[:database[:quota]]`: all of them or none.
    /// Returns how many. The caller wipes the text.
    ///
    /// Empty lines and lines that begin with `#` are passed over. A password that has a colon can only be given as a
    /// hash; one that begins with `{` or looks like a hash needs `{PLAIN}` in front.
    pub fn add_in_bulk(
        &mut self,
        text: &[u8],
        defaults: &BulkDefaults<'_>,
    ) -> Result<usize, AdministrationError> {
        let lines = bulk::parse(text, defaults).map_err(AdministrationError::Lines)?;
        // Once before the hashing, which takes long, and once in the transaction, since others may add users meanwhile.
        let taken = |connection: &Connection| -> Result<(), AdministrationError> {
            let mut bad = Vec::new();
            for line in &lines {
                match check_free(connection, &line.name) {
                    Ok(()) => {}
                    Err(error @ AdministrationError::Directory(_)) => return Err(error),
                    Err(error) => bad.push(BadLine { number: line.number, reason: error.to_string() }),
                }
            }
            if bad.is_empty() { Ok(()) } else { Err(AdministrationError::Lines(bad)) }
        };
        taken(&self.connection)?;
        let stored = bulk::hash(&lines, self.settings)?;
        self.change("add users", |transaction| {
            taken(transaction)?;
            let mut users = users_by_database(transaction)?;
            for (line, stored) in lines.iter().zip(&stored) {
                let database = match &line.database {
                    Some(database) => database,
                    None => fewest(&users, defaults.databases)?,
                };
                *users.entry(database.as_str().to_ascii_lowercase()).or_default() += 1;
                insert(transaction, &line.name, stored, database, line.quota)?;
            }
            Ok(lines.len())
        })
    }

    /// Every user, by name, without the health mailboxes.
    pub fn list(&self) -> Result<Vec<User>, AdministrationError> {
        let mut users = list(&self.connection).map_err(unavailable("list the users"))?;
        users.retain(|user| !user.is_health_mailbox());
        Ok(users)
    }

    /// The user whom a name or an alias belongs to.
    pub fn show(&self, name: &Name) -> Result<User, AdministrationError> {
        let user = find(&self.connection, name).map_err(unavailable("look up a user"))?;
        user.ok_or_else(|| AdministrationError::NoSuchUser(name.clone()))
    }

    /// Changes the password. It is effective at the next log-in, wherever the old one is remembered.
    pub fn set_password(&mut self, name: &Name, secret: &Secret) -> Result<(), AdministrationError> {
        secret.check()?;
        ordinary(&self.connection, name)?;
        let stored = secret.store(self.settings)?;
        self.change("change a password", |transaction| {
            let user = ordinary(transaction, name)?;
            let keys = stored.scram.as_ref().map(|keys| keys.as_str());
            set(
                transaction,
                &user,
                "credential = ?3, scram = ?4, credential_version = credential_version + 1",
                &[&stored.credential.expose(), &keys],
            )
        })
    }

    /// Allows or refuses log-in and delivery.
    pub fn set_enabled(&mut self, name: &Name, enabled: bool) -> Result<(), AdministrationError> {
        self.change("change a user", |transaction| {
            let user = ordinary(transaction, name)?;
            set(transaction, &user, "enabled = ?3", &[&enabled])
        })
    }

    /// Sets the quota, or leaves it to the settings.
    pub fn set_quota(&mut self, name: &Name, quota: Option<SizeLimit>) -> Result<(), AdministrationError> {
        self.change("change a user", |transaction| {
            let user = ordinary(transaction, name)?;
            set(transaction, &user, "quota = ?3", &[&quota.map(stored_quota)])
        })
    }

    /// Says that the mailbox is in another database. Moves no mail, and is refused while somebody else does.
    pub fn set_database(&mut self, name: &Name, database: &DatabaseName) -> Result<(), AdministrationError> {
        self.change("change a user", |transaction| {
            let user = ordinary(transaction, name)?;
            moves::refuse_moving(&user)?;
            set(transaction, &user, "database = ?3", &[&database.as_str()])
        })
    }

    /// Gives the user a further address.
    pub fn add_alias(&mut self, user: &Name, alias: &Name) -> Result<(), AdministrationError> {
        self.change("add an alias", |transaction| {
            let user = ordinary(transaction, user)?;
            check_free(transaction, alias)?;
            execute(
                transaction,
                "INSERT INTO addresses (name, user) SELECT ?1, id FROM users WHERE mailbox = ?2",
                &[&alias.as_str(), &user.mailbox],
            )?;
            set(transaction, &user, "name = name", &[])
        })
    }

    /// Takes an address away from the user.
    pub fn remove_alias(&mut self, user: &Name, alias: &Name) -> Result<(), AdministrationError> {
        self.change("remove an alias", |transaction| {
            let user = ordinary(transaction, user)?;
            if !user.aliases.contains(alias) {
                return Err(AdministrationError::NoSuchAlias { alias: alias.clone(), user: user.name });
            }
            execute(transaction, "DELETE FROM addresses WHERE name = ?1", &[&alias.as_str()])?;
            set(transaction, &user, "name = name", &[])
        })
    }

    /// Removes the user and the aliases; the mail stays where it is. Refused while the mailbox is being moved, since then
    /// nobody could say where that is.
    pub fn remove(&mut self, name: &Name) -> Result<Removed, AdministrationError> {
        self.change("remove a user", |transaction| {
            let user = ordinary(transaction, name)?;
            moves::refuse_moving(&user)?;
            execute(transaction, "DELETE FROM users WHERE mailbox = ?1", &[&user.mailbox])?;
            Ok(Removed { mailbox: user.mailbox, database: user.database, aliases: user.aliases })
        })
    }

    /// The database with the fewest users among those given, the first of them if several have as few.
    pub fn choose_database(&self, databases: &[DatabaseName]) -> Result<DatabaseName, AdministrationError> {
        fewest(&users_by_database(&self.connection)?, databases).cloned()
    }

    /// Makes one change: all of it or nothing, and not beside that of another process.
    fn change<T>(
        &mut self,
        operation: &'static str,
        change: impl FnOnce(&Transaction<'_>) -> Result<T, AdministrationError>,
    ) -> Result<T, AdministrationError> {
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(unavailable(operation))?;
        let changed = change(&transaction)?;
        transaction.commit().map_err(unavailable(operation))?;
        Ok(changed)
    }
}

/// The user of this name, who is not looked for by an alias.
fn known(connection: &Connection, name: &Name) -> Result<User, AdministrationError> {
    match find(connection, name).map_err(unavailable("look up a user"))? {
        Some(user) if user.name == *name => Ok(user),
        Some(user) => Err(AdministrationError::IsAlias { alias: name.clone(), user: user.name }),
        None => Err(AdministrationError::NoSuchUser(name.clone())),
    }
}

/// The user of this name, who is no health mailbox.
fn ordinary(connection: &Connection, name: &Name) -> Result<User, AdministrationError> {
    let user = known(connection, name)?;
    if user.is_health_mailbox() { Err(AdministrationError::HealthMailbox(user.name)) } else { Ok(user) }
}

/// Whether a name can be given to somebody.
fn check_free(connection: &Connection, name: &Name) -> Result<(), AdministrationError> {
    if name.realm() == DOMAIN {
        return Err(AdministrationError::Reserved(name.clone()));
    }
    match known(connection, name) {
        Ok(user) => Err(AdministrationError::UserExists(user.name)),
        Err(AdministrationError::NoSuchUser(_)) => Ok(()),
        Err(error) => Err(error),
    }
}

fn insert(
    transaction: &Transaction<'_>,
    name: &Name,
    stored: &Stored,
    database: &DatabaseName,
    quota: Option<SizeLimit>,
) -> Result<(), AdministrationError> {
    let mailbox = random_name()?;
    let keys = stored.scram.as_ref().map(|keys| keys.as_str());
    execute(
        transaction,
        "INSERT INTO users (name, mailbox, database, quota, enabled, credential, credential_version, scram, created, changed)
         VALUES (?1, ?2, ?3, ?4, TRUE, ?5, 1, ?6, ?7, ?7)",
        params![
            name.as_str(),
            mailbox,
            database.as_str(),
            quota.map(stored_quota),
            stored.credential.expose(),
            keys,
            now()
        ],
    )?;
    execute(
        transaction,
        "INSERT INTO addresses (name, user) SELECT name, id FROM users WHERE mailbox = ?1",
        &[&mailbox],
    )
}

/// Sets columns of a user; the first value is `?3`.
fn set(
    transaction: &Transaction<'_>,
    user: &User,
    columns: &str,
    values: &[&dyn ToSql],
) -> Result<(), AdministrationError> {
    let now = now();
    let mut all: Vec<&dyn ToSql> = vec![&user.mailbox, &now];
    all.extend(values);
    execute(transaction, &format!("UPDATE users SET changed = ?2, {columns} WHERE mailbox = ?1"), &all)
}

fn execute(
    transaction: &Transaction<'_>,
    sql: &str,
    values: &[&dyn ToSql],
) -> Result<(), AdministrationError> {
    let mut statement = transaction.prepare_cached(sql).map_err(unavailable("prepare a change"))?;
    statement.execute(values).map_err(unavailable("write a change"))?;
    Ok(())
}

/// How many users each database has, by its name in lower case. Its health mailbox is none.
fn users_by_database(connection: &Connection) -> Result<HashMap<String, u64>, DirectoryError> {
    let count = || -> rusqlite::Result<_> {
        let mut statement = connection.prepare(
            "SELECT lower(database), count(*) FROM users WHERE name NOT LIKE '%@' || ?1 GROUP BY database",
        )?;
        statement.query_map([DOMAIN], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
    };
    count().map_err(unavailable("count the users"))
}

fn fewest<'a>(
    users: &HashMap<String, u64>,
    databases: &'a [DatabaseName],
) -> Result<&'a DatabaseName, AdministrationError> {
    let count =
        |database: &&DatabaseName| users.get(&database.as_str().to_ascii_lowercase()).copied().unwrap_or(0);
    databases.iter().min_by_key(count).ok_or(AdministrationError::NoDatabase)
}

/// Seconds since 1970-01-01 UTC. They are displayed, and end the leases of movers that have died; a clock that is wrong
/// makes that early or late, and does no other harm.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}
