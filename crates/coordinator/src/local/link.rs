//! One connection, from the client's side: requests go out in turn, answers and events come back to whoever waits.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU8, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::io::{AsyncWriteExt, BufReader};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{mpsc, oneshot};
use tokio::task::AbortHandle;

use super::protocol::{ANSWER_LIMIT, Answered, Failure, Frame, read_line};
use super::socket::connect;
use crate::{Revision, WatchEvent};

/// Requests that may wait to be written.
const OUTGOING: usize = 64;
/// Steps of a watch that may wait to be taken.
const EVENTS: usize = 4096;

/// A connection. Dropping it ends it.
pub(super) struct Link {
    outgoing: mpsc::Sender<Outgoing>,
    waiting: Arc<Mutex<Waiting>>,
    tasks: [AbortHandle; 2],
}

#[derive(Default)]
struct Waiting {
    answers: BTreeMap<u64, oneshot::Sender<Result<Answered, Failure>>>,
    watches: BTreeMap<u64, WatchSeat>,
    ended: bool,
}

struct WatchSeat {
    events: mpsc::Sender<Vec<WatchEvent>>,
    end: Arc<Mutex<Option<Failure>>>,
    last: Revision,
}

struct Outgoing {
    line: Bytes,
    stage: Arc<Stage>,
}

/// How far a request has come. It is either withdrawn before any of it is written, or it may have arrived.
#[derive(Default)]
pub(super) struct Stage(AtomicU8);

impl Stage {
    const WAITING: u8 = 0;
    const WRITTEN: u8 = 1;
    const WITHDRAWN: u8 = 2;

    /// Whether it was in time: then the request is not sent.
    pub(super) fn withdraw(&self) -> bool {
        self.0.compare_exchange(Self::WAITING, Self::WITHDRAWN, SeqCst, SeqCst).is_ok()
    }

    fn write(&self) -> bool {
        self.0.compare_exchange(Self::WAITING, Self::WRITTEN, SeqCst, SeqCst).is_ok()
    }
}

/// An answer to come. Dropping it, one does not wait any more.
pub(super) struct Expected {
    id: u64,
    answer: oneshot::Receiver<Result<Answered, Failure>>,
    waiting: Arc<Mutex<Waiting>>,
}

impl Expected {
    /// The answer; `None` if the connection ended without it.
    pub(super) async fn answer(&mut self) -> Option<Result<Answered, Failure>> {
        (&mut self.answer).await.ok()
    }
}

impl Drop for Expected {
    fn drop(&mut self) {
        lock(&self.waiting).answers.remove(&self.id);
    }
}

/// The events of a watch. Dropping it, one does not wait any more.
pub(super) struct Events {
    id: u64,
    told: mpsc::Receiver<Vec<WatchEvent>>,
    end: Arc<Mutex<Option<Failure>>>,
    waiting: Arc<Mutex<Waiting>>,
}

impl Events {
    /// The next ones; when there will be none, why, if that is known.
    pub(super) async fn next(&mut self) -> Result<Vec<WatchEvent>, Option<Failure>> {
        match self.told.recv().await {
            Some(events) => Ok(events),
            None => Err(lock(&self.end).take()),
        }
    }

    /// The watch's name on its link.
    pub(super) const fn id(&self) -> u64 {
        self.id
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        lock(&self.waiting).watches.remove(&self.id);
    }
}

impl Link {
    pub(super) async fn open(socket: &Path) -> io::Result<Self> {
        let (from_server, to_server) = connect(socket).await?.into_split();
        let (outgoing, lines) = mpsc::channel(OUTGOING);
        let waiting = Arc::new(Mutex::new(Waiting::default()));
        let write = tokio::spawn(write(to_server, lines, Ending(Arc::clone(&waiting))));
        let read = tokio::spawn(read(from_server, Ending(Arc::clone(&waiting))));
        Ok(Self { outgoing, waiting, tasks: [write.abort_handle(), read.abort_handle()] })
    }

    pub(super) fn has_ended(&self) -> bool {
        lock(&self.waiting).ended
    }

    /// Makes a place for the answer to the request `id`; none on a link that has ended.
    pub(super) fn expect(&self, id: u64) -> Option<Expected> {
        let mut waiting = lock(&self.waiting);
        if waiting.ended {
            return None;
        }
        let (sender, answer) = oneshot::channel();
        waiting.answers.insert(id, sender);
        Some(Expected { id, answer, waiting: Arc::clone(&self.waiting) })
    }

    /// Makes a place for the events of the watch `id`, which is about to be asked for.
    pub(super) fn expect_events(&self, id: u64, after: Revision) -> Events {
        let (sender, told) = mpsc::channel(EVENTS);
        let end = Arc::new(Mutex::new(None));
        let seat = WatchSeat { events: sender, end: Arc::clone(&end), last: after };
        let mut waiting = lock(&self.waiting);
        if !waiting.ended {
            waiting.watches.insert(id, seat);
        }
        Events { id, told, end, waiting: Arc::clone(&self.waiting) }
    }

    /// Sends a request, when its turn comes; whether the link takes any.
    pub(super) async fn send(&self, line: Bytes, stage: Arc<Stage>) -> bool {
        self.outgoing.send(Outgoing { line, stage }).await.is_ok()
    }

    /// Sends a request if it can be sent now and nobody minds if not.
    pub(super) fn mention(&self, line: Bytes) {
        let _ = self.outgoing.try_send(Outgoing { line, stage: Arc::default() });
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.tasks.iter().for_each(AbortHandle::abort);
    }
}

/// Held by each half: when one ends, the link has ended, and whoever waits hears of it.
struct Ending(Arc<Mutex<Waiting>>);

impl Drop for Ending {
    fn drop(&mut self) {
        *lock(&self.0) = Waiting { ended: true, ..Waiting::default() };
    }
}

async fn write(mut stream: OwnedWriteHalf, mut lines: mpsc::Receiver<Outgoing>, _ending: Ending) {
    while let Some(Outgoing { line, stage }) = lines.recv().await {
        if stage.write() && stream.write_all(&line).await.is_err() {
            return;
        }
    }
}

async fn read(stream: OwnedReadHalf, ending: Ending) {
    let mut reader = BufReader::with_capacity(1 << 16, stream);
    loop {
        match read_line(&mut reader, ANSWER_LIMIT).await {
            Ok(frame) => lock(&ending.0).take(frame),
            Err(error) => {
                tracing::debug!(
                    error = &error as &dyn std::error::Error,
                    "the coordinator's connection is lost"
                );
                return;
            }
        }
    }
}

impl Waiting {
    fn take(&mut self, frame: Frame) {
        match frame {
            Frame::Answer { id, answer } => self.answer(id, Ok(answer)),
            Frame::Failed { id, failure } => self.answer(id, Err(failure)),
            Frame::Events { watch, events } => {
                let Some(seat) = self.watches.get_mut(&watch) else { return };
                let revision = events.last().map(WatchEvent::revision);
                if seat.events.try_send(events).is_ok() {
                    seat.last = revision.unwrap_or(seat.last);
                } else {
                    // Whoever watches is too slow, and has to read anew.
                    let after = seat.last;
                    self.end(watch, Failure::Compacted { after });
                }
            }
            Frame::Ended { watch, failure } => self.end(watch, failure),
        }
    }

    fn answer(&mut self, id: u64, answer: Result<Answered, Failure>) {
        if let Some(expected) = self.answers.remove(&id) {
            let _ = expected.send(answer);
        }
    }

    fn end(&mut self, watch: u64, failure: Failure) {
        if let Some(seat) = self.watches.remove(&watch) {
            *lock(&seat.end) = Some(failure);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
