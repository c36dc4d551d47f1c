//! The claim of one `mailmedic up` on a data directory: that it is one of ours, and that nobody else runs it.
//!
//! A claim is held from start to end by an OS lock, so a grid that dies in any way gives it up. The folder is ours if it
//! holds the file `format`, which is the first thing ever written to it: what follows is made piece by piece, and what is
//! missing after a crash is made at the next start.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::FlockOperation;
use rustix::io::Errno;
use settings::DataDirectory;
use thiserror::Error;

use crate::stopped::replace;

const FORMAT: &str = "mailmedic data 1";
const LOCK_POLL: Duration = Duration::from_millis(10);

/// A data directory that is ours alone until this is dropped.
#[derive(Debug)]
pub struct Claim {
    data: DataDirectory,
    new: bool,
    _lock: File,
}

/// Why a folder cannot be used as the data directory.
#[derive(Debug, Error)]
pub enum ClaimError {
    /// It is a file, or something else that is no folder.
    #[error("{} is not a folder; give another one with --data", .0.display())]
    NotAFolder(PathBuf),
    /// It holds something, and that is not ours.
    #[error(
        "{} is not a data directory of mailmedic: it holds {entry} but no file called format; \
         give an empty or new folder with --data",
        folder.display()
    )]
    NotOurs {
        /// The folder.
        folder: PathBuf,
        /// Something in it.
        entry: String,
    },
    /// Another version of mailmedic made it.
    #[error(
        "{} was made by a version of mailmedic that this one does not understand: its format is {found:?} where \
         {FORMAT:?} was expected; use the version that made it",
        folder.display()
    )]
    OtherFormat {
        /// The folder.
        folder: PathBuf,
        /// What its file `format` says.
        found: String,
    },
    /// There is none yet.
    #[error("there is no data directory at {}; `mailmedic up` makes one", .0.display())]
    Missing(PathBuf),
    /// Somebody else runs it.
    #[error(
        "{} is in use: process {pid} runs it; `mailmedic status` shows it and `mailmedic down` stops it",
        folder.display()
    )]
    InUse {
        /// The folder.
        folder: PathBuf,
        /// Who.
        pid: String,
    },
    /// The operating system refuses.
    #[error("cannot {operation} {}: {source}; give a folder that this user may write with --data", path.display())]
    Refused {
        /// What was tried, as a verb.
        operation: &'static str,
        /// With what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

impl ClaimError {
    fn refused(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Refused { operation, path, source }
    }

    /// Whether the fault lies in which folder was named, rather than in the state of the machine.
    pub fn is_bad_input(&self) -> bool {
        matches!(
            self,
            Self::NotAFolder(_) | Self::NotOurs { .. } | Self::OtherFormat { .. } | Self::Missing(_)
        )
    }
}

impl Claim {
    /// Claims the folder, making it if there is none.
    pub fn take(data: &DataDirectory) -> Result<Self, ClaimError> {
        Self::within(data, Duration::from_millis(200))
    }

    /// Claims the folder, making it if there is none, and waits half a minute for whoever holds it.
    pub fn wait_for(data: &DataDirectory) -> Result<Self, ClaimError> {
        Self::within(data, Duration::from_secs(30))
    }

    fn within(data: &DataDirectory, patience: Duration) -> Result<Self, ClaimError> {
        let folder = data.root();
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(|error| {
            match error.kind() {
                io::ErrorKind::AlreadyExists | io::ErrorKind::NotADirectory => {
                    ClaimError::NotAFolder(folder.to_owned())
                }
                _ => ClaimError::refused("create the folder", folder)(error),
            }
        })?;
        // Before the lock file would lie in a folder that is not ours, and again when nobody can interfere.
        is_ours(data)?;
        let path = data.lock();
        let mut lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .mode(0o600)
            .open(&path)
            .map_err(ClaimError::refused("write", &path))?;
        // Whoever only looks whether there is a holder holds the lock for a moment.
        let deadline = Instant::now() + patience;
        loop {
            match rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => break,
                Err(Errno::WOULDBLOCK) if Instant::now() < deadline => std::thread::sleep(LOCK_POLL),
                Err(Errno::WOULDBLOCK) => return Err(in_use(folder, &mut lock)),
                Err(error) => return Err(ClaimError::refused("lock", &path)(error.into())),
            }
        }
        let new = !is_ours(data)?;
        if new {
            let format = data.format();
            replace(&format, &format!("{FORMAT}\n")).map_err(ClaimError::refused("write", &format))?;
        }
        let pid = format!("{}\n", std::process::id());
        lock.set_len(0)
            .and_then(|()| lock.write_all(pid.as_bytes()))
            .map_err(ClaimError::refused("write", &path))?;
        Ok(Self { data: data.clone(), new, _lock: lock })
    }

    /// The data directory.
    pub fn data(&self) -> &DataDirectory {
        &self.data
    }

    /// Whether this claim made the data directory.
    pub fn is_new(&self) -> bool {
        self.new
    }
}

/// Makes sure that the folder is a data directory of ours, claimed by somebody or not.
pub fn check(data: &DataDirectory) -> Result<(), ClaimError> {
    let folder = data.root();
    match fs::metadata(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(ClaimError::Missing(folder.to_owned()));
        }
        Err(error) => return Err(ClaimError::refused("open", folder)(error)),
        Ok(meta) if !meta.is_dir() => return Err(ClaimError::NotAFolder(folder.to_owned())),
        Ok(_) => {}
    }
    if is_ours(data)? { Ok(()) } else { Err(ClaimError::Missing(folder.to_owned())) }
}

/// The process that holds the claim on the folder, if any does.
pub fn holder(data: &DataDirectory) -> Result<Option<u32>, ClaimError> {
    let path = data.lock();
    let mut lock = match File::open(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other.map_err(ClaimError::refused("open", &path))?,
    };
    match rustix::fs::flock(&lock, FlockOperation::NonBlockingLockShared) {
        Ok(()) => Ok(None),
        Err(Errno::WOULDBLOCK) => Ok(pid_in(&mut lock).parse().ok()),
        Err(error) => Err(ClaimError::refused("lock", &path)(error.into())),
    }
}

fn pid_in(lock: &mut File) -> String {
    let mut pid = String::new();
    // Only for people to read; the lock itself is what counts.
    let _ = lock.read_to_string(&mut pid);
    pid.trim().to_owned()
}

fn in_use(folder: &Path, lock: &mut File) -> ClaimError {
    ClaimError::InUse { folder: folder.to_owned(), pid: pid_in(lock) }
}

/// Whether the folder is a data directory already; false if it is empty.
fn is_ours(data: &DataDirectory) -> Result<bool, ClaimError> {
    let folder = data.root();
    let format = data.format();
    match fs::read_to_string(&format) {
        Ok(text) if text.trim_end() == FORMAT => return Ok(true),
        Ok(text) => {
            let found = text.lines().next().unwrap_or("").chars().take(80).collect();
            return Err(ClaimError::OtherFormat { folder: folder.to_owned(), found });
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(ClaimError::refused("read", &format)(error)),
    }
    let configuration = data.configuration();
    let configuration = configuration.file_name().unwrap_or_default();
    for entry in fs::read_dir(folder).map_err(ClaimError::refused("read", folder))? {
        let name = entry.map_err(ClaimError::refused("read", folder))?.file_name();
        // Left behind by a first start that died at once, or written by whoever prepared it.
        if ![OsStr::new("lock"), OsStr::new("format.new"), configuration].contains(&name.as_os_str()) {
            let entry = name.to_string_lossy().into_owned();
            return Err(ClaimError::NotOurs { folder: folder.to_owned(), entry });
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests;
