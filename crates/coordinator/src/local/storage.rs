//! The folder of the store: an SQLite file that a ledger is saved to and resumed from, and a lock.

use std::collections::{BTreeMap, VecDeque};
use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use rusqlite::{Connection, ErrorCode, OpenFlags, Row, Transaction, params};

use crate::ledger::{Ledger, Saved, Step};
use crate::{Entry, Key, Lease, LeaseId, Revision, WatchEvent};

/// In the file's header: a coordinator's store of ours ("MMCO").
const APPLICATION: i32 = 0x4d4d_434f;
const VERSION: i32 = 1;

/// Why the store cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// Another server serves it.
    #[error("the store in {} is served by another process; stop that one first", folder.display())]
    InUse {
        /// Where it is.
        folder: PathBuf,
    },
    /// The operating system refused.
    #[error("could not {operation} {}", path.display())]
    Io {
        /// What was being done, as an infinitive.
        operation: &'static str,
        /// To what.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
    /// SQLite refused.
    #[error("could not {operation} {}", file.display())]
    Sqlite {
        /// What was being done, as an infinitive.
        operation: &'static str,
        /// In which file.
        file: PathBuf,
        /// What it said.
        source: rusqlite::Error,
    },
    /// The file is something else.
    #[error("{} is no store of a coordinator, or of a newer program", file.display())]
    NotOurs {
        /// The file.
        file: PathBuf,
    },
}

impl StorageError {
    /// Whether the disk is full: then nothing was changed, and nothing is broken.
    pub(super) fn is_full_disk(&self) -> bool {
        let Self::Sqlite { source, .. } = self else { return false };
        // The index of the log cannot grow: it is a file, too.
        let index = rusqlite::ffi::SQLITE_IOERR_SHMSIZE;
        source
            .sqlite_error()
            .is_some_and(|error| error.code == ErrorCode::DiskFull || error.extended_code == index)
    }

    fn io(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { operation, path: path.into(), source }
    }

    fn sqlite(operation: &'static str, file: &Path) -> impl FnOnce(rusqlite::Error) -> Self {
        move |source| Self::Sqlite { operation, file: file.into(), source }
    }
}

/// Held while the store is served. The operating system lets go of it when the process ends, however it ends.
#[derive(Debug)]
pub(super) struct Lock(File);

impl Drop for Lock {
    /// Closing the file would do, but for a process that is being started just now and has a copy of everything open.
    fn drop(&mut self) {
        let _ = self.0.unlock();
    }
}

/// Takes the lock of the store in `folder`, which is made if there is none.
pub(super) fn lock(folder: &Path) -> Result<Lock, StorageError> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(StorageError::io("create the folder", folder))?;
    let path = folder.join("lock");
    let file = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&path);
    let file = file.map_err(StorageError::io("open the lock file", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(Lock(file)),
        Err(TryLockError::WouldBlock) => Err(StorageError::InUse { folder: folder.into() }),
        Err(TryLockError::Error(error)) => Err(StorageError::io("lock", &path)(error)),
    }
}

/// What is to be saved in one transaction.
#[derive(Debug, Default)]
pub(super) struct Changes {
    pub(super) steps: Vec<Step>,
    pub(super) granted: Vec<Lease>,
    pub(super) ended: Vec<LeaseId>,
}

impl Changes {
    pub(super) fn is_empty(&self) -> bool {
        self.steps.is_empty() && self.granted.is_empty() && self.ended.is_empty()
    }
}

/// The open file.
#[derive(Debug)]
pub(super) struct Storage {
    connection: Connection,
    file: PathBuf,
}

impl Storage {
    /// Opens the store in `folder`; if there is none, makes one whose epoch is `born`.
    pub(super) fn open(folder: &Path, born: u64) -> Result<(Self, Saved), StorageError> {
        let file = folder.join("coordinator.sqlite");
        let failed = StorageError::sqlite("open", &file);
        // SQLite gives its log the mode of the file.
        let created = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&file);
        drop(created.map_err(StorageError::io("create", &file))?);
        let opened = open(&file).and_then(|mut connection| {
            let found = version(&connection)?;
            if found == Some(0) {
                found_store(&mut connection, born)?;
            }
            Ok((connection, found))
        });
        let (mut connection, Some(0 | VERSION)) = opened.map_err(failed)? else {
            return Err(StorageError::NotOurs { file });
        };
        // The name of a new file has to survive as well.
        let folder_synced = File::open(folder).and_then(|folder| folder.sync_all());
        folder_synced.map_err(StorageError::io("make durable", folder))?;
        let saved = connection.transaction().and_then(|transaction| load(&transaction));
        let saved = saved.map_err(StorageError::sqlite("read", &file))?;
        Ok((Self { connection, file }, saved))
    }

    /// Saves what changed and the counters of `ledger`, all or nothing, and durably.
    pub(super) fn save(&mut self, changes: &Changes, ledger: &Ledger) -> Result<(), StorageError> {
        let saved = self.connection.transaction().and_then(|transaction| {
            write(&transaction, changes, ledger)?;
            transaction.commit()
        });
        saved.map_err(StorageError::sqlite("write", &self.file))
    }
}

fn open(file: &Path) -> rusqlite::Result<Connection> {
    let mode = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(file, mode)?;
    connection.busy_timeout(Duration::from_secs(1))?;
    // FULL: a commit is an fsync of the log.
    connection.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA temp_store = MEMORY;
         PRAGMA trusted_schema = OFF; PRAGMA journal_size_limit = 4194304",
    )?;
    Ok(connection)
}

/// The version of the layout, 0 for a file of nothing, none for the file of another program.
fn version(connection: &Connection) -> rusqlite::Result<Option<i32>> {
    let application: i32 = connection.query_row("PRAGMA application_id", [], |row| row.get(0))?;
    let version: i32 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let tables: u64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    Ok(match (application, version, tables) {
        (APPLICATION, version, _) => Some(version).filter(|version| *version > 0),
        (0, 0, 0) => Some(0),
        _ => None,
    })
}

fn found_store(connection: &mut Connection, born: u64) -> rusqlite::Result<()> {
    let new = Saved::new(born.max(1));
    let transaction = connection.transaction()?;
    transaction.execute_batch(include_str!("version_1.sql"))?;
    let first_row = "INSERT INTO store VALUES (1, ?1, ?2, ?3, ?4)";
    transaction.execute(first_row, params![new.epoch, new.revision.0, new.compacted.0, new.next_lease])?;
    transaction
        .execute_batch(&format!("PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {VERSION}"))?;
    transaction.commit()
}

fn load(transaction: &Transaction<'_>) -> rusqlite::Result<Saved> {
    let counters = "SELECT epoch, revision, compacted, next_lease FROM store";
    let mut saved = transaction.query_row(counters, [], |row| {
        Ok(Saved {
            epoch: row.get(0)?,
            revision: Revision(row.get(1)?),
            compacted: Revision(row.get(2)?),
            next_lease: row.get(3)?,
            entries: BTreeMap::new(),
            leases: BTreeMap::new(),
            history: VecDeque::new(),
        })
    })?;
    let mut entries = transaction.prepare("SELECT key, value, created, lease, modified FROM entry")?;
    for entry in entries.query_map([], |row| entry(row, Revision(row.get(4)?)))? {
        let entry = entry?;
        saved.entries.insert(entry.key.clone(), entry);
    }
    let mut leases = transaction.prepare("SELECT id, milliseconds FROM lease")?;
    for lease in leases.query_map([], |row| Ok((LeaseId(row.get(0)?), row.get(1)?)))? {
        let (id, milliseconds) = lease?;
        saved.leases.insert(id, Duration::from_millis(milliseconds));
    }
    let all = "SELECT key, value, created, lease, revision FROM history ORDER BY revision, place";
    let mut history = transaction.prepare(all)?;
    for event in history.query_map([], event)? {
        let event = event?;
        let revision = event.revision();
        match saved.history.back_mut() {
            Some(step) if step.revision == revision => step.events.push(event),
            _ => saved.history.push_back(Step { revision, events: vec![event] }),
        }
    }
    Ok(saved)
}

fn key(row: &Row<'_>) -> rusqlite::Result<Key> {
    let text: String = row.get(0)?;
    Key::new(&text).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, Box::new(error))
    })
}

fn entry(row: &Row<'_>, modified: Revision) -> rusqlite::Result<Entry> {
    Ok(Entry {
        key: key(row)?,
        value: Bytes::from(row.get::<_, Vec<u8>>(1)?),
        created: Revision(row.get(2)?),
        modified,
        lease: row.get::<_, Option<u64>>(3)?.map(LeaseId),
    })
}

fn event(row: &Row<'_>) -> rusqlite::Result<WatchEvent> {
    let revision = Revision(row.get(4)?);
    let deleted = row.get_ref(1)? == rusqlite::types::ValueRef::Null;
    Ok(if deleted {
        WatchEvent::Deleted { key: key(row)?, revision }
    } else {
        WatchEvent::Put(entry(row, revision)?)
    })
}

fn write(transaction: &Transaction<'_>, changes: &Changes, ledger: &Ledger) -> rusqlite::Result<()> {
    let mut put = transaction.prepare_cached("INSERT OR REPLACE INTO entry VALUES (?1, ?2, ?3, ?4, ?5)")?;
    let mut delete = transaction.prepare_cached("DELETE FROM entry WHERE key = ?1")?;
    let mut record = transaction.prepare_cached("INSERT INTO history VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?;
    for step in &changes.steps {
        for (event, place) in step.events.iter().zip(0_u64..) {
            let (revision, name) = (step.revision.0, event.key().as_str());
            match event {
                WatchEvent::Put(entry) => {
                    let (value, created) = (&*entry.value, entry.created.0);
                    let lease = entry.lease.map(|lease| lease.0);
                    put.execute(params![name, value, created, revision, lease])?;
                    record.execute(params![revision, place, name, value, created, lease])?;
                }
                WatchEvent::Deleted { .. } => {
                    delete.execute([name])?;
                    let nothing = None::<u64>;
                    record.execute(params![revision, place, name, None::<&[u8]>, nothing, nothing])?;
                }
            }
        }
    }
    for lease in &changes.granted {
        let milliseconds = u64::try_from(lease.ttl.as_millis()).unwrap_or(u64::MAX >> 1);
        transaction.execute("INSERT INTO lease VALUES (?1, ?2)", params![lease.id.0, milliseconds])?;
    }
    for lease in &changes.ended {
        transaction.execute("DELETE FROM lease WHERE id = ?1", [lease.0])?;
    }
    let forgotten = "DELETE FROM history WHERE revision <= ?1";
    transaction.prepare_cached(forgotten)?.execute([ledger.compacted().0])?;
    let counters = "UPDATE store SET revision = ?1, compacted = ?2, next_lease = ?3";
    let values = params![ledger.revision().0, ledger.compacted().0, ledger.next_lease()];
    transaction.prepare_cached(counters)?.execute(values)?;
    Ok(())
}
