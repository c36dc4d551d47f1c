//! What the store holds, and how it counts.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::{Key, octets_text};

/// Counts the changes of the whole store: every transaction that changes something makes the next one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Revision(pub u64);

/// Names a lease. No other lease of any epoch has the same name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LeaseId(pub u64);

/// A key with its value.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its name.
    pub key: Key,
    /// Its value; what it means is a matter of those who share it.
    #[serde(with = "octets_text")]
    pub value: Bytes,
    /// The revision that made it, since it was last absent.
    pub created: Revision,
    /// The revision that put this value.
    pub modified: Revision,
    /// The lease it is gone with.
    pub lease: Option<LeaseId>,
}

/// A part of the store as it was at one revision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reading {
    /// The life of the store that was read.
    pub epoch: u64,
    /// The store's revision at that moment.
    pub revision: Revision,
    /// What was there, by key.
    pub entries: Vec<Entry>,
}

/// Time given to a holder, who has to ask for more before it has run out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// Its name.
    pub id: LeaseId,
    /// How long it lasts from each time it is kept alive; perhaps longer than was asked for.
    pub ttl: Duration,
}

impl Entry {
    /// What it takes of a bounded space.
    pub(crate) fn octets(&self) -> usize {
        self.key.octets() + self.value.len()
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry")
            .field("key", &self.key)
            .field("octets", &self.value.len())
            .field("created", &self.created.0)
            .field("modified", &self.modified.0)
            .field("lease", &self.lease)
            .finish()
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for LeaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}", self.0)
    }
}
