//! What stands on a message: who sends it, under which id it is delivered, and whom it is for.

use std::sync::Arc;

use arc_swap::ArcSwap;
use directory::{Directory, DirectoryError, Name, User};
use jiff::Timestamp;
use lmtp::{Address, DeliveryId, MailParameters};

/// Who sends a message, and what its back ends are told of it before they get it.
#[derive(Clone, Debug)]
pub(super) struct Envelope {
    /// The sender; nobody, for a bounce.
    pub(super) sender: Option<Address>,
    /// The size that the mail server announced, in octets.
    pub(super) size: Option<u64>,
    /// The delivery.
    pub(super) id: DeliveryId,
}

/// A mailbox that a message is for, by whatever addresses.
#[derive(Debug)]
pub(super) struct Recipient {
    name: Name,
    /// The user's name, as the back end is told it.
    pub(super) address: Address,
    /// The mailbox.
    pub(super) mailbox: String,
    /// The database that the mailbox was in when it was looked for last.
    database: ArcSwap<String>,
}

impl Recipient {
    /// A user who was just found, and is told to back ends as `address`.
    pub(super) fn new(user: User, address: Address) -> Self {
        let database = ArcSwap::from_pointee(user.database.as_str().to_owned());
        Self { name: user.name, address, mailbox: user.mailbox, database }
    }

    /// The database that the mailbox was in when it was looked for last.
    pub(super) fn database(&self) -> Arc<String> {
        self.database.load_full()
    }

    /// Looks once more where the mailbox is; whether it is about to be elsewhere. A user who is gone stays where the back end
    /// says so.
    pub(super) async fn look_again(&self, directory: &dyn Directory) -> Result<bool, DirectoryError> {
        let found = directory.find(&self.name).await?;
        let Some(user) = found.filter(|user| user.mailbox == self.mailbox) else { return Ok(false) };
        if *self.database.load().as_str() != *user.database.as_str() {
            self.database.store(Arc::new(user.database.as_str().to_owned()));
        }
        Ok(user.is_frozen())
    }
}

impl Envelope {
    /// The envelope of a message that comes `now`. The time makes the ids of one moment neighbours in a back end's memory,
    /// the random octets make each one unique; the inner leg knows them as 32 hexadecimal digits.
    pub(super) fn new(sender: Option<Address>, size: Option<u64>, now: Timestamp, random: [u8; 10]) -> Self {
        let milliseconds = u64::try_from(now.as_millisecond()).unwrap_or(0);
        let mut octets = [0; 16];
        octets[..6].copy_from_slice(&milliseconds.to_be_bytes()[2..]);
        octets[6..].copy_from_slice(&random);
        let digits = format!("{:032x}", u128::from_be_bytes(octets));
        let id = digits.parse().expect("32 hexadecimal digits are a delivery id");
        Self { sender, size, id }
    }

    /// What MAIL says on the inner leg besides the sender.
    pub(super) fn parameters(&self) -> MailParameters {
        MailParameters { size: self.size, body: None, delivery_id: Some(self.id.clone()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delivery_id_is_the_time_and_then_randomness() {
        let envelope =
            Envelope::new(None, None, Timestamp::from_millisecond(0x0123_4567_89ab).unwrap(), [0xfe; 10]);
        assert_eq!(envelope.id.as_str(), "0123456789abfefefefefefefefefefe");
        assert_eq!(envelope.parameters().to_string(), " XDELIVERYID=0123456789abfefefefefefefefefefe");
    }
}
