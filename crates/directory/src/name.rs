//! Names of users and addresses of recipients, as checked values.
//!
//! A name is lower-cased ASCII, always with its realm, and narrower than RFC 5321 allows: what could be mistaken
//! for a path, an option or a field separator is refused when the user is made, so that nobody has to escape it
//! later. Internationalised names (RFC 6531) are not offered; a realm may be given in its ASCII form.

use std::{fmt, str::FromStr};

use health_mailbox::HealthMailbox;
use settings::{HostName, RecipientDelimiter};

use crate::{Answer, Directory, User};

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
        "the name has a character that is not allowed: letters, digits and any of .-_+!#$%&'*=?^`{{|}}~ are"
    )]
    Character,
    /// A dot or a hyphen at a place where it is not allowed.
    #[error("the name has a dot or a hyphen where none is allowed")]
    Punctuation,
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

/// The default realm of the settings; the same rules made it.
impl From<&HostName> for Realm {
    fn from(name: &HostName) -> Self {
        Self(name.as_str().into())
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

    /// Whether only the health mailbox of a database is called so.
    pub fn is_of_health_mailbox(&self) -> bool {
        HealthMailbox::of_user(&self.text).is_some()
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

/// A dot-string (RFC 5321 §4.1.2) without `/` and without a hyphen in front.
fn check_local(local: &str) -> Result<(), NameError> {
    if local.is_empty() {
        return Err(NameError::Empty);
    }
    if local.len() > LOCAL_MAX {
        return Err(NameError::TooLong);
    }
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b".-_+!#$%&'*=?^`{|}~".contains(&byte);
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

/// An address that mail is delivered to: `user@realm`, or `user+detail@realm` for the same user.
///
/// The delimiter may be a character that names have too, so a user who is called like the whole address comes first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipient {
    whole: Option<Name>,
    without_detail: Option<Name>,
    detail: Option<Box<str>>,
}

impl Recipient {
    /// Checks an address without its brackets; without an `@`, the default realm is added.
    pub fn parse(
        text: &str,
        default_realm: &Realm,
        delimiter: Option<RecipientDelimiter>,
    ) -> Result<Self, NameError> {
        let (local, realm) = match text.rsplit_once('@') {
            Some((local, realm)) => (local, &Realm::parse(realm)?),
            None => (text, default_realm),
        };
        if local.len() > LOCAL_MAX {
            return Err(NameError::TooLong);
        }
        // Blanks, CR, LF, NUL and the like are in no address, not in a detail either.
        if !local.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(NameError::Character);
        }
        let whole = Name::assemble(local, realm);
        let parts = delimiter.and_then(|delimiter| local.split_once(delimiter.get()));
        let without_detail = parts.and_then(|(local, _)| Name::assemble(local, realm).ok());
        let whole = match (whole, &without_detail) {
            (Err(error), None) => return Err(error),
            (whole, _) => whole.ok(),
        };
        let detail = parts.filter(|_| without_detail.is_some()).map(|(_, detail)| detail.into());
        Ok(Self { whole, without_detail, detail })
    }

    /// What was written behind the delimiter, if there is one.
    pub fn detail(&self) -> Option<&str> {
        self.detail.as_deref()
    }

    /// The names that the mail may be for, the first that exists counts: the whole address, then that without detail.
    pub fn names(&self) -> impl Iterator<Item = &Name> {
        self.whole.iter().chain(&self.without_detail)
    }

    /// Looks up whom the mail is for.
    pub fn find<'a>(&'a self, directory: &'a dyn Directory) -> Answer<'a, Option<User>> {
        Box::pin(async move {
            for name in self.names() {
                if let Some(user) = directory.find(name).await? {
                    return Ok(Some(user));
                }
            }
            Ok(None)
        })
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
