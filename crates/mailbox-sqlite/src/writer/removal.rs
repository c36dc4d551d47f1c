//! Removing a mailbox.

use mailbox::MailboxId;
use rusqlite::params;

use super::{Kind, Ledger};
use crate::{error::Failure, reader::state};

/// All mail of a mailbox is deleted, and its name forgotten. Its row stays, so that its number does.
pub(crate) struct Removal(pub(crate) MailboxId);

impl Kind for Removal {
    type Answer = ();

    const OPERATION: &'static str = "remove a mailbox";
    const ADDS_MAIL: bool = false;

    fn bytes(&self) -> u64 {
        0
    }

    fn make(&self, ledger: &mut Ledger<'_>) -> Result<(), Failure> {
        let Some(mailbox) = state(ledger.connection, &self.0)? else { return Ok(()) };
        let key = mailbox.key;
        let mut change = mailbox.change;
        if mailbox.messages > 0 {
            change = ledger.take_change();
            ledger.execute(
                "UPDATE message SET stamp = ?2 WHERE mailbox = ?1 AND stamp = 0",
                params![key, change.get()],
            )?;
            ledger.execute(
                "INSERT INTO deletion (change, id, mailbox, lowest, highest) VALUES (?1, ?2, ?3, 0, ?4)",
                params![change.get(), self.0.as_bytes(), key, mailbox.highest.get()],
            )?;
        }
        ledger.execute(
            "UPDATE mailbox SET name = '', removed = 1, change = ?2, messages = 0, octets = 0 WHERE id = ?1",
            params![self.0.as_bytes(), change.get()],
        )?;
        Ok(())
    }
}
