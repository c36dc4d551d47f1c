//! What is wrong with results that are kept.

use std::path::PathBuf;

/// Results cannot be kept or read. The machine's fault: probes go on, and the next attempt may succeed.
#[derive(Debug, thiserror::Error)]
pub enum ResultsError {
    /// The file cannot be opened, and a new one cannot be begun.
    #[error("the results in {} cannot be opened", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: rusqlite::Error,
    },
    /// A damaged file cannot be put aside.
    #[error("the damaged results in {} cannot be put aside", path.display())]
    PutAside {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// Something cannot be written: the disk is full or broken.
    #[error("results cannot be written")]
    Write(#[source] rusqlite::Error),
    /// Something cannot be read.
    #[error("results cannot be read")]
    Read(#[source] rusqlite::Error),
}
