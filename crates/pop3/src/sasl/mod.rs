//! SASL: the mechanisms of AUTH, server side (RFC 4422, RFC 5034); of SCRAM the client's side too.
//!
//! A [`Dialogue`] turns a client's responses into [`Credentials`]. It proves nothing by itself except in SCRAM:
//! whether credentials are right is the driver's question. Base64 and lines are the session's business.

mod external;
mod login;
mod plain;
pub mod scram;

use std::fmt;

use thiserror::Error;

pub use scram::{Nonce, ScramSecret};

use crate::Secret;

/// The longest line of a SASL exchange, CRLF included (RFC 5034 section 4).
pub const MAX_LINE: usize = 12 * 1024;

/// A mechanism of AUTH.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mechanism {
    /// `PLAIN` (RFC 4616).
    Plain,
    /// `LOGIN`: two prompts, in use everywhere and specified nowhere.
    Login,
    /// `SCRAM-SHA-256` (RFC 7677).
    ScramSha256,
    /// `EXTERNAL`: the connection itself says who the peer is (RFC 4422 appendix A).
    External,
}

impl Mechanism {
    /// Every mechanism, in the order they are announced.
    pub const ALL: [Mechanism; 4] =
        [Mechanism::ScramSha256, Mechanism::Plain, Mechanism::Login, Mechanism::External];

    /// The registered name.
    pub fn as_str(self) -> &'static str {
        match self {
            Mechanism::Plain => "PLAIN",
            Mechanism::Login => "LOGIN",
            Mechanism::ScramSha256 => "SCRAM-SHA-256",
            Mechanism::External => "EXTERNAL",
        }
    }

    /// The mechanism `name` spells, in any case.
    pub fn find(name: &[u8]) -> Option<Mechanism> {
        Mechanism::ALL.into_iter().find(|mechanism| mechanism.as_str().as_bytes().eq_ignore_ascii_case(name))
    }

    fn bit(self) -> u8 {
        1 << self as u8
    }
}

impl fmt::Display for Mechanism {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A set of mechanisms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mechanisms(u8);

impl Mechanisms {
    /// Adds `mechanism`.
    pub fn insert(&mut self, mechanism: Mechanism) {
        self.0 |= mechanism.bit();
    }

    /// Whether `mechanism` is in the set.
    pub fn contains(self, mechanism: Mechanism) -> bool {
        self.0 & mechanism.bit() != 0
    }

    /// Whether the set is empty.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The members, in the order they are announced.
    pub fn iter(self) -> impl Iterator<Item = Mechanism> {
        Mechanism::ALL.into_iter().filter(move |mechanism| self.contains(*mechanism))
    }
}

/// What a client says of itself, for the driver to judge.
///
/// Names are as given, without control characters, and not empty. `authzid` is whom to act as, when it was given and is not empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credentials {
    /// USER and PASS, or AUTH LOGIN.
    Password {
        /// The name.
        user: String,
        /// The password, unverified.
        password: Secret,
    },
    /// AUTH PLAIN.
    Plain {
        /// Whom to act as.
        authzid: Option<String>,
        /// Whose password it is.
        user: String,
        /// The password, unverified.
        password: Secret,
    },
    /// AUTH SCRAM-SHA-256. The proof was verified against the [`ScramSecret`] the driver gave.
    Scram {
        /// Whom to act as.
        authzid: Option<String>,
        /// Who proved to know the password.
        user: String,
    },
    /// AUTH EXTERNAL: the driver knows the peer by its certificate.
    External {
        /// Whom to act as.
        authzid: Option<String>,
    },
}

/// Why a SASL message is refused. The texts are what the client is told; they quote nothing of the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SaslError {
    /// CR, LF or NUL where it may not be.
    #[error("CR, LF and NUL are not allowed in credentials")]
    ForbiddenOctet,
    /// A name that is not UTF-8 or holds control characters.
    #[error("that is not a name")]
    BadName,
    /// Not the form the mechanism asks for.
    #[error("malformed authentication message")]
    Malformed,
    /// The client insists on channel binding, which is not offered (RFC 5802 section 6).
    #[error("channel binding is not offered")]
    ChannelBinding,
}

/// An exchange that waits for the client's next response.
#[derive(Debug)]
pub struct Dialogue(Awaiting);

#[derive(Debug)]
enum Awaiting {
    Plain,
    External,
    LoginUser,
    LoginPassword(String),
    ScramFirst,
    ScramFinal(scram::AwaitingProof),
    ScramEnd(scram::Verified),
}

/// What follows from a response. A variant that goes on carries the dialogue on.
#[derive(Debug)]
pub enum Turn {
    /// Send this challenge, then wait for the response.
    Challenge(Dialogue, Vec<u8>),
    /// Find the user's SCRAM secret (or make up a lasting fake one), then go on with
    /// [`scram::AwaitingSecret::secret`].
    Secret(scram::AwaitingSecret),
    /// The client has said who it is.
    Complete(Credentials),
    /// The SCRAM proof is wrong.
    Rejected {
        /// Who was claimed.
        user: String,
    },
    /// The message is not acceptable.
    Failed(SaslError),
}

impl Dialogue {
    /// Begins an exchange, with the initial response if the client sent one.
    pub fn start(mechanism: Mechanism, initial: Option<Secret>) -> Turn {
        let (awaiting, challenge): (Awaiting, &[u8]) = match mechanism {
            Mechanism::Plain => (Awaiting::Plain, b""),
            Mechanism::Login => (Awaiting::LoginUser, login::USER_PROMPT),
            Mechanism::ScramSha256 => (Awaiting::ScramFirst, b""),
            Mechanism::External => (Awaiting::External, b""),
        };
        let dialogue = Dialogue(awaiting);
        match initial {
            None => Turn::Challenge(dialogue, challenge.to_vec()),
            Some(initial) => dialogue.respond(initial),
        }
    }

    /// Takes the client's response, decoded from base64.
    pub fn respond(self, response: Secret) -> Turn {
        let turn = match self.0 {
            Awaiting::Plain => plain::parse(&response).map(Turn::Complete),
            Awaiting::External => external::parse(&response).map(Turn::Complete),
            Awaiting::LoginUser => name(response.as_bytes()).map(|user| {
                Turn::Challenge(Dialogue(Awaiting::LoginPassword(user)), login::PASSWORD_PROMPT.to_vec())
            }),
            Awaiting::LoginPassword(user) => login::password(response)
                .map(|password| Turn::Complete(Credentials::Password { user, password })),
            Awaiting::ScramFirst => scram::AwaitingSecret::parse(response.as_bytes()).map(Turn::Secret),
            Awaiting::ScramFinal(proof) => proof.respond(response.as_bytes()),
            Awaiting::ScramEnd(verified) => verified.respond(response.as_bytes()),
        };
        turn.unwrap_or_else(Turn::Failed)
    }
}

/// A name within a SASL message: UTF-8, not empty, no control characters.
fn name(bytes: &[u8]) -> Result<String, SaslError> {
    refuse_forbidden(bytes)?;
    match std::str::from_utf8(bytes) {
        Ok("") => Err(SaslError::Malformed),
        Ok(text) if !text.contains(char::is_control) => Ok(text.to_owned()),
        _ => Err(SaslError::BadName),
    }
}

/// The same, where empty means absent.
fn optional_name(bytes: &[u8]) -> Result<Option<String>, SaslError> {
    if bytes.is_empty() { Ok(None) } else { name(bytes).map(Some) }
}

fn refuse_forbidden(bytes: &[u8]) -> Result<(), SaslError> {
    if bytes.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)) {
        return Err(SaslError::ForbiddenOctet);
    }
    Ok(())
}
