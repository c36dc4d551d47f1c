//! The certificates of a server: those it shows to clients, and its own on the inner leg.

use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use net::tls::{ALPN_POP3, CertificateChange, CertificateError, CertificateFiles, NodeFiles};
use net::{CertificateStore, InnerTls, ServerTls};
use settings::{CertificateName, DataDirectory, ServerSettings};

/// Everything a server proves itself with. Files that change are picked up by [`Certificates::refresh`].
pub struct Certificates {
    store: Arc<CertificateStore>,
    clients: ServerTls,
    inner: InnerTls,
    data: DataDirectory,
    server: String,
}

impl Certificates {
    /// Reads the certificates of `server`, as its settings name them.
    pub fn load(
        data: &DataDirectory,
        server: &str,
        settings: &ServerSettings,
    ) -> Result<Self, CertificateError> {
        let store = CertificateStore::load(&wanted(data, server, settings))?;
        let clients = ServerTls::for_clients(Arc::clone(&store), &[ALPN_POP3])
            .map_err(|source| CertificateError::Unusable { file: data.client_authority(), source })?;
        let authority = data.cluster_authority();
        let inner = InnerTls::load(NodeFiles {
            node: files(&authority, server),
            authority: authority.join("ca.pem"),
        })?;
        Ok(Self { store, clients, inner, data: data.clone(), server: server.to_owned() })
    }

    /// TLS as clients get it.
    pub fn clients(&self) -> &ServerTls {
        &self.clients
    }

    /// TLS of the inner leg.
    pub fn inner(&self) -> &InnerTls {
        &self.inner
    }

    /// What is in use.
    pub fn in_use(&self) -> Vec<InUse> {
        let of_clients = self.store.summary().into_iter().map(|shown| {
            let stem = shown.files.certificate.file_stem().unwrap_or_default();
            InUse { name: format!("clients:{}", stem.to_string_lossy()), not_after: shown.not_after }
        });
        let node = InUse { name: "node".to_owned(), not_after: self.inner.not_after() };
        of_clients.chain([node]).collect()
    }

    /// Takes up what has changed in the settings or in the files. What cannot be used leaves the old in place, and is told.
    pub fn refresh(&self, settings: &ServerSettings) {
        for change in self.store.reconcile(&wanted(&self.data, &self.server, settings)) {
            match change {
                CertificateChange::Loaded(files) | CertificateChange::Replaced(files) => {
                    tracing::info!(certificate = %files.certificate.display(), "a certificate is in use");
                }
                CertificateChange::Removed(files) => {
                    tracing::info!(certificate = %files.certificate.display(), "a certificate is no longer in use");
                }
                CertificateChange::Broken { files, kept, error } => {
                    tracing::error!(certificate = %files.certificate.display(), kept, %error, "a certificate cannot be used");
                }
            }
        }
        match self.inner.reload() {
            Ok(true) => tracing::info!("a new node certificate is in use"),
            Ok(false) => {}
            Err(error) => tracing::error!(%error, "the node certificate cannot be used; the old one stays"),
        }
    }
}

/// A certificate in use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InUse {
    /// What it is for, and its file's name: `clients:mail.example.com`, or `node`.
    pub name: String,
    /// When its life ends.
    pub not_after: SystemTime,
}

/// The files of the certificates that clients may be shown, the default first.
fn wanted(data: &DataDirectory, server: &str, settings: &ServerSettings) -> Vec<CertificateFiles> {
    let (authority, folder) = (data.client_authority(), data.server(server));
    let named = settings.pop.x509_certificate_name.iter().map(|name| match name {
        CertificateName::Own(name) => files(&authority, name.as_str()),
        CertificateName::Files { certificate, key } => {
            let below = |path: &settings::FilePath| path.from_folder(folder.root());
            CertificateFiles { certificate: below(certificate), key: below(key) }
        }
    });
    let named: Vec<_> = named.collect();
    if named.is_empty() { vec![files(&authority, server)] } else { named }
}

fn files(authority: &Path, stem: &str) -> CertificateFiles {
    CertificateFiles {
        certificate: authority.join(format!("{stem}.pem")),
        key: authority.join(format!("{stem}.key")),
    }
}
