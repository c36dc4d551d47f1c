//! Serving the store on a socket.

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use tokio::net::UnixListener;
use tokio::sync::{Semaphore, oneshot};
use tokio::task::JoinSet;

use super::connection;
use super::engine::{Engine, Place, Work};
use super::socket::listen;
use super::storage::{self, StorageError};
use crate::ledger::Limits;

/// Clients at a time. More wait for one to leave.
const CLIENTS: usize = 256;

/// Why the store is not served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The store cannot be used.
    #[error("the coordinator's store cannot be used")]
    Storage(#[from] StorageError),
    /// The socket cannot be opened.
    #[error("cannot open the coordinator's socket {}", socket.display())]
    Socket {
        /// Where it was to be.
        socket: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// There is no thread for the store.
    #[error("cannot start the coordinator's thread")]
    Thread {
        /// Why.
        source: io::Error,
    },
}

/// A server that is to be.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Server {
    /// The folder of the store, which is made if there is none.
    pub folder: PathBuf,
    /// Where clients connect. Only this user may.
    pub socket: PathBuf,
    /// The epoch of the store if it has to be made: Unix seconds, so that one made after a loss has a greater epoch.
    pub born: u64,
    /// The shortest lease; whoever asks for less gets as much.
    pub shortest_lease: Duration,
    /// The longest lease; whoever asks for more gets as much.
    pub longest_lease: Duration,
    /// Octets of all keys and values.
    pub octets: usize,
    /// Revisions that watches may begin after; older ones are forgotten.
    pub history: usize,
}

impl Server {
    /// A server with the usual limits, of a store in `folder` and on `socket`.
    pub fn new(folder: impl Into<PathBuf>, socket: impl Into<PathBuf>) -> Self {
        let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        Self {
            folder: folder.into(),
            socket: socket.into(),
            born: since_1970.unwrap_or_default().as_secs(),
            shortest_lease: Duration::from_secs(1),
            longest_lease: Duration::from_hours(1),
            octets: 16 << 20,
            history: 10_000,
        }
    }

    /// Opens the store and serves it. To be called within a runtime with I/O and time.
    pub fn serve(self) -> Result<Running, ServeError> {
        let lock = storage::lock(&self.folder)?;
        let limits = Limits {
            octets: self.octets,
            history: self.history,
            history_octets: self.octets,
            leases: 10_000,
            shortest_lease: self.shortest_lease,
            longest_lease: self.longest_lease,
        };
        let place = Place { folder: self.folder, limits, born: self.born };
        let engine = Engine::open(place)?;
        // Whoever holds the lock may replace the socket.
        let listener = listen(&self.socket)
            .map_err(|source| ServeError::Socket { socket: self.socket.clone(), source })?;
        let (work, receiver) = mpsc::channel();
        let (working, ended) = oneshot::channel::<()>();
        let run = move || {
            // Given up however the thread ends, by a panic too.
            let _held = (working, lock);
            engine.run(&receiver);
        };
        let thread = std::thread::Builder::new().name("coordinator".into()).spawn(run);
        let thread = thread.map_err(|source| ServeError::Thread { source })?;
        let (stop, stopped) = oneshot::channel();
        let accepting = tokio::spawn(accept(listener, work, stopped, ended));
        Ok(Running { stop: Some(stop), accepting, thread: Some(thread), socket: self.socket })
    }
}

/// A server at work. Dropping it ends it, a moment later; [`Running::shut_down`] waits for that.
#[derive(Debug)]
pub struct Running {
    stop: Option<oneshot::Sender<()>>,
    accepting: tokio::task::JoinHandle<()>,
    thread: Option<JoinHandle<()>>,
    socket: PathBuf,
}

impl Running {
    /// Ends all connections and closes the store. What was answered is on the disk, as always.
    pub async fn shut_down(mut self) {
        self.stop.take();
        let _ = (&mut self.accepting).await;
        if let Some(thread) = self.thread.take() {
            let _ = tokio::task::spawn_blocking(|| thread.join()).await;
        }
        let _ = std::fs::remove_file(&self.socket);
    }

    /// Waits until it serves no more although nobody ended it, which is a mistake of ours: the process should end and be
    /// started again.
    pub async fn failed(&mut self) {
        let _ = (&mut self.accepting).await;
    }
}

/// Takes clients in until it is told to stop or the engine's thread is gone.
async fn accept(
    listener: UnixListener,
    work: mpsc::Sender<Work>,
    mut stopped: oneshot::Receiver<()>,
    mut ended: oneshot::Receiver<()>,
) {
    let seats = Arc::new(Semaphore::new(CLIENTS));
    let mut clients = JoinSet::new();
    loop {
        let accepted = async {
            let seat = Arc::clone(&seats).acquire_owned().await;
            (listener.accept().await, seat)
        };
        tokio::select! {
            _ = &mut stopped => break,
            _ = &mut ended => break,
            Some(_) = clients.join_next() => {}
            (accepted, seat) = accepted => match accepted {
                Ok((stream, _)) => {
                    let work = work.clone();
                    clients.spawn(async move {
                        connection::serve(stream, work).await;
                        drop(seat);
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "the coordinator cannot accept");
                    // Out of descriptors, most likely; some may be free in a moment.
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }
    clients.shutdown().await;
}
