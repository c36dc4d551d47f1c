//! The promises of a coordinator.

use crate::fixture::{EtcdStore, block_on};

coordinator::conformance_suite!(block_on, EtcdStore::new().await);
