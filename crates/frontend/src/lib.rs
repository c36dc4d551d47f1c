//! The front end: accepts clients, finds their mailbox server and relays.
//!
//! - [`route`]: the ways that lead to users' mail, and the room where log-ins wait for a database that is moving;
//! - `pop3`: a client, from its first octet over the log-in to the end of the relay;
//! - `lmtp`: mail on its way in;
//! - [`metrics`]: what Prometheus is told besides what every service has to tell;
//! - [`Running`]: all of it, started and stopped; [`run`]: as a process.
//!
//! It cannot read mail: no mailbox engine is within its reach.

mod free_connections;
mod lmtp;
pub mod metrics;
mod pop3;
mod process;
pub mod route;
mod running;

pub use process::run;
pub use running::{Running, Start, StartError};
