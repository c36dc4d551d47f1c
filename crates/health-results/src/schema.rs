//! The file: its tables, and what becomes of one that is damaged or by another version.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::Connection;

use crate::error::ResultsError;

/// Kept in the file's `user_version`. Results are not worth an upgrade: those of another version are put aside.
const VERSION: u32 = 1;

const TABLES: &str = "
    CREATE TABLE observations (
        id INTEGER PRIMARY KEY,
        ended INTEGER NOT NULL,      -- milliseconds since 1970
        probe TEXT NOT NULL,
        target TEXT,
        succeeded INTEGER NOT NULL,
        body TEXT NOT NULL           -- the observation, as JSON
    );
    CREATE INDEX observations_by_age ON observations (succeeded, ended);
    CREATE INDEX observations_by_probe ON observations (probe, ended);
    CREATE TABLE verdicts (
        id INTEGER PRIMARY KEY,
        since INTEGER NOT NULL,
        monitor TEXT NOT NULL,
        target TEXT,
        body TEXT NOT NULL           -- the verdict, as JSON
    );
    CREATE INDEX verdicts_by_monitor ON verdicts (monitor, target, id);
    CREATE INDEX verdicts_by_age ON verdicts (since);
";

/// Opens the file, or begins one; a damaged one is put aside.
pub(crate) fn open(path: &Path) -> Result<Connection, ResultsError> {
    match opened(path) {
        Ok(connection) => Ok(connection),
        Err(error) if is_damage(&error) => {
            let aside = put_aside(path)?;
            tracing::warn!(%error, aside = %aside.display(), "the kept results are not readable; a new file is begun");
            opened(path).map_err(|source| ResultsError::Open { path: path.to_owned(), source })
        }
        Err(source) => Err(ResultsError::Open { path: path.to_owned(), source }),
    }
}

fn opened(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(Duration::from_secs(1))?;
    // Has to stand before the first table; afterwards it is without effect.
    connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "OFF")?;
    connection.pragma_update(None, "cache_size", -1024)?;
    connection.pragma_update(None, "journal_size_limit", 1 << 20)?;
    let version: u32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    match version {
        VERSION => {}
        0 => {
            connection.execute_batch(TABLES)?;
            connection.pragma_update(None, "user_version", VERSION)?;
        }
        _ => return Err(rusqlite::Error::InvalidQuery),
    }
    connection.query_row("SELECT count(*) FROM (SELECT id FROM observations LIMIT 1)", [], |row| {
        row.get::<_, i64>(0)
    })?;
    Ok(connection)
}

/// Whether the file itself is at fault: it is no database, it is damaged, or its tables are others.
fn is_damage(error: &rusqlite::Error) -> bool {
    use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase, Unknown};
    match error {
        rusqlite::Error::InvalidQuery => true,
        error => {
            matches!(error.sqlite_error_code(), Some(DatabaseCorrupt | NotADatabase | Unknown))
        }
    }
}

fn put_aside(path: &Path) -> Result<PathBuf, ResultsError> {
    let aside = path.with_extension("damaged");
    fs::rename(path, &aside).map_err(|source| ResultsError::PutAside { path: path.to_owned(), source })?;
    for more in ["-wal", "-shm"] {
        let mut file = path.as_os_str().to_owned();
        file.push(more);
        // Most often there is none.
        let _ = fs::remove_file(file);
    }
    Ok(aside)
}
