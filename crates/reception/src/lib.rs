//! The front door of a service: where it accepts, whom it lets in, and how it closes.
//!
//! A service says through [`Host`] what it listens for and how it serves one connection; a [`Reception`] does what is the
//! same for all of them. It keeps the bindings, the limits and the [`Certificates`] as the live settings say, finds out who
//! a client behind a proxy is, counts connections, and empties the house when the service stops. Load balancers and
//! Prometheus are answered by [`questions`]. Around it stands the
//! [`Process`], with its log, its admin socket and its signals. Nothing of a protocol is
//! known here but the words by which a connection is turned away, which the host supplies.

mod certificates;
mod host;
mod process;
pub mod questions;

pub use certificates::{Certificates, InUse};
pub use host::{Host, OpenError, Reception, empty};
pub use process::{Failure, Process};
