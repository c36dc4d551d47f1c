//! A folder of Unix sockets. The kernel takes 107 octets for the path of a socket, and a data directory may lie deeper than
//! that: through an open handle of the folder every socket in it has a short path.

use std::fs::{DirBuilder, File};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use crate::error::InitError;

/// An open folder.
#[derive(Debug)]
pub(crate) struct SocketFolder(File);

impl SocketFolder {
    /// Opens the folder, making it if there is none.
    pub(crate) fn open(folder: &Path) -> Result<Self, InitError> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o750)
            .create(folder)
            .map_err(InitError::file("create the folder", folder))?;
        Self::existing(folder).map_err(InitError::file("open the folder", folder))
    }

    /// Opens a folder that must exist.
    pub(crate) fn existing(folder: &Path) -> io::Result<Self> {
        File::open(folder).map(Self)
    }

    /// A short path of the socket called `name`, for every process of this user and as long as this process lives and
    /// keeps the folder open.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/fd/{}/{name}", std::process::id(), self.0.as_raw_fd()))
    }

    /// Removes what an earlier process left under this name.
    pub(crate) fn clear(&self, name: &str) -> io::Result<PathBuf> {
        let path = self.path(name);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(path),
        }
    }
}
