//! Throw-away P-256 certificates of one run, and the TLS configurations of the ceilings and of the load generator.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, PKCS_ECDSA_P256_SHA256,
};
use rustls::client::Resumption;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, RootCertStore, ServerConfig};

/// The name that every server certificate of a run carries beside 127.0.0.1.
pub(crate) const SERVER_NAME: &str = "localhost";

/// A folder with `ca.pem`, and `server.pem` and `client.pem` with their `.key` files.
#[derive(Clone)]
pub(crate) struct Certificates(PathBuf);

/// Whether a client brings a session of its own to resume.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Handshake {
    Full,
    Resumed,
}

impl Certificates {
    pub(crate) fn create(folder: &Path) -> Result<Self> {
        fs::create_dir_all(folder)?;
        let mut authority = CertificateParams::default();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority.distinguished_name.push(DnType::CommonName, "Benchmark CA");
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let authority = CertifiedIssuer::self_signed(authority, key)?;
        fs::write(folder.join("ca.pem"), authority.pem())?;
        for name in ["server", "client"] {
            let params = CertificateParams::new(vec![SERVER_NAME.to_owned(), "127.0.0.1".to_owned()])?;
            let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
            fs::write(folder.join(name).with_extension("pem"), params.signed_by(&key, &authority)?.pem())?;
            fs::write(folder.join(name).with_extension("key"), key.serialize_pem())?;
        }
        Ok(Self(folder.to_owned()))
    }

    pub(crate) fn open(folder: &Path) -> Self {
        Self(folder.to_owned())
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.0
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// A server with tickets; one that asks for a client certificate if `mutual`.
    pub(crate) fn server(&self, mutual: bool) -> Result<Arc<ServerConfig>> {
        let builder = ServerConfig::builder();
        let builder = if mutual {
            let roots = Arc::new(roots(&self.file("ca.pem"))?);
            builder.with_client_cert_verifier(WebPkiClientVerifier::builder(roots).build()?)
        } else {
            builder.with_no_client_auth()
        };
        let (chain, key) = self.identity("server")?;
        let mut config = builder.with_single_cert(chain, key)?;
        config.ticketer = rustls::crypto::ring::Ticketer::new()?;
        Ok(Arc::new(config))
    }

    /// A client with a session store of its own, which shows a certificate.
    pub(crate) fn mutual_client(&self) -> Result<Arc<ClientConfig>> {
        let (chain, key) = self.identity("client")?;
        let builder = ClientConfig::builder().with_root_certificates(roots(&self.file("ca.pem"))?);
        Ok(Arc::new(builder.with_client_auth_cert(chain, key)?))
    }

    fn identity(&self, name: &str) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)> {
        let chain = CertificateDer::pem_file_iter(self.file(name).with_extension("pem"))?;
        let key = PrivateKeyDer::from_pem_file(self.file(name).with_extension("key"))?;
        Ok((chain.collect::<Result<_, _>>()?, key))
    }
}

/// A client that trusts the CA in `authority` and has a session store of its own.
pub(crate) fn client(authority: &Path, handshake: Handshake) -> Result<Arc<ClientConfig>> {
    let mut config = ClientConfig::builder().with_root_certificates(roots(authority)?).with_no_client_auth();
    if handshake == Handshake::Full {
        config.resumption = Resumption::disabled();
    }
    Ok(Arc::new(config))
}

fn roots(authority: &Path) -> Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    let file = || authority.display().to_string();
    for certificate in CertificateDer::pem_file_iter(authority).with_context(file)? {
        roots.add(certificate?)?;
    }
    Ok(roots)
}
