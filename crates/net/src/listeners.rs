//! The set of addresses a service listens on, kept equal to a wanted set while the service runs.
//!
//! [`Listeners::reconcile`] opens what is wanted and not open, closes what is open and not wanted, and leaves the rest
//! alone; connections that were accepted earlier are no concern of it. What a binding is for ([`Binding::kind`]) is the
//! caller's: plain text or TLS, POP3 or LMTP. Nothing is read here, and nobody is refused here.

use std::fmt;
use std::fs::{self, Permissions};
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::connection::Connection;
use crate::peer::Peer;

/// How many accepted connections may wait for [`Incoming::next`]; more wait in the kernel's backlog.
const WAITING: usize = 256;

/// The pause after accepting has failed, doubled each time up to the second value.
const BACK_OFF: (Duration, Duration) = (Duration::from_millis(10), Duration::from_secs(1));

/// Where to listen.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Endpoint {
    /// A TCP address. Port 0 lets the system choose; an IPv6 address does not take IPv4 connections.
    Tcp(SocketAddr),
    /// A Unix socket. Every user of this machine who can reach the path may connect: its folder is the protection. The
    /// file stays when the binding is closed, and gives way to the next.
    Unix(PathBuf),
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => path.display().fmt(f),
        }
    }
}

/// Where to listen, and what for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Binding<K> {
    /// Where.
    pub endpoint: Endpoint,
    /// What for.
    pub kind: K,
}

/// A binding that is open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bound<K> {
    /// As wanted.
    pub binding: Binding<K>,
    /// As it is: with the port that the system chose.
    pub local: Endpoint,
}

/// A binding could not be opened.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {endpoint}")]
pub struct BindError {
    /// Where.
    pub endpoint: Endpoint,
    /// Why.
    pub source: io::Error,
}

/// What one [`Listeners::reconcile`] did.
#[derive(Debug)]
#[must_use = "what failed is to be told"]
pub struct Reconciled<K> {
    /// Newly open.
    pub opened: Vec<Bound<K>>,
    /// Closed. Connections accepted there go on.
    pub closed: Vec<Binding<K>>,
    /// Wanted, but not open. The next pass tries again.
    pub failed: Vec<BindError>,
}

/// A connection that was accepted, and not a byte read from it.
#[derive(Debug)]
pub struct Accepted<K> {
    /// The stream.
    pub connection: Connection,
    /// Both ends of the socket, until [`Accepted::identify`] has looked behind a proxy.
    pub peer: Peer,
    /// What the binding is for.
    pub kind: K,
}

/// What the counters say, since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AcceptCounts {
    /// Connections accepted.
    pub accepted: u64,
    /// Times that accepting began to pause, because descriptors or memory had run out.
    pub pauses: u64,
}

#[derive(Debug, Default)]
struct Counters {
    accepted: AtomicU64,
    pauses: AtomicU64,
}

/// The open bindings. Dropping it closes them.
#[derive(Debug)]
pub struct Listeners<K> {
    open: Vec<Open<K>>,
    backlog: i32,
    accepted: mpsc::Sender<Accepted<K>>,
    counters: Arc<Counters>,
}

/// Where accepted connections come out.
#[derive(Debug)]
pub struct Incoming<K> {
    accepted: mpsc::Receiver<Accepted<K>>,
}

impl<K> Incoming<K> {
    /// The next connection; `None` once the [`Listeners`] are gone and all they had accepted has been taken.
    pub async fn next(&mut self) -> Option<Accepted<K>> {
        self.accepted.recv().await
    }
}

#[derive(Debug)]
struct Open<K> {
    bound: Bound<K>,
    task: JoinHandle<()>,
}

impl<K> Drop for Open<K> {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl<K: Clone + Eq + Send + 'static> Listeners<K> {
    /// Nothing open yet. `backlog` is how many connections the kernel holds for each binding that nobody has accepted.
    pub fn new(backlog: u32) -> (Self, Incoming<K>) {
        let (sender, receiver) = mpsc::channel(WAITING);
        let backlog = i32::try_from(backlog).unwrap_or(i32::MAX);
        let listeners = Self { open: Vec::new(), backlog, accepted: sender, counters: Arc::default() };
        (listeners, Incoming { accepted: receiver })
    }

    /// The open bindings.
    pub fn bound(&self) -> impl Iterator<Item = &Bound<K>> {
        self.open.iter().map(|open| &open.bound)
    }

    /// The counters now.
    pub fn counts(&self) -> AcceptCounts {
        AcceptCounts {
            accepted: self.counters.accepted.load(Ordering::Relaxed),
            pauses: self.counters.pauses.load(Ordering::Relaxed),
        }
    }

    /// Makes the open bindings those that are wanted. A binding that cannot be opened does not disturb the others.
    ///
    /// Must be called within a tokio runtime. A binding is the same as before if its endpoint as wanted (port 0
    /// included) and its kind are.
    pub async fn reconcile(&mut self, wanted: &[Binding<K>]) -> Reconciled<K> {
        // Closing comes first, and is waited for: a new binding may need the port of an old one.
        let closed = self.close_all_but(wanted).await;
        let (mut opened, mut failed) = (Vec::new(), Vec::new());
        for binding in wanted {
            if self.bound().any(|bound| bound.binding == *binding) {
                continue;
            }
            match self.open(binding) {
                Ok(bound) => opened.push(bound),
                Err(source) => failed.push(BindError { endpoint: binding.endpoint.clone(), source }),
            }
        }
        Reconciled { opened, closed, failed }
    }

    async fn close_all_but(&mut self, wanted: &[Binding<K>]) -> Vec<Binding<K>> {
        let mut closed = Vec::new();
        for mut open in self.open.extract_if(.., |open| !wanted.contains(&open.bound.binding)) {
            open.task.abort();
            // An aborted task ends with an error, and that is how its socket is known to be closed.
            let _ = (&mut open.task).await;
            closed.push(open.bound.binding.clone());
        }
        closed
    }

    fn open(&mut self, binding: &Binding<K>) -> io::Result<Bound<K>> {
        let (listener, local) = match &binding.endpoint {
            Endpoint::Tcp(address) => listen_tcp(*address, self.backlog)?,
            Endpoint::Unix(path) => listen_unix(path)?,
        };
        let bound = Bound { binding: binding.clone(), local };
        let accepting =
            accept_all(listener, bound.clone(), self.accepted.clone(), Arc::clone(&self.counters));
        self.open.push(Open { bound: bound.clone(), task: tokio::spawn(accepting) });
        Ok(bound)
    }
}

enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl Listener {
    async fn accept(&self) -> io::Result<(Connection, Peer)> {
        match self {
            Self::Tcp(listener) => {
                let (stream, client) = listener.accept().await?;
                let local = stream.set_nodelay(true).and_then(|()| stream.local_addr());
                // Whatever is wrong with a socket this young, its client has gone.
                let local = local.map_err(|_| io::ErrorKind::ConnectionAborted)?;
                Ok((stream.into(), Peer::direct(client, local)))
            }
            Self::Unix(listener) => Ok((listener.accept().await?.0.into(), Peer::unix())),
        }
    }
}

fn listen_tcp(address: SocketAddr, backlog: i32) -> io::Result<(Listener, Endpoint)> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM.nonblocking(), Some(Protocol::TCP))?;
    // A restarted service takes its port back although connections of its predecessor are still dying.
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        // `[::]:110` and `0.0.0.0:110` are two bindings, and both can be had.
        socket.set_only_v6(true)?;
    }
    socket.bind(&address.into())?;
    socket.listen(backlog)?;
    let listener = TcpListener::from_std(socket.into())?;
    let local = Endpoint::Tcp(listener.local_addr()?);
    Ok((Listener::Tcp(listener), local))
}

fn listen_unix(path: &Path) -> io::Result<(Listener, Endpoint)> {
    // A socket file outlives its listener. It is in the way only if somebody still listens there; and what is no socket
    // is none of our business, and makes the binding fail.
    let is_socket = fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_socket());
    let probe = Socket::new(Domain::UNIX, Type::STREAM.nonblocking(), None)?;
    let tried = probe.connect(&SockAddr::unix(path)?);
    if is_socket && tried.is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused) {
        fs::remove_file(path)?;
    }
    let listener = UnixListener::bind(path)?;
    fs::set_permissions(path, Permissions::from_mode(0o666))?;
    Ok((Listener::Unix(listener), Endpoint::Unix(path.to_owned())))
}

/// Accepts until the task is aborted or nobody takes what it accepts.
async fn accept_all<K: Clone>(
    listener: Listener,
    bound: Bound<K>,
    accepted: mpsc::Sender<Accepted<K>>,
    counters: Arc<Counters>,
) {
    let mut pause = BACK_OFF.0;
    loop {
        match listener.accept().await {
            Ok((connection, peer)) => {
                pause = BACK_OFF.0;
                counters.accepted.fetch_add(1, Ordering::Relaxed);
                let accepted_one = Accepted { connection, peer, kind: bound.binding.kind.clone() };
                if accepted.send(accepted_one).await.is_err() {
                    return;
                }
            }
            // The connection that was to be accepted has gone already. The next may be well.
            Err(error) if is_of_the_connection(&error) => {
                tracing::debug!(endpoint = %bound.local, %error, "a connection ended before it was accepted");
            }
            Err(error) => {
                if pause == BACK_OFF.0 {
                    counters.pauses.fetch_add(1, Ordering::Relaxed);
                    tracing::error!(endpoint = %bound.local, %error, "cannot accept: pausing until it works again");
                }
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(BACK_OFF.1);
            }
        }
    }
}

/// Whether an error of accepting is about the one connection that was to be accepted (accept(2) names these). All else,
/// descriptors or memory running out above all, is there for the next one too: trying again at once would be futile.
fn is_of_the_connection(error: &io::Error) -> bool {
    use io::ErrorKind as Kind;
    matches!(
        error.kind(),
        Kind::ConnectionAborted
            | Kind::ConnectionReset
            | Kind::Interrupted
            | Kind::TimedOut
            | Kind::HostUnreachable
            | Kind::NetworkUnreachable
            | Kind::NetworkDown
    )
}
