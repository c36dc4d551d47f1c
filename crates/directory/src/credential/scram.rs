//! The keys of SCRAM-SHA-256 (RFC 5802 §3, RFC 7677): enough to check a proof, not enough to make one.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::random;
use crate::{CredentialError, Password};

/// The name in front of stored keys.
const MECHANISM: &str = "SCRAM-SHA-256";

/// The keys that a server keeps for one user.
#[derive(Clone, PartialEq, Eq)]
pub struct ScramKeys {
    /// The salt.
    pub salt: Vec<u8>,
    /// How often the password was hashed.
    pub iterations: u32,
    /// `StoredKey` (RFC 5802 §3).
    pub stored_key: Zeroizing<[u8; 32]>,
    /// `ServerKey` (RFC 5802 §3).
    pub server_key: Zeroizing<[u8; 32]>,
}

impl ScramKeys {
    /// The iterations of new keys: the least that RFC 7677 §4 allows, since it is the client that has to do them.
    pub const ITERATIONS: u32 = 4096;
    /// Octets of a new salt.
    pub(crate) const SALT: usize = 16;

    /// Derives the keys from a password and a random salt. None for a password that is not printable ASCII: what
    /// RFC 4013 makes of it is not implemented, so such a user cannot use SCRAM.
    pub fn derive(password: &Password) -> Result<Option<Self>, CredentialError> {
        if !password.as_bytes().iter().all(|octet| matches!(octet, b' '..=b'~')) {
            return Ok(None);
        }
        Ok(Some(Self::with_salt(password, &random::<{ Self::SALT }>()?, Self::ITERATIONS)))
    }

    fn with_salt(password: &Password, salt: &[u8], iterations: u32) -> Self {
        // RFC 5802 §3: SaltedPassword, ClientKey, StoredKey, ServerKey.
        let mut salted = Zeroizing::new([0; 32]);
        pbkdf2::pbkdf2_hmac::<Sha256>(password.as_bytes(), salt, iterations, salted.as_mut());
        let client_key = mac(salted.as_ref(), &[b"Client Key"]);
        let stored_key = Zeroizing::new(Sha256::digest(client_key.as_ref()).into());
        let server_key = mac(salted.as_ref(), &[b"Server Key"]);
        Self { salt: salt.to_vec(), iterations, stored_key, server_key }
    }

    /// The form that is stored (RFC 5803 §2 without the blanks): `SCRAM-SHA-256$iterations:salt$StoredKey:ServerKey`.
    pub(crate) fn to_text(&self) -> Zeroizing<String> {
        Zeroizing::new(format!(
            "{MECHANISM}${}:{}${}:{}",
            self.iterations,
            STANDARD.encode(&self.salt),
            STANDARD.encode(self.stored_key.as_ref()),
            STANDARD.encode(self.server_key.as_ref())
        ))
    }

    pub(crate) fn from_text(text: &str) -> Option<Self> {
        let rest = text.strip_prefix(MECHANISM)?.strip_prefix('$')?;
        let (info, keys) = rest.split_once('$')?;
        let (iterations, salt) = info.split_once(':')?;
        let (stored, server) = keys.split_once(':')?;
        let key = |text: &str| Some(Zeroizing::new(STANDARD.decode(text).ok()?.try_into().ok()?));
        Some(Self {
            salt: STANDARD.decode(salt).ok()?,
            iterations: iterations.parse().ok()?,
            stored_key: key(stored)?,
            server_key: key(server)?,
        })
    }
}

impl fmt::Debug for ScramKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ScramKeys({} iterations, ..)", self.iterations)
    }
}

/// HMAC-SHA256 of the parts, one after the other.
pub(crate) fn mac(key: &[u8], parts: &[&[u8]]) -> Zeroizing<[u8; 32]> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length (RFC 2104 §2)");
    for part in parts {
        mac.update(part);
    }
    Zeroizing::new(mac.finalize().into_bytes().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base64(text: &str) -> Vec<u8> {
        STANDARD.decode(text).unwrap()
    }

    /// Checks the server's side of the exchange in RFC 7677 §3 against what is derived from its password.
    #[test]
    fn keys_check_the_exchange_of_rfc_7677() {
        let keys = ScramKeys::with_salt(&Password::new("pencil"), &base64("W22ZaJ0SNY7soEsUEjb6gQ=="), 4096);
        let exchange = "n=user,r=rOprNGfwEbeRWgbNEkqO,\
             r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,\
             c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
        let signature = mac(keys.stored_key.as_ref(), &[exchange.as_bytes()]);
        let proof = base64("dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=");
        let client_key: Vec<u8> =
            proof.iter().zip(signature.iter()).map(|(proof, mask)| proof ^ mask).collect();
        assert_eq!(Sha256::digest(&client_key).as_slice(), keys.stored_key.as_ref());
        assert_eq!(
            mac(keys.server_key.as_ref(), &[exchange.as_bytes()]).as_slice(),
            base64("6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=")
        );
    }

    #[test]
    fn stored_keys_are_read_back() {
        let keys = ScramKeys::derive(&Password::new("secret")).unwrap().unwrap();
        assert_eq!(ScramKeys::from_text(&keys.to_text()), Some(keys.clone()));
        assert_eq!(keys.salt.len(), ScramKeys::SALT);
        for damaged in ["", "SCRAM-SHA-256$4096:AA==$AA==:AA==", "SCRAM-SHA-1$4096:AA==$AA==:AA=="] {
            assert_eq!(ScramKeys::from_text(damaged), None);
        }
    }

    #[test]
    fn a_password_beyond_ascii_gets_no_keys() {
        assert_eq!(ScramKeys::derive(&Password::new("pässword")).unwrap(), None);
        assert_eq!(ScramKeys::derive(&Password::new("tab\there")).unwrap(), None);
    }
}
