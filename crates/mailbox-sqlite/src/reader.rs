//! The threads that read. Each has a connection of its own and answers one request after the other; a transaction
//! ends with its request.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use bytes::Bytes;
use mailbox::{
    CHUNK, ChangeNumber, MailboxError, MailboxId, MailboxState, MailboxSummary, MessageEntry, Octets,
    Snapshot, Uid, Uidl,
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
        find(&self.connection, snapshot, uid, index)?
            .ok_or_else(|| MailboxError::NoSuchMessage { uid }.into())
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
            let whole = single(&transaction, snapshot, *uid, room);
            match whole {
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

/// A message that the snapshot sees and that fits into `room`, if it is a single chunk.
fn single(
    connection: &Connection,
    snapshot: &Snapshot,
    uid: Uid,
    room: usize,
) -> Result<Option<Bytes>, Failure> {
    let Some(wire) = seen(connection, snapshot, uid)? else { return Ok(None) };
    if wire > CHUNK.min(room) as u64 {
        return Ok(None);
    }
    chunk(connection, *snapshot.mailbox(), uid, 0, wire).map(Some)
}

/// A chunk of a message, if the snapshot sees the message and the message has such a chunk.
fn find(
    connection: &Connection,
    snapshot: &Snapshot,
    uid: Uid,
    index: u32,
) -> Result<Option<Bytes>, Failure> {
    let Some(wire) = seen(connection, snapshot, uid)? else { return Ok(None) };
    if index > 0 && u64::from(index) * CHUNK as u64 >= wire {
        return Ok(None);
    }
    chunk(connection, *snapshot.mailbox(), uid, index, wire).map(Some)
}

/// The wire length of a message, if the snapshot sees it.
fn seen(connection: &Connection, snapshot: &Snapshot, uid: Uid) -> rusqlite::Result<Option<u64>> {
    let mut statement =
        connection.prepare_cached("SELECT stamp, wire FROM message WHERE mailbox = ?1 AND uid = ?2")?;
    let key = params![snapshot.key(), uid.get()];
    let message = statement.query_row(key, |row| Ok((stamp(row, 0)?, row.get(1)?))).optional()?;
    Ok(message.filter(|(stamp, _)| snapshot.sees(uid, *stamp)).map(|(_, wire)| wire))
}

pub(crate) fn stamp(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<ChangeNumber>> {
    let change = row.get(column)?;
    Ok((change != 0).then(|| ChangeNumber::new(change)))
}

/// A chunk of a message that has it and is `wire` bytes long. Bytes that are not those delivered are not given out.
pub(crate) fn chunk(
    connection: &Connection,
    mailbox: MailboxId,
    uid: Uid,
    index: u32,
    wire: u64,
) -> Result<Bytes, Failure> {
    let mut statement = connection.prepare_cached("SELECT crc, body FROM chunk WHERE place = ?1")?;
    let found = statement
        .query_row([schema::chunk_place(uid, index)], |row| {
            let body = row.get_ref(1)?.as_blob()?;
            let sound = row.get::<_, u32>(0)? == crc32c::crc32c(body)
                && body.len() as u64
                    == wire.saturating_sub(u64::from(index) * CHUNK as u64).min(CHUNK as u64);
            Ok(sound.then(|| Bytes::copy_from_slice(body)))
        })
        .optional();
    let found = match found {
        Err(error) if matches!(severity(&error), Severity::Damaged) || error.sqlite_error().is_none() => None,
        found => found?.flatten(),
    };
    if found.is_none() {
        tracing::error!(%mailbox, %uid, chunk = index, "a stored message is corrupt");
    }
    found.ok_or_else(|| MailboxError::Corrupt { mailbox, uid, chunk: index }.into())
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
