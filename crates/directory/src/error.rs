//! What can keep the directory from answering.

use std::error::Error;

/// Whose fault a failure is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// More was asked than can be answered at this moment.
    Overload,
    /// The disk or the file system, or another process that holds the file too long.
    Storage,
    /// The installation: a file that is missing, damaged, or written by a newer version.
    Installation,
}

/// Whether asking again helps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// The same question may be answered in a moment: `[SYS/TEMP]`.
    Soon,
    /// Not before somebody repairs it: `[SYS/PERM]`.
    AfterRepair,
}

/// Why the directory gave no answer. The client has not been answered either.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// The directory cannot answer.
    #[error("the directory cannot {operation}: {source}")]
    Unavailable {
        /// What was to be done, as a verb with its object.
        operation: &'static str,
        /// Whose fault it is.
        fault: Fault,
        /// Whether asking again helps.
        retry: Retry,
        /// The cause. It goes to the log, never to a client.
        source: Box<dyn Error + Send + Sync>,
    },
}
