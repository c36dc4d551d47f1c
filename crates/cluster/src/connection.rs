//! The coordinator that the configuration names.

use std::path::Path;
use std::sync::Arc;

use coordinator::etcd::{Endpoint, EndpointError, EtcdCoordinator, EtcdSettings};
use coordinator::local::LocalClient;
use coordinator::{Coordinator, KeyError, Prefix};
use settings::{Configuration, CoordinatorKind, CoordinatorSettings, DataDirectory, Value};
use tls_identity::{TlsError, TlsIdentity};

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
    /// Certificates or a key that cannot be used.
    #[error("TLS with etcd is not possible: {0}")]
    Tls(#[from] TlsError),
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
            let tls = identity(&settings, data.root()).map(|identity| identity.config()).transpose()?;
            let deadline = settings.request_timeout.duration();
            let etcd = EtcdSettings { deadline, ..EtcdSettings::new(endpoints, prefix, tls) };
            Ok(Arc::new(EtcdCoordinator::new(etcd)))
        }
    }
}

/// Whom to trust to be etcd, and what to show it; nothing if no authority is named.
fn identity(settings: &CoordinatorSettings, folder: &Path) -> Option<TlsIdentity> {
    let authority = settings.ca.as_ref()?.from_folder(folder);
    let own = settings.certificate.as_ref().zip(settings.key.as_ref());
    let own = own.map(|(certificate, key)| (certificate.from_folder(folder), key.from_folder(folder)));
    Some(TlsIdentity { authority, own })
}
