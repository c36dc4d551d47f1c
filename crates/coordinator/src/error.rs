//! Why a coordinator could not do what it was asked.

use std::{error::Error, sync::Arc};

use crate::Revision;

/// What lies beneath an error.
pub type Cause = Arc<dyn Error + Send + Sync>;

/// Why a coordinator could not do what it was asked. Nothing was changed, but by [`CoordinatorError::OutcomeUnknown`].
#[derive(Clone, Debug, thiserror::Error)]
pub enum CoordinatorError {
    /// It cannot be reached or cannot work now.
    #[error("the coordinator is not available to {operation}")]
    Unavailable {
        /// What was asked, as an infinitive: "read".
        operation: &'static str,
        /// Why.
        source: Cause,
    },

    /// It was asked for a change, and no answer came: the change has happened, will happen, or never does. Read before
    /// anything is asked again.
    #[error("whether the coordinator came to {operation} is unknown")]
    OutcomeUnknown {
        /// What was asked, as an infinitive: "change entries".
        operation: &'static str,
        /// Why.
        source: Cause,
    },

    /// The lease has run out, was revoked, or is of another life of the store.
    #[error("the lease is gone")]
    LeaseGone,

    /// The changes after that revision are not all known any more, or the watcher was too slow. Read anew and watch from there.
    #[error("the changes after revision {after} are not all known any more")]
    Compacted {
        /// What was asked for.
        after: Revision,
    },

    /// The request is wrong, and would be next time.
    #[error("the coordinator refused: {reason}")]
    Refused {
        /// What is wrong with it.
        reason: String,
    },
}

/// Whose fault an error is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// The asker's: the same question will have the same answer.
    Asker,
    /// Nobody's: time went by.
    Time,
    /// The coordinator's, or that of the way to it.
    Coordinator,
}

impl CoordinatorError {
    /// Whose fault it is.
    pub const fn fault(&self) -> Fault {
        match self {
            Self::Unavailable { .. } | Self::OutcomeUnknown { .. } => Fault::Coordinator,
            Self::LeaseGone | Self::Compacted { .. } => Fault::Time,
            Self::Refused { .. } => Fault::Asker,
        }
    }

    /// Whether the same request may succeed later as if it were asked for the first time.
    pub const fn retry_helps(&self) -> bool {
        matches!(self, Self::Unavailable { .. })
    }

    pub(crate) fn unavailable(
        operation: &'static str,
        cause: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Self {
        Self::Unavailable { operation, source: Arc::from(cause.into()) }
    }

    pub(crate) fn unknown(operation: &'static str, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::OutcomeUnknown { operation, source: Arc::from(cause.into()) }
    }

    pub(crate) fn refused(reason: impl Into<String>) -> Self {
        Self::Refused { reason: reason.into() }
    }
}
