//! Answering.

use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::socket::{Deadlined, SocketPath, connect};
use super::{ASK_LIMIT, Answer, Answers, Ask};

/// How many may ask at once; one more is told so. Whoever hangs holds one of these until its time is over.
const AT_ONCE: usize = 16;
/// How long one may take to ask, and then to take the answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Why the admin socket cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// Another process answers there.
    #[error("{} belongs to a process that is running; stop that one first", path.display())]
    InUse {
        /// The socket.
        path: PathBuf,
    },
    /// The operating system would not.
    #[error("cannot open the admin socket {}: {source}", path.display())]
    Io {
        /// The socket.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// The open admin socket. Dropping it closes it and removes its file.
#[derive(Debug)]
pub struct AdminServer {
    path: PathBuf,
    inode: u64,
    stopping: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl AdminServer {
    /// Opens the socket at `path` and answers there. A file that a dead process left is replaced.
    pub fn listen(path: &Path, answers: Arc<dyn Answers>) -> Result<Self, ListenError> {
        let failed = |source| ListenError::Io { path: path.to_owned(), source };
        if is_taken(path) {
            return Err(ListenError::InUse { path: path.to_owned() });
        }
        let (listener, inode) = bind(path).map_err(failed)?;
        let stopping = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&stopping);
        let accept = move || accept(&listener, &answers, &stop);
        let thread = std::thread::Builder::new().name("admin".into()).spawn(accept).map_err(failed)?;
        Ok(Self { path: path.to_owned(), inode, stopping, thread: Some(thread) })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for AdminServer {
    fn drop(&mut self) {
        self.stopping.store(true, SeqCst);
        // Wakes the thread, which waits for the next one to ask.
        let woken = connect(&self.path, PATIENCE);
        let ours = fs::metadata(&self.path).is_ok_and(|meta| meta.ino() == self.inode);
        if ours {
            let _ = fs::remove_file(&self.path);
        }
        if let Some(thread) = self.thread.take().filter(|_| ours && woken.is_ok()) {
            let _ = thread.join();
        }
    }
}

/// Whether a process has the socket: one that takes us in, or one that hangs with a full queue.
fn is_taken(path: &Path) -> bool {
    match connect(path, PATIENCE) {
        Ok(_) => true,
        Err(error) => matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut),
    }
}

/// Binds under another name and moves that into place: so there is no moment at which others may use the socket, and what a
/// dead process left is replaced at once.
fn bind(path: &Path) -> io::Result<(UnixListener, u64)> {
    if let Some(folder) = path.parent().filter(|folder| !folder.exists()) {
        fs::DirBuilder::new().recursive(true).mode(0o750).create(folder)?;
    }
    let new = path.with_extension(format!("new-{}", std::process::id()));
    let _ = fs::remove_file(&new);
    let short = SocketPath::of(&new)?;
    let listener = UnixListener::bind(short.as_path())?;
    let placed =
        fs::set_permissions(&new, fs::Permissions::from_mode(0o600)).and_then(|()| fs::rename(&new, path));
    placed.inspect_err(|_| {
        let _ = fs::remove_file(&new);
    })?;
    Ok((listener, fs::metadata(path)?.ino()))
}

fn accept(listener: &UnixListener, answers: &Arc<dyn Answers>, stopping: &AtomicBool) {
    let asking = Arc::new(AtomicUsize::new(0));
    loop {
        let stream = match listener.accept() {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "the admin socket cannot accept");
                // Out of descriptors, most likely; some may be free in a moment.
                std::thread::sleep(Duration::from_millis(100));
                continue;
            }
        };
        if stopping.load(SeqCst) {
            return;
        }
        let Some(seat) = Seat::take(&asking) else {
            say(&stream, &refused("too many ask at once"));
            continue;
        };
        let answers = Arc::clone(answers);
        let serve = move || {
            if let Some(answer) = hear(&stream, &*answers) {
                say(&stream, &answer);
            }
            drop(seat);
        };
        if let Err(error) = std::thread::Builder::new().name("admin-answer".into()).spawn(serve) {
            tracing::warn!(%error, "the admin socket cannot start a thread");
        }
    }
}

/// One of the few that may ask at once.
struct Seat(Arc<AtomicUsize>);

impl Seat {
    fn take(asking: &Arc<AtomicUsize>) -> Option<Self> {
        let taken = asking.fetch_update(SeqCst, SeqCst, |count| (count < AT_ONCE).then_some(count + 1));
        taken.ok().map(|_| Self(Arc::clone(asking)))
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}

fn say(mut stream: &UnixStream, answer: &Answer) {
    let Ok(mut line) = serde_json::to_vec(answer) else { return };
    line.push(b'\n');
    // Whoever does not take the answer has its reasons.
    let _ = stream.set_write_timeout(Some(PATIENCE)).and_then(|()| stream.write_all(&line));
}

/// What is to be answered; nothing if nothing was asked.
fn hear(stream: &UnixStream, answers: &dyn Answers) -> Option<Answer> {
    let mut line = Vec::new();
    let bounded = Deadlined { stream, deadline: Instant::now() + PATIENCE }.take(ASK_LIMIT);
    BufReader::new(bounded).read_until(b'\n', &mut line).ok()?;
    if line.is_empty() {
        return None;
    }
    let answer = match serde_json::from_slice::<Ask>(&line) {
        // A panic there must not take the seat with it, and the one who asks should hear of it.
        Ok(ask) => catch_unwind(AssertUnwindSafe(|| answers.answer(ask)))
            .unwrap_or_else(|_| refused("the answer failed")),
        Err(error) => refused(&format!("this was not understood: {error}")),
    };
    Some(answer)
}

fn refused(reason: &str) -> Answer {
    Answer::Refused { reason: reason.to_owned() }
}
