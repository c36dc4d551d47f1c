//! The threads that read. Each has a connection of its own and answers one request after the other; a transaction
//! ends with its request.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use bytes::Bytes;
use mailbox::{
    CHUNK, ChangeNumber, DeliveryId, MailboxError, MailboxId, MailboxState, MailboxSummary, MessageEntry,
    Octets, Snapshot, Uid, Uidl,
};
use rusqlite::{Connection, OptionalExtension, Row, TransactionBehavior, params, types::ValueRef};

use crate::{
    error::{Failure, Severity, severity},
    mount::Mounted,
    schema,
};

/// A request to a reading thread, which answers it, too.
pub(crate) type Read = Box<dyn FnOnce(&mut Reader) + Send>;

/// One reading thread's means.
pub(crate) struct Reader {
    connection: Connection,
    pub(crate) mounted: Arc<Mounted>,
}

impl Reader {
    pub(crate) fn open(mounted: Arc<Mounted>) -> rusqlite::Result<Self> {
        let file = mounted.place.database();
        Ok(Self { connection: schema::open_read_only(&file, mounted.options.reader_cache)?, mounted })
    }

    pub(crate) fn run(mut self) {
        while let Some(read) = self.mounted.reads.pop() {
            // Whoever asked sees that no answer comes; statements and transactions end as they are dropped.
            if catch_unwind(AssertUnwindSafe(|| read(&mut self))).is_err() {
                tracing::error!("a read of a mailbox database panicked");
            }
        }
    }

    pub(crate) fn snapshot(&mut self, mailbox: MailboxId) -> Result<Snapshot, Failure> {
        // Before the row is read, so that nothing it leads to can go in between.
        let reservation = self.mounted.living.reserve(mailbox);
        Ok(reservation.fill(state(&self.connection, &mailbox)?.unwrap_or_default()))
    }

    pub(crate) fn list(&mut self, snapshot: &Snapshot) -> Result<Vec<MessageEntry>, Failure> {
        let mut statement = self.connection.prepare_cached(
            "SELECT uid, octets, header, wire, epoch, uidl FROM message
             WHERE mailbox = ?1 AND uid <= ?2 AND (stamp = 0 OR stamp > ?3) ORDER BY uid",
        )?;
        let mut rows =
            statement.query(params![snapshot.key(), snapshot.highest().get(), snapshot.change().get()])?;
        let mut entries = Vec::with_capacity(usize::try_from(snapshot.messages()).unwrap_or_default());
        while let Some(row) = rows.next()? {
            entries.push(entry(row)?);
        }
        Ok(entries)
    }

    pub(crate) fn chunk(&mut self, snapshot: &Snapshot, uid: Uid, index: u32) -> Result<Bytes, Failure> {
        let found = find(&self.connection, snapshot, uid, index, u64::MAX)?;
        found.ok_or_else(|| MailboxError::NoSuchMessage { uid }.into())
    }

    pub(crate) fn ahead(
        &mut self,
        snapshot: &Snapshot,
        uids: &[Uid],
        limit: usize,
    ) -> Result<Vec<Bytes>, Failure> {
        // One transaction for all of them, which saves a few system calls each.
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Deferred)?;
        let mut bodies = Vec::new();
        let mut room = limit;
        for uid in uids {
            match find(&transaction, snapshot, *uid, 0, room.min(CHUNK) as u64) {
                Ok(Some(body)) => {
                    room -= body.len();
                    bodies.push(body);
                }
                Ok(None) | Err(Failure::Refused(_)) => break,
                Err(failure) => return Err(failure),
            }
        }
        Ok(bodies)
    }

    pub(crate) fn admit(
        &mut self,
        mailbox: MailboxId,
        quota: Option<Octets>,
        size: Octets,
    ) -> Result<(), Failure> {
        let used = state(&self.connection, &mailbox)?.unwrap_or_default().octets;
        refuse_over_quota(quota, used, size)?;
        require_space(&self.connection, &self.mounted, size)
    }

    pub(crate) fn delivery(&mut self, id: DeliveryId, mailbox: MailboxId) -> Result<Option<Uid>, Failure> {
        let Some(mailbox) = state(&self.connection, &mailbox)? else { return Ok(None) };
        Ok(delivery(&self.connection, id, mailbox.key)?)
    }

    pub(crate) fn mailboxes(&mut self) -> Result<Vec<MailboxSummary>, Failure> {
        Ok(mailboxes(&self.connection)?)
    }
}

/// The row of a mailbox, if it ever had mail.
pub(crate) fn state(connection: &Connection, mailbox: &MailboxId) -> rusqlite::Result<Option<MailboxState>> {
    let mut statement = connection
        .prepare_cached("SELECT number, highest, change, messages, octets FROM mailbox WHERE id = ?1")?;
    let state = statement.query_row([mailbox.as_bytes()], |row| {
        Ok(MailboxState {
            key: row.get(0)?,
            highest: Uid::new(row.get(1)?),
            change: ChangeNumber::new(row.get(2)?),
            messages: row.get(3)?,
            octets: Octets::new(row.get(4)?),
        })
    });
    state.optional()
}

/// The uid under which a delivery was stored, if it is remembered.
pub(crate) fn delivery(
    connection: &Connection,
    id: DeliveryId,
    mailbox: u64,
) -> rusqlite::Result<Option<Uid>> {
    let mut statement =
        connection.prepare_cached("SELECT uid FROM delivery WHERE id = ?1 AND mailbox = ?2")?;
    statement.query_row(params![id.as_bytes(), mailbox], |row| row.get(0).map(Uid::new)).optional()
}

/// Every mailbox that was not removed, by name.
pub(crate) fn mailboxes(connection: &Connection) -> rusqlite::Result<Vec<MailboxSummary>> {
    let mut statement = connection.prepare_cached(
        "SELECT id, name, messages, octets FROM mailbox WHERE removed = 0 ORDER BY name, id",
    )?;
    let summaries = statement.query_map([], |row| {
        Ok(MailboxSummary {
            mailbox: MailboxId::from_bytes(row.get(0)?),
            name: row.get(1)?,
            messages: row.get(2)?,
            octets: Octets::new(row.get(3)?),
        })
    })?;
    summaries.collect()
}

/// A row of `uid, octets, header, wire, epoch, uidl`.
pub(crate) fn entry(row: &Row<'_>) -> rusqlite::Result<MessageEntry> {
    let uid = Uid::new(row.get(0)?);
    let uidl = match row.get_ref(5)? {
        ValueRef::Null => Uidl::derived(row.get(4)?, uid),
        imported => Uidl::parse(imported.as_str()?).map_err(|error| {
            rusqlite::Error::FromSqlConversionFailure(5, rusqlite::types::Type::Text, Box::new(error))
        })?,
    };
    Ok(MessageEntry { uid, octets: Octets::new(row.get(1)?), uidl, header: row.get(2)?, wire: row.get(3)? })
}

/// A chunk of a message, if the snapshot sees the message, the message is no longer than `longest` wire bytes, and it
/// has such a chunk.
fn find(
    connection: &Connection,
    snapshot: &Snapshot,
    uid: Uid,
    index: u32,
    longest: u64,
) -> Result<Option<Bytes>, Failure> {
    // All at once, since each statement is a transaction of its own.
    let mut statement = connection.prepare_cached(
        "SELECT stamp, wire, crc, body FROM message LEFT JOIN chunk ON place = ?3 WHERE mailbox = ?1 AND uid = ?2",
    )?;
    let key = params![snapshot.key(), uid.get(), schema::chunk_place(uid, index)];
    let found = statement.query_row(key, |row| {
        let wire = row.get(1)?;
        let has_chunk = index == 0 || u64::from(index) * (CHUNK as u64) < wire;
        if wire > longest || !has_chunk || !snapshot.sees(uid, stamp(row, 0)?) {
            return Ok(None);
        }
        Ok(Some(body(row, 2, index, wire)?))
    });
    match found {
        Ok(None) | Err(rusqlite::Error::QueryReturnedNoRows) => Ok(None),
        Ok(Some(Some(body))) => Ok(Some(body)),
        Ok(Some(None)) => Err(corrupt(*snapshot.mailbox(), uid, index)),
        Err(error) if severity(&error) == Severity::Damaged => Err(corrupt(*snapshot.mailbox(), uid, index)),
        Err(error) => Err(error.into()),
    }
}

pub(crate) fn stamp(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<ChangeNumber>> {
    let change = row.get(column)?;
    Ok((change != 0).then(|| ChangeNumber::new(change)))
}

/// A chunk of a message that is `wire` bytes long and has it, without asking who sees it.
pub(crate) fn chunk(
    connection: &Connection,
    mailbox: MailboxId,
    uid: Uid,
    index: u32,
    wire: u64,
) -> Result<Bytes, Failure> {
    let mut statement = connection.prepare_cached("SELECT crc, body FROM chunk WHERE place = ?1")?;
    match statement.query_row([schema::chunk_place(uid, index)], |row| body(row, 0, index, wire)) {
        Ok(Some(body)) => Ok(body),
        Ok(None) | Err(rusqlite::Error::QueryReturnedNoRows) => Err(corrupt(mailbox, uid, index)),
        Err(error) if severity(&error) == Severity::Damaged => Err(corrupt(mailbox, uid, index)),
        Err(error) => Err(error.into()),
    }
}

/// The body in the columns `crc, body` from `column` on, unless it is not what was delivered.
fn body(row: &Row<'_>, column: usize, index: u32, wire: u64) -> rusqlite::Result<Option<Bytes>> {
    let Some(body) = row.get_ref(column + 1)?.as_blob().ok() else { return Ok(None) };
    let length = wire.saturating_sub(u64::from(index) * CHUNK as u64).min(CHUNK as u64);
    let sound = body.len() as u64 == length && row.get::<_, u32>(column)? == crc32c::crc32c(body);
    Ok(sound.then(|| Bytes::copy_from_slice(body)))
}

fn corrupt(mailbox: MailboxId, uid: Uid, chunk: u32) -> Failure {
    tracing::error!(%mailbox, %uid, chunk, "a stored message is corrupt");
    MailboxError::Corrupt { mailbox, uid, chunk }.into()
}

pub(crate) fn refuse_over_quota(
    quota: Option<Octets>,
    used: Octets,
    size: Octets,
) -> Result<(), MailboxError> {
    match quota {
        Some(quota) if used + size > quota => Err(MailboxError::OverQuota { quota, used, size }),
        _ => Ok(()),
    }
}

/// Refuses mail when the disk is nearly full. Pages that the file has to spare count as free: deleted mail makes room
/// for new mail, though the file does not shrink.
pub(crate) fn require_space(connection: &Connection, mounted: &Mounted, size: Octets) -> Result<(), Failure> {
    let needed = mounted.options.low_water.saturating_add(size.get());
    let free = mounted.place.free_space().map_err(|source| MailboxError::Unavailable {
        operation: "find the free space",
        source: Some(Arc::new(source)),
    })?;
    if free >= needed {
        return Ok(());
    }
    let spare: u64 = connection
        .prepare_cached("SELECT freelist_count * page_size FROM pragma_freelist_count, pragma_page_size")?
        .query_row([], |row| row.get(0))?;
    if free.saturating_add(spare) >= needed { Ok(()) } else { Err(MailboxError::NoSpace.into()) }
}
