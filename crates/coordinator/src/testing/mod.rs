//! For the tests of engines and of what is built on a coordinator.
//!
//! * [`MemoryCoordinator`]: a coordinator in memory, which can be made to be away, to lose answers and to lose everything.
//! * [`conformance`]: one function for each promise of the seam; [`crate::conformance_suite`] makes a test of each.

#![allow(clippy::unwrap_used, reason = "this is test code, though other crates' tests must reach it")]

pub mod conformance;
mod memory;
mod store;

pub use memory::MemoryCoordinator;
pub use store::{MemoryStore, TestStore};
