//! What a back end is asked about the store of a database that it has mounted: to use it as sessions do, now.

use serde::{Deserialize, Serialize};

/// What came of the check of a store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum StoreCheck {
    /// The database is not mounted here: ask elsewhere, or later.
    NotMounted,
    /// There is no health mailbox to check it with, for this reason.
    NoMailbox {
        /// Why, for people.
        reason: String,
    },
    /// It was checked, up to the first step that failed.
    Checked {
        /// The steps that were taken.
        steps: Vec<StoreStepReport>,
        /// Why the last of them failed; nothing if all is well.
        failure: Option<String>,
    },
}

/// A step of the check of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StoreStep {
    /// A message is read.
    Read,
    /// A message is stored and deleted.
    Write,
    /// There is space for mail.
    Space,
}

/// How long a step took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoreStepReport {
    /// The step.
    pub step: StoreStep,
    /// Its time, in microseconds.
    pub micros: u64,
}
