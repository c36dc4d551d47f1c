//! A message on its way in: in memory while it is small, in a file without a name once it is not.
//!
//! Nothing here is durable, and the file goes with its last user: mail is acknowledged only once it is stored elsewhere.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use bytes::{Bytes, BytesMut};

/// A message being received.
#[derive(Debug)]
pub struct Spool {
    folder: PathBuf,
    memory: usize,
    length: u64,
    place: Place,
}

#[derive(Debug)]
enum Place {
    Memory(BytesMut),
    File(File),
}

impl Spool {
    /// An empty spool that keeps up to `memory` octets in memory, and more in a file in `folder`, which must exist by then.
    pub fn new(folder: impl Into<PathBuf>, memory: usize) -> Self {
        Self { folder: folder.into(), memory, length: 0, place: Place::Memory(BytesMut::new()) }
    }

    /// Appends `octets`, which may wait for the disk. After an error the spool is of no more use.
    pub fn append(&mut self, octets: &[u8]) -> io::Result<()> {
        if let Place::Memory(buffer) = &self.place
            && buffer.len() + octets.len() > self.memory
        {
            let mut file = tempfile::tempfile_in(&self.folder)?;
            file.write_all(buffer)?;
            self.place = Place::File(file);
        }
        match &mut self.place {
            Place::Memory(buffer) => buffer.extend_from_slice(octets),
            Place::File(file) => file.write_all(octets)?,
        }
        self.length += octets.len() as u64;
        Ok(())
    }

    /// How many octets there are so far.
    pub fn len(&self) -> u64 {
        self.length
    }

    /// Whether there are none so far.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Ends the receiving.
    pub fn finish(self) -> Spooled {
        let contents = match self.place {
            Place::Memory(buffer) => Contents::Memory(buffer.freeze()),
            Place::File(file) => Contents::File(file),
        };
        Spooled { contents, length: self.length }
    }
}

/// A message that has been received, to be read any number of times and by several readers at once.
#[derive(Debug)]
pub struct Spooled {
    contents: Contents,
    length: u64,
}

#[derive(Debug)]
enum Contents {
    Memory(Bytes),
    File(File),
}

impl Spooled {
    /// How many octets there are.
    pub fn len(&self) -> u64 {
        self.length
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Up to `length` octets from `offset` on; fewer at the end, none behind it. May wait for the disk.
    pub fn read(&self, offset: u64, length: usize) -> io::Result<Bytes> {
        let left = usize::try_from(self.length.saturating_sub(offset)).unwrap_or(usize::MAX);
        let length = length.min(left);
        match &self.contents {
            Contents::Memory(octets) => {
                let start = usize::try_from(offset).unwrap_or(usize::MAX).min(octets.len());
                Ok(octets.slice(start..start + length))
            }
            Contents::File(file) => {
                let mut octets = BytesMut::zeroed(length);
                file.read_exact_at(&mut octets, offset)?;
                Ok(octets.freeze())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contents(spooled: &Spooled, step: usize) -> Vec<u8> {
        let mut all = Vec::new();
        while all.len() < usize::try_from(spooled.len()).unwrap() {
            all.extend_from_slice(&spooled.read(all.len() as u64, step).unwrap());
        }
        all
    }

    #[test]
    fn what_was_appended_is_read_back_from_memory_and_from_a_file() {
        let folder = tempfile::tempdir().unwrap();
        for memory in [0, 10, 1000] {
            let mut spool = Spool::new(folder.path(), memory);
            let octets: Vec<u8> = (0..200).collect();
            for some in octets.chunks(7) {
                spool.append(some).unwrap();
            }
            let spooled = spool.finish();
            assert_eq!(contents(&spooled, 33), octets, "with {memory} octets of memory");
            assert!(spooled.read(200, 10).unwrap().is_empty());
            assert!(spooled.read(u64::MAX, 10).unwrap().is_empty());
        }
    }

    #[test]
    fn a_small_message_needs_no_folder() {
        let mut spool = Spool::new("/nowhere/at/all", 10);
        spool.append(b"0123456789").unwrap();
        assert_eq!(spool.finish().read(8, 10).unwrap(), "89");
    }

    #[test]
    fn a_large_message_leaves_no_name_in_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let mut spool = Spool::new(folder.path(), 1);
        spool.append(b"more than one octet").unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_folder_that_is_missing_is_an_error_once_it_is_needed() {
        let mut spool = Spool::new("/nowhere/at/all", 1);
        assert_eq!(spool.append(b"more than one octet").unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
