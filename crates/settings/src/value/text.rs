//! Texts that go out on the wire.

use std::fmt;

use super::{Invalid, Value, quoted};

/// The text of the greeting, behind `+OK `.
///
/// Printable ASCII, at most 400 octets (RFC 2449 §4: a response line has at most 512), without `<` (RFC 1939 §7: it would
/// announce APOP) and not beginning with `[` (RFC 2449 §8: it would be a response code).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Banner(String);

impl Banner {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Banner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl Value for Banner {
    fn example() -> String {
        "a greeting such as \"The POP3 service is ready.\"".into()
    }

    fn parse(text: &str) -> Result<Self, Invalid> {
        let instead = format!("write {}", Self::example());
        if !text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()) {
            return Err(Invalid::new("the greeting has characters other than printable ASCII", instead));
        }
        if text.len() > 400 {
            return Err(Invalid::new("the greeting is longer than 400 characters", instead));
        }
        if text.contains('<') || text.starts_with('[') {
            return Err(Invalid::new("the greeting contains \"<\" or begins with \"[\"", instead));
        }
        Ok(Self(text.to_owned()))
    }

    fn text(&self) -> String {
        self.0.clone()
    }
}

/// A line of text for people: a procedure, or where it stands.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Line(String);

impl Line {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl Value for Line {
    fn example() -> String {
        "a line such as \"call the mail team, extension 1234\"".into()
    }

    fn parse(text: &str) -> Result<Self, Invalid> {
        if text.chars().any(char::is_control) || text.len() > 1000 {
            return Err(Invalid::new(
                "the text has line breaks or other control characters, or is longer than 1000 octets",
                format!("write {}", Self::example()),
            ));
        }
        Ok(Self(text.to_owned()))
    }

    fn text(&self) -> String {
        self.0.clone()
    }
}

/// The character that parts a recipient from its detail, as in `user+detail@example.com`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecipientDelimiter(char);

impl RecipientDelimiter {
    /// The character.
    pub fn get(self) -> char {
        self.0
    }
}

impl Value for RecipientDelimiter {
    fn example() -> String {
        "one of \"+\", \"-\", \"=\", \"#\", \"_\"".into()
    }

    fn parse(text: &str) -> Result<Self, Invalid> {
        let mut characters = text.chars();
        match (characters.next(), characters.next()) {
            (Some(delimiter), None) if "+-=#_".contains(delimiter) => Ok(Self(delimiter)),
            _ => Err(Invalid::new(
                format!("{} cannot part a recipient from its detail", quoted(text)),
                format!("write {}", Self::example()),
            )),
        }
    }

    fn text(&self) -> String {
        self.0.into()
    }
}

/// What all our keys in a store that others share begin with: letters, digits and any of `/ . _ -`, at most 200, with
/// neither a slash at an end nor two in a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyPrefix(String);

impl KeyPrefix {
    /// The prefix, without a slash behind it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl Value for KeyPrefix {
    fn example() -> String {
        "a prefix such as \"mailmedic\" or \"mail/berlin\"".into()
    }

    fn parse(text: &str) -> Result<Self, Invalid> {
        let prefix = text.trim();
        let letters = |part: &str| {
            !part.is_empty()
                && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
        };
        if prefix.len() <= 200 && prefix.split('/').all(letters) {
            return Ok(Self(prefix.to_owned()));
        }
        Err(Invalid::new(
            format!("{} is no prefix for keys", quoted(text)),
            format!("write {}", Self::example()),
        ))
    }

    fn text(&self) -> String {
        self.0.clone()
    }
}
