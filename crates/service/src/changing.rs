//! Changing what `set` stored for a server, and having its services read it.
//!
//! A command on the machine does it, and so does the agent of the server: one after the other, each from what the one
//! before has written.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use settings::{Invalid, Layer, PopSettings, ServerFolder};

use crate::admin::{Answer, Ask, AskError, ask};
use crate::live::{LiveError, read_set, write_set};

/// How long a service may take to read its settings again.
const PATIENCE: Duration = Duration::from_secs(5);

/// What `set` stored before a change and after it.
#[derive(Debug, Clone, PartialEq)]
pub struct Changed {
    /// Before.
    pub before: Layer<PopSettings>,
    /// After.
    pub after: Layer<PopSettings>,
}

/// Why nothing is changed.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// What was asked for makes no sense.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// What is stored cannot be read.
    #[error(transparent)]
    Unreadable(#[from] LiveError),
    /// Other changes cannot be kept away meanwhile.
    #[error("cannot lock {}: {source}", folder.display())]
    Lock {
        /// The folder of the server.
        folder: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It cannot be stored.
    #[error("cannot write {}: {source}", path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// What a change means to a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// It has just read the change.
    InEffect,
    /// It knew it already, or nothing is different.
    NothingNew,
    /// It does not run, and reads it when it starts.
    NotRunning,
}

/// Changes what `set` stored for a server, on disk when this returns; a refusal of `change` changes nothing.
pub fn change(
    folder: &ServerFolder,
    change: impl FnOnce(&mut Layer<PopSettings>) -> Result<(), Invalid>,
) -> Result<Changed, ChangeError> {
    let path = folder.pop_settings();
    let _alone = lock(folder.root())
        .map_err(|source| ChangeError::Lock { folder: folder.root().to_owned(), source })?;
    let before = read_set(&path)?;
    let mut after = before.clone();
    change(&mut after)?;
    write_set(&path, &after).map_err(|source| ChangeError::Unwritable { path, source })?;
    Ok(Changed { before, after })
}

/// Has a service of a server read its settings again.
pub fn tell(folder: &ServerFolder, service: &str) -> Result<Effect, AskError> {
    match ask(&folder.admin_socket(service), &Ask::Reload, PATIENCE) {
        Ok(Answer::Reloaded { changed: true }) => Ok(Effect::InEffect),
        Ok(_) => Ok(Effect::NothingNew),
        Err(AskError::NotRunning { .. }) => Ok(Effect::NotRunning),
        Err(error) => Err(error),
    }
}

/// Keeps others from changing the settings of the server between our reading and our writing.
fn lock(folder: &Path) -> io::Result<File> {
    std::fs::create_dir_all(folder)?;
    let open = File::open(folder)?;
    flock(&open, FlockOperation::LockExclusive)?;
    Ok(open)
}
