//! The layout of `mail.sqlite`: its tables, its version and how it is opened.

use std::{path::Path, time::Duration};

use mailbox::Uid;
use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};

use crate::error::DatabaseError;

/// In the file's header: a mailbox database of ours ("MMDB").
pub(crate) const APPLICATION: i32 = 0x4d4d_4442;

/// What brings a file from one version to the next; the first makes it from nothing. The version of a file is how
/// many of them it has had, and stands in its header as `user_version`.
const STEPS: &[&str] = &[include_str!("version_1.sql")];

/// Where a message's chunk lies. 2^20 chunks of 64 KB are 64 GB, 2^43 uids more than anyone delivers.
pub(crate) const fn chunk_place(uid: Uid, index: u32) -> u64 {
    uid.get() << CHUNK_BITS | index as u64
}

pub(crate) const CHUNK_BITS: u32 = 20;

/// How long to wait for another process that writes: for a commit, never for a reader.
const BUSY: Duration = Duration::from_secs(10);

/// Opens the file for the writer of a mount, or to make it.
pub(crate) fn open_writable(file: &Path, cache: u64) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(file, flags)?;
    connection.busy_timeout(BUSY)?;
    // FULL: a commit is an fsync of the log. The log is moved into the file by the checkpoint thread alone.
    connection.execute_batch(&format!(
        "PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0; PRAGMA temp_store = MEMORY;
         PRAGMA trusted_schema = OFF; PRAGMA foreign_keys = OFF; PRAGMA cache_size = -{};",
        cache / 1024
    ))?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

/// Opens the file to read it, beside whoever writes.
pub(crate) fn open_read_only(file: &Path, cache: u64) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(file, flags)?;
    connection.busy_timeout(BUSY)?;
    connection.execute_batch(&format!(
        "PRAGMA temp_store = MEMORY; PRAGMA trusted_schema = OFF; PRAGMA cache_size = -{};",
        cache / 1024
    ))?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

/// Brings a file to the version of this program, one transaction a step. A file of nothing becomes a database.
pub(crate) fn upgrade(connection: &mut Connection, file: &Path) -> Result<(), DatabaseError> {
    run(connection, file, STEPS)
}

fn run(connection: &mut Connection, file: &Path, steps: &[&str]) -> Result<(), DatabaseError> {
    let found = version(connection).map_err(DatabaseError::sqlite("read the schema version", file))?;
    let Some(missing) = steps.get(found as usize..) else {
        return Err(DatabaseError::TooNew { file: file.into(), found, known: count(steps) });
    };
    for (step, version) in missing.iter().zip(found + 1..) {
        take(connection, step, version).map_err(DatabaseError::sqlite("upgrade the schema", file))?;
    }
    Ok(())
}

fn take(connection: &mut Connection, step: &str, version: u32) -> rusqlite::Result<()> {
    let transaction = Transaction::new(connection, TransactionBehavior::Immediate)?;
    transaction.execute_batch(step)?;
    transaction.execute_batch(&format!("PRAGMA user_version = {version}"))?;
    transaction.commit()
}

/// Refuses a file of another version without changing it, for those who only read.
pub(crate) fn require_current(connection: &Connection, file: &Path) -> Result<(), DatabaseError> {
    let found = version(connection).map_err(DatabaseError::sqlite("read the schema version", file))?;
    let known = count(STEPS);
    match found.cmp(&known) {
        std::cmp::Ordering::Equal => Ok(()),
        std::cmp::Ordering::Less => Err(DatabaseError::TooOld { file: file.into(), found, known }),
        std::cmp::Ordering::Greater => Err(DatabaseError::TooNew { file: file.into(), found, known }),
    }
}

/// The version that a file has after these steps.
fn count(steps: &[&str]) -> u32 {
    u32::try_from(steps.len()).unwrap_or(u32::MAX)
}

fn version(connection: &Connection) -> rusqlite::Result<u32> {
    connection.query_row("PRAGMA user_version", [], |row| row.get(0))
}

#[cfg(test)]
mod tests;
