//! Storing a message.

use std::{io, sync::Arc};

use bytes::Bytes;
use mailbox::{CHUNK, Delivered, Delivery, MailboxError, MailboxState, Uid, Uidl, WireMessage};
use rusqlite::params;

use super::{Kind, Ledger};
use crate::{
    error::Failure,
    reader::{delivery, refuse_over_quota, require_space, state},
    schema::{CHUNK_BITS, chunk_place},
};

impl Kind for Delivery {
    type Answer = Delivered;

    const OPERATION: &'static str = "deliver a message";
    const ADDS_MAIL: bool = true;

    fn bytes(&self) -> u64 {
        self.message.lengths().wire
    }

    fn make(&self, ledger: &mut Ledger<'_>) -> Result<Delivered, Failure> {
        let mailbox = state(ledger.connection, &self.mailbox)?;
        if let Some(mailbox) = &mailbox
            && let Some(uid) = delivery(ledger.connection, self.id, mailbox.key)?
        {
            return Ok(Delivered::AlreadyStored(uid));
        }
        let lengths = self.message.lengths();
        refuse_over_quota(self.quota, mailbox.unwrap_or_default().octets, lengths.octets)?;
        require_space(ledger.connection, ledger.mounted, lengths.octets)?;
        let own_name = own_name(ledger, self, mailbox.as_ref())?;

        let uid = ledger.take_uid();
        store_body(ledger, uid, &*self.message)?;
        let number = match mailbox {
            Some(mailbox) => mailbox.key,
            None => ledger.take_mailbox(),
        };
        let (uid_column, number_column) = (uid.get(), number);
        let octets = lengths.octets.get();
        ledger.execute(
            "INSERT INTO message (mailbox, uid, stamp, octets, header, wire, received, epoch, uidl)
             VALUES (?1, ?2, 0, ?3, ?4, ?5, ?6, ?7, ?8)",
            params![
                number_column,
                uid_column,
                octets,
                lengths.header,
                lengths.wire,
                self.received.0,
                ledger.epoch,
                own_name,
            ],
        )?;
        ledger.execute(
            "INSERT INTO mailbox (id, number, name, removed, highest, change, messages, octets)
             VALUES (?1, ?2, ?3, 0, ?4, 0, 1, ?5)
             ON CONFLICT DO UPDATE SET name = excluded.name, removed = 0, highest = excluded.highest,
                 messages = messages + 1, octets = octets + excluded.octets",
            params![self.mailbox.as_bytes(), number_column, self.name, uid_column, octets],
        )?;
        ledger.execute(
            "INSERT INTO delivery (uid, id, mailbox, at) VALUES (?1, ?2, ?3, ?4)",
            params![uid_column, self.id.as_bytes(), number_column, ledger.mounted.options.clock.now().0],
        )?;
        Ok(Delivered::Stored(uid))
    }
}

/// The name that an imported message keeps, unless it is taken or will be.
fn own_name(
    ledger: &Ledger<'_>,
    delivery: &Delivery,
    mailbox: Option<&MailboxState>,
) -> Result<Option<String>, Failure> {
    let Some(uidl) = &delivery.uidl else { return Ok(None) };
    let taken = match (uidl.as_derived(), mailbox) {
        (Some((epoch, uid)), _) if epoch == ledger.epoch && uid >= ledger.next_uid() => true,
        (_, None) => false,
        (derived, Some(mailbox)) => is_used(ledger, mailbox.key, uidl, derived)?,
    };
    if taken {
        return Err(MailboxError::UidlTaken { uidl: uidl.clone() }.into());
    }
    Ok(Some(uidl.to_string()))
}

/// Whether a message of the mailbox has the name, be it imported or given here.
fn is_used(
    ledger: &Ledger<'_>,
    mailbox: u64,
    uidl: &Uidl,
    derived: Option<(u32, Uid)>,
) -> rusqlite::Result<bool> {
    let connection = ledger.connection;
    let imported = connection
        .prepare_cached("SELECT 1 FROM message WHERE mailbox = ?1 AND uidl = ?2")?
        .exists(params![mailbox, uidl.to_string()])?;
    let Some((epoch, uid)) = derived else { return Ok(imported) };
    let given = connection
        .prepare_cached(
            "SELECT 1 FROM message WHERE mailbox = ?1 AND uid = ?2 AND epoch = ?3 AND uidl IS NULL",
        )?
        .exists(params![mailbox, uid.get(), epoch])?;
    Ok(imported || given)
}

fn store_body(ledger: &Ledger<'_>, uid: Uid, message: &dyn WireMessage) -> Result<(), Failure> {
    if message.chunks() > 1 << CHUNK_BITS {
        return Err(MailboxError::NoSpace.into());
    }
    let mut rest = message.lengths().wire;
    for index in 0..message.chunks() {
        let body = read(message, index, rest.min(CHUNK as u64))?;
        rest -= body.len() as u64;
        ledger.execute(
            "INSERT INTO chunk (place, crc, body) VALUES (?1, ?2, ?3)",
            params![chunk_place(uid, index), crc32c::crc32c(&body), &body[..]],
        )?;
    }
    Ok(())
}

/// A chunk from where the giver keeps the message, and of the length that the giver said.
fn read(message: &dyn WireMessage, index: u32, length: u64) -> Result<Bytes, MailboxError> {
    let wrong_length = |body: Bytes| {
        let right = body.len() as u64 == length;
        if right {
            Ok(body)
        } else {
            Err(io::Error::new(io::ErrorKind::InvalidData, "a chunk has another length"))
        }
    };
    let body = message.chunk(index).and_then(wrong_length);
    body.map_err(|source| MailboxError::Unreadable { source: Arc::new(source) })
}
