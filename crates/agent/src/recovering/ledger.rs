//! The journal on the disk: one line of JSON for each entry, there before anybody is told.
//!
//! A line that a crash cut short was not finished, so what it speaks of was not done: it is cut off when the journal is
//! opened. What has long been over is left out then too.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use health::recovery::{Entry, Event, Journal};
use placement::UnixMillis;
use tokio::sync::watch;

use crate::clock::unix_millis;

/// How long a recovery that is over is kept: 90 days.
const KEPT: u64 = 90 * 24 * 60 * 60 * 1000;

/// The journal of one agent.
pub(crate) struct Ledger {
    inner: Mutex<Inner>,
    /// Counts the entries, for whoever waits for one.
    changes: watch::Sender<u64>,
}

struct Inner {
    file: File,
    /// The length of the file up to the last entry that is complete.
    length: u64,
    journal: Journal,
}

impl Ledger {
    /// Opens the journal, or begins it.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let text = match std::fs::read(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(error),
        };
        let complete = text.iter().rposition(|octet| *octet == b'\n').map_or(0, |end| end + 1);
        if complete < text.len() {
            tracing::info!(
                octets = text.len() - complete,
                "the journal ends in an entry that was not finished; it is cut off"
            );
        }
        let lines = text[..complete].split(|octet| *octet == b'\n').filter(|line| !line.is_empty());
        let entries = lines.filter_map(|line| {
            let read = serde_json::from_slice::<Entry>(line);
            read.inspect_err(
                |error| tracing::warn!(%error, "an entry of the journal cannot be read and is passed over"),
            )
            .ok()
        });
        let mut journal = Journal::of(entries);
        let before = journal.entries().len();
        journal.forget_before(UnixMillis(unix_millis().0.saturating_sub(KEPT)));
        if journal.entries().len() < before || complete < text.len() {
            rewrite(path, &journal)?;
        }
        let file = OpenOptions::new().create(true).append(true).mode(0o640).open(path)?;
        let length = file.metadata()?.len();
        sync_folder(path)?;
        Ok(Self { inner: Mutex::new(Inner { file, length, journal }), changes: watch::Sender::new(0) })
    }

    /// Writes an entry down; returns once it is on the disk. If it cannot be, nothing of it is left.
    pub(crate) fn write(&self, recovery: Option<u64>, event: Event) -> io::Result<Entry> {
        let entry = Entry { at: unix_millis(), recovery, event };
        let mut line = serde_json::to_vec(&entry)?;
        line.push(b'\n');
        let mut inner = self.inner();
        let length = inner.length;
        let written = inner.file.write_all(&line).and_then(|()| inner.file.sync_data());
        if let Err(error) = written {
            // What is cut short would be taken for the beginning of the next.
            inner.file.set_len(length)?;
            return Err(error);
        }
        inner.length = length + line.len() as u64;
        inner.journal.take(entry.clone());
        drop(inner);
        self.changes.send_modify(|count| *count += 1);
        Ok(entry)
    }

    /// Looks at the journal.
    pub(crate) fn read<T>(&self, look: impl FnOnce(&Journal) -> T) -> T {
        look(&self.inner().journal)
    }

    /// Tells of every entry that is written from now on.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Puts a journal in the place of what stands there: all of it or nothing.
fn rewrite(path: &Path, journal: &Journal) -> io::Result<()> {
    let beside = beside(path);
    let mut file = OpenOptions::new().create(true).write(true).truncate(true).mode(0o640).open(&beside)?;
    for entry in journal.entries() {
        serde_json::to_writer(&mut file, entry)?;
        file.write_all(b"\n")?;
    }
    file.sync_all()?;
    std::fs::rename(&beside, path)?;
    sync_folder(path)
}

fn beside(path: &Path) -> PathBuf {
    path.with_extension("new")
}

fn sync_folder(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn restarted(service: &str) -> Event {
        Event::Restarted { service: service.to_owned() }
    }

    #[test]
    fn an_entry_that_a_crash_cut_short_at_any_octet_is_cut_off_and_the_next_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("recovery.journal");
        let ledger = Ledger::open(&path).unwrap();
        ledger.write(None, restarted("frontend")).unwrap();
        ledger.write(None, restarted("backend")).unwrap();
        drop(ledger);
        let whole = std::fs::read(&path).unwrap();
        let first = whole.iter().position(|octet| *octet == b'\n').unwrap() + 1;
        for cut in 0..whole.len() {
            std::fs::write(&path, &whole[..cut]).unwrap();
            let ledger = Ledger::open(&path).unwrap();
            ledger.write(None, restarted("agent")).unwrap();
            drop(ledger);
            let told: Vec<_> = Ledger::open(&path)
                .unwrap()
                .read(|journal| journal.entries().iter().map(|entry| entry.event.clone()).collect());
            let mut expected = vec![restarted("agent")];
            if cut >= first {
                expected.insert(0, restarted("frontend"));
            }
            assert_eq!(told, expected, "cut at {cut}");
        }
    }

    #[test]
    fn what_was_over_long_ago_is_left_out_and_its_number_does_not_come_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("recovery.journal");
        let ancient = r#"{"at":1000,"recovery":7,"event":"opened","ladder":"front-end","rung":0,"monitor":"PopProxyTestMonitor","target":"POP3","server":"cas1","why":"","blame":""}
{"at":2000,"recovery":7,"event":"ended","outcome":"recovered"}
{"at":1000,"event":"restarted","service":"frontend"}
"#;
        std::fs::write(&path, ancient).unwrap();
        let ledger = Ledger::open(&path).unwrap();
        assert_eq!(ledger.read(Journal::next_number), 8);
        assert!(ledger.read(|journal| journal.entries().iter().all(|entry| entry.recovery.is_some())));
    }

    #[test]
    fn a_line_that_is_no_entry_hides_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("recovery.journal");
        std::fs::write(&path, "{\"at\":1,\"event\":\"of-a-newer-version\"}\n").unwrap();
        let ledger = Ledger::open(&path).unwrap();
        ledger.write(None, restarted("backend")).unwrap();
        assert_eq!(ledger.read(|journal| journal.entries().len()), 1);
    }
}
