//! TLS on both sides of a service: towards clients, and on the inner leg between servers.
//!
//! rustls with the ring provider, TLS 1.2 and later (RFC 8314 §4.1). Certificates are files that others replace; they
//! are read again when the owner calls `reconcile` or `reload` (on a nudge, and every few seconds), never behind its
//! back. Sessions under way go on with what they have.

mod certificates;
mod error;
mod files;
mod identity;
mod inner;
mod leaf;
mod tickets;

use std::path::Path;
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::client::Resumption;
use rustls::crypto::CryptoProvider;
use rustls::server::ServerSessionMemoryCache;
use rustls::{ClientConfig, ClientConnection, HandshakeKind, RootCertStore, ServerConfig, ServerConnection};

pub use certificates::{CertificateChange, CertificateStore, CertificateSummary};
pub use error::{CertificateError, CertificateFault, TlsError};
pub use files::CertificateFiles;
pub(crate) use identity::is_server_name;
pub use identity::{IdentityError, PeerIdentity, Role};
pub use inner::{InnerTls, NodeFiles};
pub use leaf::CertificateFacts;
pub(crate) use leaf::Leaf;

/// Sessions of TLS 1.2 clients without ticket support that are remembered for resumption.
const REMEMBERED_SESSIONS: usize = 1024;

/// The application protocol of POP3 clients that name one (RFC 7301; IANA's registry).
pub const ALPN_POP3: &[u8] = b"pop3";

/// How to serve TLS. A cheap handle.
#[derive(Debug, Clone)]
pub struct ServerTls {
    config: Config<ServerConfig>,
}

/// How to connect with TLS. A cheap handle; clones share the sessions to resume.
#[derive(Debug, Clone)]
pub struct ClientTls {
    config: Config<ClientConfig>,
}

/// A configuration as it is now: whoever holds the other end may replace it.
type Config<C> = Arc<ArcSwap<C>>;

impl ServerTls {
    /// TLS for clients, with the certificate of `store` that fits the name a client asks for. Sessions are resumed by
    /// ticket, or from memory for old clients.
    ///
    /// `alpn` lists the application protocols offered; a client that insists on others is turned away (RFC 7301 §3.2),
    /// one that names none is welcome. Empty means that ALPN is not looked at.
    pub fn for_clients(store: Arc<CertificateStore>, alpn: &[&[u8]]) -> Result<Self, rustls::Error> {
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(store);
        config.alpn_protocols = alpn.iter().map(|protocol| protocol.to_vec()).collect();
        config.session_storage = ServerSessionMemoryCache::new(REMEMBERED_SESSIONS);
        config.ticketer = rustls::crypto::ring::Ticketer::new()?;
        // One is enough for a client that polls; each costs an encryption and some 200 bytes on every connection.
        config.send_tls13_tickets = 1;
        Ok(Self { config: Arc::new(ArcSwap::from_pointee(config)) })
    }

    pub(crate) fn config(&self) -> Arc<ServerConfig> {
        self.config.load_full()
    }
}

impl ClientTls {
    /// TLS towards a server of somebody else's, whose certificate must come from one of the authorities in the file.
    /// The file is read now and not again. For the inner leg see [`InnerTls::client`].
    pub fn verified_by(authorities: &Path) -> Result<Self, CertificateError> {
        let roots = files::read_authorities(authorities)?;
        let config = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(|source| CertificateError::Unusable { file: authorities.to_owned(), source })?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self { config: Arc::new(ArcSwap::from_pointee(tickets::resuming(config))) })
    }

    /// TLS as clients have it: the server's certificate must come from an authority that this system trusts, or from one in
    /// `own` as well. The files are read now and not again.
    pub fn as_clients_have_it(own: Option<&Path>) -> Result<Self, CertificateError> {
        let mut roots = own.map(files::read_authorities).transpose()?.unwrap_or_else(RootCertStore::empty);
        // A system without authorities of its own trusts nobody, which is told when it matters.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        let config = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(|source| CertificateError::Unusable {
                file: own.unwrap_or(Path::new("")).to_owned(),
                source,
            })?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self { config: Arc::new(ArcSwap::from_pointee(tickets::resuming(config))) })
    }

    /// The same as it is now, with a full handshake each time: for whoever wants to see the certificate, which a session that
    /// is resumed does not show.
    #[must_use]
    pub fn without_resumption(&self) -> Self {
        let mut config = ClientConfig::clone(&self.config());
        config.resumption = Resumption::disabled();
        Self { config: Arc::new(ArcSwap::from_pointee(config)) }
    }

    /// How to connect now, for protocols whose clients make connections of their own.
    pub fn config(&self) -> Arc<ClientConfig> {
        self.config.load_full()
    }
}

/// What a handshake agreed on, for logs and tests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handshake {
    /// The protocol version, such as `TLSv1_3`.
    pub version: String,
    /// The cipher suite.
    pub cipher: String,
    /// Whether an earlier session was resumed.
    pub resumed: bool,
    /// The name the client asked for; known on the server's side only.
    pub server_name: Option<String>,
}

/// The TLS state of either side.
#[derive(Clone, Copy)]
pub(crate) enum State<'a> {
    Server(&'a ServerConnection),
    Client(&'a ClientConnection),
}

impl<'a> State<'a> {
    pub(crate) fn peer_certificates(self) -> Option<&'a [rustls::pki_types::CertificateDer<'static>]> {
        match self {
            Self::Server(tls) => tls.peer_certificates(),
            Self::Client(tls) => tls.peer_certificates(),
        }
    }
}

impl Handshake {
    pub(crate) fn of(state: State<'_>) -> Option<Self> {
        let (tls, server_name): (&rustls::CommonState, _) = match state {
            State::Server(tls) => (tls, tls.server_name()),
            State::Client(tls) => (tls, None),
        };
        Some(Self {
            version: format!("{:?}", tls.protocol_version()?),
            cipher: format!("{:?}", tls.negotiated_cipher_suite()?.suite()),
            resumed: tls.handshake_kind() == Some(HandshakeKind::Resumed),
            server_name: server_name.map(str::to_owned),
        })
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}
