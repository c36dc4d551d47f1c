//! A mailbox in another database, read beside whoever has that mounted.

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use mailbox::{ImportedMessage, MailboxId, MessageEntry, RememberedDelivery, WireLengths, WireMessage};
use mailbox_sqlite::{Archive, ArchivedMessage, DatabaseError};

/// A mailbox as it is at one moment. Not to be kept for long, since the log of its database grows meanwhile.
pub(super) struct Source {
    archive: Arc<Mutex<Archive>>,
    mailbox: MailboxId,
    /// Its messages, in their order.
    pub(super) messages: Vec<ArchivedMessage>,
    /// Deliveries that are remembered though their messages are deleted.
    pub(super) deliveries: Vec<RememberedDelivery>,
}

impl Source {
    /// The mailbox in the database in `folder` as it is now. Blocks.
    pub(super) fn open(folder: &Path, mailbox: MailboxId) -> Result<Self, DatabaseError> {
        let archive = Archive::open(folder)?;
        let (messages, deliveries) = (archive.messages(&mailbox)?, archive.deliveries(&mailbox)?);
        Ok(Self { archive: Arc::new(Mutex::new(archive)), mailbox, messages, deliveries })
    }

    /// One of its messages, which is read piece by piece when it is stored.
    pub(super) fn message(&self, archived: &ArchivedMessage) -> ImportedMessage {
        let ArchivedMessage { entry, received, delivery } = archived;
        let message =
            Archived { archive: Arc::clone(&self.archive), mailbox: self.mailbox, entry: entry.clone() };
        ImportedMessage {
            uidl: entry.uidl.clone(),
            received: *received,
            message: Arc::new(message),
            delivery: *delivery,
        }
    }
}

struct Archived {
    archive: Arc<Mutex<Archive>>,
    mailbox: MailboxId,
    entry: MessageEntry,
}

impl WireMessage for Archived {
    fn lengths(&self) -> WireLengths {
        let MessageEntry { octets, header, wire, .. } = self.entry;
        WireLengths { octets, header, wire }
    }

    fn chunk(&self, index: u32) -> io::Result<Bytes> {
        // A reader that panicked has changed nothing.
        let archive = self.archive.lock().unwrap_or_else(PoisonError::into_inner);
        archive.chunk(&self.mailbox, &self.entry, index).map_err(io::Error::other)
    }
}
