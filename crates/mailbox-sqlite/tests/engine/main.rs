//! The engine against its promises, crashes, faults and a full disk.

#![allow(clippy::unwrap_used, reason = "this is a test, its fixtures included")]

mod backups;
mod checks;
mod conformance;
mod crashes;
mod faults;
mod fixture;
mod full_disk;
mod mounts;
