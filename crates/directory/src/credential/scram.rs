//! The keys of SCRAM-SHA-256 (RFC 5802 §3, RFC 7677): enough to check a proof, not enough to make one.

use std::fmt;

use zeroize::Zeroizing;

use crate::{CredentialError, Password};

/// The keys that a server keeps for one user.
#[derive(Clone, PartialEq, Eq)]
pub struct ScramKeys {
    /// The salt, random.
    pub salt: Vec<u8>,
    /// How often the password was hashed.
    pub iterations: u32,
    /// `StoredKey` (RFC 5802 §3).
    pub stored_key: Zeroizing<[u8; 32]>,
    /// `ServerKey` (RFC 5802 §3).
    pub server_key: Zeroizing<[u8; 32]>,
}

impl ScramKeys {
    /// The iterations of new keys: the least that RFC 7677 §4 allows, and what clients expect.
    pub const ITERATIONS: u32 = 4096;

    /// Derives the keys from a password and a random salt. None for a password that is not printable ASCII: what
    /// RFC 4013 makes of it is not implemented, so such a user cannot use SCRAM.
    pub fn derive(password: &Password, iterations: u32) -> Result<Option<Self>, CredentialError> {
        unimplemented!()
    }
}

impl fmt::Debug for ScramKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ScramKeys({} iterations, ..)", self.iterations)
    }
}
