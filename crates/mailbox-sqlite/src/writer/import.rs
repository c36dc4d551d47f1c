//! Taking messages over from another database.

use mailbox::{Import, ImportedMessage, MailboxError, MailboxId, Octets, Uid, Uidl};

use super::{
    Kind, Ledger,
    delivery::{More, enlarge, is_to_come, named, remember, store},
    tidying::remove_message,
};
use crate::{
    error::Failure,
    reader::{delivery, require_space, state},
};

impl Kind for Import {
    type Answer = u64;

    const OPERATION: &'static str = "import messages";
    const ADDS_MAIL: bool = true;

    fn bytes(&self) -> u64 {
        self.messages.iter().map(|message| message.message.lengths().wire).sum()
    }

    fn make(&self, ledger: &mut Ledger<'_>) -> Result<u64, Failure> {
        let mailbox = state(ledger.connection, &self.mailbox)?;
        let number = match mailbox {
            Some(mailbox) => mailbox.key,
            None => ledger.take_mailbox(),
        };
        let mut more = More { highest: Uid::BEFORE_FIRST, messages: 0, octets: Octets::ZERO };
        for message in &self.messages {
            if let Some(uid) = take_over(ledger, &self.mailbox, number, message)? {
                more.highest = uid;
                more.messages += 1;
                more.octets = more.octets + message.message.lengths().octets;
            }
        }
        for remembered in &self.deliveries {
            if delivery(ledger.connection, remembered.id, number)?.is_none() {
                // No message has this uid; it keeps the memory in the order in which it fades.
                let uid = ledger.take_uid();
                remember(ledger, number, uid, *remembered)?;
            }
        }
        enlarge(ledger, &self.mailbox, number, &self.name, &more)?;
        Ok(more.messages)
    }
}

/// What a message finds where its name is kept.
enum Name {
    /// Itself.
    There,
    /// Nothing, any more.
    Free,
}

/// Stores a message unless it is there; its uid, if it was stored.
fn take_over(
    ledger: &mut Ledger<'_>,
    mailbox: &MailboxId,
    number: u64,
    message: &ImportedMessage,
) -> Result<Option<Uid>, Failure> {
    let ImportedMessage { uidl, received, message, delivery } = message;
    if matches!(free_name(ledger, mailbox, number, uidl)?, Name::There) {
        return Ok(None);
    }
    require_space(ledger.connection, ledger.mounted, message.lengths().octets)?;
    let uid = ledger.take_uid();
    store(ledger, number, uid, &**message, *received, Some(&uidl.to_string()))?;
    if let Some(delivery) = delivery {
        remember(ledger, number, uid, *delivery)?;
    }
    Ok(Some(uid))
}

/// Makes sure that the name can be given. A deleted message that nobody sees any more goes now instead of later.
fn free_name(ledger: &Ledger<'_>, mailbox: &MailboxId, number: u64, uidl: &Uidl) -> Result<Name, Failure> {
    let taken = || MailboxError::UidlTaken { uidl: uidl.clone() };
    match named(ledger, number, uidl)? {
        Some((_, None)) => Ok(Name::There),
        Some((uid, Some(stamp))) => {
            // As when tidying: the deletion is durable before the register is asked.
            let oldest = ledger.mounted.living.oldest(mailbox);
            if !ledger.is_durable(stamp) || oldest.is_some_and(|oldest| oldest < stamp) {
                return Err(taken().into());
            }
            remove_message(ledger, number, uid)?;
            Ok(Name::Free)
        }
        None if is_to_come(ledger, uidl) => Err(taken().into()),
        None => Ok(Name::Free),
    }
}
