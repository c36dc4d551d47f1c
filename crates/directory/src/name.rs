//! Names of users and addresses of recipients, as checked values.
//!
//! A name is lower-cased ASCII, always with its realm, and narrower than RFC 5321 allows: what could be mistaken
//! for a path, an option, a field separator or a detail is refused when the user is made, so that nobody has to
//! escape it later. Internationalised names (RFC 6531) are not offered; a realm may be given in its ASCII form.

use std::{fmt, str::FromStr};

/// Octets of a local part (RFC 5321 §4.5.3.1.1).
const LOCAL_MAX: usize = 64;
/// Octets of a realm: a domain name as text (RFC 5321 §4.5.3.1.2 allows 255, RFC 1035 §2.3.4 leaves 253 of them).
const REALM_MAX: usize = 253;
/// Octets of a whole name: a path with its two brackets has 256 (RFC 5321 §4.5.3.1.3).
const NAME_MAX: usize = 254;
/// Octets of a label of a domain name (RFC 1035 §2.3.4).
const LABEL_MAX: usize = 63;

/// Why a text is no name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing before the `@`, or nothing at all.
    #[error("the name is empty")]
    Empty,
    /// The local part, the realm or both together exceed their bound.
    #[error("the name is too long: {LOCAL_MAX} characters before the @ and {NAME_MAX} in all are allowed")]
    TooLong,
    /// CR, LF, NUL, a blank, a character that is not ASCII, or one with a meaning elsewhere.
    #[error(
        "the name has a character that is not allowed: letters, digits and any of .-_!#$%&'*=?^`{{|}}~ are"
    )]
    Character,
    /// A dot or a hyphen at a place where it is not allowed.
    #[error("the name has a dot or a hyphen where none is allowed")]
    Punctuation,
    /// `user+detail`: an address for delivery, not a name.
    #[error("the name has a +detail, which only an address for delivery can have")]
    Detail,
    /// Not a domain name.
    #[error("the part after the @ is not a domain name")]
    Realm,
}

/// A realm: a domain name, lower-cased, without a final dot.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Realm(Box<str>);

impl Realm {
    /// Checks and lower-cases a domain name.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        if text.len() > REALM_MAX {
            return Err(NameError::TooLong);
        }
        if text.split('.').all(is_label) {
            Ok(Self(text.to_ascii_lowercase().into()))
        } else {
            Err(NameError::Realm)
        }
    }

    /// The realm as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A label of a domain name: letters, digits and inner hyphens (RFC 5321 §4.1.2, sub-domain).
fn is_label(label: &str) -> bool {
    (1..=LABEL_MAX).contains(&label.len())
        && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        && !label.starts_with('-')
        && !label.ends_with('-')
}

/// The name of a user: `local@realm`, lower-cased.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name {
    text: Box<str>,
    local: usize,
}

impl Name {
    /// Checks and normalises a name; without an `@`, the default realm is added.
    pub fn parse(text: &str, default_realm: &Realm) -> Result<Self, NameError> {
        match text.rsplit_once('@') {
            Some((local, realm)) => Self::assemble(local, &Realm::parse(realm)?),
            None => Self::assemble(text, default_realm),
        }
    }

    fn assemble(local: &str, realm: &Realm) -> Result<Self, NameError> {
        check_local(local)?;
        if local.len() + 1 + realm.0.len() > NAME_MAX {
            return Err(NameError::TooLong);
        }
        let text = format!("{}@{}", local.to_ascii_lowercase(), realm.0).into();
        Ok(Self { text, local: local.len() })
    }

    /// The whole name, `local@realm`.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// What stands before the `@`.
    pub fn local(&self) -> &str {
        &self.text[..self.local]
    }

    /// What stands after the `@`.
    pub fn realm(&self) -> &str {
        &self.text[self.local + 1..]
    }
}

/// A dot-string (RFC 5321 §4.1.2) without `+`, `/` and an initial hyphen.
fn check_local(local: &str) -> Result<(), NameError> {
    if local.is_empty() {
        return Err(NameError::Empty);
    }
    if local.len() > LOCAL_MAX {
        return Err(NameError::TooLong);
    }
    if local.contains('+') {
        return Err(NameError::Detail);
    }
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b".-_!#$%&'*=?^`{|}~".contains(&byte);
    if !local.bytes().all(allowed) {
        return Err(NameError::Character);
    }
    if local.starts_with('-') || local.split('.').any(str::is_empty) {
        return Err(NameError::Punctuation);
    }
    Ok(())
}

/// A whole name only: without a realm it is refused, since there is no default to add.
impl FromStr for Name {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let (local, realm) = text.rsplit_once('@').ok_or(NameError::Realm)?;
        Self::assemble(local, &Realm::parse(realm)?)
    }
}

/// An address that mail is delivered to: a name, and the detail that was written after a `+`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Recipient {
    /// Whom the mail is for, without the detail.
    pub name: Name,
    /// What stood after the first `+` of the local part, as it was written.
    pub detail: Option<Box<str>>,
}

impl Recipient {
    /// Checks an address without its brackets; without an `@`, the default realm is added.
    pub fn parse(text: &str, default_realm: &Realm) -> Result<Self, NameError> {
        let (local, realm) = match text.rsplit_once('@') {
            Some((local, realm)) => (local, &Realm::parse(realm)?),
            None => (text, default_realm),
        };
        if local.len() > LOCAL_MAX {
            return Err(NameError::TooLong);
        }
        let (local, detail) = match local.split_once('+') {
            Some((local, detail)) => (local, Some(detail)),
            None => (local, None),
        };
        // A detail is kept for display, so it is bound by what may be shown.
        if detail.is_some_and(|detail| !detail.bytes().all(|byte| byte.is_ascii_graphic())) {
            return Err(NameError::Character);
        }
        Ok(Self { name: Name::assemble(local, realm)?, detail: detail.map(Into::into) })
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Name({})", self.text)
    }
}

impl fmt::Display for Realm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Realm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Realm({})", self.0)
    }
}
