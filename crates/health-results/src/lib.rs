//! What probes found and monitors said on one server, kept for a while.
//!
//! For whoever asks later: nothing is decided by it. The [`Results`] of a server are one SQLite file, bounded in age and in
//! size; failures are kept longer than successes, and of a success only what a table shows. They survive restarts, and a
//! loss of the last seconds does no harm: nothing waits for the disk. A file that is damaged is put aside, and a new one
//! begun.
//!
//! Not for: the mail, the journal of recoveries (which waits for the disk), or anything that two processes share.

mod error;
mod results;
mod schema;

pub use error::ResultsError;
pub use results::{Limits, Results, Wanted};
