//! The keys of the records.

use std::fmt;
use std::str::FromStr;

use settings::{DatabaseName, ServerName, Value};

use crate::name::{Component, Requester};

/// The key of one record: which kind, and of what.
///
/// Server and database names stand in keys in lower case, because names that differ only in case are the same name;
/// values spell them as the configuration does. Requesters and components stand as they are.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RecordKey {
    /// `assignments/{database}`
    Assignment(DatabaseName),
    /// `fences/{database}/{server}`: one for each holder that did not let go.
    Fence(DatabaseName, ServerName),
    /// `mounts/{database}/{server}`
    Mount(DatabaseName, ServerName),
    /// `agents/{server}`
    Agent(ServerName),
    /// `leader`
    Leader,
    /// `moves/{database}`
    Move(DatabaseName),
    /// `finished-moves/{database}`
    FinishedMove(DatabaseName),
    /// `blocks/{server}/{requester}`
    Block(ServerName, Requester),
    /// `components/{server}/{component}/{requester}`
    Component(ServerName, Component, Requester),
    /// `maintenance/{server}`
    Maintenance(ServerName),
    /// `health/{path}`: what operators say about health, which placement only keeps.
    Health(HealthPath),
}

/// Where a record about health stands: a few words, parted by slashes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HealthPath(String);

impl HealthPath {
    /// The path of these words. Whatever else than small letters, digits, dots and hyphens they have becomes a hyphen, so that
    /// words which differ only in case are the same.
    pub fn of(words: &[&str]) -> Self {
        let plain = |character: char| match character.to_ascii_lowercase() {
            kept if is_plain(kept) => kept,
            _ => '-',
        };
        let words: Vec<String> = words.iter().map(|word| word.chars().map(plain).collect()).collect();
        Self(words.join("/"))
    }

    fn parse(text: &str) -> Option<Self> {
        let is_word = |word: &str| !word.is_empty() && word.chars().all(is_plain);
        text.split('/').all(is_word).then(|| Self(text.to_owned()))
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_plain(character: char) -> bool {
    matches!(character, 'a'..='z' | '0'..='9' | '.' | '-')
}

/// A key that is none of ours. Whoever wrote it is newer than us, or wrong; reading it again does not help.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not the key of a record of placement")]
pub struct KeyError(pub String);

impl RecordKey {
    /// What the keys of all records begin with, to list and watch them. The leader's is the whole key.
    pub const PREFIXES: [&'static str; 11] = [
        "assignments/",
        "fences/",
        "mounts/",
        "agents/",
        "leader",
        "moves/",
        "finished-moves/",
        "blocks/",
        "components/",
        "maintenance/",
        "health/",
    ];

    /// Reads the text of a key.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let read = || {
            let parts: Vec<_> = text.split('/').collect();
            let database = |part: &str| DatabaseName::parse(part).ok();
            let server = |part: &str| ServerName::parse(part).ok();
            let requester = |part: &str| Requester::parse(part).ok();
            Some(match parts[..] {
                ["assignments", of] => Self::Assignment(database(of)?),
                ["fences", of, on] => Self::Fence(database(of)?, server(on)?),
                ["mounts", of, on] => Self::Mount(database(of)?, server(on)?),
                ["agents", of] => Self::Agent(server(of)?),
                ["leader"] => Self::Leader,
                ["moves", of] => Self::Move(database(of)?),
                ["finished-moves", of] => Self::FinishedMove(database(of)?),
                ["blocks", of, by] => Self::Block(server(of)?, requester(by)?),
                ["components", of, component, by] => {
                    Self::Component(server(of)?, Component::parse(component).ok()?, requester(by)?)
                }
                ["maintenance", of] => Self::Maintenance(server(of)?),
                ["health", ..] => Self::Health(HealthPath::parse(text.strip_prefix("health/")?)?),
                _ => return None,
            })
        };
        read().ok_or_else(|| KeyError(text.to_owned()))
    }
}

impl FromStr for RecordKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        Self::parse(text)
    }
}

impl fmt::Display for RecordKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = |name: &DatabaseName| name.as_str().to_ascii_lowercase();
        let on = |name: &ServerName| name.as_str().to_ascii_lowercase();
        match self {
            Self::Assignment(database) => write!(f, "assignments/{}", of(database)),
            Self::Fence(database, server) => write!(f, "fences/{}/{}", of(database), on(server)),
            Self::Mount(database, server) => write!(f, "mounts/{}/{}", of(database), on(server)),
            Self::Agent(server) => write!(f, "agents/{}", on(server)),
            Self::Leader => f.write_str("leader"),
            Self::Move(database) => write!(f, "moves/{}", of(database)),
            Self::FinishedMove(database) => write!(f, "finished-moves/{}", of(database)),
            Self::Block(server, by) => write!(f, "blocks/{}/{by}", on(server)),
            Self::Component(server, component, by) => {
                write!(f, "components/{}/{component}/{by}", on(server))
            }
            Self::Maintenance(server) => write!(f, "maintenance/{}", on(server)),
            Self::Health(path) => write!(f, "health/{}", path.as_str()),
        }
    }
}
