//! Who may log in: from the credentials of a POP3 session to a user of the directory, or a refusal.
//!
//! The same desk stands in front of both tiers: a [`Desk`] judges what a client claims, slows whoever guesses, and says
//! the same in the same time about an unknown user and a wrong password. What a client may try at all is the
//! [`offer`]. Not here: where the user's mail is.

mod desk;
mod offer;

pub use desk::{Desk, OpenError};
pub use offer::{Circumstances, offer};
