//! The coordinator that the configuration names.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use coordinator::etcd::{Endpoint, EndpointError, EtcdCoordinator, EtcdSettings};
use coordinator::local::LocalClient;
use coordinator::{Coordinator, KeyError, Prefix};
use rustls::pki_types::pem::{Error as PemError, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use settings::{Configuration, CoordinatorKind, CoordinatorSettings, DataDirectory, FilePath, Value};

/// Why there is no way to the coordinator. The configuration's fault, or that of the files it names: trying again does not
/// help before they are changed.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// What keys begin with.
    #[error("the prefix of the keys in etcd: {0}")]
    Prefix(#[from] KeyError),
    /// Where etcd is.
    #[error("the address of etcd: {0}")]
    Endpoint(#[from] EndpointError),
    /// A certificate or key that cannot be read.
    #[error("cannot use {}: {source}", file.display())]
    Pem {
        /// The file.
        file: PathBuf,
        /// Why.
        source: PemError,
    },
    /// Certificates that cannot be used.
    #[error("TLS with etcd is not possible: {0}")]
    Tls(#[from] rustls::Error),
}

/// The coordinator of the cluster. It is not asked anything yet, so it need not be there.
pub fn connect(
    configuration: &Configuration,
    data: &DataDirectory,
) -> Result<Arc<dyn Coordinator>, ConnectError> {
    let settings = configuration.cluster().coordinator;
    match settings.kind {
        CoordinatorKind::Local => {
            Ok(Arc::new(LocalClient::new(data.coordinator().socket(), settings.request_timeout.duration())))
        }
        CoordinatorKind::Etcd => {
            let endpoints = settings.endpoints.iter().map(|endpoint| endpoint.text().parse::<Endpoint>());
            let endpoints = endpoints.collect::<Result<_, _>>()?;
            let prefix = Prefix::new(&format!("{}/", settings.prefix))?;
            let tls = tls(&settings, data.root())?;
            let deadline = settings.request_timeout.duration();
            let etcd = EtcdSettings { deadline, ..EtcdSettings::new(endpoints, prefix, tls) };
            Ok(Arc::new(EtcdCoordinator::new(etcd)))
        }
    }
}

/// TLS as etcd wants it; none if no authority is named.
fn tls(settings: &CoordinatorSettings, folder: &Path) -> Result<Option<Arc<ClientConfig>>, ConnectError> {
    let Some(ca) = &settings.ca else { return Ok(None) };
    let mut roots = RootCertStore::empty();
    for authority in certificates(ca, folder)? {
        roots.add(authority)?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots);
    let config = match (&settings.certificate, &settings.key) {
        (Some(certificate), Some(key)) => {
            let file = key.from_folder(folder);
            let key =
                PrivateKeyDer::from_pem_file(&file).map_err(|source| ConnectError::Pem { file, source })?;
            builder.with_client_auth_cert(certificates(certificate, folder)?, key)?
        }
        _ => builder.with_no_client_auth(),
    };
    Ok(Some(Arc::new(config)))
}

fn certificates(path: &FilePath, folder: &Path) -> Result<Vec<CertificateDer<'static>>, ConnectError> {
    let file = path.from_folder(folder);
    let read = CertificateDer::pem_file_iter(&file).and_then(Iterator::collect);
    read.map_err(|source| ConnectError::Pem { file, source })
}
