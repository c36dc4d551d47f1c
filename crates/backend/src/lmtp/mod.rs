//! LMTP on a mailbox server: mail that front ends hand on, on its way into the mounted databases.
//!
//! Only front ends come here, over the inner leg, with what they have spooled already; the name they give a delivery makes
//! a repetition harmless. `250` is said to a recipient when that recipient's copy is on disk, and not before.

mod delivery;
mod upload;

pub(crate) use delivery::serve;
