//! What the tests of this crate stand on: installations of the real executable, each in a folder and on loopback
//! addresses of its own, clients that speak with them, and the outside world that surrounds them.
//!
//! Everything here waits on conditions, within limits, and panics with what it saw when a limit is reached: for a test
//! that is the report. Processes are ended by the ids under which they were started, never by name.
//!
//! Not for testing parts: crates test themselves, on port 0 and without processes.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

pub mod account;
pub mod authority;
pub mod cyrus;
pub mod dovecot;
pub mod impostor;
pub mod installation;
pub mod lmtp;
pub mod load;
pub mod mail;
pub mod place;
pub mod pop3;
pub mod preparation;
pub mod process;
pub mod program;
pub mod random;
pub mod small_disk;
pub mod status;
pub mod wait;
pub mod wire;

pub use installation::Installation;
pub use lmtp::{LmtpClient, Verdict};
pub use load::{Crowd, Load};
pub use pop3::{Fault, Pop3Client};
pub use preparation::Preparation;
pub use wait::until;
