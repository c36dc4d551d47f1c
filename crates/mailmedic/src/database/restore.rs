//! `mailmedic database restore`: a database made from a backup, in place of what is there.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use mailbox_sqlite::DatabaseError;
use shell::{Failure, Outcome};

use crate::progress::Bar;
use crate::screen::say;
use crate::site::database_failure;

/// Restores the database called `name` in `folder`. What is there goes aside only once the restored one is whole.
pub(super) fn restore(folder: &Path, name: &str, from: &Path, replace: bool) -> Outcome {
    if !from.is_file() {
        return Err(Failure::bad_input(format!("there is no backup {}", from.display())));
    }
    let _mount_lock = lock(folder, name)?;
    let taken = folder.join("mail.sqlite").exists();
    if taken && !replace {
        return Err(Failure::bad_input(format!(
            "there is a database in {}; --replace puts it aside under another name",
            folder.display()
        )));
    }
    let new = beside(folder, "restoring");
    // Left by a restore that was interrupted; nothing but that has this name.
    match std::fs::remove_dir_all(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(cannot("remove", &new, &error)),
        _ => {}
    }
    let mut bar = Bar::new(format!("restoring {name}"));
    let restored =
        mailbox_sqlite::restore(from, &new, &mut |progress| bar.show(progress.done, progress.total));
    bar.clear();
    restored.map_err(|error| database_failure(&error))?;
    if folder.exists() {
        let aside = beside(folder, &Timestamp::now().strftime("replaced-%Y%m%dT%H%M%SZ").to_string());
        std::fs::rename(folder, &aside).map_err(|error| cannot("put aside", folder, &error))?;
        if taken {
            say(format_args!("what {name} held is kept in {}", aside.display()))?;
        } else {
            // Only a lock and a reserve were in it.
            std::fs::remove_dir_all(&aside).map_err(|error| cannot("remove", &aside, &error))?;
        }
    }
    std::fs::rename(&new, folder)
        .and_then(|()| File::open(folder.parent().unwrap_or(Path::new(".")))?.sync_all())
        .map_err(|error| cannot("put into place", &new, &error))?;
    say(format_args!("{name} is restored from {}", from.display()))
}

/// Keeps everybody from mounting the database that is to go; refuses if somebody has it mounted.
fn lock(folder: &Path, name: &str) -> Outcome<Option<File>> {
    let path = folder.join("lock");
    let file = match OpenOptions::new().write(true).open(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file.map_err(|error| cannot("open", &path, &error))?,
    };
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => {
            let in_use = DatabaseError::InUse { directory: folder.to_owned() };
            Err(Failure::failed(format!(
                "{in_use}; dismount it first (`mailmedic database dismount {name}`, or `mailmedic down`); {name} is unchanged"
            )))
        }
        Err(TryLockError::Error(error)) => Err(cannot("lock", &path, &error)),
    }
}

/// `DB01.what`, beside `DB01`.
fn beside(folder: &Path, what: &str) -> PathBuf {
    let mut name = folder.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{what}"));
    folder.with_file_name(name)
}

fn cannot(what: &str, path: &Path, error: &io::Error) -> Failure {
    Failure::failed(format!("cannot {what} {}: {error}", path.display()))
}

#[cfg(test)]
mod tests;
