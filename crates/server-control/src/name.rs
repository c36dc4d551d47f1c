//! Names: of services, of requests, and of the boots of a server.

use std::fmt;

use thiserror::Error;

/// The name of a service: `frontend`, `backend`, `agent`.
///
/// A lower-case letter first, then lower-case letters, digits and hyphens, at most 63: it names files and units.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServiceName(String);

impl ServiceName {
    /// Checks a name.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let first = text.starts_with(|first: char| first.is_ascii_lowercase());
        let rest = text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'));
        if first && rest && text.len() <= 63 {
            Ok(Self(text.to_owned()))
        } else {
            Err(NameError::Service(text.to_owned()))
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ServiceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// What makes a request to restart or cycle a server the same request when it is made again.
///
/// A letter or digit first, then letters, digits and `.`, `_`, `:`, `-`, at most 128: it stands in files and as an argument
/// of commands, where it must not look like an option.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(String);

impl RequestId {
    /// Checks an id.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let first = text.starts_with(|first: char| first.is_ascii_alphanumeric());
        let rest = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._:-".contains(&byte));
        if first && rest && text.len() <= 128 {
            Ok(Self(text.to_owned()))
        } else {
            Err(NameError::Request(text.to_owned()))
        }
    }

    /// The id.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Which boot of a server this is: another id, another boot. Only ever compared.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BootId(String);

impl BootId {
    /// The id as whoever booted the server writes it; hyphens mean nothing.
    pub fn new(text: &str) -> Self {
        Self(text.trim().replace('-', ""))
    }

    /// The id, without hyphens.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for BootId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Why a text is no name.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NameError {
    /// Not one of a service.
    #[error(
        "{0:?} is not the name of a service: write lower-case letters, digits and hyphens, such as \"backend\""
    )]
    Service(String),
    /// Not an id.
    #[error("{0:?} is not the id of a request: write letters, digits and any of ._:-, at most 128")]
    Request(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_name_is_safe_in_files_and_units() {
        assert!(ServiceName::parse("backend").is_ok());
        for bad in ["", "Backend", "-x", "9x", "a/b", "a.service", "a b", &"a".repeat(64)] {
            assert_eq!(ServiceName::parse(bad), Err(NameError::Service(bad.to_owned())), "{bad}");
        }
    }

    #[test]
    fn a_request_id_is_safe_as_an_argument() {
        assert!(RequestId::parse("recovery:17.2_mbx1-a").is_ok());
        for bad in ["", "-rf", ".x", "a b", "a;b", "a\n", "$a", &"a".repeat(129)] {
            assert_eq!(RequestId::parse(bad), Err(NameError::Request(bad.to_owned())), "{bad}");
        }
    }

    #[test]
    fn the_kernel_and_an_init_write_the_same_boot_id_differently() {
        assert_eq!(
            BootId::new("6e7c1d0e-8d2c-4f5e-9a11-0f3b6a0c9a77\n"),
            BootId::new("6e7c1d0e8d2c4f5e9a110f3b6a0c9a77")
        );
    }
}
