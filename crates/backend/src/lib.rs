//! The back end: serves the mailbox databases mounted on this server over POP3 and LMTP.
//!
//! - `assignments`, `following`, [`mounts`]: which databases those are;
//! - [`occupancy`]: who is in which mailbox;
//! - `health_mail`: what is in the mailboxes that probes use, `store_check`: whether a store can be used;
//! - `moving`: mailboxes on their way to another database, `whereabouts`: what that means to their users;
//! - [`metrics`]: what Prometheus is told besides what every service has to tell;
//! - `pop3`, `lmtp`: one connection each, from its first octet to its last;
//! - [`Running`]: all of it, started and stopped; [`run`]: as a process.
//!
//! It follows what it is told to mount and never decides that itself. It knows front ends by their certificates only.

mod assignments;
mod following;
mod health_mail;
mod lmtp;
pub mod metrics;
pub mod mounts;
mod moving;
pub mod occupancy;
mod pop3;
mod process;
mod replies;
mod running;
mod store_check;
mod whereabouts;

pub use process::run;
pub use running::{Running, Start, StartError};
