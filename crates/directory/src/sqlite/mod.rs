//! The embedded engine of the directory: one SQLite file, read by threads of its own.

use std::{path::Path, time::Duration};

use crate::{Answer, Candidate, Directory, DirectoryError, InstallationSecret, Name, Upgrade, User};

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

/// Users in a SQLite file. Clones share the readers.
#[derive(Clone)]
pub struct SqliteDirectory {}

impl SqliteDirectory {
    /// Opens the file, and creates it if it is missing; older schemas are upgraded, newer ones refused. Blocks.
    pub fn open(path: &Path, settings: &SqliteSettings) -> Result<Self, DirectoryError> {
        unimplemented!()
    }
}

impl Directory for SqliteDirectory {
    fn find<'a>(&'a self, name: &'a Name) -> Answer<'a, Option<User>> {
        unimplemented!()
    }

    fn candidate<'a>(&'a self, name: &'a Name) -> Answer<'a, Candidate> {
        unimplemented!()
    }

    fn installation_secret(&self) -> Answer<'_, InstallationSecret> {
        unimplemented!()
    }

    fn upgrade(&self, upgrade: Upgrade) {
        unimplemented!()
    }
}
