//! How a recovery is named: `mbx1-17`, the seventeenth that the agent of `mbx1` has begun.

use std::fmt;

use placement::Requester;
use serde::{Deserialize, Serialize};
use settings::{ServerName, Value};

/// One climb of a ladder, by the server whose agent climbs it and a number that no other climb there has.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RecoveryId {
    /// Whose agent climbs.
    pub server: ServerName,
    /// Which of its climbs, from 1.
    pub number: u64,
}

/// A text is no id of a recovery. The asker's fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not the id of a recovery; they look like mbx1-17, \"recovery list\" shows them")]
pub struct BadRecoveryId(pub String);

impl RecoveryId {
    /// Reads `SERVER-NUMBER`.
    pub fn parse(text: &str) -> Result<Self, BadRecoveryId> {
        let read = || {
            let (server, number) = text.rsplit_once('-')?;
            let number = number.parse().ok().filter(|number| *number > 0)?;
            Some(Self { server: ServerName::parse(server).ok()?, number })
        };
        read().ok_or_else(|| BadRecoveryId(text.to_owned()))
    }

    /// The recovery as one that asks for blocks, moves and overrides.
    pub fn requester(&self) -> Requester {
        Requester::recovery(&self.to_string())
    }
}

impl fmt::Display for RecoveryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.server.as_str().to_ascii_lowercase(), self.number)
    }
}

impl TryFrom<String> for RecoveryId {
    type Error = BadRecoveryId;

    fn try_from(text: String) -> Result<Self, BadRecoveryId> {
        Self::parse(&text)
    }
}

impl From<RecoveryId> for String {
    fn from(id: RecoveryId) -> Self {
        id.to_string()
    }
}
