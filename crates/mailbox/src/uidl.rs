//! The unique-id of a message (RFC 1939 §7, UIDL).

use std::fmt;

/// A message's name: 1 to 70 printable characters, unique in its mailbox, never reused.
///
/// Mail that arrives by delivery is named after the database's *epoch* and its uid: 8 hexadecimal digits each, more
/// for a uid beyond 32 bits. The epoch changes whenever a database is restored, so that a uid which is given a second
/// time still makes a new name. Mail that is imported may keep the name it had elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uidl(Form);

// A text in the derived form is always held as `Derived`, so equality of values is equality of texts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Form {
    Derived { epoch: u32, uid: u64 },
    Imported(Box<str>),
}

/// A text that cannot be a unique-id (RFC 1939 §7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UidlError {
    /// No characters, or more than 70.
    #[error("a unique-id has 1 to 70 characters, not {0}")]
    Length(usize),
    /// A character outside 0x21 to 0x7E, at this offset.
    #[error("the character at offset {0} of the unique-id is not printable ASCII")]
    Unprintable(usize),
}

impl Uidl {
    /// The longest unique-id, in characters (RFC 1939 §7).
    pub const MAX_LENGTH: usize = 70;

    /// The name of the message that arrived as `uid` while the database was in `epoch`.
    pub const fn derived(epoch: u32, uid: crate::Uid) -> Self {
        Self(Form::Derived { epoch, uid: uid.get() })
    }

    /// A name given elsewhere: 1 to 70 characters between 0x21 and 0x7E (RFC 1939 §7).
    pub fn parse(text: &str) -> Result<Self, UidlError> {
        if text.is_empty() || text.len() > Self::MAX_LENGTH {
            return Err(UidlError::Length(text.chars().count()));
        }
        if let Some(offset) = text.bytes().position(|byte| !byte.is_ascii_graphic()) {
            return Err(UidlError::Unprintable(offset));
        }
        Ok(Self(parse_derived(text).unwrap_or_else(|| Form::Imported(text.into()))))
    }

    /// The epoch and uid, if the name has the form that deliveries get (imported names may have it, too).
    pub const fn as_derived(&self) -> Option<(u32, crate::Uid)> {
        match self.0 {
            Form::Derived { epoch, uid } => Some((epoch, crate::Uid::new(uid))),
            Form::Imported(_) => None,
        }
    }

    /// Appends the name to a reply that is being built.
    pub fn write_to(&self, reply: &mut Vec<u8>) {
        match &self.0 {
            Form::Derived { epoch, uid } => {
                write_hex(u64::from(*epoch), reply);
                write_hex(*uid, reply);
            }
            Form::Imported(text) => reply.extend_from_slice(text.as_bytes()),
        }
    }
}

impl fmt::Display for Uidl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Form::Derived { epoch, uid } => write!(f, "{epoch:08x}{uid:08x}"),
            Form::Imported(text) => f.write_str(text),
        }
    }
}

/// At least 8 digits. By hand, because a UIDL reply has one for each of perhaps 100,000 messages.
fn write_hex(value: u64, reply: &mut Vec<u8>) {
    let digits = (u64::BITS - value.leading_zeros()).div_ceil(4).max(8);
    for place in (0..digits).rev() {
        reply.push(b"0123456789abcdef"[(value >> (place * 4) & 0xf) as usize]);
    }
}

fn parse_derived(text: &str) -> Option<Form> {
    let lower_hex = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'a'..=b'f');
    if !(16..=24).contains(&text.len()) || !text.bytes().all(lower_hex) {
        return None;
    }
    let (epoch, uid) = text.split_at(8);
    if uid.len() > 8 && uid.starts_with('0') {
        return None;
    }
    Some(Form::Derived {
        epoch: u32::from_str_radix(epoch, 16).ok()?,
        uid: u64::from_str_radix(uid, 16).ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Uid;

    fn written(uidl: &Uidl) -> String {
        let mut reply = Vec::new();
        uidl.write_to(&mut reply);
        String::from_utf8(reply).unwrap()
    }

    #[test]
    fn a_derived_name_is_epoch_and_uid() {
        let uidl = Uidl::derived(0xdead_beef, Uid::new(0x1f));
        assert_eq!(uidl.to_string(), "deadbeef0000001f");
        assert_eq!(written(&uidl), "deadbeef0000001f");
        assert_eq!(uidl.as_derived(), Some((0xdead_beef, Uid::new(0x1f))));
    }

    #[test]
    fn a_uid_beyond_32_bits_makes_a_longer_name() {
        for (uid, text) in
            [(u64::from(u32::MAX) + 1, "00000001100000000"), (u64::MAX, "00000001ffffffffffffffff")]
        {
            let uidl = Uidl::derived(1, Uid::new(uid));
            assert_eq!(uidl.to_string(), text);
            assert_eq!(written(&uidl), text);
            assert_eq!(Uidl::parse(text), Ok(uidl));
        }
    }

    #[test]
    fn equal_texts_are_equal_names_wherever_they_come_from() {
        assert_eq!(Uidl::parse("deadbeef0000001f"), Ok(Uidl::derived(0xdead_beef, Uid::new(0x1f))));
        for other in ["DEADBEEF0000001F", "deadbeef000000001f", "deadbeef1f", "whqtswO00WBw418f9t5JxYwZ"] {
            let uidl = Uidl::parse(other).unwrap();
            assert_eq!(uidl.as_derived(), None, "{other}");
            assert_eq!(written(&uidl), other);
            assert_eq!(uidl.to_string(), other);
        }
    }

    #[test]
    fn imported_names_have_1_to_70_printable_characters() {
        assert_eq!(Uidl::parse(""), Err(UidlError::Length(0)));
        assert!(Uidl::parse(&"x".repeat(70)).is_ok());
        assert_eq!(Uidl::parse(&"x".repeat(71)), Err(UidlError::Length(71)));
        assert!(Uidl::parse("!~").is_ok());
        for (text, offset) in [("a b", 1), ("\u{7f}", 0), ("ab\r", 2), ("é", 0)] {
            assert_eq!(Uidl::parse(text), Err(UidlError::Unprintable(offset)), "{text:?}");
        }
    }
}
