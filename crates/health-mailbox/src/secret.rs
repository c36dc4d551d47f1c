//! How health mailboxes log in.
//!
//! One key of the cluster is enough: the secret of each health mailbox is made from it and from the name of its database.
//! So whoever has the key can probe every database, those that are added later too, and whoever reads one secret off one
//! server has not got the others.

use std::fmt::{self, Write as _};

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::HealthMailbox;

/// What sets these codes apart from all others that could be made with the key.
const PURPOSE: &[u8] = b"mailmedic health mailbox\0";

/// The key of the cluster that the secrets are made from: 256 random bits.
#[derive(Clone)]
pub struct HealthKey(Zeroizing<[u8; Self::LENGTH]>);

/// Octets that are no key: not exactly 32 of them. What they are is not in here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a health key has {} octets, not {found}", HealthKey::LENGTH)]
pub struct KeyError {
    /// How many there are.
    pub found: usize,
}

impl HealthKey {
    /// Octets of a key.
    pub const LENGTH: usize = 32;

    /// Takes random octets.
    pub fn new(octets: [u8; Self::LENGTH]) -> Self {
        Self(Zeroizing::new(octets))
    }

    /// Takes what was read from a file.
    pub fn read(octets: &[u8]) -> Result<Self, KeyError> {
        let mut key = Zeroizing::new([0; Self::LENGTH]);
        if octets.len() != key.len() {
            return Err(KeyError { found: octets.len() });
        }
        key.copy_from_slice(octets);
        Ok(Self(key))
    }

    /// The octets. Whoever copies them wipes the copy.
    pub fn expose(&self) -> &[u8; Self::LENGTH] {
        &self.0
    }

    /// What `mailbox` logs in with.
    pub fn secret(&self, mailbox: &HealthMailbox) -> HealthSecret {
        let mut mac = Hmac::<Sha256>::new_from_slice(&*self.0).expect("HMAC takes a key of any length");
        mac.update(PURPOSE);
        mac.update(mailbox.database().as_str().to_ascii_lowercase().as_bytes());
        HealthSecret(Zeroizing::new(hexadecimal(&mac.finalize().into_bytes())))
    }
}

/// What a health mailbox logs in with: 64 hexadecimal digits, sent as a password.
#[derive(Clone, PartialEq, Eq)]
pub struct HealthSecret(Zeroizing<String>);

impl HealthSecret {
    /// The digits. Whoever copies them wipes the copy.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

pub(crate) fn hexadecimal(octets: &[u8]) -> String {
    octets.iter().fold(String::with_capacity(2 * octets.len()), |mut digits, octet| {
        let _ = write!(digits, "{octet:02x}");
        digits
    })
}

impl fmt::Debug for HealthKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HealthKey(..)")
    }
}

impl fmt::Debug for HealthSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HealthSecret(..)")
    }
}

#[cfg(test)]
mod tests {
    use settings::{DatabaseName, Value as _};

    use super::*;

    fn mailbox(database: &str) -> HealthMailbox {
        HealthMailbox::of(&DatabaseName::parse(database).unwrap())
    }

    #[test]
    fn the_secret_is_the_code_of_the_database_under_the_key() {
        let secret = HealthKey::new([7; 32]).secret(&mailbox("DB01"));
        // printf 'mailmedic health mailbox\0db01' | openssl dgst -sha256 -mac HMAC -macopt hexkey:0707…07
        assert_eq!(secret.expose(), "32476e346bf842eea858ced484e625a31fd1c2003b7693338e802ca79394ba0e");
    }

    #[test]
    fn each_database_and_each_key_has_another_secret() {
        let (one, other) = (HealthKey::new([1; 32]), HealthKey::new([2; 32]));
        assert_ne!(one.secret(&mailbox("DB01")), one.secret(&mailbox("DB02")));
        assert_ne!(one.secret(&mailbox("DB01")), other.secret(&mailbox("DB01")));
        assert_eq!(one.secret(&mailbox("DB01")), one.secret(&mailbox("db01")));
    }

    #[test]
    fn a_key_of_another_length_is_refused() {
        for found in [0, 31, 33, 64] {
            assert_eq!(HealthKey::read(&vec![0; found]).unwrap_err(), KeyError { found });
        }
        assert_eq!(HealthKey::read(&[9; 32]).unwrap().expose(), &[9; 32]);
    }

    #[test]
    fn neither_key_nor_secret_is_shown() {
        let key = HealthKey::new([0xab; 32]);
        let shown = format!("{key:?} {:?}", key.secret(&mailbox("DB01")));
        assert_eq!(shown, "HealthKey(..) HealthSecret(..)");
    }
}
