//! Health mailboxes: users that nobody adds and nobody removes.

use health_mailbox::{HealthMailbox, HealthSecret};
use rusqlite::Transaction;
use settings::{DatabaseName, SizeLimit};

use super::{Administration, AdministrationError, Stored, insert, known, set};
use crate::{
    Credential, Name, NameError, User,
    sqlite::{find, list, unavailable},
};

/// What was there when a health mailbox was to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Provision {
    /// It is there since now.
    Created,
    /// It was there, with this secret or with another.
    Present,
}

impl Administration {
    /// Adds the health mailbox of a database if it is missing. One that is there stays as it is, so this may be called again
    /// and again by everybody.
    pub fn provision_health_mailbox(
        &mut self,
        database: &DatabaseName,
        secret: &HealthSecret,
    ) -> Result<Provision, AdministrationError> {
        let name = user_of(database)?;
        // Nearly always it is there, and whoever looks only keeps nobody from writing.
        if find(&self.connection, &name).map_err(unavailable("look up a user"))?.is_some() {
            return Ok(Provision::Present);
        }
        let stored = Stored { credential: Credential::of_health_mailbox(secret), scram: None };
        self.change("add a health mailbox", |transaction| match known(transaction, &name) {
            Ok(_) => Ok(Provision::Present),
            Err(AdministrationError::NoSuchUser(_)) => {
                insert(transaction, &name, &stored, database, Some(SizeLimit::Unlimited))?;
                Ok(Provision::Created)
            }
            Err(error) => Err(error),
        })
    }

    /// Has the health mailbox of a database log in with this secret and no other from now on: for a cluster whose key was
    /// lost and made anew.
    pub fn reset_health_mailbox(
        &mut self,
        database: &DatabaseName,
        secret: &HealthSecret,
    ) -> Result<(), AdministrationError> {
        let (name, credential) = (user_of(database)?, Credential::of_health_mailbox(secret));
        self.change("change the secret of a health mailbox", |transaction: &Transaction<'_>| {
            let user = known(transaction, &name)?;
            let columns = "credential = ?3, credential_version = credential_version + 1";
            set(transaction, &user, columns, &[&credential.expose()])
        })
    }

    /// Every health mailbox, by name.
    pub fn list_health_mailboxes(&self) -> Result<Vec<User>, AdministrationError> {
        let mut users = list(&self.connection).map_err(unavailable("list the users"))?;
        users.retain(User::is_health_mailbox);
        Ok(users)
    }
}

/// What the user of a health mailbox is called.
fn user_of(database: &DatabaseName) -> Result<Name, AdministrationError> {
    let name = HealthMailbox::of(database).user().parse();
    // Any name of a database makes one, so this says that somebody has changed the rules of names.
    Ok(name.map_err(|error: NameError| unavailable("name a health mailbox")(error))?)
}
