//! A user, as the directory knows one.

use settings::{DatabaseName, SizeLimit};

use crate::{Credential, MovePhase, Moving, Name, ScramKeys};

/// One user. Nothing secret is shown by `Debug`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The name to log in with; the main address.
    pub name: Name,
    /// Further addresses, in alphabetical order. They log in too.
    pub aliases: Vec<Name>,
    /// The mailbox: 32 lower-case hexadecimal digits, random, never given twice.
    pub mailbox: String,
    /// The mailbox database that holds the mailbox.
    pub database: DatabaseName,
    /// How much the mailbox may hold; without one, `default-quota` of the delivery settings counts.
    pub quota: Option<SizeLimit>,
    /// False if log-in and delivery are refused for now.
    pub enabled: bool,
    /// What a password is checked against.
    pub credential: Credential,
    /// Grows by one at every change of the password; not when the same password is hashed anew.
    pub credential_version: u64,
    /// Keys for SCRAM-SHA-256, if they were made.
    pub scram: Option<ScramKeys>,
    /// The move of the mailbox to another database, unless it stays where it is.
    pub moving: Option<Moving>,
    /// When the user was added: seconds since 1970-01-01 UTC, for display.
    pub created: u64,
    /// When anything about the user changed last: seconds since 1970-01-01 UTC, for display.
    pub changed: u64,
}

impl User {
    /// Whether this is no person but the health mailbox of a database.
    pub fn is_health_mailbox(&self) -> bool {
        self.name.is_of_health_mailbox()
    }

    /// Whether log-ins and deliveries wait at this moment, since the mailbox is about to be somewhere else.
    pub fn is_frozen(&self) -> bool {
        self.moving.as_ref().is_some_and(|moving| moving.phase == MovePhase::Frozen)
    }
}
