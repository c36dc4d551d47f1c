//! A file that only ever holds whole lines.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// A file being appended to.
pub(crate) struct AppendFile {
    path: PathBuf,
    file: File,
    length: u64,
}

impl AppendFile {
    /// Opens or makes the file and the folder it is in. The rest of a line that a crash cut off is ended.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        if let Some(folder) = path.parent() {
            DirBuilder::new().recursive(true).mode(0o750).create(folder)?;
        }
        let mut file = OpenOptions::new().read(true).append(true).create(true).mode(0o640).open(path)?;
        let mut length = file.seek(SeekFrom::End(0))?;
        if length > 0 {
            let mut last = [0];
            file.seek(SeekFrom::Start(length - 1))?;
            file.read_exact(&mut last)?;
            if last != *b"\n" {
                file.write_all(b"\n")?;
                length += 1;
            }
        }
        Ok(Self { path: path.to_owned(), file, length })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    /// Appends whole lines: all of them, or, after an error, none.
    pub(crate) fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        self.file.write_all(lines).inspect_err(|_| {
            // A disk that fills up takes part of a line; if even this fails, the next opening ends that line.
            let _ = self.file.set_len(self.length);
        })?;
        self.length += lines.len() as u64;
        Ok(())
    }

    /// Whether the file under this path is no longer this one: someone has removed or moved it.
    pub(crate) fn is_gone(&self) -> bool {
        let ours = self.file.metadata().map(|meta| (meta.dev(), meta.ino()));
        let there = std::fs::metadata(&self.path).map(|meta| (meta.dev(), meta.ino()));
        !matches!((ours, there), (Ok(ours), Ok(there)) if ours == there)
    }
}
