//! The name of a session, the same on both tiers.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A random number, written as 16 lower-case hexadecimal digits. The front end makes one for each connection and hands it to
/// the back end, so that what both tiers wrote about a session can be joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SessionId(u64);

/// The text is not a session id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a session id is 16 hexadecimal digits")]
pub struct NotASessionId;

impl SessionId {
    /// A new id. Without randomness from the operating system nothing here is safe to run, TLS least of all.
    pub fn random() -> Self {
        let mut octets = [0; 8];
        getrandom::fill(&mut octets).expect("the operating system gives randomness once it has booted");
        Self(u64::from_ne_bytes(octets))
    }
}

impl From<u64> for SessionId {
    fn from(number: u64) -> Self {
        Self(number)
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl FromStr for SessionId {
    type Err = NotASessionId;

    fn from_str(text: &str) -> Result<Self, NotASessionId> {
        let digits = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        digits.then(|| u64::from_str_radix(text, 16).ok()).flatten().map(Self).ok_or(NotASessionId)
    }
}

impl TryFrom<String> for SessionId {
    type Error = NotASessionId;

    fn try_from(text: String) -> Result<Self, NotASessionId> {
        text.parse()
    }
}

impl From<SessionId> for String {
    fn from(id: SessionId) -> Self {
        id.to_string()
    }
}
