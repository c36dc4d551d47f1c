//! Stamping the messages that a session deleted.

use mailbox::{ChangeNumber, MailboxError, Snapshot, Uid};
use rusqlite::{OptionalExtension, params};

use super::{Kind, Ledger};
use crate::{error::Failure, reader::stamp};

/// What QUIT does.
pub(crate) struct Deletion {
    /// What the session sees. Held until the deletion is done.
    pub(crate) snapshot: Snapshot,
    pub(crate) uids: Vec<Uid>,
}

impl Kind for Deletion {
    type Answer = ();

    const OPERATION: &'static str = "delete messages";
    const ADDS_MAIL: bool = false;

    fn bytes(&self) -> u64 {
        64 * self.uids.len() as u64
    }

    fn make(&self, ledger: &mut Ledger<'_>) -> Result<(), Failure> {
        let mailbox = self.snapshot.key();
        let change = ledger.take_change();
        let (mut messages, mut octets) = (0_u64, 0_u64);
        for uid in &self.uids {
            if let Some(length) = self.stamp(ledger, *uid, change)? {
                messages += 1;
                octets += length;
            }
        }
        let (Some(lowest), Some(highest)) = (self.uids.iter().min(), self.uids.iter().max()) else {
            return Ok(());
        };
        if messages == 0 {
            return Ok(());
        }
        ledger.execute(
            "UPDATE mailbox SET change = ?2, messages = messages - ?3, octets = octets - ?4 WHERE id = ?1",
            params![self.snapshot.mailbox().as_bytes(), change.get(), messages, octets],
        )?;
        ledger.execute(
            "INSERT INTO deletion (change, id, mailbox, lowest, highest) VALUES (?1, ?2, ?3, ?4, ?5)",
            params![change.get(), self.snapshot.mailbox().as_bytes(), mailbox, lowest.get(), highest.get()],
        )?;
        Ok(())
    }
}

impl Deletion {
    /// Stamps a message; its octets, unless someone has stamped it before.
    fn stamp(&self, ledger: &Ledger<'_>, uid: Uid, change: ChangeNumber) -> Result<Option<u64>, Failure> {
        let no_such_message = || Failure::Refused(MailboxError::NoSuchMessage { uid });
        if !self.snapshot.sees(uid, None) {
            return Err(no_such_message());
        }
        let key = (self.snapshot.key(), uid.get());
        let stamped = ledger
            .connection
            .prepare_cached(
                "UPDATE message SET stamp = ?3 WHERE mailbox = ?1 AND uid = ?2 AND stamp = 0 RETURNING octets",
            )?
            .query_row(params![key.0, key.1, change.get()], |row| row.get(0))
            .optional()?;
        if stamped.is_some() {
            return Ok(stamped);
        }
        let earlier: Option<Option<ChangeNumber>> = ledger
            .connection
            .prepare_cached("SELECT stamp FROM message WHERE mailbox = ?1 AND uid = ?2")?
            .query_row(key, |row| stamp(row, 0))
            .optional()?;
        // Stamped by another session, or by this one before: done already, if this session ever saw the message.
        match earlier {
            Some(stamp) if self.snapshot.sees(uid, stamp) => Ok(None),
            _ => Err(no_such_message()),
        }
    }
}
