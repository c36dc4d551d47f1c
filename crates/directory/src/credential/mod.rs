//! What a password is checked against, and the keys of SCRAM.
mod scram;
pub use scram::ScramKeys;
use std::fmt;

use zeroize::Zeroizing;

use crate::Password;

/// Why a text is no credential. The text itself is not in here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CredentialError {
    /// A scheme that is not known here.
    #[error("the scheme {{{scheme}}} is not supported: {{ARGON2ID}}, {{SHA512-CRYPT}} and {{BLF-CRYPT}} are")]
    UnknownScheme {
        /// What stood between the braces.
        scheme: String,
    },
    /// The hash is not of the form its scheme has.
    #[error("not a valid {scheme} hash: {reason}")]
    Malformed {
        /// The scheme as it is written in braces.
        scheme: &'static str,
        /// What is wrong.
        reason: &'static str,
    },
    /// Checking it would take so much time or memory that one log-in starves the others.
    #[error("the {scheme} hash is too costly to check: {limit}")]
    TooCostly {
        /// The scheme as it is written in braces.
        scheme: &'static str,
        /// The limit that it exceeds.
        limit: &'static str,
    },
    /// The system gave no random octets for a salt.
    #[error("the system has no random numbers: {0}")]
    Randomness(String),
}

/// The cost of a new hash: argon2id (RFC 9106) with these parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hashing {
    /// Memory, in KiB.
    pub memory: u32,
    /// Passes over the memory.
    pub passes: u32,
    /// Lanes of the memory that could be filled in parallel.
    pub parallelism: u32,
}

impl Hashing {
    /// The least that the OWASP Password Storage Cheat Sheet recommends for argon2id: m=19 MiB, t=2, p=1.
    pub const RECOMMENDED: Self = Self { memory: 19 * 1024, passes: 2, parallelism: 1 };
    /// As cheap as argon2 allows: for tests and for measurements of anything but the hash.
    pub const CHEAPEST: Self = Self { memory: 8, passes: 1, parallelism: 1 };
}

impl Default for Hashing {
    fn default() -> Self {
        Self::RECOMMENDED
    }
}

/// A hashed password. Neither `Debug` nor an error shows it.
#[derive(Clone, PartialEq, Eq)]
pub struct Credential {
    text: Zeroizing<String>,
}

impl Credential {
    /// Hashes a password with argon2id and a random salt. Takes as long as the cost says.
    pub fn new(password: &Password, hashing: Hashing) -> Result<Self, CredentialError> {
        unimplemented!()
    }

    /// Reads a hash: `{ARGON2ID}$argon2id$…`, `{SHA512-CRYPT}$6$…`, `{BLF-CRYPT}$2y$…`, with or without the braces.
    pub fn parse(text: &str) -> Result<Self, CredentialError> {
        unimplemented!()
    }

    /// Whether this is the password. Takes as long as the hash says, whatever the answer.
    pub fn verify(&self, password: &Password) -> bool {
        unimplemented!()
    }

    /// Whether a new hash of the same password would be better.
    pub fn is_outdated(&self, hashing: Hashing) -> bool {
        unimplemented!()
    }

    /// The scheme as it is written in braces: `ARGON2ID`, `SHA512-CRYPT`, `BLF-CRYPT`.
    pub fn scheme(&self) -> &'static str {
        unimplemented!()
    }

    /// The form that is stored and exported: `{SCHEME}hash`. Secret.
    pub fn expose(&self) -> &str {
        &self.text
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credential({{{}}}..)", self.scheme())
    }
}
