//! Names of servers, databases and hosts.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::{Invalid, Value, quoted};

macro_rules! name {
    ($(#[$doc:meta])* $type:ident, $example:literal, $what:literal, $extra:literal, $longest:literal) => {
        $(#[$doc])*
        ///
        /// A letter or digit first, then letters, digits and hyphens: it names a folder and stands in certificates. Names
        /// that differ only in case are the same name.
        #[derive(Debug, Clone)]
        pub struct $type(String);

        impl $type {
            /// The name, as the operator writes it.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl PartialEq for $type {
            fn eq(&self, other: &Self) -> bool {
                self.0.eq_ignore_ascii_case(&other.0)
            }
        }

        impl Eq for $type {}

        impl PartialEq<str> for $type {
            fn eq(&self, other: &str) -> bool {
                self.0.eq_ignore_ascii_case(other)
            }
        }

        impl std::hash::Hash for $type {
            fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
                self.0.to_ascii_lowercase().hash(state);
            }
        }

        impl Ord for $type {
            fn cmp(&self, other: &Self) -> std::cmp::Ordering {
                self.0.to_ascii_lowercase().cmp(&other.0.to_ascii_lowercase())
            }
        }

        impl PartialOrd for $type {
            fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
                Some(self.cmp(other))
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl Value for $type {
            fn example() -> String {
                concat!("a name such as \"", $example, "\"").into()
            }

            fn parse(text: &str) -> Result<Self, Invalid> {
                let first = text.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
                let rest = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || $extra.as_bytes().contains(&byte));
                if first && rest && text.len() <= $longest {
                    return Ok(Self(text.to_owned()));
                }
                Err(Invalid::new(
                    format!("{} is not {}", quoted(text), $what),
                    concat!(
                        "write letters, digits and any of ", $extra, ", at most ", $longest, ", such as \"", $example, "\""
                    ),
                ))
            }

            fn text(&self) -> String {
                self.0.clone()
            }
        }

        // In records and answers: its text, checked again when read.
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Self::parse(&String::deserialize(deserializer)?).map_err(de::Error::custom)
            }
        }
    };
}

name!(
    /// The name of a server: a machine with one or both roles. At most 63 characters.
    ServerName, "cas1", "a name for a server", "-", 63
);
name!(
    /// The name of a mailbox database or of a route. At most 57 characters: `health-` and the name are the local part of an
    /// address, which has at most 64 (RFC 5321 section 4.5.3.1.1).
    DatabaseName, "DB01", "a name for a database", "-_", 57
);

/// A host or domain name: the default realm, the name in a greeting, the name in a certificate. Lower case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostName(String);

impl HostName {
    /// A name that is known to be one: lower-case letters.
    pub(crate) fn from_checked(name: &'static str) -> Self {
        Self(name.to_owned())
    }

    /// The name, in lower case.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl From<&ServerName> for HostName {
    fn from(name: &ServerName) -> Self {
        Self(name.as_str().trim_end_matches('-').to_ascii_lowercase())
    }
}

impl Value for HostName {
    fn example() -> String {
        "a name such as \"mail.example.com\"".into()
    }

    fn parse(text: &str) -> Result<Self, Invalid> {
        let name = text.trim().to_ascii_lowercase();
        let label = |label: &str| {
            !label.is_empty()
                && label.len() <= 63
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        };
        // RFC 1123 §2.1: letters, digits and hyphens in labels of at most 63, at most 255 octets on the wire. A name of
        // digits alone would be taken for an address.
        let digits = name.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        if name.len() <= 253 && name.split('.').all(label) && !digits {
            return Ok(Self(name));
        }
        Err(Invalid::new(
            format!("{} is not a host name", quoted(text)),
            format!("write {}", Self::example()),
        ))
    }

    fn text(&self) -> String {
        self.0.clone()
    }
}
