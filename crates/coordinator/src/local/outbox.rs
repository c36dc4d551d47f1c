//! What waits to be written to one client, so that a client that does not read costs a bounded amount of memory.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::Notify;

/// Octets that may wait before watches are ended and requests are not read any more.
const LIMIT: usize = 8 << 20;

#[derive(Default)]
pub(super) struct Outbox {
    line: Mutex<Line>,
    arrival: Notify,
    room: Notify,
}

#[derive(Default)]
struct Line {
    frames: VecDeque<Bytes>,
    octets: usize,
    closed: bool,
}

impl Outbox {
    /// Adds a frame that has to be told.
    pub(super) fn push(&self, frame: Bytes) {
        self.lock().add(frame);
        self.arrival.notify_one();
    }

    /// Adds a frame, if not too much waits already; whether it did.
    pub(super) fn offer(&self, frame: Bytes) -> bool {
        let mut line = self.lock();
        let room = line.octets < LIMIT;
        if room {
            line.add(frame);
        }
        drop(line);
        self.arrival.notify_one();
        room
    }

    /// Nobody takes anything any more.
    pub(super) fn close(&self) {
        let mut line = self.lock();
        *line = Line { closed: true, ..Line::default() };
        drop(line);
        self.arrival.notify_one();
        self.room.notify_one();
    }

    pub(super) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// The next frame, in the order of arrival; `None` when it is closed. For one taker only.
    pub(super) async fn take(&self) -> Option<Bytes> {
        while !self.is_closed() {
            if let Some(frame) = self.look() {
                return Some(frame);
            }
            self.arrival.notified().await;
        }
        None
    }

    /// The next frame, if there is one now.
    fn look(&self) -> Option<Bytes> {
        let mut line = self.lock();
        let frame = line.frames.pop_front()?;
        line.octets -= frame.len();
        drop(line);
        self.room.notify_one();
        Some(frame)
    }

    /// Waits until not too much waits. For one waiter only.
    pub(super) async fn room(&self) {
        while self.lock().octets >= LIMIT {
            self.room.notified().await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Line {
    fn add(&mut self, frame: Bytes) {
        if !self.closed {
            self.octets += frame.len();
            self.frames.push_back(frame);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_outbox_takes_answers_but_no_events() {
        let outbox = Outbox::default();
        assert!(outbox.offer(Bytes::from(vec![0; LIMIT])));
        assert!(!outbox.offer(Bytes::from_static(b"event")));
        outbox.push(Bytes::from_static(b"answer"));
        assert_eq!(outbox.lock().frames.len(), 2);
    }

    #[tokio::test]
    async fn a_closed_outbox_holds_nothing() {
        let outbox = Outbox::default();
        outbox.push(Bytes::from_static(b"answer"));
        outbox.close();
        outbox.push(Bytes::from_static(b"answer"));
        assert!(outbox.take().await.is_none());
        outbox.room().await;
    }
}
