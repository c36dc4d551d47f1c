//! What goes wrong with TLS, apart by whose fault it is.

use std::io;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use rustls::pki_types::UnixTime;
use rustls::{AlertDescription, InvalidMessage};

/// A TLS handshake failed. The connection is gone.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// Not finished before the deadline.
    #[error("the TLS handshake was not finished in time")]
    TimedOut,
    /// The peer hung up in the middle.
    #[error("the peer closed the connection during the TLS handshake")]
    Closed,
    /// What the peer sent is not TLS.
    #[error("the peer does not speak TLS")]
    NotTls,
    /// The peer's certificate is not good enough for us.
    #[error("the peer's certificate {0}")]
    Certificate(CertificateFault),
    /// The peer requires a certificate of ours, or does not like it.
    #[error("the peer refused our certificate: {0:?}")]
    RefusedByPeer(AlertDescription),
    /// The two sides found nothing in common, or one misbehaved.
    #[error("the TLS handshake failed")]
    Failed(#[source] rustls::Error),
    /// The connection failed underneath.
    #[error("the connection failed during the TLS handshake")]
    Io(#[source] io::Error),
    /// TLS was started already.
    #[error("TLS is running already")]
    AlreadyTls,
    /// The name of the target can stand in no certificate.
    #[error("{0:?} is neither a host name nor an address")]
    TargetName(String),
}

/// What is wrong with the certificate that a peer showed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum CertificateFault {
    /// Its life is over.
    #[error("has expired")]
    Expired {
        /// When it was over.
        not_after: Option<SystemTime>,
    },
    /// Its life has not begun.
    #[error("is not valid yet")]
    NotYetValid {
        /// When it begins.
        not_before: Option<SystemTime>,
    },
    /// It is for somebody else.
    #[error("is for another name: {}", presented.join(", "))]
    WrongName {
        /// The names in it.
        presented: Vec<String>,
    },
    /// It comes from an authority we do not know.
    #[error("comes from an unknown authority")]
    UnknownIssuer,
    /// There is none, though one is required.
    #[error("is missing")]
    Missing,
    /// Anything else.
    #[error("is not acceptable: {0}")]
    Unacceptable(rustls::CertificateError),
}

impl From<io::Error> for TlsError {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::UnexpectedEof {
            return Self::Closed;
        }
        match error.downcast::<rustls::Error>() {
            Ok(tls) => tls.into(),
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => Self::Closed,
            Err(error) => Self::Io(error),
        }
    }
}

impl From<rustls::Error> for TlsError {
    fn from(error: rustls::Error) -> Self {
        use AlertDescription as Alert;
        match error {
            rustls::Error::InvalidMessage(
                InvalidMessage::InvalidContentType | InvalidMessage::UnknownProtocolVersion,
            ) => Self::NotTls,
            rustls::Error::InvalidCertificate(fault) => Self::Certificate(fault.into()),
            rustls::Error::NoCertificatesPresented => Self::Certificate(CertificateFault::Missing),
            rustls::Error::AlertReceived(
                alert @ (Alert::BadCertificate
                | Alert::UnsupportedCertificate
                | Alert::CertificateRevoked
                | Alert::CertificateExpired
                | Alert::CertificateUnknown
                | Alert::UnknownCA
                | Alert::AccessDenied
                | Alert::CertificateRequired),
            ) => Self::RefusedByPeer(alert),
            other => Self::Failed(other),
        }
    }
}

impl From<rustls::CertificateError> for CertificateFault {
    fn from(error: rustls::CertificateError) -> Self {
        use rustls::CertificateError as E;
        match error {
            E::Expired => Self::Expired { not_after: None },
            E::ExpiredContext { not_after, .. } => Self::Expired { not_after: Some(wall(not_after)) },
            E::NotValidYet => Self::NotYetValid { not_before: None },
            E::NotValidYetContext { not_before, .. } => {
                Self::NotYetValid { not_before: Some(wall(not_before)) }
            }
            E::NotValidForName => Self::WrongName { presented: Vec::new() },
            E::NotValidForNameContext { presented, .. } => {
                Self::WrongName { presented: presented.iter().map(|name| bare(name)).collect() }
            }
            E::UnknownIssuer => Self::UnknownIssuer,
            other => Self::Unacceptable(other),
        }
    }
}

/// A name without the kind that rustls puts around it, as in `DnsName("mail.example.com")`.
fn bare(presented: &str) -> String {
    let inner = presented.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')'));
    inner.map_or(presented, |inner| inner.trim_matches('"')).to_owned()
}

fn wall(time: UnixTime) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(time.as_secs())
}

/// Certificate or key files cannot be used. Whoever put them there must act; a retry helps only afterwards.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// A file cannot be read.
    #[error("cannot read {file}", file = file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file holds no certificate, or a broken one.
    #[error("{file} holds no usable certificate", file = file.display())]
    BadCertificate {
        /// The file.
        file: PathBuf,
    },
    /// A file holds no private key, or a broken one.
    #[error("{file} holds no usable private key", file = file.display())]
    BadKey {
        /// The file.
        file: PathBuf,
    },
    /// The key does not belong to the certificate.
    #[error("the key in {key} does not belong to the certificate in {certificate}", key = key.display(), certificate = certificate.display())]
    Mismatch {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
    },
    /// A certificate of the inner leg does not say whose it is.
    #[error("{file} is not a node certificate", file = file.display())]
    NotANode {
        /// The file.
        file: PathBuf,
        /// What is missing.
        source: super::IdentityError,
    },
    /// TLS cannot be configured with the file.
    #[error("cannot use {file} for TLS", file = file.display())]
    Unusable {
        /// The file.
        file: PathBuf,
        /// Why.
        source: rustls::Error,
    },
    /// Not one certificate was given.
    #[error("no certificate is configured")]
    NoneGiven,
}

impl CertificateError {
    /// Whether the same files may be usable the next time, because reading them failed for a reason that shows in no
    /// file: too many open ones, say, or a disk that does not answer.
    pub(super) fn may_pass(&self) -> bool {
        use io::ErrorKind::{NotFound, PermissionDenied};
        matches!(self, Self::Unreadable { source, .. } if !matches!(source.kind(), NotFound | PermissionDenied))
    }
}
