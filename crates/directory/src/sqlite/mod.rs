//! The embedded engine of the directory: one SQLite file, read by threads of its own.
//!
//! Every process of the machine opens the same file, for as long as it runs. A question waits in a bounded queue for
//! a reader thread and for a bounded time for its answer, so a disk that hangs makes the directory unavailable and
//! nothing else.

mod file;
mod readers;
mod rows;
#[cfg(test)]
mod tests;

use std::{
    path::Path,
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread,
    time::Duration,
};

pub(crate) use file::{open, unavailable};
use readers::Readers;
pub(crate) use rows::{find, list, stored_quota};
use rusqlite::{Connection, params};

use crate::{
    Answer, Candidate, Directory, DirectoryError, InstallationSecret, Name, Upgrade, User, credential::mac,
};

/// Upgrades that may wait to be written; more are dropped, and tried again at the next log-in.
const WAITING_UPGRADES: usize = 64;

/// How the file is read.
#[derive(Debug, Clone)]
pub struct SqliteSettings {
    /// Threads that read.
    pub readers: usize,
    /// Questions that may wait for a reader; beyond it the answer is `Unavailable` at once.
    pub queue: usize,
    /// How long an answer may take before it is `Unavailable`: a disk that hangs holds a reader, never a session.
    pub patience: Duration,
    /// Whether this process writes upgrades of credentials.
    pub upgrades: bool,
}

impl Default for SqliteSettings {
    fn default() -> Self {
        Self { readers: 2, queue: 1024, patience: Duration::from_secs(5), upgrades: true }
    }
}

/// Users in a SQLite file. Clones share the readers; these end with the last clone.
#[derive(Clone)]
pub struct SqliteDirectory {
    readers: Readers,
    upgrades: Option<SyncSender<Upgrade>>,
    secret: InstallationSecret,
}

impl SqliteDirectory {
    /// Opens the file, and creates it if it is missing; older schemas are upgraded, newer ones refused. Blocks.
    pub fn open(path: &Path, settings: &SqliteSettings) -> Result<Self, DirectoryError> {
        let writer = open(path)?;
        let secret = rows::secret(&writer).map_err(unavailable("read its secret"))?;
        let readers = Readers::open(path, settings)?;
        let upgrades = if settings.upgrades { Some(start_upgrades(writer)?) } else { None };
        Ok(Self { readers, upgrades, secret })
    }
}

impl Directory for SqliteDirectory {
    fn find<'a>(&'a self, name: &'a Name) -> Answer<'a, Option<User>> {
        let name = name.clone();
        Box::pin(self.readers.ask("look up a user", move |connection| find(connection, &name)))
    }

    fn candidate<'a>(&'a self, name: &'a Name) -> Answer<'a, Candidate> {
        let name = name.clone();
        let secret = self.secret.clone();
        Box::pin(self.readers.ask("look up a user", move |connection| {
            if let Some(user) = find(connection, &name)? {
                return Ok(Candidate::Known(Box::new(user)));
            }
            // The same name meets the same stand-in, and nobody else can tell which.
            let place = mac(secret.as_bytes(), &[b"stand-in ", name.as_str().as_bytes()]);
            Ok(Candidate::Unknown { stand_in: rows::stand_in(connection, place.as_ref())? })
        }))
    }

    fn installation_secret(&self) -> Answer<'_, InstallationSecret> {
        let secret = self.secret.clone();
        Box::pin(async { Ok(secret) })
    }

    fn takes_upgrades(&self) -> bool {
        self.upgrades.is_some()
    }

    fn upgrade(&self, upgrade: Upgrade) {
        if let Some(upgrades) = &self.upgrades
            && upgrades.try_send(upgrade).is_err()
        {
            tracing::debug!("a better hash was not stored: too many wait to be written");
        }
    }
}

/// Starts the thread that writes upgrades, one after the other.
fn start_upgrades(connection: Connection) -> Result<SyncSender<Upgrade>, DirectoryError> {
    let (sender, receiver) = sync_channel(WAITING_UPGRADES);
    thread::Builder::new()
        .name("directory-write".into())
        .spawn(move || write_upgrades(&connection, &receiver))
        .map_err(unavailable("start a thread"))?;
    Ok(sender)
}

fn write_upgrades(connection: &Connection, upgrades: &Receiver<Upgrade>) {
    for upgrade in upgrades {
        let keys = upgrade.scram.as_ref().map(crate::ScramKeys::to_text);
        // The password stays the same, so its version does too, and nobody has to be verified again.
        let written = connection.execute(
            "UPDATE users SET credential = coalesce(?3, credential), scram = coalesce(?4, scram)
             WHERE mailbox = ?1 AND credential_version = ?2",
            params![
                upgrade.mailbox,
                upgrade.credential_version.cast_signed(),
                upgrade.credential.as_ref().map(crate::Credential::expose),
                keys.as_ref().map(|keys| keys.as_str()),
            ],
        );
        if let Err(error) = written {
            tracing::warn!(%error, mailbox = upgrade.mailbox, "a better hash was not stored");
        }
    }
}
