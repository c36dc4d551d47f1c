//! A copy of a whole database in one file, and a database made from such a copy.

use std::{path::Path, time::Duration};

use rusqlite::{Connection, backup::Backup, params};

use crate::{
    error::DatabaseError,
    place::{Place, install, new_epoch},
    schema,
};

/// How far a backup or a restore has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BackupProgress {
    /// Bytes copied.
    pub done: u64,
    /// Bytes in all.
    pub total: u64,
}

/// Pages copied between two reports of progress.
const STEP: i32 = 1024;
const CACHE: u64 = 4 << 20;

/// Copies the database in `directory` to the new file `to`, as it is at the moment of the call, whoever has it
/// mounted. When this returns, the copy is whole and durable; `to` does not exist before.
///
/// While it runs, the log of a mounted database cannot begin anew: it grows by what is delivered meanwhile.
pub fn back_up(
    directory: &Path,
    to: &Path,
    progress: &mut dyn FnMut(BackupProgress),
) -> Result<(), DatabaseError> {
    let place = Place::existing(directory)?;
    if to.exists() {
        return Err(DatabaseError::Exists { file: to.into() });
    }
    // Held at one moment; otherwise each commit would begin the copy anew.
    let source = schema::open_moment(&place.database(), CACHE)?;
    install(to, |unfinished| copy(&source, unfinished, "DELETE", progress))
}

/// Makes a database in `directory`, which has none, from a backup.
///
/// Its epoch is new, so that messages which arrive from now on are not named like those that had arrived after the
/// backup was made. Its fencing token is the lowest: any assignment may mount it.
pub fn restore(
    from: &Path,
    directory: &Path,
    progress: &mut dyn FnMut(BackupProgress),
) -> Result<(), DatabaseError> {
    let place = Place::make(directory)?;
    let _lock = place.lock(Duration::ZERO)?;
    place.refuse_overwriting()?;
    std::fs::metadata(from).map_err(DatabaseError::io("read the backup", from))?;
    install(&place.database(), |file| {
        let to_restore = || DatabaseError::sqlite("restore the mailbox database", file);
        let source = schema::require_ours(schema::open_read_only(from, CACHE), from)?;
        copy(&source, file, "WAL", progress)?;
        let mut restored = schema::open_writable(file, CACHE).map_err(to_restore())?;
        schema::upgrade(&mut restored, file)?;
        let used = epochs(&restored).map_err(to_restore())?;
        let epoch = new_epoch(file, &used)?;
        restored
            .execute("UPDATE database SET epoch = ?1, token_epoch = 0, token_revision = 0", params![epoch])
            .map_err(to_restore())?;
        restored.close().map_err(|(_, error)| to_restore()(error))
    })
}

/// The epochs in the names of messages, and the one that was to be in the next.
fn epochs(connection: &Connection) -> rusqlite::Result<Vec<u32>> {
    let mut statement = connection.prepare("SELECT epoch FROM message UNION SELECT epoch FROM database")?;
    statement.query_map([], |row| row.get(0))?.collect()
}

/// Copies a whole database into an empty file. With `journal` "WAL" it is as a mount needs it; with "DELETE" it is a
/// single file wherever it goes.
fn copy(
    source: &Connection,
    to: &Path,
    journal: &'static str,
    progress: &mut dyn FnMut(BackupProgress),
) -> Result<(), DatabaseError> {
    let to_copy = || DatabaseError::sqlite("copy the mailbox database", to);
    let mut target = schema::open_writable(to, CACHE).map_err(to_copy())?;
    // The copy is made durable as a whole when it is whole.
    target.execute_batch("PRAGMA synchronous = OFF; PRAGMA journal_mode = OFF").map_err(to_copy())?;
    let page: u64 = source.query_row("PRAGMA page_size", [], |row| row.get(0)).map_err(to_copy())?;
    let backup = Backup::new(source, &mut target).map_err(to_copy())?;
    loop {
        let step = backup.step(STEP).map_err(to_copy())?;
        let pages = backup.progress();
        let bytes = |pages: i32| u64::from(pages.unsigned_abs()) * page;
        progress(BackupProgress {
            done: bytes(pages.pagecount - pages.remaining),
            total: bytes(pages.pagecount),
        });
        match step {
            rusqlite::backup::StepResult::Done => break,
            rusqlite::backup::StepResult::More => {}
            // The target is ours alone and the source is held; SQLite waits for neither.
            _ => return Err(to_copy()(busy())),
        }
    }
    drop(backup);
    target.execute_batch(&format!("PRAGMA journal_mode = {journal}")).map_err(to_copy())?;
    target.close().map_err(|(_, error)| to_copy()(error))
}

fn busy() -> rusqlite::Error {
    rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_BUSY), None)
}
