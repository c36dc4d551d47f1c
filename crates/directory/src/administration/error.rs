//! Why a change was not made.

use settings::DatabaseName;

use crate::{CredentialError, DirectoryError, MoveId, Name, PasswordError};

/// Why a change was not made. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum AdministrationError {
    /// The name belongs to a user.
    #[error("there is a user {0} already")]
    UserExists(Name),
    /// The name is an alias: it cannot be given twice, and changes are made to the user.
    #[error("{alias} is an alias of {user}")]
    IsAlias {
        /// The name.
        alias: Name,
        /// Whose alias it is.
        user: Name,
    },
    /// The name is kept for health mailboxes, whether there is such a one or not.
    #[error("{0} is kept for the health of the service: no user can be called like that")]
    Reserved(Name),
    /// The user is a health mailbox, which is made by itself and stays as and where it is.
    #[error("{0} is the health mailbox of a database: only probes use it, and nobody changes it")]
    HealthMailbox(Name),
    /// Nobody has this name.
    #[error("there is no user {0}")]
    NoSuchUser(Name),
    /// The user has no such alias.
    #[error("{alias} is not an alias of {user}")]
    NoSuchAlias {
        /// The name.
        alias: Name,
        /// The user.
        user: Name,
    },
    /// The mailbox is on its way to another database, and whoever moves it is at work.
    #[error("the mailbox of {user} is being moved from {source_database} to {target}")]
    UnderWay {
        /// The user.
        user: Name,
        /// Where the mailbox comes from.
        source_database: DatabaseName,
        /// Where it goes.
        target: DatabaseName,
    },
    /// The mailbox is in the database that it is to be moved to.
    #[error("the mailbox of {user} is in {database}")]
    IsThere {
        /// The user.
        user: Name,
        /// The database.
        database: DatabaseName,
    },
    /// Somebody else moves the mailbox, or nobody; or it has not come so far, or its freeze was over.
    #[error("the move {id} of the mailbox of {user} is not held any more")]
    NotHeld {
        /// The user.
        user: Name,
        /// The move.
        id: MoveId,
    },
    /// No database was offered for a new user.
    #[error("there is no mailbox database for a new user")]
    NoDatabase,
    /// The password cannot be set.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// The password cannot be hashed.
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
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct BadLine {
    /// The number of the line, from 1.
    pub number: usize,
    /// What is wrong with it.
    pub reason: String,
}
