//! The session machine, driven without sockets.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod driver;

mod arbitrary;
mod authorization;
mod bounds;
mod log;
mod pipelining;
mod sasl;
mod security;
mod transaction;
mod transcripts;
