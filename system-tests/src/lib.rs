//! The whole system inside one test process: what a [`House`] is made of, and who comes to its doors.
//!
//! A [`House`] is an installation on loopback addresses of its own, with its data in a folder that goes with it. Its front
//! end and its back ends each run in a runtime of their own, so that one can be stopped, killed and started again while
//! the others go on. Mail readers come as [`Client`]s, line by line; mail servers as [`MailServer`]s. [`stores`] are
//! mailbox databases that misbehave as a test wants; a [`Transcript`] is a conversation written down in a file.
//!
//! Not here: what one crate promises by itself, which its own tests prove, and processes, real clients and `kill -9`.
//!
//! Nothing waits for a time to pass: whoever waits, waits for something to happen, and at most until [`in_time`].

#![allow(
    clippy::unwrap_used,
    reason = "this is test code, in a library only so that several test programs can share it"
)]

mod addresses;
mod client;
mod house;
mod mail_server;
mod power;
mod settings_in_hand;
pub mod stores;
mod transcript;

use std::time::Duration;

use tokio::time::Instant;

pub use addresses::Addresses;
pub use client::{Client, Transport};
pub use house::{BackEnd, FrontEnd, House, PASSWORD, Plan, THREE_MESSAGES};
pub use mail_server::{MailServer, without_trace};
pub use settings_in_hand::{Settings, networks, span};
pub use transcript::Transcript;

/// A deadline that no test is meant to reach.
pub fn in_time() -> Instant {
    Instant::now() + Duration::from_secs(30)
}

/// How long what comes at once may take, where a test wants to see that nothing comes.
const AT_ONCE: Duration = Duration::from_millis(50);

/// Waits until `holds`, looking again whenever others have had their turn.
pub async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = in_time();
    while !holds() {
        assert!(Instant::now() < deadline, "never: {what}");
        // As short as can be: it is a turn for the others, on few cores, not a guess at how long something takes.
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}
