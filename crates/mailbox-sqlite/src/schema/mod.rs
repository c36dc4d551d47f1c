//! The layout of `mail.sqlite`: its tables, its version and how it is opened.
//!
//! The file is touched through SQLite only. A descriptor of our own would, when it is closed, let go of every lock that
//! SQLite holds on the file for this process (fcntl(2)), and another process could take the log away.

use std::{cmp::Ordering, path::Path, time::Duration};

use mailbox::Uid;
use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior, config::DbConfig};

use crate::error::{DatabaseError, Severity, severity};

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

/// Opens the file to write it.
pub(crate) fn open_writable(file: &Path, cache: u64) -> rusqlite::Result<Connection> {
    let connection = open(file, OpenFlags::SQLITE_OPEN_READ_WRITE, cache)?;
    // FULL: a commit is an fsync of the log. The log is moved into the file by the checkpoint thread alone.
    connection.execute_batch("PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0")?;
    Ok(connection)
}

/// The same for a mount, which decides itself whether the log is moved into the file when it is closed.
pub(crate) fn open_mounted(file: &Path, cache: u64) -> rusqlite::Result<Connection> {
    let connection = open_writable(file, cache)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    Ok(connection)
}

/// Opens the file to read it, beside whoever writes.
pub(crate) fn open_read_only(file: &Path, cache: u64) -> rusqlite::Result<Connection> {
    open(file, OpenFlags::SQLITE_OPEN_READ_ONLY, cache)
}

fn open(file: &Path, mode: OpenFlags, cache: u64) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(file, mode | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(BUSY)?;
    connection.execute_batch(&format!(
        "PRAGMA temp_store = MEMORY; PRAGMA trusted_schema = OFF; PRAGMA cache_size = -{}",
        cache / 1024
    ))?;
    // A statement is planned once. Without this guarantee SQLite plans those anew, at each call, whose parameters might
    // fit a partial index.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

/// What was opened, if it is not a file of another program.
pub(crate) fn require_ours(
    opened: rusqlite::Result<Connection>,
    file: &Path,
) -> Result<Connection, DatabaseError> {
    let found = opened.and_then(|connection| {
        let application: i32 = connection.query_row("PRAGMA application_id", [], |row| row.get(0))?;
        Ok((connection, application))
    });
    let not_ours = |found| Err(DatabaseError::NotOurs { file: file.into(), found });
    match found {
        Ok((connection, APPLICATION)) => Ok(connection),
        Ok((_, 0)) => not_ours("it does not say what it is"),
        Ok(_) => not_ours("it is of another program"),
        Err(error) if severity(&error) == Severity::Damaged => not_ours("it is not an SQLite file"),
        Err(error) => Err(DatabaseError::sqlite("open the mailbox database", file)(error)),
    }
}

/// Opens the file to read all of it as it is at one moment, beside whoever writes.
pub(crate) fn open_moment(file: &Path, cache: u64) -> Result<Connection, DatabaseError> {
    let connection = require_ours(open_read_only(file, cache), file)?;
    let (found, known) = (version(&connection), count(STEPS));
    let found = found.map_err(DatabaseError::sqlite("read the schema version", file))?;
    match found.cmp(&known) {
        Ordering::Less => return Err(DatabaseError::TooOld { file: file.into(), found, known }),
        Ordering::Greater => return Err(DatabaseError::TooNew { file: file.into(), found, known }),
        Ordering::Equal => {}
    }
    // The moment is that of the first read in a transaction, which stays open.
    connection
        .execute_batch("BEGIN; SELECT next_uid FROM database")
        .map_err(DatabaseError::sqlite("read the mailbox database", file))?;
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

/// The version that a file has after these steps.
fn count(steps: &[&str]) -> u32 {
    u32::try_from(steps.len()).unwrap_or(u32::MAX)
}

fn version(connection: &Connection) -> rusqlite::Result<u32> {
    connection.query_row("PRAGMA user_version", [], |row| row.get(0))
}

#[cfg(test)]
mod tests;
