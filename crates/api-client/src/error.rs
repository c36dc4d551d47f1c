//! Why a request has no answer that it was made for.

use std::io;
use std::time::Duration;

use admin_api::{Kind, Problem};

/// Why a request has no answer that it was made for.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody could be asked. Nothing was done.
    #[error("no agent answers on {door}: {source}")]
    NoAgent {
        /// Where.
        door: String,
        /// Why.
        source: io::Error,
    },
    /// The agent was asked and did not answer.
    #[error("{request}: the agent on {door} {lost}")]
    NoAnswer {
        /// Where.
        door: String,
        /// What was asked.
        request: String,
        /// Whether something may have been done.
        may_be_done: bool,
        /// How the answer was lost.
        lost: Lost,
    },
    /// The agent answered what is no answer of this contract.
    #[error("{request}: the answer of the agent on {door} is not understood: {why}")]
    NotUnderstood {
        /// Where.
        door: String,
        /// What was asked.
        request: String,
        /// What is wrong.
        why: String,
    },
    /// The agent says why not.
    #[error("{0}")]
    Problem(Problem),
}

/// How an answer was lost.
#[derive(Debug, thiserror::Error)]
pub enum Lost {
    /// It did not come in time.
    #[error("did not answer within {} s", .0.as_secs_f32())]
    TimedOut(Duration),
    /// The connection broke.
    #[error("broke off: {0}")]
    BrokenOff(#[source] hyper::Error),
    /// There was no end to it.
    #[error("answered with more than {0} octets")]
    TooLong(usize),
}

impl ClientError {
    /// The kind of problem it amounts to.
    pub fn kind(&self) -> Kind {
        match self {
            Self::NoAgent { .. } | Self::NoAnswer { may_be_done: false, .. } => Kind::Unavailable,
            Self::NoAnswer { .. } => Kind::OutcomeUnknown,
            Self::NotUnderstood { .. } => Kind::Internal,
            Self::Problem(problem) => problem.kind,
        }
    }

    /// Whether another agent may be asked the same: nothing was done by this one.
    pub fn another_may_answer(&self) -> bool {
        matches!(self, Self::NoAgent { .. } | Self::NoAnswer { may_be_done: false, .. })
    }
}

/// What an agent that asked another passes on to its own caller.
impl From<ClientError> for Problem {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::Problem(problem) => problem,
            other => Self::new(other.kind(), other.to_string()),
        }
    }
}
