//! Where tasks leave work for threads.
//!
//! A task waits for room without blocking its thread; a thread blocks for work. What was pushed is taken, whether or
//! not the one who pushed still waits for the answer.

use std::{
    collections::VecDeque,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::Semaphore;

/// A bounded queue that can be closed.
pub(crate) struct Queue<T> {
    line: Mutex<Line<T>>,
    arrival: Condvar,
    room: Semaphore,
}

struct Line<T> {
    waiting: VecDeque<T>,
    closed: bool,
}

/// The queue takes nothing any more.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Closed;

/// What a thread found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found<T> {
    /// The work that waited, in its order; never none.
    Work(Vec<T>),
    /// Nothing came for as long as the thread was patient.
    Quiet,
    /// Nothing will come any more.
    Closed,
}

impl<T> Queue<T> {
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            line: Mutex::new(Line { waiting: VecDeque::new(), closed: false }),
            arrival: Condvar::new(),
            room: Semaphore::new(capacity.max(1)),
        }
    }

    /// Adds work, when there is room.
    pub(crate) async fn push(&self, work: T) -> Result<(), Closed> {
        let place = self.room.acquire().await.map_err(|_| Closed)?;
        let mut line = self.lock();
        if line.closed {
            return Err(Closed);
        }
        place.forget(); // Given back when the work is taken.
        line.waiting.push_back(work);
        drop(line);
        self.arrival.notify_one();
        Ok(())
    }

    /// Takes the next piece of work, waiting for it. `None` when nothing will come any more.
    pub(crate) fn pop(&self) -> Option<T> {
        let mut line = self
            .arrival
            .wait_while(self.lock(), |line| line.waiting.is_empty() && !line.closed)
            .unwrap_or_else(PoisonError::into_inner);
        let work = line.waiting.pop_front();
        drop(line);
        self.room.add_permits(usize::from(work.is_some()));
        work
    }

    /// Takes all work that waits, `limit` at most, waiting for the first piece: for as long as `patience`, if that is
    /// limited.
    pub(crate) fn drain(&self, limit: usize, patience: Option<Duration>) -> Found<T> {
        let nothing = |line: &mut Line<T>| line.waiting.is_empty() && !line.closed;
        let mut line = match patience {
            None => self.arrival.wait_while(self.lock(), nothing).unwrap_or_else(PoisonError::into_inner),
            Some(patience) => {
                let waited = self.arrival.wait_timeout_while(self.lock(), patience, nothing);
                waited.unwrap_or_else(PoisonError::into_inner).0
            }
        };
        let count = line.waiting.len().min(limit);
        if count == 0 {
            return if line.closed { Found::Closed } else { Found::Quiet };
        }
        let work = line.waiting.drain(..count).collect();
        drop(line);
        self.room.add_permits(count);
        Found::Work(work)
    }

    /// Takes nothing more; what waits is still there to be taken.
    pub(crate) fn close(&self) {
        self.end(|_| ());
    }

    /// Takes nothing more and throws away what waits.
    pub(crate) fn abandon(&self) {
        drop(self.end(std::mem::take));
    }

    fn end<R>(&self, last: impl FnOnce(&mut VecDeque<T>) -> R) -> R {
        let mut line = self.lock();
        line.closed = true;
        let outcome = last(&mut line.waiting);
        drop(line);
        self.room.close();
        self.arrival.notify_all();
        outcome
    }

    fn lock(&self) -> MutexGuard<'_, Line<T>> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::{
        pin::pin,
        task::{Context, Waker},
    };

    use mailbox::testing::ready;

    use super::*;

    const NOW: Option<Duration> = Some(Duration::ZERO);

    #[test]
    fn work_is_taken_in_its_order() {
        let queue = Queue::new(8);
        for work in 0..5 {
            ready(queue.push(work)).unwrap();
        }
        assert_eq!(queue.pop(), Some(0));
        assert_eq!(queue.drain(3, NOW), Found::Work(vec![1, 2, 3]));
        assert_eq!(queue.drain(3, NOW), Found::Work(vec![4]));
        assert_eq!(queue.drain(3, NOW), Found::Quiet);
    }

    #[test]
    fn a_full_queue_makes_the_asker_wait_until_work_is_taken() {
        let queue = Queue::new(1);
        ready(queue.push(1)).unwrap();
        let mut push = pin!(queue.push(2));
        let mut context = Context::from_waker(Waker::noop());
        assert!(push.as_mut().poll(&mut context).is_pending());
        assert_eq!(queue.pop(), Some(1));
        assert!(push.as_mut().poll(&mut context).is_ready());
        assert_eq!(queue.pop(), Some(2));
    }

    #[test]
    fn an_asker_that_goes_away_while_it_waits_leaves_nothing() {
        let queue = Queue::new(1);
        ready(queue.push(1)).unwrap();
        {
            let mut push = pin!(queue.push(2));
            assert!(push.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        }
        assert_eq!(queue.pop(), Some(1));
        assert_eq!(queue.drain(1, NOW), Found::Quiet);
        ready(queue.push(3)).unwrap();
    }

    #[test]
    fn a_closed_queue_gives_what_it_has_and_then_ends() {
        let queue = Queue::new(8);
        ready(queue.push(1)).unwrap();
        ready(queue.push(2)).unwrap();
        queue.close();
        assert_eq!(ready(queue.push(3)), Err(Closed));
        assert_eq!(queue.pop(), Some(1));
        assert_eq!(queue.drain(8, None), Found::Work(vec![2]));
        assert_eq!(queue.drain(8, None), Found::Closed);
        assert_eq!(queue.pop(), None);
    }

    #[test]
    fn an_abandoned_queue_throws_away_what_it_has() {
        let queue = Queue::new(8);
        ready(queue.push(1)).unwrap();
        queue.abandon();
        assert_eq!(queue.pop(), None);
    }

    #[test]
    fn a_thread_that_waits_is_woken_by_work_and_by_the_end() {
        let queue = Queue::new(8);
        std::thread::scope(|scope| {
            let taker = scope.spawn(|| (queue.pop(), queue.pop()));
            ready(queue.push(1)).unwrap();
            queue.close();
            assert_eq!(taker.join().unwrap(), (Some(1), None));
        });
    }
}
