//! Files and certificates.

use std::fmt;
use std::path::{Path, PathBuf};

use super::{HostName, Invalid, Value, quoted};

/// Where a file or folder is. A relative path is taken from a folder that the setting names.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct FilePath(String);

impl FilePath {
    /// The path as written.
    pub fn as_path(&self) -> &Path {
        Path::new(&self.0)
    }

    /// The path, taken from `folder` if it is relative.
    pub fn from_folder(&self, folder: &Path) -> PathBuf {
        folder.join(&self.0)
    }
}

impl fmt::Display for FilePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl Value for FilePath {
    fn example() -> String {
        "a path such as \"/var/log/mailmedic\"".into()
    }

    fn parse(text: &str) -> Result<Self, Invalid> {
        let path = text.trim();
        if path.is_empty() || path.contains(|c: char| c.is_control()) {
            return Err(Invalid::new(
                format!("{} is not a path", quoted(text)),
                format!("write {}", Self::example()),
            ));
        }
        Ok(Self(path.to_owned()))
    }

    fn text(&self) -> String {
        self.0.clone()
    }
}

/// A certificate to show to clients, with its key.
///
/// Written as a host name (the certificate that the data directory's own CA made for it: `ca/clients/NAME.pem` and
/// `.key`), as one file that holds both (`/etc/ssl/mail.pem`), or as two (`/etc/ssl/mail.pem:/etc/ssl/mail.key`). A path
/// contains a slash, and no comma or colon; a relative one is taken from the data directory.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum CertificateName {
    /// Made by our own CA for this name.
    Own(HostName),
    /// Given in files: the chain, and the key (the same file if it holds both).
    Files {
        /// The certificate and its chain, PEM.
        certificate: FilePath,
        /// The private key, PEM.
        key: FilePath,
    },
}

impl fmt::Display for CertificateName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Own(name) => name.fmt(f),
            Self::Files { certificate, key } if certificate == key => certificate.fmt(f),
            Self::Files { certificate, key } => write!(f, "{certificate}:{key}"),
        }
    }
}

impl Value for CertificateName {
    fn example() -> String {
        "a certificate such as \"mail.example.com\" or \"/etc/ssl/mail.pem:/etc/ssl/mail.key\"".into()
    }

    fn parse(text: &str) -> Result<Self, Invalid> {
        let trimmed = text.trim();
        let refused = || {
            Invalid::new(
                format!("{} names no certificate", quoted(text)),
                format!("write {}", Self::example()),
            )
        };
        if !trimmed.contains('/') {
            return HostName::parse(trimmed).map(Self::Own).map_err(|_| refused());
        }
        let (certificate, key) = trimmed.split_once(':').unwrap_or((trimmed, trimmed));
        if key.contains(':') || trimmed.contains(',') {
            return Err(refused());
        }
        let path = |text| FilePath::parse(text).map_err(|_| refused());
        Ok(Self::Files { certificate: path(certificate)?, key: path(key)? })
    }

    fn text(&self) -> String {
        self.to_string()
    }
}
