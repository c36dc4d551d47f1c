//! The local engine over its real socket: its promises, crashes, a hung server, a full disk.

#![allow(clippy::unwrap_used, reason = "this is a test, its fixtures included")]

mod conformance;
mod crashes;
mod fixture;
mod full_disk;
mod servers;
mod silence;
