//! What client and server say to each other: lines of JSON, one frame each.
//!
//! Requests carry a number of the client's choice, and so do their answers, in any order. The number of a watch's
//! request is the watch's from then on.

use std::time::Duration;

use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufRead, AsyncBufReadExt};

use crate::{CoordinatorError, Lease, LeaseId, Prefix, Reading, Revision, Txn, TxnOutcome, WatchEvent};

/// Octets in the longest request: base64 makes four of three, and the rest are names.
pub(super) const REQUEST_LIMIT: usize = 4 << 20;
/// Octets in the longest answer: the whole store.
pub(super) const ANSWER_LIMIT: usize = 64 << 20;

/// What a client sends.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Request {
    pub(super) id: u64,
    pub(super) ask: Ask,
}

/// What it asks for.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Ask {
    Epoch,
    Txn(Txn),
    Read(Prefix),
    Grant(Duration),
    KeepAlive(LeaseId),
    Revoke(LeaseId),
    Watch { prefix: Prefix, after: Revision },
    Unwatch { watch: u64 },
}

impl Ask {
    /// As an infinitive.
    pub(super) const fn operation(&self) -> &'static str {
        match self {
            Self::Epoch => "tell its epoch",
            Self::Txn(_) => "change entries",
            Self::Read(_) => "read",
            Self::Grant(_) => "grant a lease",
            Self::KeepAlive(_) => "keep a lease alive",
            Self::Revoke(_) => "revoke a lease",
            Self::Watch { .. } => "begin a watch",
            Self::Unwatch { .. } => "end a watch",
        }
    }

    /// Whether it matters if it was done once more than was heard of. A transaction that changes nothing only reads.
    pub(super) fn changes(&self) -> bool {
        match self {
            Self::Txn(txn) => !txn.then.is_empty(),
            Self::Grant(_) | Self::Revoke(_) => true,
            Self::Epoch | Self::Read(_) | Self::KeepAlive(_) | Self::Watch { .. } | Self::Unwatch { .. } => {
                false
            }
        }
    }
}

/// What a server sends.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Frame {
    Answer { id: u64, answer: Answered },
    Failed { id: u64, failure: Failure },
    Events { watch: u64, events: Vec<WatchEvent> },
    Ended { watch: u64, failure: Failure },
}

/// An answer that is no failure.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Answered {
    Epoch(u64),
    Outcome(TxnOutcome),
    Reading(Reading),
    Lease(Lease),
    Ttl(Duration),
    Done,
}

/// A [`CoordinatorError`] on its way.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Failure {
    Unavailable(String),
    OutcomeUnknown(String),
    LeaseGone,
    Compacted { after: Revision },
    Refused(String),
}

impl From<CoordinatorError> for Failure {
    fn from(error: CoordinatorError) -> Self {
        match error {
            CoordinatorError::Unavailable { source, .. } => Self::Unavailable(source.to_string()),
            CoordinatorError::OutcomeUnknown { source, .. } => Self::OutcomeUnknown(source.to_string()),
            CoordinatorError::LeaseGone => Self::LeaseGone,
            CoordinatorError::Compacted { after } => Self::Compacted { after },
            CoordinatorError::Refused { reason } => Self::Refused(reason),
        }
    }
}

impl Failure {
    pub(super) fn into_error(self, operation: &'static str) -> CoordinatorError {
        match self {
            Self::Unavailable(reason) => CoordinatorError::unavailable(operation, reason),
            Self::OutcomeUnknown(reason) => CoordinatorError::unknown(operation, reason),
            Self::LeaseGone => CoordinatorError::LeaseGone,
            Self::Compacted { after } => CoordinatorError::Compacted { after },
            Self::Refused(reason) => CoordinatorError::Refused { reason },
        }
    }
}

/// A frame as a line.
pub(super) fn line(frame: &impl Serialize) -> Bytes {
    let mut line =
        serde_json::to_vec(frame).expect("a frame has text keys only and none of its parts can fail");
    line.push(b'\n');
    line.into()
}

/// Why a line was not read.
#[derive(Debug, thiserror::Error)]
pub(super) enum LineError {
    #[error("the connection ended")]
    Ended,
    #[error("the connection failed: {0}")]
    Io(#[from] std::io::Error),
    #[error("a line has more than {0} octets")]
    TooLong(usize),
    #[error("a line was not understood: {0}")]
    Garbled(#[from] serde_json::Error),
}

/// Reads the next frame. To be dropped only together with the reader.
pub(super) async fn read_line<T: DeserializeOwned>(
    reader: &mut (impl AsyncBufRead + Unpin),
    limit: usize,
) -> Result<T, LineError> {
    let mut line = Vec::new();
    loop {
        let available = reader.fill_buf().await?;
        if available.is_empty() {
            return Err(LineError::Ended);
        }
        let end = available.iter().position(|octet| *octet == b'\n');
        let taken = end.map_or(available.len(), |end| end + 1);
        if line.len() + taken > limit {
            return Err(LineError::TooLong(limit));
        }
        line.extend_from_slice(&available[..taken]);
        reader.consume(taken);
        if end.is_some() {
            return Ok(serde_json::from_slice(&line)?);
        }
    }
}
