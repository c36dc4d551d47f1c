//! Asks agents over their HTTP API: the client of the contract in `admin-api`.
//!
//! A [`Door`] is where an agent listens: a Unix socket, a loopback port, or a port with TLS. A [`Client`] asks through one
//! of them, every request over a connection of its own and within a limit. Commands use the [`blocking`] face of it;
//! agents, which ask each other, pass on for whom they ask.
//!
//! Not for deciding what to do about an answer, and not for printing it.

pub mod blocking;
mod client;
mod door;
mod error;
mod stream;

pub use client::Client;
pub use door::{BadDoor, BearerToken, Door, doors_of};
pub use error::{ClientError, Lost};
pub use tls_identity::{TlsError, TlsIdentity};
