//! What only all of it together can show.

#![allow(clippy::unwrap_used, reason = "this is test code")]

mod bounds;
mod command_times;
mod conversations;
mod damage;
mod delivery;
mod doors;
mod draining;
mod flood;
mod health_mailbox;
mod live_settings;
mod log_in;
mod maildrop;
mod metrics;
mod moving;
mod protocol_log;
mod secrets;
mod third_parties;
mod waiting;
