//! What the operator does to the directory, from the command line. Everything here blocks.

use std::path::Path;

use crate::{
    Credential, CredentialError, DirectoryError, Hashing, Name, Password, PasswordError, Realm, User,
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

/// A user to be added.
#[derive(Debug, Clone)]
pub struct NewUser {
    /// The name to log in with.
    pub name: Name,
    /// The password or its hash.
    pub secret: Secret,
    /// The mailbox database for the mailbox; see [`Administration::choose_database`].
    pub database: String,
    /// The most octets the mailbox may hold; none is no limit.
    pub quota: Option<u64>,
}

/// What was removed: the mail is still there, and it is for the caller to say so or to remove it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removed {
    /// The mailbox that belongs to nobody now.
    pub mailbox: String,
    /// The database that holds it.
    pub database: String,
    /// The aliases that went with the user.
    pub aliases: Vec<Name>,
}

/// Why a change was not made. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum AdministrationError {
    /// The name belongs to a user.
    #[error("there is a user {0} already")]
    UserExists(Name),
    /// The name is an alias.
    #[error("{alias} is an alias of {user}")]
    AliasExists {
        /// The name.
        alias: Name,
        /// Whose alias it is.
        user: Name,
    },
    /// No such user; aliases do not count here.
    #[error("there is no user {0}")]
    NoSuchUser(Name),
    /// No such alias of this user.
    #[error("{alias} is not an alias of {user}")]
    NoSuchAlias {
        /// The name.
        alias: Name,
        /// The user.
        user: Name,
    },
    /// The text cannot be the name of a database.
    #[error("{0:?} is not a name of a mailbox database")]
    DatabaseName(String),
    /// The quota cannot be stored.
    #[error("a quota of {0} octets is too large")]
    Quota(u64),
    /// No database was offered for a new user.
    #[error("there is no mailbox database for the new user")]
    NoDatabase,
    /// The password cannot be set.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// The hash cannot be used.
    #[error(transparent)]
    Credential(#[from] CredentialError),
    /// Lines of a bulk add are wrong; none was added.
    #[error("{} of the lines cannot be added", .0.len())]
    Lines(Vec<BadLine>),
    /// The file cannot be read or written.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
}

/// A line of a bulk add that cannot be added. The line itself is not in here: it has a password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadLine {
    /// The number of the line, from 1.
    pub number: usize,
    /// What is wrong with it.
    pub reason: String,
}

/// What fills in where the lines of a bulk add are silent.
#[derive(Debug, Clone)]
pub struct BulkDefaults<'a> {
    /// The realm of names without one.
    pub realm: &'a Realm,
    /// The databases there are; users without one are spread over them, others must name one of these.
    pub databases: &'a [String],
    /// The quota of users without one.
    pub quota: Option<u64>,
}

/// The directory's file, opened for changes.
pub struct Administration {}

impl Administration {
    /// Opens the file, and creates it if it is missing; older schemas are upgraded, newer ones refused.
    pub fn open(path: &Path, settings: AdministrationSettings) -> Result<Self, AdministrationError> {
        unimplemented!()
    }

    /// Adds a user, with a new mailbox.
    pub fn add(&mut self, user: NewUser) -> Result<User, AdministrationError> {
        unimplemented!()
    }

    /// Adds a user for each line `name:password-or-{SCHEME}hash[:database[:quota]]`: all of them or none.
    /// Returns how many.
    pub fn add_in_bulk(
        &mut self,
        lines: &[u8],
        defaults: &BulkDefaults<'_>,
    ) -> Result<usize, AdministrationError> {
        unimplemented!()
    }

    /// Every user, by name.
    pub fn list(&self) -> Result<Vec<User>, AdministrationError> {
        unimplemented!()
    }

    /// The user whom a name or an alias belongs to.
    pub fn show(&self, name: &Name) -> Result<User, AdministrationError> {
        unimplemented!()
    }

    /// Changes the password. It is effective at the next log-in, wherever the old one is remembered.
    pub fn set_password(&mut self, name: &Name, secret: Secret) -> Result<(), AdministrationError> {
        unimplemented!()
    }

    /// Allows or refuses log-in and delivery.
    pub fn set_enabled(&mut self, name: &Name, enabled: bool) -> Result<(), AdministrationError> {
        unimplemented!()
    }

    /// Sets or lifts the quota, in octets.
    pub fn set_quota(&mut self, name: &Name, quota: Option<u64>) -> Result<(), AdministrationError> {
        unimplemented!()
    }

    /// Says that the mailbox is in another database. Moves no mail.
    pub fn set_database(&mut self, name: &Name, database: &str) -> Result<(), AdministrationError> {
        unimplemented!()
    }

    /// Gives the user a further address.
    pub fn add_alias(&mut self, user: &Name, alias: &Name) -> Result<(), AdministrationError> {
        unimplemented!()
    }

    /// Takes an address away from the user.
    pub fn remove_alias(&mut self, user: &Name, alias: &Name) -> Result<(), AdministrationError> {
        unimplemented!()
    }

    /// Removes the user and the aliases; the mail stays where it is.
    pub fn remove(&mut self, name: &Name) -> Result<Removed, AdministrationError> {
        unimplemented!()
    }

    /// The database with the fewest users among those given, the first of them if several have as few.
    pub fn choose_database(&self, databases: &[String]) -> Result<String, AdministrationError> {
        unimplemented!()
    }
}
