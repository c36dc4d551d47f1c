//! Transactions: compare, and then change all or read.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::{CoordinatorError, Entry, Key, LeaseId, Prefix, Revision, octets_text};

/// Octets in the largest value.
pub const VALUE_LIMIT: usize = 64 << 10;

/// The most compares, changes or reads in one transaction.
pub const CHANGES_LIMIT: usize = 128;

/// Octets of keys and values in the largest transaction; every engine takes that many in one message.
const LIMIT: usize = 1 << 20;

/// If all of `compares` hold, all of `then` happens, as one revision; if not, nothing does, and the answer has the
/// entries of `otherwise` that are there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Txn {
    /// What must hold.
    pub compares: Vec<Compare>,
    /// What is changed then. No key may be named twice, by a prefix neither.
    pub then: Vec<Change>,
    /// What is read otherwise.
    pub otherwise: Vec<Key>,
}

/// What must hold for a transaction to succeed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Compare {
    /// There is no such entry.
    Absent(Key),
    /// There is such an entry.
    Present(Key),
    /// It is there as that revision put it, not even put again with the same value.
    Modified(Key, Revision),
    /// It is there and has this value.
    Value(Key, #[serde(with = "octets_text")] Bytes),
}

/// What a transaction does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// Makes an entry or replaces its value and lease.
    Put {
        /// Its name.
        key: Key,
        /// Its value from now on.
        #[serde(with = "octets_text")]
        value: Bytes,
        /// The lease it is gone with from now on; with `None`, it stays.
        lease: Option<LeaseId>,
    },
    /// Removes an entry, if it is there.
    Delete(Key),
    /// Removes all entries in a part of the store.
    DeletePrefix(Prefix),
}

/// How a transaction went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TxnOutcome {
    /// Whether the compares held, so that the changes were made.
    pub succeeded: bool,
    /// The revision that the changes made; if nothing was changed, the revision that was looked at.
    pub revision: Revision,
    /// What the transaction read, when it did not succeed.
    pub read: Vec<Entry>,
}

impl Txn {
    /// Refuses what no engine would do.
    pub(crate) fn check(&self) -> Result<(), CoordinatorError> {
        let refused = |reason: String| Err(CoordinatorError::Refused { reason });
        let most = self.compares.len().max(self.then.len()).max(self.otherwise.len());
        if most > CHANGES_LIMIT {
            return refused(format!("a transaction has {most} parts of a kind, more than {CHANGES_LIMIT}"));
        }
        if let Some(octets) = self.values().map(Bytes::len).find(|octets| *octets > VALUE_LIMIT) {
            return refused(format!("a value has {octets} octets, more than {VALUE_LIMIT}"));
        }
        let octets = self.values().map(Bytes::len).sum::<usize>() + self.names().map(str::len).sum::<usize>();
        if octets > LIMIT {
            return refused(format!("a transaction has {octets} octets, more than {LIMIT}"));
        }
        for compare in &self.compares {
            if let Compare::Modified(key, Revision(0)) = compare {
                return refused(format!("no revision 0 put {key}; to find it absent, ask so"));
            }
        }
        for (change, index) in self.then.iter().zip(1..) {
            if let Some(other) = self.then[index..].iter().find(|other| change.overlaps(other)) {
                return refused(format!(
                    "a transaction changes {} and {} at once",
                    change.name(),
                    other.name()
                ));
            }
        }
        Ok(())
    }

    fn values(&self) -> impl Iterator<Item = &Bytes> {
        let compared = self.compares.iter().filter_map(|compare| match compare {
            Compare::Value(_, value) => Some(value),
            _ => None,
        });
        let put = self.then.iter().filter_map(|change| match change {
            Change::Put { value, .. } => Some(value),
            _ => None,
        });
        compared.chain(put)
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        let compared = self.compares.iter().map(|compare| compare.key().as_str());
        let read = self.otherwise.iter().map(Key::as_str);
        compared.chain(self.then.iter().map(Change::name)).chain(read)
    }
}

impl Compare {
    /// What is looked at.
    pub const fn key(&self) -> &Key {
        match self {
            Self::Absent(key) | Self::Present(key) | Self::Modified(key, _) | Self::Value(key, _) => key,
        }
    }
}

impl Change {
    fn name(&self) -> &str {
        match self {
            Self::Put { key, .. } | Self::Delete(key) => key.as_str(),
            Self::DeletePrefix(prefix) => prefix.as_str(),
        }
    }

    fn overlaps(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::DeletePrefix(one), Self::DeletePrefix(two)) => {
                one.as_str().starts_with(two.as_str()) || two.as_str().starts_with(one.as_str())
            }
            (Self::DeletePrefix(prefix), change) | (change, Self::DeletePrefix(prefix)) => {
                change.name().starts_with(prefix.as_str())
            }
            (one, two) => one.name() == two.name(),
        }
    }
}
