//! TLS on the inner leg: both sides show certificates of the cluster's authority.
//!
//! The serving side asks for a client certificate but does not insist: ordinary log-in works without. What a peer may do
//! follows from its [`PeerIdentity`](super::PeerIdentity), which the session asks the connection for. Certificates are
//! short-lived and renewed on disk; the authority's certificate may change too.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use arc_swap::ArcSwap;
use rustls::crypto::CryptoProvider;
use rustls::crypto::ring::cipher_suite::TLS13_AES_128_GCM_SHA256;
use rustls::server::{NoServerSessionStorage, ProducesTickets, WebPkiClientVerifier};
use rustls::sign::SingleCertAndKey;
use rustls::{ClientConfig, OtherError, RootCertStore, ServerConfig};

use super::files::{CertificateFiles, Look, read_authorities};
use super::{CertificateError, ClientTls, Leaf, PeerIdentity, ServerTls, tickets};

/// The files of a node: its certificate with key, and the cluster's authority.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeFiles {
    /// The node's certificate and key.
    pub node: CertificateFiles,
    /// The certificate of the cluster's authority; PEM.
    pub authority: PathBuf,
}

/// A node's TLS on the inner leg, as server and as client.
#[derive(Debug)]
pub struct InnerTls {
    files: NodeFiles,
    server: ServerTls,
    client: ClientTls,
    loaded: Mutex<Loaded>,
}

/// What the configurations in use were made from.
#[derive(Debug)]
struct Loaded {
    /// How the files looked when they were read; nothing if reading them is to be tried again in any case.
    look: Option<Look>,
    authority: Look,
    node: Node,
    ticketer: Arc<dyn ProducesTickets>,
}

/// What the node's own certificate says.
#[derive(Debug, Clone)]
struct Node {
    identity: PeerIdentity,
    not_after: SystemTime,
}

/// Configurations made from the files, and what they were made from.
struct Fresh {
    server: ServerConfig,
    client: ClientConfig,
    node: Node,
}

impl InnerTls {
    /// Reads the files.
    pub fn load(files: NodeFiles) -> Result<Self, CertificateError> {
        let (look, authority) = (Some(files.look()), files.look_at_authority());
        let ticketer = new_ticketer(&files)?;
        let Fresh { server, client, node } = files.read(&ticketer)?;
        Ok(Self {
            server: ServerTls { config: Arc::new(ArcSwap::from_pointee(server)) },
            client: ClientTls { config: Arc::new(ArcSwap::from_pointee(client)) },
            loaded: Mutex::new(Loaded { look, authority, node, ticketer }),
            files,
        })
    }

    /// Serves the inner leg. The handle follows every reload.
    pub fn server(&self) -> ServerTls {
        self.server.clone()
    }

    /// Connects on the inner leg. The handle follows every reload.
    pub fn client(&self) -> ClientTls {
        self.client.clone()
    }

    /// Who this node is.
    pub fn identity(&self) -> PeerIdentity {
        self.loaded.lock().unwrap_or_else(PoisonError::into_inner).node.identity.clone()
    }

    /// When the life of the certificate in use ends.
    pub fn not_after(&self) -> SystemTime {
        self.loaded.lock().unwrap_or_else(PoisonError::into_inner).node.not_after
    }

    /// Reads the files again if they have changed since they were last read, and says whether they were; connections
    /// made from now on use them. If they cannot be used, what was in use stays in use, and the error is told once for each
    /// change of theirs.
    pub fn reload(&self) -> Result<bool, CertificateError> {
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        // Looked at before they are read: what is written meanwhile looks different next time.
        let (look, authority) = (Some(self.files.look()), self.files.look_at_authority());
        if loaded.look == look {
            return Ok(false);
        }
        loaded.look = look;
        // A session that was admitted under one authority must not be resumed under another.
        let keep_tickets = loaded.authority == authority;
        let ticketer = if keep_tickets { Arc::clone(&loaded.ticketer) } else { new_ticketer(&self.files)? };
        let read = self.files.read(&ticketer);
        if read.as_ref().is_err_and(CertificateError::may_pass) {
            loaded.look = None;
        }
        let Fresh { server, client, node } = read?;
        self.server.config.store(Arc::new(server));
        self.client.config.store(Arc::new(client));
        (loaded.authority, loaded.node, loaded.ticketer) = (authority, node, ticketer);
        Ok(true)
    }
}

impl NodeFiles {
    fn look(&self) -> Look {
        Look::at([self.node.certificate.as_path(), &self.node.key, &self.authority])
    }

    fn look_at_authority(&self) -> Look {
        Look::at([self.authority.as_path()])
    }

    fn read(&self, ticketer: &Arc<dyn ProducesTickets>) -> Result<Fresh, CertificateError> {
        let roots = Arc::new(read_authorities(&self.authority)?);
        let key = self.node.load()?;
        let file = || self.node.certificate.clone();
        let leaf = key.end_entity_cert().ok().and_then(Leaf::parse);
        let leaf = leaf.ok_or_else(|| CertificateError::BadCertificate { file: file() })?;
        let identity = PeerIdentity::from_uris(&leaf.uris)
            .map_err(|source| CertificateError::NotANode { file: file(), source })?;
        let own = Arc::new(SingleCertAndKey::from(Arc::clone(&key)));
        let server = server_config(Arc::clone(&roots), Arc::clone(&own), Arc::clone(ticketer))
            .map_err(|error| self.unusable(error))?;
        let client = client_config(roots, own).map_err(|error| self.unusable(error))?;
        Ok(Fresh { server, client, node: Node { identity, not_after: leaf.not_after } })
    }

    fn unusable(&self, source: rustls::Error) -> CertificateError {
        CertificateError::Unusable { file: self.authority.clone(), source }
    }
}

fn server_config(
    roots: Arc<RootCertStore>,
    own: Arc<SingleCertAndKey>,
    ticketer: Arc<dyn ProducesTickets>,
) -> Result<ServerConfig, rustls::Error> {
    let verifier = WebPkiClientVerifier::builder_with_provider(roots, inner_provider())
        .allow_unauthenticated()
        .build()
        .map_err(|error| rustls::Error::Other(OtherError(Arc::new(error))))?;
    let mut config = ServerConfig::builder_with_provider(inner_provider())
        .with_safe_default_protocol_versions()?
        .with_client_cert_verifier(verifier)
        .with_cert_resolver(own);
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.ticketer = ticketer;
    // Two, so that a client which has just started has tickets for a burst twice as large as the last.
    config.send_tls13_tickets = 2;
    Ok(config)
}

fn client_config(
    roots: Arc<RootCertStore>,
    own: Arc<SingleCertAndKey>,
) -> Result<ClientConfig, rustls::Error> {
    let config = ClientConfig::builder_with_provider(inner_provider())
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_client_cert_resolver(own);
    Ok(tickets::resuming(config))
}

/// Both ends are ours: AES-128 comes first, which is as good here and cheaper on bulk.
fn inner_provider() -> Arc<CryptoProvider> {
    let mut provider = rustls::crypto::ring::default_provider();
    provider.cipher_suites.sort_by_key(|suite| *suite != TLS13_AES_128_GCM_SHA256);
    Arc::new(provider)
}

fn new_ticketer(files: &NodeFiles) -> Result<Arc<dyn ProducesTickets>, CertificateError> {
    rustls::crypto::ring::Ticketer::new().map_err(|error| files.unusable(error))
}
