//! Settings that change while a service runs.
//!
//! The truth is in two files: the configuration, and what `set` stored for this server. They are read again at a nudge and when
//! they have changed. A file with mistakes changes nothing: the old values go on, and the mistakes are told.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arc_swap::ArcSwap;
use settings::{Configuration, Layer, PopSettings, Problems, ServerName, ServerSettings};
use tokio::sync::{Notify, watch};

use crate::ring::lock;

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(2);

/// Which files hold the settings of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveFiles {
    /// The configuration.
    pub configuration: PathBuf,
    /// What `set` stored for this server; it need not exist.
    pub set: PathBuf,
    /// The server.
    pub server: ServerName,
}

/// What holds now.
#[derive(Debug, Clone, PartialEq)]
pub struct Settled {
    /// The whole cluster.
    pub configuration: Configuration,
    /// This server.
    pub server: ServerSettings,
}

/// Why settings could not be read.
#[derive(Debug, thiserror::Error)]
pub enum LiveError {
    /// A file could not be read.
    #[error("cannot read {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file has mistakes.
    #[error("{0}")]
    Mistakes(#[from] Problems),
    /// The configuration does not have this server.
    #[error("{} has no [[server]] called {server}", path.display())]
    NoSuchServer {
        /// The configuration.
        path: PathBuf,
        /// The server.
        server: ServerName,
    },
}

/// What identifies the contents of a file well enough to see that it has changed.
type Stamp = Option<(i64, i64, u64, u64)>;

/// The settings of a running service.
pub struct Live {
    files: Option<LiveFiles>,
    current: ArcSwap<Settled>,
    changes: watch::Sender<u64>,
    nudge: Notify,
    read: Mutex<[Stamp; 2]>,
}

impl Live {
    /// Reads the files.
    pub fn open(files: LiveFiles) -> Result<Arc<Self>, LiveError> {
        let stamps = files.stamps();
        let settled = files.read()?;
        Ok(Self::new(Some(files), settled, stamps))
    }

    /// Settings that no file holds; only [`Live::replace`] changes them. For tests.
    pub fn fixed(configuration: Configuration, server: ServerSettings) -> Arc<Self> {
        Self::new(None, Settled { configuration, server }, [None; 2])
    }

    fn new(files: Option<LiveFiles>, settled: Settled, stamps: [Stamp; 2]) -> Arc<Self> {
        Arc::new(Self {
            files,
            current: ArcSwap::from_pointee(settled),
            changes: watch::Sender::new(0),
            nudge: Notify::new(),
            read: Mutex::new(stamps),
        })
    }

    /// What holds now. Cheap enough for every exchange; hold it only as long as one thing is decided.
    pub fn load(&self) -> arc_swap::Guard<Arc<Settled>> {
        self.current.load()
    }

    /// What holds now, to keep.
    pub fn snapshot(&self) -> Arc<Settled> {
        self.current.load_full()
    }

    /// Told of every change from now on, after it holds; the number counts changes.
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Makes the settings of this server `server`. For tests of what happens then.
    pub fn replace(&self, server: ServerSettings) {
        let configuration = self.load().configuration.clone();
        self.settle(Settled { configuration, server });
    }

    /// Reads the files now. Whether anything changed. Blocks on the disk; any thread may call it.
    pub fn reload(&self) -> Result<bool, LiveError> {
        let Some(files) = &self.files else { return Ok(false) };
        // One reader at a time, so that an older text never replaces a newer one.
        let mut read = lock(&self.read);
        *read = files.stamps();
        let settled = files.read()?;
        let changed = settled != **self.load();
        if changed {
            self.settle(settled);
        }
        Ok(changed)
    }

    /// Has [`Live::watch`] read the files soon. Works from any thread.
    pub fn nudge(&self) {
        self.nudge.notify_one();
    }

    /// Reads the files again whenever they change, for ever.
    pub async fn watch(self: Arc<Self>) {
        loop {
            let nudged = tokio::time::timeout(LOOK, self.nudge.notified()).await.is_ok();
            let live = Arc::clone(&self);
            // A panic there has been told already; the next pass tries again.
            let _ = tokio::task::spawn_blocking(move || live.look(nudged)).await;
        }
    }

    fn look(&self, nudged: bool) {
        let changed = self.files.as_ref().is_some_and(|files| files.stamps() != *lock(&self.read));
        if !nudged && !changed {
            return;
        }
        match self.reload() {
            Ok(true) => tracing::info!("settings changed"),
            Ok(false) => {}
            Err(error) => tracing::error!(%error, "settings cannot be read; the old ones go on"),
        }
    }

    fn settle(&self, settled: Settled) {
        self.current.store(Arc::new(settled));
        self.changes.send_modify(|changes| *changes += 1);
    }
}

impl LiveFiles {
    fn stamps(&self) -> [Stamp; 2] {
        [&self.configuration, &self.set].map(|path| {
            let meta = fs::metadata(path).ok()?;
            Some((meta.mtime(), meta.mtime_nsec(), meta.len(), meta.ino()))
        })
    }

    fn read(&self) -> Result<Settled, LiveError> {
        let unreadable = |source| LiveError::Unreadable { path: self.configuration.clone(), source };
        let text = fs::read_to_string(&self.configuration).map_err(unreadable)?;
        let configuration = Configuration::parse(&text, &self.configuration.display().to_string())?;
        let set = read_set(&self.set)?;
        let server = configuration.server(self.server.as_str()).ok_or_else(|| LiveError::NoSuchServer {
            path: self.configuration.clone(),
            server: self.server.clone(),
        })?;
        let server = configuration.settings_of(server, &set);
        Ok(Settled { configuration, server })
    }
}

/// Reads what `set` stored. A file that does not exist holds nothing.
pub fn read_set(path: &Path) -> Result<Layer<PopSettings>, LiveError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Layer::parse_set(&text, &path.display().to_string())?),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Layer::default()),
        Err(source) => Err(LiveError::Unreadable { path: path.to_owned(), source }),
    }
}

/// Stores what `set` gave, all of it or nothing, and durably.
pub fn write_set(path: &Path, layer: &Layer<PopSettings>) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let new = path.with_extension(format!("new-{}", std::process::id()));
    let written = fs::File::create(&new).and_then(|mut file| {
        file.write_all(b"# Kept by `mailmedic pop settings set`; wins over the configuration file.\n")?;
        file.write_all(layer.to_toml().as_bytes())?;
        file.sync_all()
    });
    written.and_then(|()| fs::rename(&new, path)).inspect_err(|_| {
        let _ = fs::remove_file(&new);
    })?;
    fs::File::open(folder)?.sync_all()
}
