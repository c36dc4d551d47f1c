//! What a password is checked against: a hash with its scheme, and the keys of SCRAM.
//!
//! New hashes are argon2id. The other schemes are those that other systems left behind: they are verified, never
//! made, and replaced at the first log-in. Health mailboxes have a scheme of their own, which no password can have.

mod scheme;
mod scram;
#[cfg(test)]
mod tests;

use std::fmt;

use argon2::{Algorithm, Argon2, PasswordHasher, Version};
use health_mailbox::HealthSecret;
use scheme::Scheme;
pub use scram::ScramKeys;
pub(crate) use scram::mac;
use zeroize::Zeroizing;

use crate::Password;

/// Why a text is no credential. The text itself is not in here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CredentialError {
    /// A scheme that is not known here.
    #[error("{scheme} is not supported: {{ARGON2ID}}, {{SHA512-CRYPT}} and {{BLF-CRYPT}} are")]
    UnknownScheme {
        /// The scheme, if it is one that other systems have; what stood there may be part of a password.
        scheme: &'static str,
    },
    /// The hash is not of the form its scheme has.
    #[error("not a valid {{{scheme}}} hash")]
    Malformed {
        /// The scheme as it is written in braces.
        scheme: &'static str,
    },
    /// Checking it would take so much time or memory that one log-in starves the others.
    #[error("the {{{scheme}}} hash is too costly to check: {limit}")]
    TooCostly {
        /// The scheme as it is written in braces.
        scheme: &'static str,
        /// The limit that it exceeds.
        limit: &'static str,
    },
    /// argon2 cannot hash with these parameters.
    #[error("argon2id does not allow m={}, t={}, p={}", .0.memory, .0.passes, .0.parallelism)]
    Hashing(Hashing),
    /// The system gave no random octets for a salt.
    #[error("the system gives no random numbers")]
    Randomness(#[source] getrandom::Error),
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

    fn argon2(self) -> Result<Argon2<'static>, CredentialError> {
        let params = argon2::Params::new(self.memory, self.passes, self.parallelism, None)
            .map_err(|_| CredentialError::Hashing(self))?;
        Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
    }
}

impl Default for Hashing {
    fn default() -> Self {
        Self::RECOMMENDED
    }
}

/// A hashed password. Neither `Debug` nor an error shows it.
#[derive(Clone, PartialEq, Eq)]
pub struct Credential {
    scheme: Scheme,
    /// `{SCHEME}hash`, checked.
    text: Zeroizing<String>,
}

impl Credential {
    /// Hashes a password with argon2id and a random salt. Takes as long as the cost says.
    pub fn new(password: &Password, hashing: Hashing) -> Result<Self, CredentialError> {
        let salt: [u8; 16] = random()?;
        let hash = hashing
            .argon2()?
            .hash_password_with_salt(password.as_bytes(), &salt)
            .map_err(|_| CredentialError::Hashing(hashing))?;
        Ok(Self::assemble(Scheme::Argon2id, &Zeroizing::new(hash.to_string())))
    }

    /// What the secret of a health mailbox is checked against. Takes no time to make or to check.
    pub fn of_health_mailbox(secret: &HealthSecret) -> Self {
        Self::assemble(Scheme::Health, &scheme::health_hash(secret.expose().as_bytes()))
    }

    /// Reads a hash: `{ARGON2ID}$argon2id$…`, `{SHA512-CRYPT}$6$…`, `{BLF-CRYPT}$2y$…`. Without the braces, or with
    /// `{CRYPT}`, the hash says itself what it is.
    pub fn parse(text: &str) -> Result<Self, CredentialError> {
        let (scheme, hash) = match text.strip_prefix('{').and_then(|rest| rest.split_once('}')) {
            Some((name, hash)) if name.eq_ignore_ascii_case("CRYPT") => (Scheme::of_hash(hash)?, hash),
            Some((name, hash)) => (Scheme::named(name)?, hash),
            None => (Scheme::of_hash(text)?, text),
        };
        scheme.check(hash)?;
        Ok(Self::assemble(scheme, hash))
    }

    /// Reads what is stored: any hash, and what the secret of a health mailbox is checked against.
    pub(crate) fn parse_stored(text: &str) -> Result<Self, CredentialError> {
        match text.strip_prefix("{HEALTH}") {
            Some(hash) => {
                Scheme::Health.check(hash)?;
                Ok(Self::assemble(Scheme::Health, hash))
            }
            None => Self::parse(text),
        }
    }

    fn assemble(scheme: Scheme, hash: &str) -> Self {
        Self { scheme, text: Zeroizing::new(format!("{{{}}}{hash}", scheme.name())) }
    }

    /// Whether this is the password. Takes as long as the hash says, whatever the answer.
    pub fn verify(&self, password: &Password) -> bool {
        // What cannot be set cannot be right. It costs a hash all the same, but no more than a short one does.
        let possible = password.check().is_ok();
        let octets = if possible { password.as_bytes() } else { b"" };
        let matches = self.scheme.verify(self.hash(), octets);
        possible & matches
    }

    /// Whether a new hash of the same password would be better.
    pub fn is_outdated(&self, hashing: Hashing) -> bool {
        match self.scheme.argon2_cost(self.hash()) {
            Some(cost) => {
                let work = |cost: Hashing| u64::from(cost.memory) * u64::from(cost.passes);
                cost.memory < hashing.memory || work(cost) < work(hashing)
            }
            None => true,
        }
    }

    /// Whether the hash depends on all of the password. If not, the password that matches may not be the one that was
    /// set, so nothing else may be made of it.
    pub(crate) fn covers(&self, password: &Password) -> bool {
        self.scheme != Scheme::Bcrypt || password.as_bytes().len() <= scheme::BCRYPT_PASSWORD_MAX
    }

    /// Whether this is what the secret of a health mailbox is checked against, which takes no time.
    pub(crate) fn is_of_health_mailbox(&self) -> bool {
        self.scheme == Scheme::Health
    }

    /// The scheme as it is written in braces: `ARGON2ID`, `SHA512-CRYPT`, `BLF-CRYPT`, `HEALTH`.
    pub fn scheme(&self) -> &'static str {
        self.scheme.name()
    }

    /// The form that is stored and exported: `{SCHEME}hash`. Secret.
    pub fn expose(&self) -> &str {
        &self.text
    }

    fn hash(&self) -> &str {
        &self.text[self.scheme.name().len() + 2..]
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credential({{{}}}..)", self.scheme())
    }
}

/// Random octets from the system.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], CredentialError> {
    let mut octets = [0; N];
    getrandom::fill(&mut octets).map_err(CredentialError::Randomness)?;
    Ok(octets)
}
