//! How a database is made and mounted.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use mailbox::UnixSeconds;

/// How a database is made. The figures behind the defaults are in the decision record on the page size.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct CreateOptions {
    /// Bytes in a page of the file: a power of two between 512 and 65,536. It stays for good.
    pub page_size: u32,
}

impl Default for CreateOptions {
    fn default() -> Self {
        Self { page_size: 4096 }
    }
}

/// How a database is mounted.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct MountOptions {
    /// Threads that read. More than cores helps while the disk is slower than memory.
    pub readers: usize,
    /// Bytes of pages that each reading thread keeps in memory. The operating system's cache lies behind.
    pub reader_cache: u64,
    /// Bytes of pages that the writing thread keeps in memory.
    pub writer_cache: u64,
    /// Reads, and changes, that may wait for a thread; beyond that, the asker waits to ask.
    pub queue: usize,
    /// Free bytes on the disk below which mail is not taken any more. Deleting needs some of them, for the log and for
    /// what is moved out of it: about ten times `log_limit`.
    pub low_water: u64,
    /// Bytes held back in a file of their own, for deletions on a disk that something else has filled.
    pub reserve: u64,
    /// Bytes in the log from which on it is moved into the file. The writer waits for that if there are eight times as
    /// many, so that the log grows by at most one transaction more, unless a backup is reading.
    pub log_limit: u64,
    /// How long to wait for another process to let go of the database.
    pub lock_wait: Duration,
    /// How often to look for deleted messages that no session sees any more.
    pub tidy_interval: Duration,
    /// What time it is, for remembering deliveries an hour.
    pub clock: Clock,
}

impl Default for MountOptions {
    fn default() -> Self {
        Self {
            readers: std::thread::available_parallelism().map_or(2, usize::from).clamp(2, 16),
            reader_cache: 8 << 20,
            writer_cache: 32 << 20,
            queue: 1024,
            low_water: 256 << 20,
            reserve: 16 << 20,
            log_limit: 8 << 20,
            lock_wait: Duration::ZERO,
            tidy_interval: Duration::from_secs(1),
            clock: Clock::default(),
        }
    }
}

/// What time it is.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> UnixSeconds + Send + Sync>);

impl Clock {
    /// A clock that asks `now`.
    pub fn new(now: impl Fn() -> UnixSeconds + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    pub(crate) fn now(&self) -> UnixSeconds {
        (self.0)()
    }
}

impl Default for Clock {
    /// The clock of the system.
    fn default() -> Self {
        Self::new(|| {
            let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
            UnixSeconds(since_1970.unwrap_or_default().as_secs())
        })
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Clock({})", self.now().0)
    }
}
