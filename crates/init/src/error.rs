//! What can keep an init or the grid from doing its work.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

/// Why an init or the grid gives up. None of these is the fault of what was typed; each says what to do.
#[derive(Debug, Error)]
pub enum InitError {
    /// A file or socket could not be made.
    #[error("cannot {operation} {}: {source}; make sure that this user may write there", path.display())]
    File {
        /// What was tried, as a verb.
        operation: &'static str,
        /// With which file.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// The operating system refused something that does not concern a file.
    #[error("cannot {operation}: {source}")]
    System {
        /// What was tried, as a verb.
        operation: &'static str,
        /// Why it failed.
        source: io::Error,
    },
}

impl InitError {
    pub(crate) fn file(operation: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { operation, path, source }
    }

    pub(crate) fn system(operation: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::System { operation, source }
    }
}
