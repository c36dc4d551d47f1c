//! A database read in bulk: all mailboxes, all messages, as they were at one moment.

use std::path::Path;

use bytes::Bytes;
use mailbox::{
    DeliveryId, FencingToken, MailboxError, MailboxId, MailboxSummary, MessageEntry, RememberedDelivery,
    UnixSeconds,
};
use rusqlite::Connection;

use crate::{
    error::{DatabaseError, Failure},
    mount::read_token,
    place::Place,
    reader::{chunk, entry, mailboxes},
    schema,
};

/// A database opened for listings and exports, beside whoever has it mounted.
///
/// It shows one moment, for as long as it lives; meanwhile the log of a mounted database cannot begin anew, so it is
/// not to be kept.
#[derive(Debug)]
pub struct Archive {
    connection: Connection,
    place: Place,
}

/// A message of an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArchivedMessage {
    /// What a listing says of it.
    pub entry: MessageEntry,
    /// When it was received.
    pub received: UnixSeconds,
    /// The delivery that brought it, if that is still remembered.
    pub delivery: Option<RememberedDelivery>,
}

const CACHE: u64 = 16 << 20;

impl Archive {
    /// Opens the database in `directory` as it is now.
    pub fn open(directory: &Path) -> Result<Self, DatabaseError> {
        let place = Place::existing(directory)?;
        let connection = schema::open_moment(&place.database(), CACHE)?;
        Ok(Self { connection, place })
    }

    /// The token of the last mount. Who takes the lock while nobody serves the database mounts it under this one, which
    /// leaves every assignment what it is.
    pub fn token(&self) -> Result<FencingToken, DatabaseError> {
        read_token(&self.connection).map_err(self.error("read the fencing token"))
    }

    /// Every mailbox, by name and then by id.
    pub fn mailboxes(&self) -> Result<Vec<MailboxSummary>, DatabaseError> {
        mailboxes(&self.connection).map_err(self.error("list the mailboxes"))
    }

    /// The messages of a mailbox that are not deleted, by ascending uid.
    pub fn messages(&self, mailbox: &MailboxId) -> Result<Vec<ArchivedMessage>, DatabaseError> {
        let list = || {
            let mut statement = self.connection.prepare_cached(
                "SELECT message.uid, octets, header, wire, epoch, uidl, received, id, at
                 FROM message LEFT JOIN delivery USING (uid, mailbox)
                 WHERE mailbox = (SELECT number FROM mailbox WHERE id = ?1) AND stamp = 0 ORDER BY message.uid",
            )?;
            let messages = statement.query_map([mailbox.as_bytes()], |row| {
                let id = row.get::<_, Option<[u8; 16]>>(7)?.map(DeliveryId::from_bytes);
                let at = UnixSeconds(row.get::<_, Option<u64>>(8)?.unwrap_or_default());
                Ok(ArchivedMessage {
                    entry: entry(row)?,
                    received: UnixSeconds(row.get(6)?),
                    delivery: id.map(|id| RememberedDelivery { id, at }),
                })
            })?;
            messages.collect::<Result<_, _>>()
        };
        list().map_err(self.error("list a mailbox"))
    }

    /// The deliveries to a mailbox that are remembered though their messages are deleted.
    pub fn deliveries(&self, mailbox: &MailboxId) -> Result<Vec<RememberedDelivery>, DatabaseError> {
        let list = || {
            let mut statement = self.connection.prepare_cached(
                "SELECT id, at FROM delivery WHERE mailbox = (SELECT number FROM mailbox WHERE id = ?1)
                 AND NOT EXISTS (SELECT 1 FROM message
                     WHERE message.mailbox = delivery.mailbox AND message.uid = delivery.uid AND stamp = 0)
                 ORDER BY uid",
            )?;
            let deliveries = statement.query_map([mailbox.as_bytes()], |row| {
                let id = DeliveryId::from_bytes(row.get(0)?);
                Ok(RememberedDelivery { id, at: UnixSeconds(row.get(1)?) })
            })?;
            deliveries.collect::<Result<_, _>>()
        };
        list().map_err(self.error("list the deliveries to a mailbox"))
    }

    /// The chunk `index` of a message of `mailbox`, in wire form. The error is about this message only, and may be
    /// [`MailboxError::Corrupt`].
    pub fn chunk(
        &self,
        mailbox: &MailboxId,
        message: &MessageEntry,
        index: u32,
    ) -> Result<Bytes, MailboxError> {
        if index >= message.chunks() {
            return Err(MailboxError::NoSuchMessage { uid: message.uid });
        }
        chunk(&self.connection, *mailbox, message.uid, index, message.wire).map_err(|failure| match failure {
            Failure::Refused(error) => error,
            Failure::Sqlite(error) => MailboxError::Unavailable {
                operation: "read a message",
                source: Some(std::sync::Arc::new(error)),
            },
        })
    }

    fn error(&self, operation: &'static str) -> impl FnOnce(rusqlite::Error) -> DatabaseError {
        DatabaseError::sqlite(operation, self.place.database())
    }
}
