//! Names of entries, and of parts of the store.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Octets in the longest key.
const LIMIT: usize = 512;

/// The name of an entry: segments of printable ASCII joined by `/`, such as `assignments/DB01`; 512 octets at most.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Key(Arc<str>);

/// A part of the store: everything, or all keys that begin with whole segments, such as `assignments/`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Prefix(Arc<str>);

/// A text that is no key or prefix.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// None, or too many.
    #[error("a key has 1 to {LIMIT} octets, not {octets}")]
    Length {
        /// How many it has.
        octets: usize,
    },
    /// Two `/` in a row, or one at an end where none may be.
    #[error("a segment of {text:?} is empty")]
    EmptySegment {
        /// The whole text.
        text: String,
    },
    /// Something else than printable ASCII.
    #[error("{text:?} has {character:?}; a key is printable ASCII")]
    Character {
        /// The whole text.
        text: String,
        /// The first character that may not be there.
        character: char,
    },
    /// A prefix that ends within a segment.
    #[error("the prefix {text:?} does not end in `/`")]
    NoSlash {
        /// The whole text.
        text: String,
    },
}

impl Key {
    /// Checks a text.
    pub fn new(text: &str) -> Result<Self, KeyError> {
        check(text, text)?;
        Ok(Self(text.into()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What follows `prefix` in this key, if it lies there.
    pub fn below<'a>(&'a self, prefix: &Prefix) -> Option<&'a str> {
        self.0.strip_prefix(&*prefix.0)
    }

    /// What it takes of a bounded space.
    pub(crate) fn octets(&self) -> usize {
        self.0.len()
    }
}

impl Prefix {
    /// Checks a text, which is empty for everything or ends in `/`.
    pub fn new(text: &str) -> Result<Self, KeyError> {
        match text.strip_suffix('/') {
            Some(segments) => check(segments, text)?,
            None if text.is_empty() => {}
            None => return Err(KeyError::NoSlash { text: text.into() }),
        }
        Ok(Self(text.into()))
    }

    /// The whole store.
    pub fn everything() -> Self {
        Self("".into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether `key` lies in this part.
    pub fn covers(&self, key: &Key) -> bool {
        key.0.starts_with(&*self.0)
    }

    /// The key called `name` in this part.
    pub fn key(&self, name: &str) -> Result<Key, KeyError> {
        Key::new(&format!("{}{name}", self.0))
    }
}

/// Checks `segments`, which are `text` or its beginning.
fn check(segments: &str, text: &str) -> Result<(), KeyError> {
    if segments.is_empty() || text.len() > LIMIT {
        return Err(KeyError::Length { octets: text.len() });
    }
    if let Some(character) = text.chars().find(|character| !matches!(character, ' '..='~')) {
        return Err(KeyError::Character { text: text.into(), character });
    }
    if segments.split('/').any(str::is_empty) {
        return Err(KeyError::EmptySegment { text: text.into() });
    }
    Ok(())
}

macro_rules! checked_text {
    ($name:ident) => {
        impl FromStr for $name {
            type Err = KeyError;

            fn from_str(text: &str) -> Result<Self, KeyError> {
                Self::new(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = KeyError;

            fn try_from(text: String) -> Result<Self, KeyError> {
                Self::new(&text)
            }
        }

        impl From<$name> for String {
            fn from(checked: $name) -> Self {
                checked.0.as_ref().into()
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&*self.0, f)
            }
        }
    };
}

checked_text!(Key);
checked_text!(Prefix);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_printable_segments_of_bounded_length() {
        for good in ["a", "assignments/DB01", "a b/~", "a/b/c/d", &"k".repeat(512)] {
            assert_eq!(Key::new(good).unwrap().as_str(), good);
        }
        for bad in ["", "/", "/a", "a/", "a//b", "a\n", "a\u{7f}", "ä", &"k".repeat(513)] {
            assert!(Key::new(bad).is_err(), "{bad:?} passed");
        }
    }

    #[test]
    fn prefixes_are_whole_segments_or_everything() {
        for good in ["", "a/", "assignments/DB01/"] {
            assert_eq!(Prefix::new(good).unwrap().as_str(), good);
        }
        for bad in ["/", "a", "a//", "/a/", "a/b", "\t/"] {
            assert!(Prefix::new(bad).is_err(), "{bad:?} passed");
        }
    }

    #[test]
    fn a_prefix_covers_what_lies_below_it_and_nothing_beside() {
        let prefix = Prefix::new("a/").unwrap();
        assert!(prefix.covers(&Key::new("a/b").unwrap()));
        assert!(prefix.covers(&Key::new("a/b/c").unwrap()));
        for beside in ["a", "ab", "a0", "b/a/c"] {
            assert!(!prefix.covers(&Key::new(beside).unwrap()), "{beside} is covered");
        }
        assert!(Prefix::everything().covers(&Key::new("a").unwrap()));
        assert_eq!(prefix.key("b/c").unwrap().below(&prefix), Some("b/c"));
        assert_eq!(Key::new("ab").unwrap().below(&prefix), None);
    }
}
