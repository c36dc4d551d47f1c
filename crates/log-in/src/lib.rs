//! Logging in, the same on both tiers: from an accepted connection to a user of the directory, or a refusal.
//!
//! - The [`Lobby`] holds a client from its first octet until it has been let in: greeting, TLS, SASL, time-outs.
//! - The [`offer`] is what a client may try at all.
//! - The [`Desk`] judges what a client claims, slows whoever guesses, and says the same in the same time about an unknown
//!   user and a wrong password.
//!
//! Not here: where the user's mail is, and everything after the log-in.

mod desk;
mod lobby;
mod offer;

pub use desk::{Desk, OpenError};
pub use lobby::{Arrival, Door, End, Lobby, Timing, log, turn_away};
pub use offer::{Circumstances, offer};
