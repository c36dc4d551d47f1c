//! Listeners, TLS, deadlines, limits and draining: what a service does with sockets before it speaks a protocol.
//!
//! The life of a connection, in the order of the modules that it passes:
//!
//! 1. [`listeners`] accepts it on a binding and hands it out as [`Accepted`];
//! 2. [`proxy`] finds out who the client is when a listed proxy stands between ([`Accepted::identify`]);
//! 3. [`limits`] admits or refuses it, at once;
//! 4. [`drain`] runs its session in a task of its own and tells it when to stop;
//! 5. [`connection`] reads and writes it, before and after [`tls`] has been started on it.
//!
//! [`authority`] stands beside: it makes the certificates of a data directory. Nothing here knows POP3 or LMTP: a refusal
//! is a value, and its text is the caller's.

pub mod authority;
pub mod connection;
pub mod drain;
pub mod limits;
pub mod listeners;
pub mod peer;
pub mod proxy;
pub mod tls;

pub use authority::Authority;
pub use connection::Connection;
pub use drain::Sessions;
pub use limits::Limiter;
pub use listeners::{Accepted, Binding, Endpoint, Incoming, Listeners};
pub use peer::Peer;
pub use tls::{CertificateStore, ClientTls, InnerTls, PeerIdentity, Role, ServerTls};
