//! LMTP on a client-access server: mail that mail servers hand over, on its way to the back ends.
//!
//! A [`visit`] is one connection of a mail server, a [`transaction`] one message on it, from MAIL to the end of DATA. The
//! recipients are asked about at their back ends as they are named, so that who is unknown or over quota is told at RCPT;
//! the [`message`] is spooled meanwhile. Then the [`delivery`] hands it to all back ends at once under one delivery id, and
//! offers it again under the same id to a back end that was lost or has moved, until everybody has an answer or the hold is
//! over. [`back_ends`] keeps the connections of the inner leg, and is where deliveries wait for a database that is moving.
//!
//! Towards back ends every message is delivered exactly once: they remember the id. Towards mail servers it is at least
//! once, as LMTP is (RFC 2033 §4.2): one that does not hear our reply offers the message again.

mod back_ends;
mod delivery;
mod envelope;
mod hops;
mod inner;
mod leg;
mod message;
mod reach;
mod trace;
mod transaction;
mod visit;

pub(crate) use back_ends::BackEnds;
pub(crate) use visit::{serve, turn_away};
