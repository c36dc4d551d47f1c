//! The files of the service log: one that keeps its name, older ones beside it with `.1`, `.2` and so on.

use std::io;
use std::path::PathBuf;

use super::ServiceLogSettings;
use crate::lines::{AppendFile, Sink};

pub(super) struct Files {
    path: PathBuf,
    limit: u64,
    older: u32,
    current: Option<AppendFile>,
}

impl Files {
    pub(super) fn new(settings: &ServiceLogSettings) -> Self {
        let path = settings.file.clone();
        Self { path, limit: settings.file_size, older: settings.older_files, current: None }
    }

    fn numbered(&self, number: u32) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(format!(".{number}"));
        name.into()
    }

    /// Makes room for a new file under the old name. What is missing is no reason to stop.
    fn shift(&self) {
        for number in (1..self.older).rev() {
            let _ = std::fs::rename(self.numbered(number), self.numbered(number + 1));
        }
        let _ = std::fs::rename(&self.path, self.numbered(1));
    }
}

impl Sink for Files {
    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        let mut file = match self.current.take().filter(|file| !file.is_gone()) {
            Some(file) => file,
            None => AppendFile::open(&self.path)?,
        };
        if file.length() >= self.limit {
            self.shift();
            file = AppendFile::open(&self.path)?;
        }
        // By the line, so that a file is never much larger than it may be.
        let room = usize::try_from(self.limit.saturating_sub(file.length())).unwrap_or(usize::MAX);
        let some = &lines[..crate::lines::whole_lines(lines, room)];
        let file = self.current.insert(file);
        file.append(some)?;
        Ok(some.len())
    }
}
