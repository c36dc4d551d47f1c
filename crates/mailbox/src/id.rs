//! The identifiers that others give: of a mailbox (by the directory) and of a delivery (by the front end).
//!
//! Both are 128 bits, written as 32 lower-case hexadecimal digits, and have one spelling only.

use std::{fmt, str::FromStr};

/// A mailbox, for good: given by the directory, never reused, the same on every copy.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MailboxId([u8; 16]);

/// One message's way through the front end, however often it is offered to the back end.
///
/// A store remembers it for an hour per mailbox, which makes the inner leg exactly-once. Ids made at one moment lie
/// together in an engine's index because the time stands in front; any 128 bits are correct, these are fast.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeliveryId([u8; 16]);

/// A text that is not an identifier: not exactly 32 lower-case hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an identifier is 32 lower-case hexadecimal digits")]
pub struct IdError;

impl DeliveryId {
    /// A new id from the time (milliseconds since 1970; the lower 48 bits count) and 80 random bits.
    pub fn new(unix_milliseconds: u64, random: [u8; 10]) -> Self {
        let mut bytes = [0; 16];
        bytes[..6].copy_from_slice(&unix_milliseconds.to_be_bytes()[2..]);
        bytes[6..].copy_from_slice(&random);
        Self(bytes)
    }
}

macro_rules! identifier {
    ($name:ident) => {
        impl $name {
            /// The identifier with these 128 bits.
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(bytes)
            }

            /// The 128 bits, most significant first.
            pub const fn as_bytes(&self) -> &[u8; 16] {
                &self.0
            }

            /// Reads 32 lower-case hexadecimal digits and nothing else.
            pub fn parse(text: &str) -> Result<Self, IdError> {
                decode(text.as_bytes()).map(Self)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                Self::parse(text)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:032x}", u128::from_be_bytes(self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }
    };
}

identifier!(MailboxId);
identifier!(DeliveryId);

fn decode(digits: &[u8]) -> Result<[u8; 16], IdError> {
    fn digit(byte: u8) -> Result<u8, IdError> {
        match byte {
            b'0'..=b'9' => Ok(byte - b'0'),
            b'a'..=b'f' => Ok(byte - b'a' + 10),
            _ => Err(IdError),
        }
    }

    let mut bytes = [0; 16];
    if digits.len() != 32 {
        return Err(IdError);
    }
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_is_read_back_as_it_was_written() {
        let text = "00112233445566778899aabbccddeeff";
        assert_eq!(MailboxId::parse(text).unwrap().to_string(), text);
        assert_eq!(text.parse::<DeliveryId>().unwrap().to_string(), text);
    }

    #[test]
    fn an_identifier_has_one_spelling_only() {
        for wrong in [
            "",
            "0",
            "00112233445566778899AABBCCDDEEFF",
            "00112233445566778899aabbccddeef",
            "00112233445566778899aabbccddeeff0",
            "+0112233445566778899aabbccddeeff",
            "00112233-4455-6677-8899-aabbccddee",
        ] {
            assert_eq!(MailboxId::parse(wrong), Err(IdError), "{wrong}");
        }
    }

    #[test]
    fn delivery_ids_of_later_moments_sort_behind() {
        let earlier = DeliveryId::new(1_700_000_000_000, [0xff; 10]);
        let later = DeliveryId::new(1_700_000_000_001, [0; 10]);
        assert!(earlier < later);
    }
}
