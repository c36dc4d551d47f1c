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
mod writer;

use std::{fmt::Write as _, path::Path, time::Duration};

pub(crate) use file::{open, unavailable};
use readers::Readers;
pub(crate) use rows::{find, list, stored_quota};
use writer::Writer;

use crate::{
    Answer, Candidate, Directory, DirectoryError, InstallationSecret, Name, Upgrade, User,
    administration::now,
    credential::{mac, random},
};

/// 128 random bits in the form in which mailboxes and moves are named: 32 lower-case hexadecimal digits.
pub(crate) fn random_name() -> Result<String, DirectoryError> {
    let octets: [u8; 16] = random().map_err(unavailable("name something new"))?;
    Ok(octets.into_iter().fold(String::new(), |mut digits, octet| {
        let _ = write!(digits, "{octet:02x}");
        digits
    }))
}

/// How the file is read.
#[derive(Debug, Clone)]
pub struct SqliteSettings {
    /// Threads that read.
    pub readers: usize,
    /// Questions that may wait for a reader; beyond it the answer is `Unavailable` at once.
    pub queue: usize,
    /// How long an answer may take before it is `Unavailable`: a disk that hangs holds a reader, never a session.
    pub patience: Duration,
    /// Whether this process writes: upgrades of credentials, and the end of freezes that are over.
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
    writer: Option<Writer>,
    secret: InstallationSecret,
}

impl SqliteDirectory {
    /// Opens the file, and creates it if it is missing; older schemas are upgraded, newer ones refused. Blocks.
    pub fn open(path: &Path, settings: &SqliteSettings) -> Result<Self, DirectoryError> {
        let writer = open(path)?;
        let secret = rows::secret(&writer).map_err(unavailable("read its secret"))?;
        let readers = Readers::open(path, settings)?;
        let writer = if settings.upgrades { Some(Writer::start(writer, settings.patience)?) } else { None };
        Ok(Self { readers, writer, secret })
    }

    /// Whether the user was frozen beyond the time and is not any more, so that the row is to be read again.
    async fn thaws(&self, user: &User) -> bool {
        match (&self.writer, &user.moving) {
            (Some(writer), Some(moving)) if user.is_frozen() && moving.has_lapsed(now()) => {
                tracing::warn!(user = user.name.as_str(), id = %moving.id, "a freeze is over: its mover has died");
                writer.thaw(moving.id.clone()).await
            }
            _ => false,
        }
    }
}

impl Directory for SqliteDirectory {
    fn find<'a>(&'a self, name: &'a Name) -> Answer<'a, Option<User>> {
        let look_up = move || {
            let name = name.clone();
            self.readers.ask("look up a user", move |connection| find(connection, &name))
        };
        Box::pin(async move {
            match look_up().await? {
                Some(user) if self.thaws(&user).await => look_up().await,
                found => Ok(found),
            }
        })
    }

    fn candidate<'a>(&'a self, name: &'a Name) -> Answer<'a, Candidate> {
        let look_up = move || {
            let (name, secret) = (name.clone(), self.secret.clone());
            self.readers.ask("look up a user", move |connection| {
                if let Some(user) = find(connection, &name)?.filter(|user| !user.is_health_mailbox()) {
                    return Ok(Candidate::Known(Box::new(user)));
                }
                // The same name meets the same stand-in, and nobody else can tell which.
                let place = mac(secret.as_bytes(), &[b"stand-in ", name.as_str().as_bytes()]);
                Ok(Candidate::Unknown { stand_in: rows::stand_in(connection, place.as_ref())? })
            })
        };
        Box::pin(async move {
            match look_up().await? {
                Candidate::Known(user) if self.thaws(&user).await => look_up().await,
                found => Ok(found),
            }
        })
    }

    fn installation_secret(&self) -> Answer<'_, InstallationSecret> {
        let secret = self.secret.clone();
        Box::pin(async { Ok(secret) })
    }

    fn takes_upgrades(&self) -> bool {
        self.writer.is_some()
    }

    fn upgrade(&self, upgrade: Upgrade) {
        if let Some(writer) = &self.writer {
            writer.upgrade(upgrade);
        }
    }
}
