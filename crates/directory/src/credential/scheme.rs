//! The schemes: how their hashes are recognised, bounded and verified.

use std::fmt::Write as _;

use argon2::{Argon2, PasswordVerifier, password_hash::phc};
use sha_crypt::ShaCrypt;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::{CredentialError, Hashing};

/// How a password was hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scheme {
    /// argon2id (RFC 9106) as a PHC string.
    Argon2id,
    /// SHA-512 crypt, `$6$`.
    Sha512Crypt,
    /// bcrypt, `$2a$`, `$2b$` or `$2y$`.
    Bcrypt,
    /// SHA-256 of the secret of a health mailbox: 256 random bits need no slow hash. Never of a password.
    Health,
}

/// Names of other systems' schemes that an error may repeat. Anything else between braces might be a password.
const FOREIGN: [&str; 25] = [
    "ARGON2I",
    "BCRYPT",
    "CLEAR",
    "CLEARTEXT",
    "CRAM-MD5",
    "DES-CRYPT",
    "DIGEST-MD5",
    "LDAP-MD5",
    "MD5",
    "MD5-CRYPT",
    "NTLM",
    "PBKDF2",
    "PLAIN",
    "PLAIN-MD5",
    "PLAIN-TRUNC",
    "SCRAM-SHA-1",
    "SCRAM-SHA-256",
    "SHA",
    "SHA1",
    "SHA256",
    "SHA256-CRYPT",
    "SHA512",
    "SMD5",
    "SSHA",
    "SSHA512",
];

/// Hashes that say what they are by their first characters, and are not supported.
const FOREIGN_PREFIXES: [(&str, &str); 7] = [
    ("$1$", "an MD5-crypt hash ($1$)"),
    ("$5$", "a SHA-256-crypt hash ($5$)"),
    ("$y$", "a yescrypt hash ($y$)"),
    ("$7$", "an scrypt hash ($7$)"),
    ("$2x$", "a hash of a faulty bcrypt ($2x$)"),
    ("$argon2i$", "an argon2i hash"),
    ("$argon2d$", "an argon2d hash"),
];

// What one check may cost, at most about a second and a quarter of a gigabyte.
const ARGON2_MEMORY_MAX: u32 = 256 * 1024;
const ARGON2_PASSES_MAX: u32 = 10;
const ARGON2_PARALLELISM_MAX: u32 = 16;
const SHA512_ROUNDS_MAX: u32 = 1_000_000;
const BCRYPT_COST_MAX: u32 = 14;

/// Octets of a password that bcrypt looks at.
pub(super) const BCRYPT_PASSWORD_MAX: usize = 72;

impl Scheme {
    /// The name as it is written in braces.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Argon2id => "ARGON2ID",
            Self::Sha512Crypt => "SHA512-CRYPT",
            Self::Bcrypt => "BLF-CRYPT",
            Self::Health => "HEALTH",
        }
    }

    pub(super) fn named(name: &str) -> Result<Self, CredentialError> {
        let known = [Self::Argon2id, Self::Sha512Crypt, Self::Bcrypt];
        if let Some(scheme) = known.into_iter().find(|scheme| scheme.name().eq_ignore_ascii_case(name)) {
            return Ok(scheme);
        }
        let foreign = FOREIGN.into_iter().find(|foreign| foreign.eq_ignore_ascii_case(name));
        Err(CredentialError::UnknownScheme { scheme: foreign.unwrap_or("the scheme between the braces") })
    }

    /// The scheme that a hash shows by its first characters.
    pub(super) fn of_hash(hash: &str) -> Result<Self, CredentialError> {
        if hash.starts_with("$argon2id$") {
            return Ok(Self::Argon2id);
        }
        if hash.starts_with("$6$") {
            return Ok(Self::Sha512Crypt);
        }
        if ["$2y$", "$2b$", "$2a$"].iter().any(|prefix| hash.starts_with(prefix)) {
            return Ok(Self::Bcrypt);
        }
        let foreign = FOREIGN_PREFIXES.into_iter().find(|(prefix, _)| hash.starts_with(prefix));
        Err(CredentialError::UnknownScheme { scheme: foreign.map_or("this kind of hash", |(_, name)| name) })
    }

    /// Whether a hash is one of this scheme that can be verified, and at a bearable cost.
    pub(super) fn check(self, hash: &str) -> Result<(), CredentialError> {
        let malformed = CredentialError::Malformed { scheme: self.name() };
        let too_costly = |limit| Err(CredentialError::TooCostly { scheme: self.name(), limit });
        match self {
            Self::Argon2id => {
                let cost = self.argon2_cost(hash).ok_or(malformed)?;
                if cost.memory > ARGON2_MEMORY_MAX {
                    return too_costly("256 MiB of memory are allowed");
                }
                if cost.passes > ARGON2_PASSES_MAX {
                    return too_costly("10 passes are allowed");
                }
                if cost.parallelism > ARGON2_PARALLELISM_MAX {
                    return too_costly("16 lanes are allowed");
                }
            }
            Self::Sha512Crypt => {
                if sha512_rounds(hash).ok_or(malformed)? > SHA512_ROUNDS_MAX {
                    return too_costly("1000000 rounds are allowed");
                }
            }
            Self::Bcrypt => {
                let parts: bcrypt::HashParts = hash.parse().map_err(|_| malformed.clone())?;
                if hash.starts_with("$2x$") || parts.get_cost() < 4 {
                    return Err(malformed);
                }
                if parts.get_cost() > BCRYPT_COST_MAX {
                    return too_costly("a cost of 14 is allowed");
                }
            }
            Self::Health => {
                let digit = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'a'..=b'f');
                if hash.len() != 64 || !hash.bytes().all(digit) {
                    return Err(malformed);
                }
            }
        }
        Ok(())
    }

    /// Compares in constant time, as each of the crates does too.
    pub(super) fn verify(self, hash: &str, password: &[u8]) -> bool {
        match self {
            Self::Argon2id => phc::PasswordHash::new(hash)
                .is_ok_and(|hash| Argon2::default().verify_password(password, &hash).is_ok()),
            Self::Sha512Crypt => sha_crypt::PasswordHashRef::new(hash)
                .is_ok_and(|hash| ShaCrypt::SHA512.verify_password(password, hash).is_ok()),
            Self::Bcrypt => bcrypt::verify(password, hash).unwrap_or(false),
            Self::Health => health_hash(password).as_bytes().ct_eq(hash.as_bytes()).into(),
        }
    }

    /// What an argon2id hash costs; none for another scheme and for a malformed hash.
    pub(super) fn argon2_cost(self, hash: &str) -> Option<Hashing> {
        if self != Self::Argon2id {
            return None;
        }
        let hash = phc::PasswordHash::new(hash).ok()?;
        if hash.algorithm != argon2::ARGON2ID_IDENT || !matches!(hash.version, Some(0x10 | 0x13)) {
            return None;
        }
        hash.salt.as_ref().filter(|salt| salt.len() >= argon2::MIN_SALT_LEN)?;
        hash.hash.as_ref()?;
        let params = argon2::Params::try_from(&hash).ok()?;
        Some(Hashing { memory: params.m_cost(), passes: params.t_cost(), parallelism: params.p_cost() })
    }
}

/// How the secret of a health mailbox is stored: 64 lower-case hexadecimal digits.
pub(super) fn health_hash(secret: &[u8]) -> String {
    Sha256::digest(secret).iter().fold(String::with_capacity(64), |mut digits, octet| {
        let _ = write!(digits, "{octet:02x}");
        digits
    })
}

/// The rounds of `$6$[rounds=N$]salt$hash`; none if it is not of that form.
fn sha512_rounds(hash: &str) -> Option<u32> {
    let mut fields = hash.strip_prefix("$6$")?.split('$');
    let mut salt = fields.next()?;
    let mut rounds = sha_crypt::Params::RECOMMENDED_ROUNDS;
    if let Some(digits) = salt.strip_prefix("rounds=") {
        rounds = digits.parse().ok().filter(|rounds| *rounds >= sha_crypt::Params::ROUNDS_MIN)?;
        salt = fields.next()?;
    }
    let digest = fields.next()?;
    let alphabet =
        |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"./".contains(&byte));
    let complete = (1..=16).contains(&salt.len()) && digest.len() == 86 && alphabet(salt) && alphabet(digest);
    (complete && fields.next().is_none()).then_some(rounds)
}
