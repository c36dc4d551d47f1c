//! The session that receives mail, driven without sockets.

mod arbitrary;
mod bounds;
mod delivery;
mod driver;
mod order;
mod security;
mod transcripts;
