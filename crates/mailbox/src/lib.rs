//! A mailbox database, seen from outside: the values, the store trait that every engine implements, the rules of
//! snapshots, and the suite that proves an engine right.
//!
//! A *mailbox database* holds mailboxes that live and move as one; a *store* is one mounted database. A session takes
//! a [`Snapshot`] at log-in and asks everything else through it, so that mail which arrives later, or which another
//! session deletes, changes nothing it has been told.
//!
//! Not for: POP3 (see `pop3`), who a user is and where a database is mounted (the directory and the assignments), or
//! how bytes reach a disk (the engines).
//!
//! With the feature `testing` come the in-memory reference store, a slow and a failing one, and the conformance suite.

mod error;
mod id;
mod message;
mod snapshot;
mod store;
mod token;
mod uidl;
mod wire;

#[cfg(feature = "testing")]
pub mod testing;

pub use error::{Fault, MailboxError};
pub use id::{DeliveryId, IdError, MailboxId};
pub use message::{CHUNK, MessageEntry, Octets, Uid};
pub use snapshot::{ChangeNumber, LivingSnapshots, MailboxState, Reservation, Snapshot};
pub use store::{
    Answer, Delivered, Delivery, Import, ImportedMessage, MailboxStore, MailboxSummary, RememberedDelivery,
    UnixSeconds,
};
pub use token::FencingToken;
pub use uidl::{Uidl, UidlError};
pub use wire::{MemoryMessage, WireDecoder, WireEncoder, WireLengths, WireMessage};
