//! The directory that a database lives in: its files, its lock, its file system and the space left there.

use std::{
    fs::{DirBuilder, File, OpenOptions, TryLockError},
    io,
    os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt},
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use rusqlite::params;
use rustix::fs::{FallocateFlags, fallocate, fstatfs, statvfs};

use crate::{CreateOptions, error::DatabaseError, schema};

/// A database's directory.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    directory: PathBuf,
}

/// Held while a database is mounted, created or restored. The operating system lets go of it when the process ends,
/// however it ends.
#[derive(Debug)]
pub(crate) struct Lock {
    file: File,
}

impl Drop for Lock {
    /// Closing the file would do, but for a process that is being started just now and has a copy of everything open.
    fn drop(&mut self) {
        let _ = self.file.unlock();
    }
}

/// Makes a new, empty database in `directory`, which is made, too, if its parent exists.
pub fn create(directory: &Path, options: CreateOptions) -> Result<(), DatabaseError> {
    let place = Place::make(directory)?;
    let _lock = place.lock(Duration::ZERO)?;
    place.refuse_overwriting()?;
    install(&place.database(), |file| {
        let to_create = || DatabaseError::sqlite("create a mailbox database", file);
        let mut connection = schema::open_writable(file, 1 << 20).map_err(to_create())?;
        let pragmas = format!(
            "PRAGMA page_size = {}; PRAGMA journal_mode = WAL; PRAGMA application_id = {};",
            options.page_size,
            schema::APPLICATION,
        );
        connection.execute_batch(&pragmas).map_err(to_create())?;
        schema::upgrade(&mut connection, file)?;
        let first_row = "INSERT INTO database VALUES (1, 0, 0, ?1, 1, 1, 0)";
        connection.execute(first_row, params![new_epoch(file, &[])?]).map_err(to_create())?;
        connection.close().map_err(|(_, error)| to_create()(error))
    })
}

/// An epoch at random, other than those `used`: neither a database made again nor a backup restored twice may give a
/// name that was given before.
pub(crate) fn new_epoch(file: &Path, used: &[u32]) -> Result<u32, DatabaseError> {
    loop {
        let mut bytes = [0; 4];
        getrandom::fill(&mut bytes)
            .map_err(|error| DatabaseError::io("obtain randomness for", file)(io::Error::other(error)))?;
        let epoch = u32::from_ne_bytes(bytes);
        if epoch != 0 && !used.contains(&epoch) {
            return Ok(epoch);
        }
    }
}

impl Place {
    /// The place of a database that should exist.
    pub(crate) fn existing(directory: &Path) -> Result<Self, DatabaseError> {
        let place = Self { directory: directory.into() };
        let file = place.database();
        if !file.try_exists().map_err(DatabaseError::io("look for", &file))? {
            return Err(DatabaseError::Missing { directory: directory.into() });
        }
        place.require_local_file_system()?;
        Ok(place)
    }

    /// The place of a database that is to be.
    pub(crate) fn make(directory: &Path) -> Result<Self, DatabaseError> {
        match DirBuilder::new().mode(0o700).create(directory) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(DatabaseError::io("create the directory", directory)(error));
            }
            _ => {}
        }
        let place = Self { directory: directory.into() };
        place.require_local_file_system()?;
        Ok(place)
    }

    /// The file with all the mail.
    pub(crate) fn database(&self) -> PathBuf {
        self.directory.join("mail.sqlite")
    }

    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    pub(crate) fn refuse_overwriting(&self) -> Result<(), DatabaseError> {
        for name in ["mail.sqlite", "mail.sqlite-wal"] {
            let file = self.directory.join(name);
            if file.exists() {
                return Err(DatabaseError::Exists { file });
            }
        }
        Ok(())
    }

    /// Takes the lock, waiting `patience` for another process that holds it.
    pub(crate) fn lock(&self, patience: Duration) -> Result<Lock, DatabaseError> {
        let path = self.directory.join("lock");
        let file = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&path);
        let file = file.map_err(DatabaseError::io("open the lock file", &path))?;
        let deadline = Instant::now() + patience;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Lock { file }),
                Err(TryLockError::Error(error)) => return Err(DatabaseError::io("lock", &path)(error)),
                // A lock that is waited for cannot be given up, so it is asked for again and again.
                Err(TryLockError::WouldBlock) if Instant::now() < deadline => {
                    thread::sleep(Duration::from_millis(5));
                }
                Err(TryLockError::WouldBlock) => {
                    return Err(DatabaseError::InUse { directory: self.directory.clone() });
                }
            }
        }
    }

    fn require_local_file_system(&self) -> Result<(), DatabaseError> {
        let asked = File::open(&self.directory).and_then(|directory| Ok(fstatfs(directory)?));
        let found = asked.map_err(DatabaseError::io("find the file system of", &self.directory))?;
        // The width and sign of f_type differ between platforms; the magic numbers have 32 bits.
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "only 32 bits count")]
        match remote(found.f_type as u32) {
            None => Ok(()),
            Some(kind) => Err(DatabaseError::RemoteFileSystem { directory: self.directory.clone(), kind }),
        }
    }

    /// Free bytes on the file system.
    pub(crate) fn free_space(&self) -> io::Result<u64> {
        let found = statvfs(&self.directory)?;
        Ok(found.f_bavail.saturating_mul(found.f_frsize))
    }

    /// Holds `size` bytes of the disk back, unless they are held back already.
    pub(crate) fn hold_reserve(&self, size: u64) -> io::Result<()> {
        let path = self.directory.join("reserve");
        let file = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&path)?;
        if file.metadata()?.len() == size {
            return Ok(());
        }
        let held = file.set_len(0).and_then(|()| allocate(&file, size));
        if held.is_err() {
            // Half a reserve would be taken for a whole one, or fill the disk for nothing.
            std::fs::remove_file(&path)?;
        }
        held
    }

    /// Gives back what was held back; whether there was anything.
    pub(crate) fn release_reserve(&self) -> bool {
        std::fs::remove_file(self.directory.join("reserve")).is_ok()
    }
}

fn allocate(file: &File, size: u64) -> io::Result<()> {
    if size == 0 || fallocate(file, FallocateFlags::empty(), 0, size).is_ok() {
        return Ok(());
    }
    // Not every file system can promise space; all can be written to.
    let zeros = [0; 1 << 12];
    for at in (0..size).step_by(zeros.len()) {
        let rest = usize::try_from(size - at).unwrap_or(zeros.len());
        file.write_all_at(&zeros[..zeros.len().min(rest)], at)?;
    }
    file.sync_all()
}

/// Has the database file `to` written under another name and puts it into place when it is whole and durable. What an
/// earlier attempt left unfinished is removed.
pub(crate) fn install(
    to: &Path,
    write: impl FnOnce(&Path) -> Result<(), DatabaseError>,
) -> Result<(), DatabaseError> {
    let beside = |ending: &str| {
        let mut name = to.as_os_str().to_owned();
        name.push(ending);
        PathBuf::from(name)
    };
    let unfinished = beside(".unfinished");
    for left_over in [".unfinished", ".unfinished-wal", ".unfinished-shm", ".unfinished-journal"] {
        remove_if_there(&beside(left_over))?;
    }
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&unfinished)
        .map_err(DatabaseError::io("create the file", &unfinished))?;
    write(&unfinished)?;
    sync(&unfinished)?;
    if to.exists() {
        return Err(DatabaseError::Exists { file: to.into() });
    }
    std::fs::rename(&unfinished, to).map_err(DatabaseError::io("put into place", to))?;
    let parent = to.parent().filter(|parent| !parent.as_os_str().is_empty());
    sync(parent.unwrap_or(Path::new(".")))
}

fn sync(path: &Path) -> Result<(), DatabaseError> {
    File::open(path).and_then(|file| file.sync_all()).map_err(DatabaseError::io("make durable", path))
}

fn remove_if_there(file: &Path) -> Result<(), DatabaseError> {
    match std::fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(DatabaseError::io("remove", file)(error))
        }
        _ => Ok(()),
    }
}

/// The name of a file system whose locks or fsync go through someone else's hands, by its magic number (statfs(2)).
const fn remote(magic: u32) -> Option<&'static str> {
    match magic {
        0x6969 => Some("NFS"),
        0x517b | 0xff53_4d42 | 0xfe53_4d42 => Some("SMB/CIFS"),
        0x6573_5546 => Some("FUSE"),
        0x0102_1997 => Some("9P"),
        0x00c3_6400 => Some("Ceph"),
        0x5346_414f | 0x6b41_4653 => Some("AFS"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remote_file_systems_are_known_by_their_numbers_and_local_ones_pass() {
        for magic in [0x6969, 0xff53_4d42, 0xfe53_4d42, 0x6573_5546] {
            assert!(remote(magic).is_some(), "{magic:#x}");
        }
        // ext4, XFS, btrfs, tmpfs, overlayfs.
        for magic in [0xef53, 0x5846_5342, 0x9123_683e, 0x0102_1994, 0x794c_7630] {
            assert_eq!(remote(magic), None, "{magic:#x}");
        }
    }

    #[test]
    fn a_lock_is_held_by_one_at_a_time() {
        let directory = tempfile::tempdir().unwrap();
        let place = Place::make(directory.path()).unwrap();
        let held = place.lock(Duration::ZERO).unwrap();
        assert!(matches!(place.lock(Duration::ZERO), Err(DatabaseError::InUse { .. })));
        drop(held);
        place.lock(Duration::ZERO).unwrap();
    }

    #[test]
    fn a_lock_is_waited_for_as_long_as_told() {
        let directory = tempfile::tempdir().unwrap();
        let place = Place::make(directory.path()).unwrap();
        let held = place.lock(Duration::ZERO).unwrap();
        assert!(place.lock(Duration::from_millis(1)).is_err());
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| place.lock(Duration::from_mins(1)));
            drop(held);
            waiting.join().unwrap().unwrap();
        });
    }

    #[test]
    fn the_reserve_takes_space_until_it_is_released() {
        let directory = tempfile::tempdir().unwrap();
        let place = Place::make(directory.path()).unwrap();
        place.hold_reserve(1 << 20).unwrap();
        place.hold_reserve(1 << 20).unwrap();
        assert_eq!(directory.path().join("reserve").metadata().unwrap().len(), 1 << 20);
        assert!(place.release_reserve());
        assert!(!place.release_reserve());
    }

    #[test]
    fn an_epoch_is_never_one_that_was_used() {
        let epoch = new_epoch(Path::new("mail.sqlite"), &[]).unwrap();
        assert_ne!(epoch, 0);
        assert_ne!(new_epoch(Path::new("mail.sqlite"), &[epoch]).unwrap(), epoch);
    }
}
