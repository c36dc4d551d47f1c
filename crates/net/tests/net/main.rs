//! The crate from outside, over real sockets on loopback.

#![expect(clippy::unwrap_used, reason = "what surprises a test ends it")]

mod authority;
mod certificates;
mod connection;
mod drain;
mod inner;
mod limits;
mod listeners;
mod proxy;
mod scene;
mod tls;
