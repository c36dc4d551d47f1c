//! A store whose operations fail when the test says so.

use std::{
    collections::BTreeMap,
    future::ready,
    sync::{Arc, Mutex, PoisonError},
};

use super::{Interfered, Interference, Operation};
use crate::{Answer, MailboxError, MailboxStore};

/// A store whose operations meet [`Failures`].
pub type FailingStore = Interfered<Failures>;

/// `store` with failures to be ordered, and where to order them.
pub fn failing_store(store: Arc<dyn MailboxStore>) -> (FailingStore, Arc<Failures>) {
    let failures = Arc::new(Failures::default());
    (Interfered::new(store, Arc::clone(&failures)), failures)
}

/// Which calls fail, and how. A call that fails does not reach the store. Every call is counted.
#[derive(Default)]
pub struct Failures {
    operations: Mutex<BTreeMap<Operation, Orders>>,
}

#[derive(Default)]
struct Orders {
    calls: u64,
    at: BTreeMap<u64, MailboxError>,
    always: Option<MailboxError>,
}

impl Failures {
    /// The `nth` call of `operation` from now on fails with `error`; the next one is the first.
    pub fn fail_nth(&self, operation: Operation, nth: u64, error: MailboxError) {
        self.with(operation, |orders| orders.at.insert(orders.calls + nth, error));
    }

    /// Every call of `operation` fails with `error` until [`heal`](Self::heal).
    pub fn fail_always(&self, operation: Operation, error: MailboxError) {
        self.with(operation, |orders| orders.always = Some(error));
    }

    /// Takes back all orders for `operation`.
    pub fn heal(&self, operation: Operation) {
        self.with(operation, |orders| *orders = Orders { calls: orders.calls, ..Orders::default() });
    }

    /// How often `operation` was called so far, failures included.
    pub fn calls(&self, operation: Operation) -> u64 {
        self.with(operation, |orders| orders.calls)
    }

    fn with<T>(&self, operation: Operation, change: impl FnOnce(&mut Orders) -> T) -> T {
        let mut operations = self.operations.lock().unwrap_or_else(PoisonError::into_inner);
        change(operations.entry(operation).or_default())
    }
}

impl Interference for Failures {
    fn before(&self, operation: Operation) -> Answer<'_, ()> {
        Box::pin(ready(self.with(operation, |orders| {
            orders.calls += 1;
            let ordered = orders.at.remove(&orders.calls);
            ordered.or_else(|| orders.always.clone()).map_or(Ok(()), Err)
        })))
    }
}
