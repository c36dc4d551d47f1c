//! For the tests of engines and of the services above them: stores that behave, wait or fail as a test wants, and the
//! suite that every engine must pass.
//!
//! * [`MemoryStore`]: the reference engine. What it answers is what a store is to answer.
//! * [`slow_store`] and [`failing_store`]: any store behind gates that the test opens, or with failures it orders.
//! * [`conformance`]: one function for each promise of the store trait; [`crate::conformance_suite`] makes a test of
//!   each.
//! * [`model`]: random operations against the reference and an engine side by side.
//!
//! No executor, clock or thread is needed: what does not have to wait is ready at the first poll, see [`ready`].

#![allow(clippy::unwrap_used, reason = "this is test code, though other crates' tests must reach it")]

pub mod conformance;
mod database;
mod failing;
mod interference;
mod memory;
pub mod model;
mod sample;
mod slow;

use std::{
    future::{Future, poll_fn},
    pin::pin,
    task::{Context, Poll, Waker},
};

pub use database::{MemoryDatabase, TestDatabase};
pub use failing::{FailingStore, Failures, failing_store};
pub use interference::{Interfered, Interference, Operation};
pub use memory::MemoryStore;
pub use sample::{Pattern, delivery, delivery_id, mailbox_id};
pub use slow::{Gates, SlowStore, slow_store};

/// The outcome of a future that has nothing to wait for, such as every answer of a [`MemoryStore`].
///
/// # Panics
/// If it waits all the same.
pub fn ready<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(outcome) => outcome,
        Poll::Pending => panic!("the future has to wait for something"),
    }
}

/// Drives all futures at once; their outcomes in the same order.
pub async fn join_all<F: Future>(futures: impl IntoIterator<Item = F>) -> Vec<F::Output> {
    let mut running: Vec<_> = futures.into_iter().map(|future| (Box::pin(future), None)).collect();
    poll_fn(|context| {
        let mut waiting = false;
        for (future, outcome) in &mut running {
            if outcome.is_none() {
                match future.as_mut().poll(context) {
                    Poll::Ready(value) => *outcome = Some(value),
                    Poll::Pending => waiting = true,
                }
            }
        }
        if waiting { Poll::Pending } else { Poll::Ready(()) }
    })
    .await;
    running.into_iter().filter_map(|(_, outcome)| outcome).collect()
}
