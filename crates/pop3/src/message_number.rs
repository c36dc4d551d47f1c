//! The number of a message within one session.

use std::fmt;
use std::num::NonZeroU32;

use crate::decimal;

/// The number of a message in the maildrop of one session, from 1 (RFC 1939 section 4).
///
/// Numbers do not shift when messages are marked deleted. A number has one spelling: no sign, no leading zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageNumber(NonZeroU32);

impl MessageNumber {
    /// The number `value`, unless it is 0.
    pub fn new(value: u32) -> Option<MessageNumber> {
        NonZeroU32::new(value).map(MessageNumber)
    }

    /// Reads the one spelling of a number; anything else is `None`, never another message's number.
    pub fn parse(text: &[u8]) -> Option<MessageNumber> {
        if text.first() == Some(&b'0') {
            return None;
        }
        let value = decimal::parse(text)?;
        MessageNumber::new(u32::try_from(value).ok()?)
    }

    /// The number of the message at `index` (from 0) of a list.
    pub fn from_index(index: usize) -> Option<MessageNumber> {
        let index = u32::try_from(index).ok()?;
        MessageNumber::new(index.checked_add(1)?)
    }

    /// The place of this message in a list, from 0.
    pub fn index(self) -> usize {
        // A u32 fits the usize of every platform this runs on; on a smaller one the index would be out of range.
        usize::try_from(self.0.get() - 1).unwrap_or(usize::MAX)
    }

    /// The number itself.
    pub fn get(self) -> u32 {
        self.0.get()
    }
}

impl fmt::Display for MessageNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
