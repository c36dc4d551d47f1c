//! A mounted database: what its threads share, how it is mounted and how that ends.

use std::{
    error::Error,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::Arc,
    thread::{self, JoinHandle},
};

use mailbox::{FencingToken, LivingSnapshots, MailboxError};
use rusqlite::{Connection, Transaction, TransactionBehavior, config::DbConfig, params};
use tokio::sync::watch;

use crate::{
    checkpoint::{Checkpointer, Log},
    error::{DatabaseError, Failure, Severity, severity},
    options::MountOptions,
    place::{Lock, Place},
    queue::Queue,
    reader::{Read, Reader},
    schema,
    writer::{Change, Writer},
};

/// A mailbox database, mounted by this process.
///
/// Dropping it dismounts the database soon after; [`dismount`](Self::dismount) says when.
pub struct SqliteStore {
    pub(crate) mounted: Arc<Mounted>,
    /// Closed when the last thread has ended and the lock is free.
    ended: watch::Sender<()>,
}

/// Whether a database is served by this mount, and if not, why not.
#[derive(Clone, Debug)]
pub enum Standing {
    /// It is served.
    Mounted,
    /// It was dismounted by [`SqliteStore::dismount`].
    Dismounted,
    /// The store carries a token that is not this mount's: another server has it.
    Fenced {
        /// The token of this mount.
        held: FencingToken,
        /// The token found in the store.
        found: FencingToken,
    },
    /// Its storage failed. Nothing is retried: what the page cache holds need not be what the disk holds.
    Failed {
        /// What was being done, as an infinitive.
        operation: &'static str,
        /// What the storage said.
        source: Arc<dyn Error + Send + Sync>,
    },
}

impl Standing {
    const fn is_broken(&self) -> bool {
        matches!(self, Self::Fenced { .. } | Self::Failed { .. })
    }

    /// The answer to whoever asks a store of this standing to do something.
    fn error(self, operation: &'static str) -> MailboxError {
        match self {
            Self::Mounted => MailboxError::Unavailable { operation, source: None },
            Self::Dismounted => MailboxError::NotMounted,
            Self::Fenced { held, found } => MailboxError::Fenced { held, found },
            Self::Failed { operation, source } => MailboxError::Failed { operation, source },
        }
    }
}

/// What the threads of a mount share with those who ask them.
pub(crate) struct Mounted {
    pub(crate) place: Place,
    pub(crate) options: MountOptions,
    pub(crate) living: LivingSnapshots,
    pub(crate) reads: Queue<Read>,
    pub(crate) changes: Queue<Box<dyn Change>>,
    standing: watch::Sender<Standing>,
}

impl Mounted {
    /// Whether nothing may be written any more, not even what was accepted.
    pub(crate) fn is_broken(&self) -> bool {
        self.standing.borrow().is_broken()
    }

    /// Ends the mount at once: what waits is not done any more.
    pub(crate) fn break_off(&self, reason: Standing) {
        self.leave(reason);
        self.reads.abandon();
        self.changes.abandon();
    }

    fn leave(&self, reason: Standing) {
        self.standing.send_if_modified(|standing| {
            // What was accepted before a dismount is still written, which may break.
            let news = match standing {
                Standing::Mounted => true,
                Standing::Dismounted => reason.is_broken(),
                Standing::Fenced { .. } | Standing::Failed { .. } => false,
            };
            if news {
                if reason.is_broken() {
                    tracing::error!(database = %self.place.directory().display(), ?reason, "broken off");
                }
                *standing = reason;
            }
            news
        });
    }

    /// Why a request will have no answer from a thread.
    pub(crate) fn no_answer(&self, operation: &'static str) -> MailboxError {
        self.standing.borrow().clone().error(operation)
    }

    /// What a failure means to the one who asked, and to the mount: a storage that failed ends it.
    pub(crate) fn judge(&self, operation: &'static str, failure: Failure) -> MailboxError {
        match failure {
            Failure::Refused(error) => {
                if let MailboxError::Fenced { held, found } = error {
                    self.break_off(Standing::Fenced { held, found });
                }
                error
            }
            Failure::Sqlite(error) => match severity(&error) {
                Severity::Full => MailboxError::NoSpace,
                Severity::Broken => self.fail(operation, error),
                Severity::Busy | Severity::Damaged | Severity::Unexpected => {
                    tracing::error!(
                        database = %self.place.directory().display(), %error, "could not {operation}"
                    );
                    MailboxError::Unavailable { operation, source: Some(Arc::new(error)) }
                }
            },
        }
    }

    /// The same of a failure to write. Writing on into a damaged file would damage it more, so that ends the mount, too.
    pub(crate) fn judge_writing(&self, operation: &'static str, failure: Failure) -> MailboxError {
        match failure {
            Failure::Sqlite(error) if severity(&error) == Severity::Damaged => self.fail(operation, error),
            failure => self.judge(operation, failure),
        }
    }

    fn fail(&self, operation: &'static str, error: rusqlite::Error) -> MailboxError {
        self.break_off(Standing::Failed { operation, source: Arc::new(error) });
        self.no_answer(operation)
    }
}

impl SqliteStore {
    /// Mounts the database in `directory` and writes `token` into it, so that every earlier mount of it is fenced
    /// off. Only the header, the schema's version and the token are looked at, so it takes no longer for a large
    /// database; it may wait for the lock and for the disk, so it is not to be called on a task's thread.
    pub fn mount(
        directory: &Path,
        token: FencingToken,
        options: MountOptions,
    ) -> Result<Self, DatabaseError> {
        let place = Place::existing(directory)?;
        let lock = place.lock(options.lock_wait)?;
        let file = place.database();
        let connection = match open(&file, token, &options) {
            // On a full disk, too, mail can be read and deleted.
            Err(error) if error.is_full_disk() && place.release_reserve() => open(&file, token, &options)?,
            opened => opened?,
        };
        let mounted = Arc::new(Mounted {
            living: LivingSnapshots::new(),
            reads: Queue::new(options.queue),
            changes: Queue::new(options.queue),
            standing: watch::Sender::new(Standing::Mounted),
            place,
            options,
        });
        let ended = watch::Sender::new(());
        if let Err(error) = start_threads(&mounted, connection, token, lock, ended.subscribe()) {
            // Those that were started have nothing to wait for.
            mounted.break_off(Standing::Dismounted);
            return Err(error);
        }
        tracing::info!(database = %directory.display(), %token, "mounted");
        Ok(Self { mounted, ended })
    }

    /// Takes no more requests, answers those that were accepted, moves the log into the file and lets go of the lock.
    /// Returns when all that is done, also if the mount had ended before.
    pub async fn dismount(&self) {
        self.close();
        self.ended.closed().await;
    }

    /// Whether the database is still served here, now and whenever that changes.
    pub fn standing(&self) -> watch::Receiver<Standing> {
        self.mounted.standing.subscribe()
    }

    fn close(&self) {
        self.mounted.leave(Standing::Dismounted);
        self.mounted.reads.close();
        self.mounted.changes.close();
    }
}

impl Drop for SqliteStore {
    fn drop(&mut self) {
        self.close();
    }
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore")
            .field("directory", &self.mounted.place.directory())
            .field("standing", &*self.mounted.standing.borrow())
            .finish_non_exhaustive()
    }
}

/// Opens the file to write it, and writes `token` over an earlier one.
fn open(file: &Path, token: FencingToken, options: &MountOptions) -> Result<Connection, DatabaseError> {
    let mut connection = schema::require_ours(schema::open_mounted(file, options.writer_cache), file)?;
    // It is so already, unless somebody put a backup into place by hand.
    connection
        .execute_batch("PRAGMA journal_mode = WAL")
        .map_err(DatabaseError::sqlite("open the mailbox database", file))?;
    schema::upgrade(&mut connection, file)?;
    let found = write_token(&mut connection, token)
        .map_err(DatabaseError::sqlite("write the fencing token", file))?;
    if found > token { Err(DatabaseError::Fenced { held: token, found }) } else { Ok(connection) }
}

/// The token that was found, and replaced unless it is later.
fn write_token(connection: &mut Connection, token: FencingToken) -> rusqlite::Result<FencingToken> {
    let transaction = Transaction::new(connection, TransactionBehavior::Immediate)?;
    let found = read_token(&transaction)?;
    if found < token {
        transaction.execute(
            "UPDATE database SET token_epoch = ?1, token_revision = ?2",
            params![token.epoch, token.revision],
        )?;
    }
    transaction.commit()?;
    Ok(found)
}

pub(crate) fn read_token(connection: &Connection) -> rusqlite::Result<FencingToken> {
    connection.query_row("SELECT token_epoch, token_revision FROM database", [], |row| {
        Ok(FencingToken { epoch: row.get(0)?, revision: row.get(1)? })
    })
}

/// Starts the threads of a mount. The writer is the last to end: it sees the others off, closes the file and gives up
/// the lock. Closing moves the rest of the log into the file, but not if the storage has failed: what is read of the
/// log may not be what was written, and only a new mount compares its checksums.
fn start_threads(
    mounted: &Arc<Mounted>,
    mut connection: Connection,
    token: FencingToken,
    lock: Lock,
    alive: watch::Receiver<()>,
) -> Result<(), DatabaseError> {
    let file = mounted.place.database();
    let to_open = || DatabaseError::sqlite("open the mailbox database", &file);
    let log = Log::attach(&mut connection, &mounted.options).map_err(to_open())?;
    let mut helpers = Vec::new();
    for _ in 0..mounted.options.readers.max(1) {
        let reader = Reader::open(Arc::clone(mounted)).map_err(to_open())?;
        helpers.push(spawn("mail-read", mounted, move || reader.run())?);
    }
    let checkpointer = Checkpointer::open(Arc::clone(mounted), Arc::clone(&log)).map_err(to_open())?;
    helpers.push(spawn("mail-checkpoint", mounted, move || checkpointer.run())?);

    let writer = Writer::new(connection, Arc::clone(mounted), Arc::clone(&log), token);
    let (shared, end) = (Arc::clone(mounted), Arc::clone(&log));
    let started = spawn("mail-write", mounted, move || {
        // A panic of one change is caught where it is made; this one would be in the writer itself.
        let connection = catch_unwind(AssertUnwindSafe(|| writer.run()));
        if connection.is_err() {
            shared.break_off(Standing::Failed {
                operation: "write mail",
                source: Arc::from(Box::<dyn Error + Send + Sync>::from("the writer panicked")),
            });
        }
        shared.reads.close();
        log.close();
        for helper in helpers {
            // Readers and the checkpointer have reported what they met.
            let _ = helper.join();
        }
        if let Ok(connection) = &connection
            && !shared.is_broken()
        {
            let closing = connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false);
            debug_assert!(closing.is_ok(), "{closing:?}");
        }
        drop(connection);
        tracing::info!(database = %shared.place.directory().display(), %token, "dismounted");
        drop((lock, alive));
    });
    if started.is_err() {
        end.close();
    }
    started.map(drop)
}

fn spawn(
    name: &str,
    mounted: &Mounted,
    run: impl FnOnce() + Send + 'static,
) -> Result<JoinHandle<()>, DatabaseError> {
    let spawned = thread::Builder::new().name(name.into()).spawn(run);
    spawned.map_err(DatabaseError::io("start a thread for", mounted.place.directory()))
}
