//! What stands on a message: who sends it, under which id it is delivered, and whom it is for.

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
#[derive(Clone, Debug)]
pub(super) struct Recipient {
    /// The user's name, as the back end is told it.
    pub(super) address: Address,
    /// The mailbox.
    pub(super) mailbox: String,
    /// The database that the mailbox is in.
    pub(super) database: String,
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
