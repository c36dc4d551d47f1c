//! The client's side of SCRAM-SHA-256, for probes and tests.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use subtle::ConstantTimeEq;
use thiserror::Error;

use super::{Key, Keys, Nonce, hash, sign, value, xor};
use crate::Secret;

/// The iteration counts a client accepts: the least of RFC 7677 section 4, and the most it will work for.
const ITERATIONS: std::ops::RangeInclusive<u32> = 4096..=1_000_000;

/// Why a client gives up on a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ScramClientError {
    /// The server's message is not what RFC 5802 section 7 says.
    #[error("the server's SCRAM message is malformed")]
    Malformed,
    /// The server did not repeat our nonce.
    #[error("the server's SCRAM nonce does not extend ours")]
    Nonce,
    /// The server asks for too little or too much work.
    #[error("the server's SCRAM iteration count is out of bounds")]
    Iterations,
    /// The server does not know the password either.
    #[error("the server's SCRAM signature is wrong")]
    Signature,
}

/// The first message is made; the server's first is awaited.
#[derive(Debug)]
pub struct ClientAwaitingServer {
    first_bare: String,
    nonce: Nonce,
    password: Secret,
}

impl ClientAwaitingServer {
    /// Begins: the state and the client's first message, without channel binding and authzid.
    pub fn start(user: &str, password: Secret, nonce: Nonce) -> (ClientAwaitingServer, Vec<u8>) {
        let user = user.replace('=', "=3D").replace(',', "=2C"); // RFC 5802 section 5.1
        let first_bare = format!("n={user},r={}", nonce.as_str());
        let message = format!("n,,{first_bare}").into_bytes();
        (ClientAwaitingServer { first_bare, nonce, password }, message)
    }

    /// Takes the server's first message; gives the client's final message.
    pub fn respond(self, server_first: &[u8]) -> Result<(ClientAwaitingEnd, Vec<u8>), ScramClientError> {
        let server_first = std::str::from_utf8(server_first).map_err(|_| ScramClientError::Malformed)?;
        let mut fields = server_first.split(',');
        let nonce = value(fields.next(), 'r').ok_or(ScramClientError::Malformed)?;
        let salt = value(fields.next(), 's').and_then(|salt| BASE64.decode(salt).ok());
        let salt = salt.ok_or(ScramClientError::Malformed)?;
        let iterations = value(fields.next(), 'i').and_then(|count| count.parse().ok());
        let iterations: u32 = iterations.ok_or(ScramClientError::Malformed)?;
        if nonce.len() <= self.nonce.as_str().len() || !nonce.starts_with(self.nonce.as_str()) {
            return Err(ScramClientError::Nonce);
        }
        if !ITERATIONS.contains(&iterations) {
            return Err(ScramClientError::Iterations);
        }
        let keys = Keys::derive(&self.password, &salt, iterations);
        let without_proof = format!("c={},r={nonce}", BASE64.encode("n,,"));
        let signed = format!("{},{server_first},{without_proof}", self.first_bare);
        let proof = xor(&keys.client, &sign(&hash(&*keys.client), signed.as_bytes()));
        let message = format!("{without_proof},p={}", BASE64.encode(*proof)).into_bytes();
        Ok((ClientAwaitingEnd { signature: sign(&keys.server, signed.as_bytes()) }, message))
    }
}

/// The proof is made; the server's signature is awaited.
#[derive(Debug)]
pub struct ClientAwaitingEnd {
    signature: Key,
}

impl ClientAwaitingEnd {
    /// Checks the server's final message.
    pub fn finish(self, server_final: &[u8]) -> Result<(), ScramClientError> {
        let text = std::str::from_utf8(server_final).map_err(|_| ScramClientError::Malformed)?;
        let signature = value(text.split(',').next(), 'v').and_then(|value| BASE64.decode(value).ok());
        let signature = signature.ok_or(ScramClientError::Malformed)?;
        if bool::from(signature.as_slice().ct_eq(&self.signature)) {
            Ok(())
        } else {
            Err(ScramClientError::Signature)
        }
    }
}
