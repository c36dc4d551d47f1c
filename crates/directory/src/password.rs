//! A password on its way through a process: masked when shown, wiped when dropped.

use std::fmt;

use zeroize::Zeroizing;

/// Octets of a password that can be set: what fits a line of 512 octets after `PASS ` (RFC 2449 §4).
const PASSWORD_MAX: usize = 505;

/// Why a text cannot become somebody's password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// Nothing was given.
    #[error("the password is empty")]
    Empty,
    /// No POP3 client could send it.
    #[error("the password is longer than {PASSWORD_MAX} octets, more than PASS can carry")]
    TooLong,
    /// CR, LF or NUL.
    #[error("the password has a line break or a NUL")]
    Character,
}

/// A password as the client or the operator gave it: octets, not text.
#[derive(Clone)]
pub struct Password(Zeroizing<Vec<u8>>);

impl Password {
    /// Takes what was given, unchecked: a password that cannot be right is refused by being wrong.
    pub fn new(octets: impl Into<Vec<u8>>) -> Self {
        Self(Zeroizing::new(octets.into()))
    }

    /// Checks that the password can be set for a user: every client can send it, and no other form of it exists.
    pub fn check(&self) -> Result<(), PasswordError> {
        if self.0.is_empty() {
            return Err(PasswordError::Empty);
        }
        if self.0.len() > PASSWORD_MAX {
            return Err(PasswordError::TooLong);
        }
        if self.0.iter().any(|octet| matches!(octet, b'\r' | b'\n' | 0)) {
            return Err(PasswordError::Character);
        }
        Ok(())
    }

    /// The octets. Whoever copies them wipes the copy.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(..)")
    }
}
