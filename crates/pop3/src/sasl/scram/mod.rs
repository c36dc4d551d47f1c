//! SCRAM-SHA-256 (RFC 5802, RFC 7677) without channel binding: `n` and `y` are accepted, `p` is refused.
//!
//! The server's nonce and the user's [`ScramSecret`] come in from outside: nothing here is random or looks anyone
//! up. For an unknown user the driver gives a fake secret that is the same each time, and the proof then fails. Names
//! and passwords are taken as they are given, without `SASLprep` (RFC 4013).

mod client;
mod server;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

pub use client::{ClientAwaitingEnd, ClientAwaitingServer, ScramClientError};
pub use server::{AwaitingProof, AwaitingSecret, Verified};

use crate::Secret;

/// A key or signature of SHA-256's size.
pub type Key = [u8; 32];

/// What the server keeps of a user's password for SCRAM-SHA-256 (RFC 5802 section 3). The password cannot be
/// computed from it, but who has it can pass for the server.
#[derive(Clone, PartialEq, Eq)]
pub struct ScramSecret {
    /// The salt of the password.
    pub salt: Vec<u8>,
    /// How often the password is hashed; at least 4096 (RFC 7677 section 4).
    pub iterations: u32,
    /// H(ClientKey): the client's proof is checked against it.
    pub stored_key: Key,
    /// The key the server signs with.
    pub server_key: Key,
}

impl ScramSecret {
    /// Computes the secret of a password. Slow on purpose: the work of `iterations`.
    pub fn derive(password: &Secret, salt: &[u8], iterations: u32) -> ScramSecret {
        let keys = Keys::derive(password, salt, iterations);
        ScramSecret {
            salt: salt.to_vec(),
            iterations,
            stored_key: hash(&*keys.client),
            server_key: *keys.server,
        }
    }
}

impl std::fmt::Debug for ScramSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ScramSecret").field("iterations", &self.iterations).finish_non_exhaustive()
    }
}

/// A nonce: printable ASCII without comma (RFC 5802 section 5.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nonce(String);

impl Nonce {
    /// A nonce from random octets, which the caller drew.
    pub fn from_random(octets: [u8; 24]) -> Nonce {
        Nonce(BASE64.encode(octets))
    }

    /// A given nonce, if it is well-formed.
    pub fn new(text: &str) -> Option<Nonce> {
        let printable = |byte: u8| matches!(byte, 0x21..=0x2b | 0x2d..=0x7e);
        (!text.is_empty() && text.bytes().all(printable)).then(|| Nonce(text.to_owned()))
    }

    /// The text of the nonce.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The keys behind a password (RFC 5802 section 3).
struct Keys {
    client: Zeroizing<Key>,
    server: Zeroizing<Key>,
}

impl Keys {
    fn derive(password: &Secret, salt: &[u8], iterations: u32) -> Keys {
        let salted = Zeroizing::new(pbkdf2::pbkdf2_hmac_array::<Sha256, 32>(
            password.as_bytes(),
            salt,
            iterations.max(1),
        ));
        Keys {
            client: Zeroizing::new(sign(&salted, b"Client Key")),
            server: Zeroizing::new(sign(&salted, b"Server Key")),
        }
    }
}

fn sign(key: &Key, message: &[u8]) -> Key {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    mac.update(message);
    mac.finalize().into_bytes().into()
}

fn hash(message: &[u8]) -> Key {
    Sha256::digest(message).into()
}

fn xor(left: &Key, right: &Key) -> Zeroizing<Key> {
    let mut result = Zeroizing::new(*left);
    result.iter_mut().zip(right).for_each(|(byte, other)| *byte ^= other);
    result
}

/// The value of the attribute `name` at the start of `field`, as in `r=…`.
fn value(field: Option<&str>, name: char) -> Option<&str> {
    field?.strip_prefix(name)?.strip_prefix('=')
}
