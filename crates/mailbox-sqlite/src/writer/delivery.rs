//! Storing a message.

use std::{io, sync::Arc};

use bytes::Bytes;
use mailbox::{
    CHUNK, ChangeNumber, Delivered, Delivery, MailboxError, MailboxId, MailboxState, Octets,
    RememberedDelivery, Uid, Uidl, UnixSeconds, WireMessage,
};
use rusqlite::{OptionalExtension, Row, params};

use super::{Kind, Ledger};
use crate::{
    error::Failure,
    reader::{delivery, refuse_over_quota, require_space, stamp, state},
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
        let number = match mailbox {
            Some(mailbox) => mailbox.key,
            None => ledger.take_mailbox(),
        };
        store(ledger, number, uid, &*self.message, self.received, own_name.as_deref())?;
        let more = More { highest: uid, messages: 1, octets: lengths.octets };
        enlarge(ledger, &self.mailbox, number, &self.name, &more)?;
        let now = ledger.mounted.options.clock.now();
        remember(ledger, number, uid, RememberedDelivery { id: self.id, at: now })?;
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
    let taken = is_to_come(ledger, uidl)
        || match mailbox {
            Some(mailbox) => named(ledger, mailbox.key, uidl)?.is_some(),
            None => false,
        };
    if taken {
        return Err(MailboxError::UidlTaken { uidl: uidl.clone() }.into());
    }
    Ok(Some(uidl.to_string()))
}

/// Whether a message that arrives later may get the name.
pub(super) fn is_to_come(ledger: &Ledger<'_>, uidl: &Uidl) -> bool {
    uidl.as_derived().is_some_and(|(epoch, uid)| epoch == ledger.epoch && uid >= ledger.next_uid())
}

/// The message of the mailbox that has the name, be it imported or given here, and its stamp.
pub(super) fn named(
    ledger: &Ledger<'_>,
    mailbox: u64,
    uidl: &Uidl,
) -> rusqlite::Result<Option<(Uid, Option<ChangeNumber>)>> {
    let connection = ledger.connection;
    let holder = |row: &Row<'_>| Ok((Uid::new(row.get(0)?), stamp(row, 1)?));
    let imported = connection
        .prepare_cached("SELECT uid, stamp FROM message WHERE mailbox = ?1 AND uidl = ?2")?
        .query_row(params![mailbox, uidl.to_string()], holder)
        .optional()?;
    let (None, Some((epoch, uid))) = (imported, uidl.as_derived()) else { return Ok(imported) };
    connection
        .prepare_cached(
            "SELECT uid, stamp FROM message WHERE mailbox = ?1 AND uid = ?2 AND epoch = ?3 AND uidl IS NULL",
        )?
        .query_row(params![mailbox, uid.get(), epoch], holder)
        .optional()
}

/// Stores a message, under a name of its own or the one that epoch and uid make.
pub(super) fn store(
    ledger: &Ledger<'_>,
    mailbox: u64,
    uid: Uid,
    message: &dyn WireMessage,
    received: UnixSeconds,
    own_name: Option<&str>,
) -> Result<(), Failure> {
    store_body(ledger, uid, message)?;
    let lengths = message.lengths();
    ledger.execute(
        "INSERT INTO message (mailbox, uid, stamp, octets, header, wire, received, epoch, uidl)
         VALUES (?1, ?2, 0, ?3, ?4, ?5, ?6, ?7, ?8)",
        params![
            mailbox,
            uid.get(),
            lengths.octets.get(),
            lengths.header,
            lengths.wire,
            received.0,
            ledger.epoch,
            own_name,
        ],
    )?;
    Ok(())
}

/// By what a mailbox has grown.
pub(super) struct More {
    pub(super) highest: Uid,
    pub(super) messages: u64,
    pub(super) octets: Octets,
}

/// Counts what was stored, in a row that is new or says from now on that the mailbox is there.
pub(super) fn enlarge(
    ledger: &Ledger<'_>,
    mailbox: &MailboxId,
    number: u64,
    name: &str,
    more: &More,
) -> Result<(), Failure> {
    ledger.execute(
        "INSERT INTO mailbox (id, number, name, removed, highest, change, messages, octets)
         VALUES (?1, ?2, ?3, 0, ?4, 0, ?5, ?6)
         ON CONFLICT DO UPDATE SET name = excluded.name, removed = 0, highest = max(highest, excluded.highest),
             messages = messages + excluded.messages, octets = octets + excluded.octets",
        params![mailbox.as_bytes(), number, name, more.highest.get(), more.messages, more.octets.get()],
    )?;
    Ok(())
}

/// Remembers what came as `uid`, or would have.
pub(super) fn remember(
    ledger: &Ledger<'_>,
    mailbox: u64,
    uid: Uid,
    delivery: RememberedDelivery,
) -> Result<(), Failure> {
    // The mailbox may have come home with a delivery that it was brought here.
    ledger.execute(
        "INSERT OR REPLACE INTO delivery (uid, id, mailbox, at) VALUES (?1, ?2, ?3, ?4)",
        params![uid.get(), delivery.id.as_bytes(), mailbox, delivery.at.0],
    )?;
    Ok(())
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
