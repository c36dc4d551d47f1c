//! What can go wrong with a database as a whole, and what an error of SQLite means to a mount.

use std::{io, path::PathBuf};

use mailbox::{FencingToken, MailboxError};
use rusqlite::ErrorCode;

/// Why a database could not be created, mounted, checked, backed up or restored.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// There is no database in the directory.
    #[error("there is no mailbox database in {}; create or restore one", directory.display())]
    Missing {
        /// Where it was looked for.
        directory: PathBuf,
    },
    /// There is a database already, which is not overwritten.
    #[error("{} exists already and is not overwritten", file.display())]
    Exists {
        /// The file in the way.
        file: PathBuf,
    },
    /// Another process has it mounted.
    #[error("the mailbox database in {} is mounted by another process", directory.display())]
    InUse {
        /// Where it is.
        directory: PathBuf,
    },
    /// The file is not a mailbox database.
    #[error("{} is not a mailbox database: {found}", file.display())]
    NotOurs {
        /// The file.
        file: PathBuf,
        /// What it is instead.
        found: &'static str,
    },
    /// The file was written by a newer program.
    #[error("{} has schema version {found}; this program knows versions up to {known}: use a newer program",
        file.display())]
    TooNew {
        /// The file.
        file: PathBuf,
        /// Its version.
        found: u32,
        /// The newest version known here.
        known: u32,
    },
    /// The file was written by an older program and is to be read only.
    #[error("{} has schema version {found}, older than {known}: mount it once, which upgrades it", file.display())]
    TooOld {
        /// The file.
        file: PathBuf,
        /// Its version.
        found: u32,
        /// The version needed.
        known: u32,
    },
    /// The directory is on a file system whose locks and fsync cannot be relied upon.
    #[error("{} is on {kind}; a mailbox database needs a local file system", directory.display())]
    RemoteFileSystem {
        /// The directory.
        directory: PathBuf,
        /// What it is on.
        kind: &'static str,
    },
    /// A later assignment of the database has been served already.
    #[error("the mailbox database was mounted with token {found}, which is later than {held}")]
    Fenced {
        /// The token of this mount.
        held: FencingToken,
        /// The token found in the store.
        found: FencingToken,
    },
    /// The operating system refused.
    #[error("could not {operation}: {}", path.display())]
    Io {
        /// What was being done, as an infinitive.
        operation: &'static str,
        /// To what.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
    /// SQLite refused.
    #[error("could not {operation} in {}", file.display())]
    Sqlite {
        /// What was being done, as an infinitive.
        operation: &'static str,
        /// In which file.
        file: PathBuf,
        /// What it said.
        source: rusqlite::Error,
    },
}

impl DatabaseError {
    pub(crate) fn is_full_disk(&self) -> bool {
        matches!(self, Self::Sqlite { source, .. } if severity(source) == Severity::Full)
    }

    pub(crate) fn io(operation: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { operation, path: path.into(), source }
    }

    pub(crate) fn sqlite(
        operation: &'static str,
        file: impl Into<PathBuf>,
    ) -> impl FnOnce(rusqlite::Error) -> Self {
        move |source| Self::Sqlite { operation, file: file.into(), source }
    }
}

/// Why a read or a change failed: by the rules of mail, or beneath them.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The rules of mail: the answer to the one who asked, and nothing else.
    Refused(MailboxError),
    /// The storage.
    Sqlite(rusqlite::Error),
}

impl From<MailboxError> for Failure {
    fn from(error: MailboxError) -> Self {
        Self::Refused(error)
    }
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

/// What an error of SQLite means to the mount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Severity {
    /// The disk is full; nothing is broken.
    Full,
    /// Someone else writes; nothing is broken.
    Busy,
    /// The file's structure is damaged.
    Damaged,
    /// The storage failed. What is in the page cache may not be what is on the disk: nothing may be trusted or tried
    /// again before the file has been opened anew.
    Broken,
    /// Anything else, which is a mistake of ours and concerns one request only.
    Unexpected,
}

pub(crate) fn severity(error: &rusqlite::Error) -> Severity {
    use rusqlite::ffi;

    let Some(sqlite) = error.sqlite_error() else { return Severity::Unexpected };
    match (sqlite.code, sqlite.extended_code) {
        // The index of the log cannot grow: it is a file, too, and the disk is full.
        (ErrorCode::DiskFull, _) | (_, ffi::SQLITE_IOERR_SHMSIZE) => Severity::Full,
        (ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked, _) => Severity::Busy,
        (ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase, _) => Severity::Damaged,
        (
            ErrorCode::SystemIoFailure
            | ErrorCode::CannotOpen
            | ErrorCode::ReadOnly
            | ErrorCode::FileLockingProtocolFailed
            | ErrorCode::PermissionDenied,
            _,
        ) => Severity::Broken,
        _ => Severity::Unexpected,
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::ffi;

    use super::*;

    fn judged(code: i32) -> Severity {
        severity(&rusqlite::Error::SqliteFailure(ffi::Error::new(code), None))
    }

    #[test]
    fn every_io_error_but_a_full_disk_breaks_the_mount() {
        for code in [
            ffi::SQLITE_IOERR,
            ffi::SQLITE_IOERR_FSYNC,
            ffi::SQLITE_IOERR_DIR_FSYNC,
            ffi::SQLITE_IOERR_READ,
            ffi::SQLITE_IOERR_WRITE,
            ffi::SQLITE_IOERR_TRUNCATE,
            ffi::SQLITE_IOERR_LOCK,
            ffi::SQLITE_IOERR_SHMMAP,
            ffi::SQLITE_READONLY,
            ffi::SQLITE_CANTOPEN,
        ] {
            assert_eq!(judged(code), Severity::Broken, "{code}");
        }
        assert_eq!(judged(ffi::SQLITE_FULL), Severity::Full);
        assert_eq!(judged(ffi::SQLITE_IOERR_SHMSIZE), Severity::Full);
    }

    #[test]
    fn a_busy_or_damaged_file_is_told_apart_from_a_broken_one() {
        assert_eq!(judged(ffi::SQLITE_BUSY), Severity::Busy);
        assert_eq!(judged(ffi::SQLITE_BUSY_SNAPSHOT), Severity::Busy);
        assert_eq!(judged(ffi::SQLITE_CORRUPT), Severity::Damaged);
        assert_eq!(judged(ffi::SQLITE_NOTADB), Severity::Damaged);
        assert_eq!(judged(ffi::SQLITE_CONSTRAINT), Severity::Unexpected);
        assert_eq!(severity(&rusqlite::Error::QueryReturnedNoRows), Severity::Unexpected);
    }
}
