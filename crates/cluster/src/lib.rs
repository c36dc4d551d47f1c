//! The cluster as one process of it sees it.
//!
//! - [`connect`]: the coordinator that the configuration names;
//! - [`Following`]: the records of placement, kept in step and remembered while the coordinator is away;
//! - [`Announcing`]: what a process says of itself, there as long as the process is;
//! - [`commit`]: a decision of placement as a transaction.
//!
//! Not for: what the records mean and what follows from them, which is `placement`; nor how they are kept, which is
//! `coordinator`. It stands between the two so that neither has to know the other.

mod announcing;
mod connection;
mod following;
mod transaction;

pub use announcing::{Announcements, Announcing};
pub use connection::{ConnectError, connect};
pub use following::{Following, Placed, assignments, everything};
pub use transaction::{Committed, commit, key_of};
