//! Moving what was written from SQLite's log (WAL) into the file, beside the writer and not in its way.
//!
//! The log grows with every commit. From `log_limit` on it is moved while the writer goes on, and begins anew when all
//! of it has been moved. At four times as much, the writer waits for the rest; at eight times, it waits for a move that
//! is under way, too. Only a long read, such as a backup, makes the log grow beyond that.

use std::{
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use rusqlite::{Connection, hooks::Wal};

use crate::{
    error::{Failure, Severity, severity},
    mount::Mounted,
    options::MountOptions,
    schema,
};

/// What the writer and the checkpointer tell each other of the log.
pub(crate) struct Log {
    /// Bytes in the log after the last commit.
    size: Arc<AtomicU64>,
    limit: u64,
    /// At how many bytes the writer waits for the checkpointer to be done.
    bar: AtomicU64,
    wish: Mutex<Wish>,
    wished: Condvar,
    /// Held by the writer for a transaction.
    turn: Mutex<()>,
    /// Whether the writer is to wait. Not guarded by `turn`, which a busy writer would take again and again.
    halt: AtomicBool,
    resume: Condvar,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Wish {
    Nothing,
    Checkpoint,
    End,
}

/// How long readers may keep the log from beginning anew while the writer waits for it.
const RESTART_PATIENCE: Duration = Duration::from_millis(20);

impl Log {
    /// Watches the log that `connection`, the writer's, writes.
    pub(crate) fn attach(connection: &mut Connection, options: &MountOptions) -> rusqlite::Result<Arc<Self>> {
        let page: u64 = connection.query_row("PRAGMA page_size", [], |row| row.get(0))?;
        connection.query_row(
            &format!("PRAGMA journal_size_limit = {}", options.log_limit),
            [],
            |_| Ok(()),
        )?;
        let size = Arc::new(AtomicU64::new(0));
        let seen = Arc::clone(&size);
        connection.wal_hook(Some(move |_: &mut Wal, pages: i32| {
            seen.store(page * u64::from(pages.unsigned_abs()), Ordering::SeqCst);
            Ok(())
        }))?;
        Ok(Arc::new(Self {
            size,
            limit: options.log_limit,
            bar: AtomicU64::new(8 * options.log_limit),
            wish: Mutex::new(Wish::Nothing),
            wished: Condvar::new(),
            turn: Mutex::new(()),
            halt: AtomicBool::new(false),
            resume: Condvar::new(),
        }))
    }

    /// Held by the writer for a transaction; waits while the log must be moved first.
    pub(crate) fn turn(&self) -> MutexGuard<'_, ()> {
        let turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let halted = |(): &mut ()| self.halt.load(Ordering::SeqCst);
        self.resume.wait_while(turn, halted).unwrap_or_else(PoisonError::into_inner)
    }

    /// The writer has committed.
    pub(crate) fn committed(&self) {
        let size = self.size.load(Ordering::SeqCst);
        if size >= self.bar.load(Ordering::SeqCst) {
            self.halt.store(true, Ordering::SeqCst);
        }
        if size >= self.limit {
            self.wish(Wish::Checkpoint);
        }
    }

    /// Has the writer wait from its next transaction on.
    fn halt_writer(&self) -> MutexGuard<'_, ()> {
        self.halt.store(true, Ordering::SeqCst);
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets the writer go on, and not wait again before the log has `bar` bytes.
    fn resume_writer(&self, bar: u64) {
        let turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        self.bar.store(bar, Ordering::SeqCst);
        self.halt.store(false, Ordering::SeqCst);
        drop(turn);
        self.resume.notify_one();
    }

    fn is_far_too_long(&self) -> bool {
        self.size.load(Ordering::SeqCst) >= 4 * self.limit
    }

    /// The writer has nothing to do.
    pub(crate) fn quiet(&self) {
        if self.size.swap(0, Ordering::SeqCst) > 0 {
            self.wish(Wish::Checkpoint);
        }
    }

    /// The writer has ended.
    pub(crate) fn close(&self) {
        self.wish(Wish::End);
    }

    fn wish(&self, wish: Wish) {
        let mut current = self.wish.lock().unwrap_or_else(PoisonError::into_inner);
        if *current != Wish::End {
            *current = wish;
        }
        drop(current);
        self.wished.notify_one();
    }

    /// Waits for work; false when there will be none.
    fn wait(&self) -> bool {
        let wish = self.wish.lock().unwrap_or_else(PoisonError::into_inner);
        let mut wish = self
            .wished
            .wait_while(wish, |wish| *wish == Wish::Nothing)
            .unwrap_or_else(PoisonError::into_inner);
        if *wish == Wish::Checkpoint {
            *wish = Wish::Nothing;
        }
        *wish != Wish::End
    }
}

/// The thread that moves the log into the file.
pub(crate) struct Checkpointer {
    connection: Connection,
    mounted: Arc<Mounted>,
    log: Arc<Log>,
}

impl Checkpointer {
    pub(crate) fn open(mounted: Arc<Mounted>, log: Arc<Log>) -> rusqlite::Result<Self> {
        let connection = schema::open_mounted(&mounted.place.database(), 1 << 20)?;
        connection.busy_timeout(RESTART_PATIENCE)?;
        Ok(Self { connection, mounted, log })
    }

    pub(crate) fn run(self) {
        while self.log.wait() {
            let begun = Instant::now();
            let outcome = self.checkpoint();
            // A reader may have stood in the way: then it is asked again when the log has grown somewhat further.
            let size = self.log.size.load(Ordering::SeqCst);
            self.log.resume_writer(8 * self.log.limit.max(size / 7));
            match outcome {
                Ok(()) => tracing::trace!(took = ?begun.elapsed(), "checkpoint"),
                Err(error) if severity(&error) == Severity::Busy => {}
                Err(error) if severity(&error) == Severity::Full => {
                    tracing::warn!(
                        "the disk is too full to move the log of a mailbox database into its file"
                    );
                }
                Err(error) => {
                    self.mounted.judge_writing("move the log into the file", Failure::Sqlite(error));
                }
            }
        }
    }

    fn checkpoint(&self) -> rusqlite::Result<()> {
        if !self.log.is_far_too_long() {
            self.take("PRAGMA wal_checkpoint(PASSIVE)")?;
        }
        if self.log.is_far_too_long() {
            let _turn = self.log.halt_writer();
            if self.take("PRAGMA wal_checkpoint(RESTART)")? {
                self.log.size.store(0, Ordering::SeqCst);
            }
        }
        Ok(())
    }

    /// Whether nobody stood in the way.
    fn take(&self, checkpoint: &str) -> rusqlite::Result<bool> {
        self.connection.prepare_cached(checkpoint)?.query_row([], |row| Ok(row.get::<_, u32>(0)? == 0))
    }
}

impl Drop for Checkpointer {
    /// Nobody waits for a checkpointer that has gone, for whatever reason.
    fn drop(&mut self) {
        self.log.resume_writer(u64::MAX);
    }
}
