//! Removing what nobody sees any more, a little at a time: messages whose stamp no living session is older than, and
//! deliveries that were remembered for an hour.

use mailbox::{ChangeNumber, MailboxId, Uid};
use rusqlite::{OptionalExtension, params};

use super::Ledger;
use crate::{
    error::Failure,
    schema::{CHUNK_BITS, chunk_place},
};

/// Most messages and wire bytes removed in one transaction, so that mail which arrives meanwhile need not wait long.
const MESSAGES: u64 = 256;
const BYTES: u64 = 8 << 20;
/// Most deliveries forgotten in one transaction.
const DELIVERIES: usize = 1000;
/// How long a delivery is remembered, in seconds.
const MEMORY: u64 = 3600;

/// What is left to remove.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Tidied {
    /// Nothing.
    Nothing,
    /// Something that must wait, for sessions to end or for an hour to pass.
    Later,
    /// Something that may go now.
    More,
}

/// One deletion whose messages are still there.
struct Deletion {
    change: ChangeNumber,
    id: MailboxId,
    mailbox: u64,
    lowest: Uid,
    highest: Uid,
}

/// Removes a little.
pub(super) fn tidy(ledger: &mut Ledger<'_>) -> Result<Tidied, Failure> {
    Ok(remove_messages(ledger)?.max(forget_deliveries(ledger)?))
}

fn remove_messages(ledger: &Ledger<'_>) -> Result<Tidied, Failure> {
    let (mut room, mut bytes) = (MESSAGES, 0);
    let mut left = Tidied::Nothing;
    let mut looked_at = ChangeNumber::START;
    while let Some(deletion) = next_deletion(ledger, looked_at)? {
        looked_at = deletion.change;
        // The deletion was durable before the register is asked: whoever enters the register from now on finds the
        // stamp in the mailbox's row, and so does not see the messages.
        let oldest = ledger.mounted.living.oldest(&deletion.id);
        if oldest.is_some_and(|oldest| oldest < deletion.change) {
            left = Tidied::Later;
            continue;
        }
        let change = deletion.change.get();
        // One more than may go tells whether this is all.
        for (uid, wire) in stamped_messages(ledger, &deletion, room + 1)? {
            if room == 0 || bytes >= BYTES {
                let rest = params![change, uid.get()];
                ledger.execute("UPDATE deletion SET lowest = ?2 WHERE change = ?1", rest)?;
                return Ok(Tidied::More);
            }
            remove_message(ledger, deletion.mailbox, uid)?;
            room -= 1;
            bytes += wire;
        }
        ledger.execute("DELETE FROM deletion WHERE change = ?1", [change])?;
    }
    Ok(left)
}

fn next_deletion(ledger: &Ledger<'_>, after: ChangeNumber) -> rusqlite::Result<Option<Deletion>> {
    let mut statement = ledger.connection.prepare_cached(
        "SELECT change, id, mailbox, lowest, highest FROM deletion WHERE change > ?1 ORDER BY change LIMIT 1",
    )?;
    let deletion = statement.query_row([after.get()], |row| {
        Ok(Deletion {
            change: ChangeNumber::new(row.get(0)?),
            id: MailboxId::from_bytes(row.get(1)?),
            mailbox: row.get(2)?,
            lowest: Uid::new(row.get(3)?),
            highest: Uid::new(row.get(4)?),
        })
    });
    deletion.optional()
}

/// The first messages of a deletion, and how long each is.
fn stamped_messages(
    ledger: &Ledger<'_>,
    deletion: &Deletion,
    limit: u64,
) -> rusqlite::Result<Vec<(Uid, u64)>> {
    let mut statement = ledger.connection.prepare_cached(
        "SELECT uid, wire FROM message WHERE mailbox = ?1 AND uid BETWEEN ?2 AND ?3 AND stamp = ?4
         ORDER BY uid LIMIT ?5",
    )?;
    let range = params![
        deletion.mailbox,
        deletion.lowest.get(),
        deletion.highest.get(),
        deletion.change.get(),
        limit
    ];
    statement.query_map(range, |row| Ok((Uid::new(row.get(0)?), row.get(1)?)))?.collect()
}

pub(super) fn remove_message(ledger: &Ledger<'_>, mailbox: u64, uid: Uid) -> rusqlite::Result<()> {
    let chunks = [chunk_place(uid, 0), chunk_place(uid, (1 << CHUNK_BITS) - 1)];
    ledger.execute("DELETE FROM chunk WHERE place BETWEEN ?1 AND ?2", chunks)?;
    ledger.execute("DELETE FROM message WHERE mailbox = ?1 AND uid = ?2", params![mailbox, uid.get()])?;
    Ok(())
}

/// They were remembered in the order of their uids.
fn forget_deliveries(ledger: &Ledger<'_>) -> Result<Tidied, Failure> {
    let now = ledger.mounted.options.clock.now().0;
    let forgotten = ledger.execute(
        "DELETE FROM delivery WHERE at < ?1 AND uid IN (SELECT uid FROM delivery ORDER BY uid LIMIT ?2)",
        params![now.saturating_sub(MEMORY), DELIVERIES],
    )?;
    if forgotten == DELIVERIES {
        return Ok(Tidied::More);
    }
    let remembered = ledger.connection.prepare_cached("SELECT 1 FROM delivery")?.exists([])?;
    Ok(if remembered { Tidied::Later } else { Tidied::Nothing })
}
