//! The files of the service log: one that keeps its name, older ones beside it with `.1`, `.2` and so on.

use std::io;
use std::path::PathBuf;

use super::ServiceLogSettings;
use crate::lines::{AppendFile, Sink, first_line, whole_lines};

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
        let mut file = match self.current.take() {
            Some(file) if !file.is_gone() => file,
            _ => AppendFile::open(&self.path)?,
        };
        if file.length() > 0 && file.length() + first_line(lines) as u64 > self.limit {
            self.shift();
            file = AppendFile::open(&self.path)?;
        }
        let some = whole_lines(lines, self.limit.saturating_sub(file.length()));
        let appended = file.append(some);
        self.current = Some(file);
        appended.map(|()| some.len())
    }
}
