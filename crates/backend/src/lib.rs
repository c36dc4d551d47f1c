//! The back end: serves the mailbox databases mounted on this server over POP3 and LMTP.
//!
//! - `assignments`, `following`, [`mounts`]: which databases those are;
//! - [`occupancy`]: who is in which mailbox;
//! - `pop3`, `lmtp`: one connection each, from its first octet to its last;
//! - [`Running`]: all of it, started and stopped; [`run`]: as a process.
//!
//! It follows what it is told to mount and never decides that itself. It knows front ends by their certificates only.

mod assignments;
mod following;
mod lmtp;
pub mod mounts;
pub mod occupancy;
mod pop3;
mod process;
mod replies;
mod running;

pub use process::run;
pub use running::{Running, Start, StartError};
