//! An attempt, from its beginning to what it found.

use std::net::SocketAddr;
use std::time::Duration;

use health::{Failure, FailureReason, Finding, Phase, Speaker};
use net::connection::ConnectError;
use net::tls::{Handshake, TlsError};
use net::{ClientTls, Connection};
use tokio::net::lookup_host;
use tokio::time::{Instant, timeout_at};

use crate::endpoint::{Address, Endpoint, Security};
use crate::pop3::{self, Scenario};
use crate::recorder::Recorder;

/// An attempt that has ended.
#[derive(Clone, Debug, Default)]
pub struct Attempt {
    /// What it found.
    pub finding: Finding,
    /// How long it took.
    pub took: Duration,
    /// Our end of its connection: by this a server of ours knows its session.
    pub local: Option<SocketAddr>,
    /// What the TLS handshake agreed on.
    pub handshake: Option<Handshake>,
    /// The certificate that the server showed, DER.
    pub certificate: Option<Vec<u8>>,
}

/// What is known of the connection of an attempt.
#[derive(Default)]
pub(crate) struct Known {
    pub(crate) local: Option<SocketAddr>,
    pub(crate) handshake: Option<Handshake>,
    pub(crate) certificate: Option<Vec<u8>>,
}

impl Attempt {
    /// Carries out a POP3 scenario within `limit`.
    pub async fn pop3(endpoint: &Endpoint, scenario: &Scenario<'_>, limit: Duration) -> Self {
        let (mut recorder, mut known) = (Recorder::new(endpoint.part, Phase::Resolve), Known::default());
        let ended =
            within(limit, pop3::carry_out(endpoint, scenario, &mut recorder, &mut known, deadline(limit)))
                .await;
        Self::ended(recorder, known, ended, limit)
    }

    /// Hands a message over by LMTP (RFC 2033) within `limit`: the null sender, one recipient.
    pub async fn deliver(endpoint: &Endpoint, to: &str, message: &[u8], limit: Duration) -> Self {
        let (mut recorder, mut known) = (Recorder::new(endpoint.part, Phase::Resolve), Known::default());
        let ended = within(
            limit,
            crate::lmtp::deliver(endpoint, (to, message), &mut recorder, &mut known, deadline(limit)),
        );
        let ended = ended.await;
        Self::ended(recorder, known, ended, limit)
    }

    /// Only connects, with TLS if the endpoint has it from the first octet.
    pub async fn connect(endpoint: &Endpoint, limit: Duration) -> Self {
        let (mut recorder, mut known) = (Recorder::new(endpoint.part, Phase::Resolve), Known::default());
        let connecting =
            async { connect(endpoint, &mut recorder, &mut known, deadline(limit)).await.map(drop) };
        let ended = within(limit, connecting).await;
        Self::ended(recorder, known, ended, limit)
    }

    fn ended(recorder: Recorder, known: Known, ended: Option<Result<(), Failure>>, limit: Duration) -> Self {
        let (finding, took) = recorder.finish(ended, limit);
        let Known { local, handshake, certificate } = known;
        Self { finding, took, local, handshake, certificate }
    }
}

fn deadline(limit: Duration) -> Instant {
    Instant::now() + limit
}

/// Nothing is waited for beyond the limit, whatever each step would allow itself.
async fn within<T>(limit: Duration, attempt: impl Future<Output = T>) -> Option<T> {
    timeout_at(deadline(limit), attempt).await.ok()
}

/// Finds the address, connects, and shakes hands if TLS comes first.
pub(crate) async fn connect(
    endpoint: &Endpoint,
    recorder: &mut Recorder,
    known: &mut Known,
    deadline: Instant,
) -> Result<Connection, Failure> {
    let address = resolve(&endpoint.address, recorder).await?;
    recorder.enter(Phase::Connect);
    let connection = Connection::connect(address, far(deadline)).await.map_err(|error| {
        let detail = match &error {
            ConnectError::Failed { source, .. } => format!("{address}: {source}"),
            ConnectError::Deadline { .. } => error.to_string(),
        };
        recorder.failure(FailureReason::Connect, detail)
    })?;
    known.local = connection.local_address();
    recorder.line(Speaker::Note, &format!("connected to {address}"));
    match &endpoint.security {
        Security::Plain | Security::StartTls(..) => Ok(connection),
        Security::Implicit(tls, name) => secure(connection, tls, name, recorder, known, deadline).await,
    }
}

async fn resolve(address: &Address, recorder: &Recorder) -> Result<SocketAddr, Failure> {
    let (host, port) = match address {
        Address::Socket(address) => return Ok(*address),
        Address::Host(host, port) => (host, *port),
    };
    let failed = |detail: String| recorder.failure(FailureReason::NameResolution, detail);
    let mut found =
        lookup_host((host.as_str(), port)).await.map_err(|error| failed(format!("{host}: {error}")))?;
    found.next().ok_or_else(|| failed(format!("{host} has no address")))
}

/// Shakes hands, in full.
pub(crate) async fn secure(
    connection: Connection,
    tls: &ClientTls,
    name: &str,
    recorder: &mut Recorder,
    known: &mut Known,
    deadline: Instant,
) -> Result<Connection, Failure> {
    recorder.enter(Phase::Tls);
    let secured = connection.connect_tls(&tls.without_resumption(), name, far(deadline)).await;
    let connection = secured.map_err(|error| {
        let reason = match &error {
            TlsError::Certificate(_) => FailureReason::Certificate,
            _ => FailureReason::TlsHandshake,
        };
        let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
        recorder.failure(reason, format!("{name}: {error}{cause}"))
    })?;
    known.handshake = connection.handshake();
    known.certificate = connection.peer_certificate().map(<[u8]>::to_vec);
    if let Some(handshake) = &known.handshake {
        recorder.line(Speaker::Note, &format!("{} with {}", handshake.version, handshake.cipher));
    }
    Ok(connection)
}

/// The steps have no limits of their own: the limit of the whole says where an attempt hung.
pub(crate) fn far(deadline: Instant) -> Instant {
    deadline + Duration::from_hours(1)
}
