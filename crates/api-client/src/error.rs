//! Why a request has no answer that it was made for.

use std::error::Error;
use std::io;
use std::time::Duration;

use admin_api::{Kind, Problem};
use rustls::AlertDescription;

/// Why a request has no answer that it was made for.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody could be asked. Nothing was done.
    #[error("no agent answers on {door}: {source}")]
    NoAgent {
        /// Where.
        door: String,
        /// Why.
        source: io::Error,
    },
    /// The agent does not take the certificate that was shown to it. Nothing was done.
    #[error("the agent on {door} refuses the certificate that was shown to it: {}", said(*.alert))]
    ShutOut {
        /// Where.
        door: String,
        /// What it said.
        alert: AlertDescription,
    },
    /// The agent was asked and did not answer.
    #[error("{request}: the agent on {door} {lost}")]
    NoAnswer {
        /// Where.
        door: String,
        /// What was asked.
        request: String,
        /// Whether something may have been done.
        may_be_done: bool,
        /// How the answer was lost.
        lost: Lost,
    },
    /// The agent answered what is no answer of this contract.
    #[error("{request}: the answer of the agent on {door} is not understood: {why}")]
    NotUnderstood {
        /// Where.
        door: String,
        /// What was asked.
        request: String,
        /// What is wrong.
        why: String,
    },
    /// The agent says why not.
    #[error("{0}")]
    Problem(Problem),
}

/// How an answer was lost.
#[derive(Debug, thiserror::Error)]
pub enum Lost {
    /// It did not come in time.
    #[error("did not answer within {} s", .0.as_secs_f32())]
    TimedOut(Duration),
    /// The connection broke.
    #[error("broke off: {0}")]
    BrokenOff(#[source] hyper::Error),
    /// There was no end to it.
    #[error("answered with more than {0} octets")]
    TooLong(usize),
}

impl ClientError {
    /// The kind of problem it amounts to.
    pub fn kind(&self) -> Kind {
        match self {
            Self::NoAgent { .. } | Self::ShutOut { .. } | Self::NoAnswer { may_be_done: false, .. } => {
                Kind::Unavailable
            }
            Self::NoAnswer { .. } => Kind::OutcomeUnknown,
            Self::NotUnderstood { .. } => Kind::Internal,
            Self::Problem(problem) => problem.kind,
        }
    }

    /// Whether another agent may be asked the same: nothing was done by this one.
    pub fn another_may_answer(&self) -> bool {
        matches!(
            self,
            Self::NoAgent { .. } | Self::ShutOut { .. } | Self::NoAnswer { may_be_done: false, .. }
        )
    }
}

/// What an agent that asked another passes on to its own caller.
impl From<ClientError> for Problem {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::Problem(problem) => problem,
            other => Self::new(other.kind(), other.to_string()),
        }
    }
}

/// An alert about a certificate (RFC 8446 §6.2) in words.
fn said(alert: AlertDescription) -> &'static str {
    match alert {
        AlertDescription::UnknownCA => "it comes from an authority that is unknown there",
        AlertDescription::CertificateExpired => "its life is over, or has not begun",
        AlertDescription::CertificateRequired => "there was none",
        AlertDescription::CertificateRevoked => "it is revoked",
        AlertDescription::DecryptError => "it does not belong to the key",
        _ => "it is not acceptable there",
    }
}

/// What the peer said about our certificate, if that is why a connection broke off. With TLS 1.3 it is said after the
/// handshake is over for us, so it comes when an answer is waited for.
pub(crate) fn about_our_certificate(error: &(dyn Error + 'static)) -> Option<AlertDescription> {
    use AlertDescription as Alert;
    let mut cause = Some(error);
    while let Some(error) = cause {
        let inside = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        let tls = inside.and_then(|inside| inside.downcast_ref::<rustls::Error>());
        if let Some(rustls::Error::AlertReceived(alert)) = tls.or_else(|| error.downcast_ref()) {
            let about = [
                Alert::AccessDenied,
                Alert::BadCertificate,
                Alert::CertificateExpired,
                Alert::CertificateRequired,
                Alert::CertificateRevoked,
                Alert::CertificateUnknown,
                Alert::DecryptError,
                Alert::UnknownCA,
                Alert::UnsupportedCertificate,
            ];
            return about.contains(alert).then_some(*alert);
        }
        cause = error.source();
    }
    None
}
