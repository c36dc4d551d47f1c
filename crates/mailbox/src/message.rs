//! What is known of a message without reading it.

use std::{fmt, iter::Sum, ops::Add};

use crate::Uidl;

/// Bodies are kept and read in pieces of this many wire bytes; only a message's last piece is shorter.
pub const CHUNK: usize = 65_536;

/// A message's place in the order of arrival in its database: from 1, never reused, ascending with each delivery.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uid(u64);

impl Uid {
    /// Below every message: the highest uid of a mailbox that never had mail.
    pub const BEFORE_FIRST: Self = Self(0);

    /// The message that arrived as the `number`th in its database.
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The number, from 1 (0 is [`Uid::BEFORE_FIRST`]).
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The length of a message as STAT and LIST say it: line ends counted as CRLF, dot-stuffing not counted
/// (RFC 1939 §11).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Octets(u64);

impl Octets {
    /// Nothing at all.
    pub const ZERO: Self = Self(0);

    /// This many octets.
    pub const fn new(octets: u64) -> Self {
        Self(octets)
    }

    /// The number of octets.
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl Add for Octets {
    type Output = Self;

    /// Stays at the maximum instead of overflowing: a sum of lengths is compared, never addressed with.
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Sum for Octets {
    fn sum<I: Iterator<Item = Self>>(octets: I) -> Self {
        octets.fold(Self::ZERO, Add::add)
    }
}

impl fmt::Display for Octets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One line of a mailbox's listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageEntry {
    /// Which message.
    pub uid: Uid,
    /// Its length as LIST says it.
    pub octets: Octets,
    /// Its name as UIDL says it.
    pub uidl: Uidl,
    /// Wire bytes of the header, the blank line included; all of them if there is no blank line.
    pub header: u64,
    /// Wire bytes of the whole message, dot-stuffing included, without the final `.CRLF`.
    pub wire: u64,
}

impl MessageEntry {
    /// In how many chunks the body is read; an empty message has one, which is empty.
    pub fn chunks(&self) -> u32 {
        chunks(self.wire)
    }
}

/// In how many chunks a body of so many wire bytes is kept: at least one.
pub(crate) fn chunks(wire: u64) -> u32 {
    u32::try_from(wire.div_ceil(CHUNK as u64).max(1)).unwrap_or(u32::MAX)
}
