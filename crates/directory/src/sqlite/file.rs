//! The file: created readable by its owner alone, in WAL mode, with a schema whose version is known.

use std::{
    error::Error,
    fs::OpenOptions,
    io::{self, ErrorKind},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use rusqlite::{Connection, ErrorCode, OpenFlags, Transaction, TransactionBehavior};

use crate::{DirectoryError, Fault, Retry, credential::random};

/// How long a change may wait for another process to finish its own.
const BUSY: Duration = Duration::from_secs(5);
/// Marks the file as ours in its header, as `application_id`.
const APPLICATION: i32 = 0x4D4D_6469;

/// What makes each schema of the one before it, from an empty file on. A released step is never changed.
pub(super) const SCHEMAS: &[&str] = &[
    // 1
    "CREATE TABLE installation (
         id INTEGER PRIMARY KEY CHECK (id = 1),
         secret BLOB NOT NULL
     ) STRICT;
     CREATE TABLE users (
         id INTEGER PRIMARY KEY,
         name TEXT NOT NULL UNIQUE,
         mailbox TEXT NOT NULL UNIQUE,
         -- Names of databases that differ only in case are the same.
         database TEXT NOT NULL COLLATE NOCASE,
         -- Octets; negative is unlimited, NULL leaves it to the settings.
         quota INTEGER,
         enabled INTEGER NOT NULL,
         credential TEXT NOT NULL,
         credential_version INTEGER NOT NULL,
         scram TEXT,
         created INTEGER NOT NULL,
         changed INTEGER NOT NULL
     ) STRICT;
     CREATE INDEX users_by_database ON users (database);
     -- Names of users and aliases alike, so that an address belongs to one user.
     CREATE TABLE addresses (
         name TEXT PRIMARY KEY,
         user INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE
     ) STRICT, WITHOUT ROWID;
     CREATE INDEX addresses_by_user ON addresses (user);",
    // 2
    "CREATE TABLE moves (
         user INTEGER PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
         -- 32 hexadecimal digits, others for each mover that takes the move up.
         id TEXT NOT NULL,
         source TEXT NOT NULL COLLATE NOCASE,
         target TEXT NOT NULL COLLATE NOCASE,
         -- copying, frozen or leaving.
         phase TEXT NOT NULL,
         -- Seconds since 1970; from then on the mover is taken to be dead.
         until INTEGER NOT NULL
     ) STRICT;",
];

/// Why a file is not opened.
#[derive(Debug, thiserror::Error)]
enum FormatError {
    #[error("its schema is {found} and this program knows {known}: it was written by a newer version")]
    Newer { found: usize, known: usize },
    #[error("it is a database of another program")]
    Foreign,
}

/// Opens the file for reading and writing; creates it, and brings an older schema up to date.
pub(crate) fn open(path: &Path) -> Result<Connection, DirectoryError> {
    open_with(path, SCHEMAS)
}

/// Opens a file that was opened before, for reading only.
pub(super) fn open_reader(path: &Path) -> Result<Connection, DirectoryError> {
    let connection = connect(path).map_err(unavailable("open its file"))?;
    connection.pragma_update(None, "query_only", true).map_err(unavailable("open its file"))?;
    Ok(connection)
}

pub(super) fn open_with(path: &Path, schemas: &[&str]) -> Result<Connection, DirectoryError> {
    // SQLite would let everybody read what it creates. Its other files get the mode of this one.
    OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(path)
        .map_err(unavailable("open or create its file"))?;
    let mut connection = connect(path).map_err(unavailable("open its file"))?;
    let reading = connection.transaction().map_err(unavailable("read its file"))?;
    let found = schema(&reading, schemas.len())?;
    drop(reading);
    if found < schemas.len() {
        bring_up_to_date(&mut connection, schemas)?;
    }
    Ok(connection)
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    // A change that the operator was told of survives a power loss.
    connection.pragma_update(None, "synchronous", "FULL")?;
    // Old hashes do not linger in free pages.
    connection.pragma_update(None, "secure_delete", true)?;
    Ok(connection)
}

/// The version of the schema, 0 for an empty file. In a transaction, since another process may be making it.
fn schema(transaction: &Transaction<'_>, known: usize) -> Result<usize, DirectoryError> {
    let pragma = |name| transaction.pragma_query_value(None, name, |row| row.get::<_, i32>(0));
    let read = || -> rusqlite::Result<_> {
        let tables: usize =
            transaction.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
        Ok((tables, pragma("application_id")?, pragma("user_version")?))
    };
    match read().map_err(unavailable("read its file"))? {
        (0, 0, 0) => Ok(0),
        (_, APPLICATION, version) => {
            let found = usize::try_from(version).unwrap_or(0);
            if found > known { Err(refused(FormatError::Newer { found, known })) } else { Ok(found) }
        }
        _ => Err(refused(FormatError::Foreign)),
    }
}

fn bring_up_to_date(connection: &mut Connection, schemas: &[&str]) -> Result<(), DirectoryError> {
    use_wal(connection).map_err(unavailable("prepare its file"))?;
    let transaction = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(unavailable("prepare its file"))?;
    // Another process may have been faster.
    let found = schema(&transaction, schemas.len())?;
    let secret: [u8; 32] = random().map_err(unavailable("make its secret"))?;
    let upgrade = || -> rusqlite::Result<()> {
        for step in &schemas[found..] {
            transaction.execute_batch(step)?;
        }
        transaction.execute("INSERT OR IGNORE INTO installation (id, secret) VALUES (1, ?1)", [secret])?;
        transaction.pragma_update(None, "application_id", APPLICATION)?;
        transaction.pragma_update(None, "user_version", schemas.len())
    };
    upgrade().map_err(unavailable("bring its schema up to date"))?;
    transaction.commit().map_err(unavailable("bring its schema up to date"))
}

/// Turns on WAL. SQLite does not wait when two processes do so at the same moment, so this does.
fn use_wal(connection: &Connection) -> rusqlite::Result<()> {
    let deadline = Instant::now() + BUSY;
    loop {
        match connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get::<_, String>(0)) {
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => {
                if Instant::now() >= deadline {
                    return Err(error);
                }
                thread::sleep(Duration::from_millis(5));
            }
            other => return other.map(drop),
        }
    }
}

fn refused(error: FormatError) -> DirectoryError {
    DirectoryError::Unavailable {
        operation: "open its file",
        fault: Fault::Installation,
        retry: Retry::AfterRepair,
        source: error.into(),
    }
}

/// Says what could not be done, and judges the cause.
pub(crate) fn unavailable<E: Error + Send + Sync + 'static>(
    operation: &'static str,
) -> impl FnOnce(E) -> DirectoryError {
    move |error| {
        let source: Box<dyn Error + Send + Sync> = error.into();
        let (fault, retry) = if let Some(error) = source.downcast_ref() {
            judge(error)
        } else if let Some(ErrorKind::NotFound | ErrorKind::PermissionDenied | ErrorKind::IsADirectory) =
            source.downcast_ref().map(io::Error::kind)
        {
            (Fault::Installation, Retry::AfterRepair)
        } else {
            (Fault::Storage, Retry::Soon)
        };
        DirectoryError::Unavailable { operation, fault, retry, source }
    }
}

fn judge(error: &rusqlite::Error) -> (Fault, Retry) {
    match error {
        // Busy, a full disk, an input or output error: it may pass.
        rusqlite::Error::SqliteFailure(failure, _) => match failure.code {
            ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase | ErrorCode::Unknown => {
                (Fault::Installation, Retry::AfterRepair)
            }
            _ => (Fault::Storage, Retry::Soon),
        },
        // A row that does not say what it should.
        _ => (Fault::Installation, Retry::AfterRepair),
    }
}
