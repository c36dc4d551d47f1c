//! Lines on their way to a file, without ever making the writer of a line wait.
//!
//! Lines gather in a bounded buffer; a thread of its own empties it a few times a second. When the disk is full or hangs, lines
//! are dropped and counted, and everything goes on by itself once it can. For logs: never for what must not be lost.

mod append;

use std::io;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

pub(crate) use append::AppendFile;

/// How much waits for the disk at most, twice: being gathered and being written.
const LIMIT: usize = 4 << 20;
/// How much gathers on a busy day.
const USUAL: usize = 256 << 10;
/// How long lines gather before they are written.
const GATHER: Duration = Duration::from_millis(200);
/// How long after a failure the disk is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// Where lines end up.
pub(crate) trait Sink: Send + 'static {
    /// Writes some of `lines`, which are whole; how many octets, which end with a line. Nothing of it is there after an error.
    fn write(&mut self, lines: &[u8]) -> io::Result<usize>;
}

/// What became of the lines.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Written to the file.
    pub(crate) written: AtomicU64,
    /// Dropped because the disk did not keep up or was full.
    pub(crate) dropped: AtomicU64,
}

/// The near end: takes lines from any thread.
pub(crate) struct LineWriter {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    name: &'static str,
    state: Mutex<State>,
    wake: Condvar,
    done: Condvar,
    tally: Arc<Tally>,
}

#[derive(Default)]
struct State {
    buffer: Vec<u8>,
    flushes_wanted: u64,
    flushes_done: u64,
    stopping: bool,
}

impl LineWriter {
    /// Starts the thread, which is called `name`.
    pub(crate) fn start(name: &'static str, sink: impl Sink) -> io::Result<Self> {
        let (state, wake, done) = Default::default();
        let shared = Arc::new(Shared { name, state: Mutex::new(state), wake, done, tally: Arc::default() });
        let far = Far { shared: Arc::clone(&shared), sink, failing: false };
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(move || far.run())?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Takes a line, which ends with a line feed; drops it if too much is waiting. Never waits for the disk.
    pub(crate) fn push(&self, line: &[u8]) {
        let mut state = self.shared.lock();
        let before = state.buffer.len();
        if before + line.len() > LIMIT {
            drop(state);
            self.shared.tally.dropped.fetch_add(1, Relaxed);
            return;
        }
        state.buffer.extend_from_slice(line);
        let after = state.buffer.len();
        drop(state);
        // Waking costs a system call: once when there is something to do, once more when it becomes urgent.
        if before == 0 || before < LIMIT / 2 && after >= LIMIT / 2 {
            self.shared.wake.notify_one();
        }
    }

    pub(crate) fn tally(&self) -> Arc<Tally> {
        Arc::clone(&self.shared.tally)
    }

    /// Waits until an attempt has been made to write everything pushed before. Whether that was in time.
    pub(crate) fn flush(&self, within: Duration) -> bool {
        let deadline = Instant::now() + within;
        let mut state = self.shared.lock();
        state.flushes_wanted += 1;
        let ticket = state.flushes_wanted;
        self.shared.wake.notify_one();
        while state.flushes_done < ticket {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            state = self.shared.done.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }
}

impl Drop for LineWriter {
    fn drop(&mut self) {
        // A disk that hangs must not keep the process from ending: the thread is then left behind.
        let in_time = self.flush(Duration::from_secs(2));
        self.shared.lock().stopping = true;
        self.shared.wake.notify_one();
        if let Some(thread) = self.thread.take().filter(|_| in_time) {
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing under this lock can leave the state half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The far end: the thread that writes.
struct Far<S> {
    shared: Arc<Shared>,
    sink: S,
    failing: bool,
}

impl<S: Sink> Far<S> {
    fn run(mut self) {
        let mut batch = Vec::new();
        loop {
            let (flush, stopping) = self.wait(batch.is_empty());
            // First what could not be written the last time, and only then what has gathered since.
            self.write(&mut batch);
            if batch.is_empty() {
                std::mem::swap(&mut self.shared.lock().buffer, &mut batch);
                self.write(&mut batch);
            }
            self.shared.lock().flushes_done = flush;
            self.shared.done.notify_all();
            if stopping {
                return;
            }
        }
    }

    /// Waits until there is something to do, or after a failure until it is time to try again. Which flush was wanted last,
    /// and whether to stop.
    fn wait(&self, calm: bool) -> (u64, bool) {
        let urgent = |state: &State| state.stopping || state.flushes_wanted > state.flushes_done;
        let wake = &self.shared.wake;
        let mut state = self.shared.lock();
        if calm {
            let idle = |state: &mut State| state.buffer.is_empty() && !urgent(state);
            state = wake.wait_while(state, idle).unwrap_or_else(PoisonError::into_inner);
            let few = |state: &mut State| state.buffer.len() < LIMIT / 2 && !urgent(state);
            state = wake.wait_timeout_while(state, GATHER, few).unwrap_or_else(PoisonError::into_inner).0;
        } else {
            state = wake
                .wait_timeout_while(state, RETRY, |state| !urgent(state))
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        (state.flushes_wanted, state.stopping)
    }

    /// Writes the batch as far as it goes; what could not be written stays.
    fn write(&mut self, batch: &mut Vec<u8>) {
        let mut done = 0;
        while done < batch.len() {
            match self.sink.write(&batch[done..]) {
                Ok(octets) => {
                    let lines = batch[done..done + octets].split_inclusive(|octet| *octet == b'\n').count();
                    self.shared.tally.written.fetch_add(lines as u64, Relaxed);
                    done += octets;
                }
                Err(error) => {
                    batch.drain(..done);
                    if !std::mem::replace(&mut self.failing, true) {
                        tracing::warn!(log = self.shared.name, %error, "a log cannot be written; lines wait, then are dropped");
                    }
                    return;
                }
            }
        }
        batch.clear();
        // A burst should not hold its memory for ever.
        batch.shrink_to(USUAL);
        if std::mem::replace(&mut self.failing, false) {
            let dropped = self.shared.tally.dropped.load(Relaxed);
            tracing::info!(log = self.shared.name, dropped, "a log can be written again");
        }
    }
}

/// How long the first of `lines` is.
pub(crate) fn first_line(lines: &[u8]) -> usize {
    lines.iter().position(|octet| *octet == b'\n').map_or(lines.len(), |line_feed| line_feed + 1)
}

/// As many of `lines` as fit into `room`; the first in any case, since it must go somewhere.
pub(crate) fn whole_lines(lines: &[u8], room: u64) -> &[u8] {
    let room = usize::try_from(room).unwrap_or(usize::MAX);
    if lines.len() <= room {
        return lines;
    }
    let last = lines[..room].iter().rposition(|octet| *octet == b'\n');
    &lines[..last.map_or_else(|| first_line(lines), |line_feed| line_feed + 1)]
}

#[cfg(test)]
mod tests;
