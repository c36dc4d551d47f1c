//! A store whose operations wait until the test lets them through.

use std::{
    collections::BTreeMap,
    future::poll_fn,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Poll, Waker},
};

use super::{Interfered, Interference, Operation};
use crate::{Answer, MailboxStore};

/// A store whose operations pass [`Gates`].
pub type SlowStore = Interfered<Gates>;

/// `store` behind gates, all open at first, and the gates.
pub fn slow_store(store: Arc<dyn MailboxStore>) -> (SlowStore, Arc<Gates>) {
    let gates = Arc::new(Gates::default());
    (Interfered::new(store, Arc::clone(&gates)), gates)
}

/// One gate for each operation. No clock: a closed gate stays closed until the test opens it.
#[derive(Default)]
pub struct Gates {
    gates: Mutex<BTreeMap<Operation, Gate>>,
}

#[derive(Default)]
struct Gate {
    closed: bool,
    waiting: usize,
    wakers: Vec<Waker>,
}

impl Gate {
    fn wake(&mut self) {
        self.wakers.drain(..).for_each(Waker::wake);
    }
}

impl Gates {
    /// From now on, calls of `operation` wait before they reach the store.
    pub fn close(&self, operation: Operation) {
        self.lock().entry(operation).or_default().closed = true;
    }

    /// Lets the calls of `operation` that wait, and those to come, through.
    pub fn open(&self, operation: Operation) {
        if let Some(gate) = self.lock().get_mut(&operation) {
            gate.closed = false;
            gate.wake();
        }
    }

    /// Waits until `count` calls of `operation` wait at their gate.
    pub async fn reached(&self, operation: Operation, count: usize) {
        poll_fn(|context| {
            let mut gates = self.lock();
            let gate = gates.entry(operation).or_default();
            if gate.waiting >= count {
                return Poll::Ready(());
            }
            gate.wakers.push(context.waker().clone());
            Poll::Pending
        })
        .await;
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Operation, Gate>> {
        self.gates.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Interference for Gates {
    fn before(&self, operation: Operation) -> Answer<'_, ()> {
        let mut place = None;
        Box::pin(poll_fn(move |context| {
            let mut gates = self.lock();
            let gate = gates.entry(operation).or_default();
            if !gate.closed {
                drop(gates);
                place = None;
                return Poll::Ready(Ok(()));
            }
            if place.is_none() {
                gate.waiting += 1;
                gate.wake();
                place = Some(Place { gates: self, operation });
            }
            gate.wakers.push(context.waker().clone());
            Poll::Pending
        }))
    }
}

/// One call's place before its gate; given up when the call passes or its asker goes away.
struct Place<'a> {
    gates: &'a Gates,
    operation: Operation,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if let Some(gate) = self.gates.lock().get_mut(&self.operation) {
            gate.waiting -= 1;
        }
    }
}
