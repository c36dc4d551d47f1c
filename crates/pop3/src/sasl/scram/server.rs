//! The server's side of SCRAM-SHA-256: three states, each consumed by the message that leaves it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use subtle::ConstantTimeEq;

use super::{Key, Nonce, ScramSecret, hash, sign, value, xor};
use crate::sasl::{Awaiting, Credentials, Dialogue, SaslError, Turn, name, refuse_forbidden};

/// The client's first message is read; the user's secret is needed.
#[derive(Debug)]
pub struct AwaitingSecret {
    /// The GS2 header as sent: the client repeats it in its final message (RFC 5802 section 6).
    header: String,
    authzid: Option<String>,
    user: String,
    /// The client's first message without the GS2 header: the first part of the message that is signed.
    first_bare: String,
    nonce: String,
}

impl AwaitingSecret {
    /// Who wants to log in.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// Reads `client-first-message` (RFC 5802 section 7).
    pub(crate) fn parse(message: &[u8]) -> Result<AwaitingSecret, SaslError> {
        refuse_forbidden(message)?;
        let message = std::str::from_utf8(message).map_err(|_| SaslError::BadName)?;
        let (flag, rest) = message.split_once(',').ok_or(SaslError::Malformed)?;
        match flag {
            "n" | "y" => {} // `y`: the client could bind but believes that we cannot, and it is right.
            _ if flag.starts_with("p=") => return Err(SaslError::ChannelBinding),
            _ => return Err(SaslError::Malformed),
        }
        let (authzid, first_bare) = rest.split_once(',').ok_or(SaslError::Malformed)?;
        let authzid = match authzid {
            "" => None,
            authzid => Some(saslname(value(Some(authzid), 'a').ok_or(SaslError::Malformed)?)?),
        };
        // An extension that must be understood (`m=`) comes before the name and is refused with it.
        let mut fields = first_bare.split(',');
        let user = saslname(value(fields.next(), 'n').ok_or(SaslError::Malformed)?)?;
        let nonce = value(fields.next(), 'r').and_then(Nonce::new).ok_or(SaslError::Malformed)?;
        Ok(AwaitingSecret {
            header: message[..message.len() - first_bare.len()].to_owned(),
            authzid,
            user,
            first_bare: first_bare.to_owned(),
            nonce: nonce.as_str().to_owned(),
        })
    }

    /// Goes on with the user's secret, or a fake one, and a nonce that was never used before.
    pub fn secret(self, secret: &ScramSecret, nonce: &Nonce) -> Turn {
        let nonce = self.nonce + nonce.as_str();
        let server_first = format!("r={nonce},s={},i={}", BASE64.encode(&secret.salt), secret.iterations);
        let proof = AwaitingProof {
            authzid: self.authzid,
            user: self.user,
            channel: BASE64.encode(self.header),
            signed: format!("{},{server_first}", self.first_bare),
            nonce,
            stored_key: secret.stored_key,
            server_key: secret.server_key,
        };
        Turn::Challenge(Dialogue(Awaiting::ScramFinal(proof)), server_first.into_bytes())
    }
}

/// The server's first message is sent; the client's proof is awaited.
pub struct AwaitingProof {
    authzid: Option<String>,
    user: String,
    channel: String,
    /// `AuthMessage` so far: the client's and the server's first message (RFC 5802 section 3).
    signed: String,
    nonce: String,
    stored_key: Key,
    server_key: Key,
}

impl std::fmt::Debug for AwaitingProof {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AwaitingProof").field("user", &self.user).finish_non_exhaustive()
    }
}

impl AwaitingProof {
    /// Reads `client-final-message` and checks its proof.
    pub(crate) fn respond(self, message: &[u8]) -> Result<Turn, SaslError> {
        refuse_forbidden(message)?;
        let message = std::str::from_utf8(message).map_err(|_| SaslError::Malformed)?;
        let (without_proof, proof) = message.rsplit_once(",p=").ok_or(SaslError::Malformed)?;
        let mut fields = without_proof.split(',');
        let channel = value(fields.next(), 'c').ok_or(SaslError::Malformed)?;
        let nonce = value(fields.next(), 'r').ok_or(SaslError::Malformed)?;
        let proof = BASE64.decode(proof).ok().and_then(|proof| Key::try_from(proof).ok());
        let proof = proof.ok_or(SaslError::Malformed)?;
        if channel != self.channel || nonce != self.nonce {
            return Err(SaslError::Malformed);
        }
        let signed = format!("{},{without_proof}", self.signed);
        // RFC 5802 section 3: ClientKey = ClientProof XOR ClientSignature, and H(ClientKey) is what we keep.
        let client_key = xor(&proof, &sign(&self.stored_key, signed.as_bytes()));
        if !bool::from(hash(&*client_key).ct_eq(&self.stored_key)) {
            return Ok(Turn::Rejected { user: self.user });
        }
        let server_final = format!("v={}", BASE64.encode(sign(&self.server_key, signed.as_bytes())));
        let verified = Verified { authzid: self.authzid, user: self.user };
        Ok(Turn::Challenge(Dialogue(Awaiting::ScramEnd(verified)), server_final.into_bytes()))
    }
}

/// The proof is right and the server's signature is sent: POP3's success reply carries no data, so the client
/// acknowledges it with an empty response (RFC 5034 section 4).
#[derive(Debug)]
pub struct Verified {
    authzid: Option<String>,
    user: String,
}

impl Verified {
    pub(crate) fn respond(self, message: &[u8]) -> Result<Turn, SaslError> {
        if !message.is_empty() {
            return Err(SaslError::Malformed);
        }
        Ok(Turn::Complete(Credentials::Scram { authzid: self.authzid, user: self.user }))
    }
}

/// Decodes a saslname: `=2C` is a comma, `=3D` an equals sign, any other `=` is an error (RFC 5802 section 5.1).
fn saslname(text: &str) -> Result<String, SaslError> {
    let mut decoded = String::with_capacity(text.len());
    let mut parts = text.split('=');
    decoded.push_str(parts.next().unwrap_or_default());
    for part in parts {
        let (character, rest) = match part.get(..2) {
            Some("2C") => (',', &part[2..]),
            Some("3D") => ('=', &part[2..]),
            _ => return Err(SaslError::Malformed),
        };
        decoded.push(character);
        decoded.push_str(rest);
    }
    name(decoded.as_bytes())
}
