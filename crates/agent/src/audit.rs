//! The audit log: who asked this agent to change what, and what came of it.
//!
//! One line of JSON for each request, on disk before the caller has the answer. Every agent keeps its own; whoever asks for
//! the log gets those of all.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use admin_api::rows::{AuditQuery, AuditRow};
use admin_api::{Caller, Problem};

use crate::clock;

/// How many lines are answered if nobody says.
const USUAL: usize = 1000;

/// The audit log of one agent.
#[derive(Debug)]
pub(crate) struct Audit {
    path: PathBuf,
    server: String,
    file: Mutex<File>,
}

impl Audit {
    /// Opens the log of `server`'s agent, or begins it.
    pub(crate) fn open(path: &Path, server: &str) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).mode(0o640).open(path)?;
        Ok(Self { path: path.into(), server: server.to_owned(), file: Mutex::new(file) })
    }

    /// Writes down what was asked and what came of it. A log that cannot be written is told, and undoes nothing.
    pub(crate) fn note(
        &self,
        caller: &Caller,
        (action, target): (&str, &str),
        reason: Option<&str>,
        outcome: Result<String, &Problem>,
    ) {
        let row = AuditRow {
            at: clock::now(),
            server: self.server.clone(),
            who: caller.name.clone(),
            role: caller.role,
            action: action.to_owned(),
            target: target.to_owned(),
            reason: reason.map(str::to_owned),
            outcome: outcome.unwrap_or_else(|problem| format!("{}: {}", problem.title, problem.detail)),
        };
        if let Err(error) = self.append(&row) {
            tracing::error!(%error, ?row, "the audit log cannot be written");
        }
    }

    fn append(&self, row: &AuditRow) -> io::Result<()> {
        let mut line = serde_json::to_vec(row)?;
        line.push(b'\n');
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.write_all(&line)?;
        file.sync_data()
    }

    /// The newest lines that the query means, the newest last.
    pub(crate) fn read(&self, query: &AuditQuery) -> io::Result<Vec<AuditRow>> {
        let limit = query.limit.unwrap_or(USUAL);
        let mut rows = Vec::new();
        for line in BufReader::new(File::open(&self.path)?).lines() {
            // A line that a crash cut short is no line.
            let Ok(row) = serde_json::from_str::<AuditRow>(&line?) else { continue };
            if query.since.as_ref().is_none_or(|since| row.at >= *since) {
                rows.push(row);
            }
        }
        rows.drain(..rows.len().saturating_sub(limit));
        Ok(rows)
    }
}

#[cfg(test)]
mod tests {
    use admin_api::{Kind, Role};

    use super::*;

    fn caller() -> Caller {
        Caller { name: "ann".into(), role: Role::Operator }
    }

    #[test]
    fn what_was_asked_is_there_after_a_restart_the_newest_last() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.jsonl");
        Audit::open(&path, "mbx1").unwrap().note(
            &caller(),
            ("drain", "mbx1"),
            Some("kernel"),
            Ok("done".into()),
        );
        let audit = Audit::open(&path, "mbx1").unwrap();
        let refused = Problem::new(Kind::Refused, "it is the last one");
        audit.note(&caller(), ("restart", "mbx1"), None, Err(&refused));
        let rows = audit.read(&AuditQuery::default()).unwrap();
        assert_eq!(rows.iter().map(|row| row.action.as_str()).collect::<Vec<_>>(), ["drain", "restart"]);
        assert_eq!(rows[0].reason.as_deref(), Some("kernel"));
        assert!(rows[1].outcome.ends_with("it is the last one"), "{}", rows[1].outcome);
        let newest = audit.read(&AuditQuery { limit: Some(1), ..AuditQuery::default() }).unwrap();
        assert_eq!(newest[0].action, "restart");
    }

    #[test]
    fn a_line_that_a_crash_cut_short_hides_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.jsonl");
        std::fs::write(&path, "{\"at\": \"2026-").unwrap();
        let audit = Audit::open(&path, "mbx1").unwrap();
        audit.note(&caller(), ("drain", "mbx1"), None, Ok("done".into()));
        audit.note(&caller(), ("allow", "mbx1"), None, Ok("done".into()));
        assert_eq!(audit.read(&AuditQuery::default()).unwrap().last().unwrap().action, "allow");
    }
}
