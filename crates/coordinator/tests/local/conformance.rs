//! The promises of a coordinator.

use crate::fixture::{LocalStore, block_on};

coordinator::conformance_suite!(block_on, LocalStore::new());
