//! The embedded engine of the mailbox store: one SQLite file is one mailbox database.
//!
//! A database is a directory on a local disk with `mail.sqlite` in it, a `lock` that its mount holds, and a `reserve`
//! of disk space that lets mail be deleted when the disk is full. [`create`] makes one, [`SqliteStore::mount`] serves
//! it until [`SqliteStore::dismount`], or until the storage fails or another server takes it over: see [`Standing`].
//!
//! While it is mounted, one thread writes, several read and one moves what was written from the log into the file.
//! The writer commits everything that waits in one transaction, so that many deliveries share one fsync, and every
//! commit compares the fencing token. No transaction outlives a call of the store.
//!
//! [`check`], [`back_up`] and [`Archive`] read beside a mount, from any process; [`restore`] makes a database of a
//! backup.
//!
//! Not for: what a store promises (`mailbox`), who may mount which database (the assignments).

mod archive;
mod backup;
mod check;
mod checkpoint;
mod error;
mod mount;
mod options;
mod place;
mod queue;
mod reader;
mod schema;
mod store;
mod writer;

pub use archive::{Archive, ArchivedMessage};
pub use backup::{BackupProgress, back_up, restore};
pub use check::{CheckProgress, CheckReport, Problem, Wrong, check};
pub use error::DatabaseError;
pub use mount::{SqliteStore, Standing};
pub use options::{Clock, CreateOptions, MountOptions};
pub use place::create;
