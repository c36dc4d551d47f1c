//! What STAT, LIST, UIDL (RFC 1939 sections 5 and 7) and CAPA say.

use super::{Capabilities, Event};
use crate::{MessageNumber, decimal};

/// `messages octets`, from STAT. More may follow.
pub(super) fn drop_listing(text: &[u8]) -> Option<(u64, u64)> {
    let (messages, rest) = word(text)?;
    let (octets, _) = word(rest)?;
    Some((decimal::parse(messages)?, decimal::parse(octets)?))
}

/// `number octets`, from LIST. More may follow.
pub(super) fn scan_listing(text: &[u8]) -> Option<(MessageNumber, u64)> {
    let (number, rest) = word(text)?;
    let (octets, _) = word(rest)?;
    Some((MessageNumber::parse(number)?, decimal::parse(octets)?))
}

/// `number unique-id`, from UIDL. The id is 1 to 70 visible ASCII characters.
pub(super) fn unique_id_listing(text: &[u8]) -> Option<(MessageNumber, String)> {
    let (number, rest) = word(text)?;
    let (id, _) = word(rest)?;
    let visible = id.iter().all(|byte| matches!(byte, 0x21..=0x7e));
    if id.len() > 70 || !visible {
        return None;
    }
    Some((MessageNumber::parse(number)?, String::from_utf8(id.to_vec()).ok()?))
}

/// The first word and what follows it. RFC 1939 has one space between words; more are forgiven.
fn word(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let text = &text[text.iter().position(|byte| *byte != b' ')?..];
    Some(text.split_at(text.iter().position(|byte| *byte == b' ').unwrap_or(text.len())))
}

/// The most lines of CAPA that anybody can mean.
const MOST_CAPABILITIES: usize = 200;

/// A listing while it comes in.
pub(super) enum Gathered {
    Capabilities(Vec<String>),
    Octets(Vec<(MessageNumber, u64)>),
    UniqueIds(Vec<(MessageNumber, String)>),
}

impl Gathered {
    /// Takes a line; not every line is one of this listing.
    pub(super) fn add(&mut self, line: &[u8]) -> Option<()> {
        match self {
            Gathered::Capabilities(lines) => lines.push(printable(line)),
            Gathered::Octets(entries) => entries.push(scan_listing(line)?),
            Gathered::UniqueIds(entries) => entries.push(unique_id_listing(line)?),
        }
        Some(())
    }

    /// Whether no more lines are taken, where a listing may have `limit` entries.
    pub(super) fn is_full(&self, limit: usize) -> bool {
        match self {
            Gathered::Capabilities(lines) => lines.len() >= MOST_CAPABILITIES,
            Gathered::Octets(entries) => entries.len() >= limit,
            Gathered::UniqueIds(entries) => entries.len() >= limit,
        }
    }

    pub(super) fn into_event(self) -> Event<'static> {
        match self {
            Gathered::Capabilities(lines) => Event::Capabilities(Capabilities::new(lines)),
            Gathered::Octets(entries) => Event::List(entries),
            Gathered::UniqueIds(entries) => Event::Uidl(entries),
        }
    }
}

/// A server's text, safe to show: other characters than printable ASCII become question marks.
pub(super) fn printable(text: &[u8]) -> String {
    text.iter().map(|byte| if matches!(byte, b' '..=b'~') { char::from(*byte) } else { '?' }).collect()
}
