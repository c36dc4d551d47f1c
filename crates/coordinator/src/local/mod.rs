//! The local engine: one process, for the servers of one machine.
//!
//! [`Server`] keeps the store in a folder of its own and answers on a Unix socket, with a line of JSON for each request and
//! each answer; [`LocalClient`] asks. What the server answered is on the disk: it may be killed at any moment. While the
//! disk is full it reads and refuses changes, and goes on by itself when there is space.
//!
//! Leases run by `CLOCK_BOOTTIME`. A server that starts gives each lease its full time again, because nobody could keep
//! it alive in between.

mod client;
mod connection;
mod engine;
mod link;
mod outbox;
mod protocol;
mod server;
mod socket;
mod storage;

pub use client::LocalClient;
pub use server::{Running, ServeError, Server};
pub use storage::StorageError;
