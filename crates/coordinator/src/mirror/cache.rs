//! The last view, on the disk.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::View;
use crate::{Prefix, Reading, Revision};

/// The least time between two writes; what changes meanwhile is written together.
const PAUSE: Duration = Duration::from_millis(200);

pub(super) struct Cache {
    file: PathBuf,
    prefix: Prefix,
}

#[derive(Serialize, Deserialize)]
struct Contents {
    prefix: Prefix,
    reading: Reading,
}

impl Cache {
    pub(super) fn new(file: PathBuf, prefix: Prefix) -> Self {
        Self { file, prefix }
    }

    /// What was written last. A file that cannot be used counts as none: the coordinator has the truth.
    pub(super) fn read(&self) -> Option<Reading> {
        let read = fs::read(&self.file).and_then(|text| Ok(serde_json::from_slice::<Contents>(&text)?));
        match read {
            Ok(contents) if contents.prefix == self.prefix => Some(contents.reading),
            Ok(contents) => {
                let (file, found) = (self.file.display(), contents.prefix);
                tracing::warn!(%file, %found, "the last view is that of another part of the store");
                None
            }
            Err(error) => {
                if error.kind() != io::ErrorKind::NotFound {
                    tracing::warn!(file = %self.file.display(), %error, "the last view cannot be read");
                }
                None
            }
        }
    }

    /// Writes every view that differs from what was `written`, for as long as there are any to come.
    pub(super) async fn keep(self, mut view: watch::Receiver<Arc<View>>, mut written: (u64, Revision)) {
        let mut failing = false;
        loop {
            let next = Arc::clone(&view.borrow_and_update());
            if next.at() != written {
                let (file, contents) = (self.file.clone(), self.contents(&next));
                let write = move || replace(&file, &serde_json::to_vec(&contents)?);
                match tokio::task::spawn_blocking(write).await {
                    Ok(Ok(())) => (written, failing) = (next.at(), false),
                    Ok(Err(error)) => {
                        if !std::mem::replace(&mut failing, true) {
                            tracing::warn!(file = %self.file.display(), %error, "the view cannot be written");
                        }
                    }
                    Err(_) => return,
                }
                tokio::time::sleep(PAUSE).await;
            }
            if view.changed().await.is_err() {
                return;
            }
        }
    }

    fn contents(&self, view: &View) -> Contents {
        let entries = view.entries.values().cloned().collect();
        let reading = Reading { epoch: view.epoch, revision: view.revision, entries };
        Contents { prefix: self.prefix.clone(), reading }
    }
}

/// Replaces the file, all of it or nothing, and durably.
fn replace(file: &Path, contents: &[u8]) -> io::Result<()> {
    let new = file.with_extension(format!("new-{}", std::process::id()));
    let written = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&new);
    let written = written.and_then(|mut file| {
        file.write_all(contents)?;
        file.sync_all()
    });
    written.and_then(|()| fs::rename(&new, file)).inspect_err(|_| {
        let _ = fs::remove_file(&new);
    })?;
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}
