//! The results of a server.

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use health::{Observation, Outcome, UnixMillis, Verdict};
use rusqlite::{Connection, params};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::ResultsError;
use crate::schema;

/// How much is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// For how long a success is kept.
    pub successes: Duration,
    /// For how long a failure and a verdict are kept.
    pub failures: Duration,
    /// How large the file may get; the oldest successes go first, then the oldest failures.
    pub octets: u64,
}

impl Default for Limits {
    fn default() -> Self {
        let day = Duration::from_hours(24);
        Self { successes: day, failures: 30 * day, octets: 64 << 20 }
    }
}

/// Which observations are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Only those of this probe.
    pub probe: Option<String>,
    /// Only those of this target.
    pub target: Option<String>,
    /// Only those that did not succeed.
    pub failures_only: bool,
    /// At most so many, the newest.
    pub limit: u32,
}

/// What is kept. Calls block for as long as a disk takes.
#[derive(Debug)]
pub struct Results {
    connection: Mutex<Connection>,
    limits: Limits,
}

impl Results {
    /// Opens the file, or begins one. One that is damaged is put aside beside it.
    pub fn open(path: &Path, limits: Limits) -> Result<Self, ResultsError> {
        Ok(Self { connection: Mutex::new(schema::open(path)?), limits })
    }

    /// Keeps observations. Of a success the transcript is left out.
    pub fn keep(&self, observations: &[Observation]) -> Result<(), ResultsError> {
        let mut connection = self.lock();
        let mut keep = || -> rusqlite::Result<()> {
            let transaction = connection.transaction()?;
            {
                let mut insert = transaction.prepare_cached(
                    "INSERT INTO observations (ended, probe, target, succeeded, body) VALUES (?1, ?2, ?3, ?4, ?5)",
                )?;
                for observation in observations {
                    let succeeded = observation.finding.outcome == Outcome::Succeeded;
                    let (ended, probe, target) =
                        (observation.ended().0, &observation.probe, &observation.target);
                    insert.execute(params![ended, probe, target, succeeded, body(&kept(observation))])?;
                }
            }
            transaction.commit()
        };
        keep().map_err(ResultsError::Write)
    }

    /// The newest observations of those that are wanted, the oldest of them first.
    pub fn find(&self, wanted: &Wanted) -> Result<Vec<Observation>, ResultsError> {
        let connection = self.lock();
        let find = || -> rusqlite::Result<Vec<Observation>> {
            let mut select = connection.prepare_cached(
                "SELECT body FROM observations
                 WHERE (?1 IS NULL OR probe = ?1) AND (?2 IS NULL OR target = ?2 COLLATE NOCASE)
                 AND (NOT ?3 OR NOT succeeded) ORDER BY ended DESC, id DESC LIMIT ?4",
            )?;
            let (probe, target) = (&wanted.probe, &wanted.target);
            let rows = select.query_map(params![probe, target, wanted.failures_only, wanted.limit], text)?;
            rows.filter_map(|row| row.map(|body| read(&body)).transpose()).collect()
        };
        let mut found = find().map_err(ResultsError::Read)?;
        found.reverse();
        Ok(found)
    }

    /// Keeps that a monitor says something else now.
    pub fn keep_verdict(&self, verdict: &Verdict) -> Result<(), ResultsError> {
        let connection = self.lock();
        let insert = "INSERT INTO verdicts (since, monitor, target, body) VALUES (?1, ?2, ?3, ?4)";
        let (since, monitor, target) = (verdict.since.0, &verdict.monitor, &verdict.target);
        let kept = connection.execute(insert, params![since, monitor, target, body(verdict)]);
        kept.map(drop).map_err(ResultsError::Write)
    }

    /// What each monitor said last of each of its targets.
    pub fn last_verdicts(&self) -> Result<Vec<Verdict>, ResultsError> {
        self.verdicts(
            "SELECT body FROM verdicts WHERE id IN (SELECT max(id) FROM verdicts GROUP BY monitor, target)
                       AND ?1 = ?1",
            0,
        )
    }

    /// What monitors have come to say since a moment, the oldest first.
    pub fn verdicts_since(&self, since: UnixMillis) -> Result<Vec<Verdict>, ResultsError> {
        self.verdicts("SELECT body FROM verdicts WHERE since >= ?1 ORDER BY since, id", since.0)
    }

    fn verdicts(&self, select: &str, since: u64) -> Result<Vec<Verdict>, ResultsError> {
        let connection = self.lock();
        let find = || -> rusqlite::Result<Vec<Verdict>> {
            let mut select = connection.prepare_cached(select)?;
            let rows = select.query_map([since], text)?;
            rows.filter_map(|row| row.map(|body| read(&body)).transpose()).collect()
        };
        find().map_err(ResultsError::Read)
    }

    /// Lets go of what is too old or too much. The last verdict of each monitor stays whatever its age.
    pub fn trim(&self, now: UnixMillis) -> Result<(), ResultsError> {
        let connection = self.lock();
        let before = |age: Duration| now.0.saturating_sub(u64::try_from(age.as_millis()).unwrap_or(u64::MAX));
        let trim = || -> rusqlite::Result<()> {
            let (successes, failures) = (before(self.limits.successes), before(self.limits.failures));
            connection.execute("DELETE FROM observations WHERE succeeded AND ended < ?1", [successes])?;
            connection.execute("DELETE FROM observations WHERE NOT succeeded AND ended < ?1", [failures])?;
            connection.execute(
                "DELETE FROM verdicts WHERE since < ?1 AND id NOT IN
                 (SELECT max(id) FROM verdicts GROUP BY monitor, target)",
                [failures],
            )?;
            // An eighth at a time: deleting a little at every turn would never get ahead of what comes in.
            for succeeded in [true, true, true, false, false, false] {
                if used(&connection)? <= self.limits.octets {
                    break;
                }
                connection.execute(
                    "DELETE FROM observations WHERE id IN (SELECT id FROM observations WHERE succeeded = ?1
                     ORDER BY ended LIMIT (SELECT count(*) / 8 + 1 FROM observations WHERE succeeded = ?1))",
                    [succeeded],
                )?;
            }
            connection.execute_batch("PRAGMA incremental_vacuum")
        };
        trim().map_err(ResultsError::Write)
    }

    /// A panic elsewhere leaves the file as sound as a kill does.
    fn lock(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The octets in use, without the pages that are free.
fn used(connection: &Connection) -> rusqlite::Result<u64> {
    let number = |name| connection.pragma_query_value(None, name, |row| row.get::<_, u64>(0));
    Ok((number("page_count")? - number("freelist_count")?) * number("page_size")?)
}

fn kept(observation: &Observation) -> Observation {
    let mut kept = observation.clone();
    if kept.finding.outcome == Outcome::Succeeded {
        kept.finding.transcript.clear();
    }
    kept
}

/// What is kept is made of texts and numbers, which JSON can always hold.
fn body(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

fn text(row: &rusqlite::Row<'_>) -> rusqlite::Result<String> {
    row.get(0)
}

/// A row of another version that cannot be read any more is as good as gone.
fn read<T: DeserializeOwned>(body: &str) -> Option<T> {
    serde_json::from_str(body).ok()
}
