//! What can keep services and servers from being controlled.

use std::error::Error;
use std::path::PathBuf;

use crate::Operation;

/// What lies behind a failure.
pub type Cause = Box<dyn Error + Send + Sync>;

/// Whose fault a failure is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Whoever was asked to act: an init, systemd, the power grid, a configured command.
    Controller,
    /// The service or server that was to be acted on.
    Subject,
    /// Whoever asked.
    Caller,
    /// What the operator set up: this engine cannot do it, or may not, or has no place to write.
    Installation,
}

/// Whether asking again helps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// Nothing was done; the same request may succeed in a moment.
    Soon,
    /// Something may have been done: look first, at the service's process or the server's boot id.
    AfterLooking,
    /// Not before what the error names has changed.
    AfterChange,
}

/// Why something was not done, or may not have been.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// Whoever was to act does not answer. Nothing was done.
    #[error("cannot {operation}: {controller} does not answer: {source}")]
    Unreachable {
        /// What was to be done.
        operation: Operation,
        /// Who was asked.
        controller: String,
        /// Why there is no answer.
        source: Cause,
    },
    /// Whoever was to act will not. Nothing was done.
    #[error("cannot {operation}: {reason}")]
    Refused {
        /// What was to be done.
        operation: Operation,
        /// Its words.
        reason: String,
    },
    /// It was tried and did not come off: the service does not start, or does not end.
    #[error("cannot {operation}: {reason}")]
    Failed {
        /// What was to be done.
        operation: Operation,
        /// What became of it.
        reason: String,
    },
    /// The configured command ran and says that it failed.
    #[error("cannot {operation}: the configured command {exit}{}", spoken(output))]
    CommandFailed {
        /// What was to be done.
        operation: Operation,
        /// How it ended.
        exit: String,
        /// The last it said.
        output: String,
    },
    /// It was asked for, and nobody says what became of it.
    #[error("whether it came to {operation} is unknown: {source}")]
    OutcomeUnknown {
        /// What was to be done.
        operation: Operation,
        /// Why nobody says.
        source: Cause,
    },
    /// This engine cannot do it. Nothing was done.
    #[error("cannot {operation}: {reason}")]
    Unsupported {
        /// What was to be done.
        operation: Operation,
        /// What is missing, and what can do it.
        reason: String,
    },
    /// That it is about to be done could not be written down, so nothing was done.
    #[error("cannot {operation}: it must be written down first, in {}: {source}", path.display())]
    NotRecorded {
        /// What was to be done.
        operation: Operation,
        /// The file.
        path: PathBuf,
        /// Why it cannot be written.
        source: Cause,
    },
}

impl ControlError {
    /// What was to be done.
    pub fn operation(&self) -> &Operation {
        match self {
            Self::Unreachable { operation, .. }
            | Self::Refused { operation, .. }
            | Self::Failed { operation, .. }
            | Self::CommandFailed { operation, .. }
            | Self::OutcomeUnknown { operation, .. }
            | Self::Unsupported { operation, .. }
            | Self::NotRecorded { operation, .. } => operation,
        }
    }

    /// Whose fault it is.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Unreachable { .. } | Self::OutcomeUnknown { .. } | Self::CommandFailed { .. } => {
                Fault::Controller
            }
            Self::Refused { .. } => Fault::Caller,
            Self::Failed { .. } => Fault::Subject,
            Self::Unsupported { .. } | Self::NotRecorded { .. } => Fault::Installation,
        }
    }

    /// Whether asking again helps.
    pub fn retry(&self) -> Retry {
        match self {
            Self::Unreachable { .. } => Retry::Soon,
            Self::OutcomeUnknown { .. } | Self::CommandFailed { .. } | Self::Failed { .. } => {
                Retry::AfterLooking
            }
            Self::Refused { .. } | Self::Unsupported { .. } | Self::NotRecorded { .. } => Retry::AfterChange,
        }
    }

    /// Whether something may have been done all the same.
    pub fn outcome_is_open(&self) -> bool {
        self.retry() == Retry::AfterLooking
    }

    /// No answer: to a question that is no more than that; a deed may have been done.
    pub(crate) fn no_answer(operation: Operation, controller: String, source: Cause) -> Self {
        if operation.is_question() {
            Self::Unreachable { operation, controller, source }
        } else {
            Self::OutcomeUnknown {
                operation,
                source: format!("{controller} does not answer: {source}").into(),
            }
        }
    }
}

/// The output as the end of a sentence.
fn spoken(output: &str) -> String {
    if output.is_empty() { String::new() } else { format!(" and says: {output}") }
}
