//! A back end, started and stopped.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use directory::{Directory, DirectoryError, Realm, SqliteDirectory, SqliteSettings};
use log_in::{Desk, Door};
use net::drain::SessionToken;
use net::limits::{Limits, Refusal};
use net::tls::CertificateError;
use net::{Accepted, Binding, Endpoint};
use reception::questions::{self, Page};
use reception::{Certificates, Host, OpenError, Reception};
use service::Service;
use service::live::Settled;
use settings::{DataDirectory, Role, Server};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use crate::health_mail::Caretaker;
use crate::mounts::Mounts;
use crate::moving::{self, Moves};
use crate::occupancy::Occupancy;
use crate::{lmtp, pop3, store_check};

/// What a binding of a back end is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Purpose {
    /// POP3.
    Pop3(Door),
    /// Mail from front ends.
    Lmtp,
    /// Questions of Prometheus.
    Metrics,
}

impl Purpose {
    /// The word for it in listings.
    fn as_str(self) -> &'static str {
        match self {
            Self::Pop3(Door::Plain) => "pop3",
            Self::Pop3(Door::Tls) => "pop3s",
            Self::Pop3(Door::Inner) => "pop3-inner",
            Self::Lmtp => "lmtp-inner",
            Self::Metrics => "metrics",
        }
    }
}

/// What every session of a back end shares.
pub(crate) struct Backend {
    /// Where the installation lives.
    pub(crate) data: DataDirectory,
    /// The name of this server.
    pub(crate) server: String,
    pub(crate) service: Arc<Service>,
    pub(crate) certificates: Certificates,
    pub(crate) directory: Arc<dyn Directory>,
    pub(crate) desk: Arc<Desk>,
    pub(crate) mounts: Mounts,
    pub(crate) occupancy: Occupancy,
    /// Where large messages are kept on their way in.
    pub(crate) spool: PathBuf,
}

/// What a back end needs to start.
pub struct Start {
    /// Where the installation lives.
    pub data: DataDirectory,
    /// The name of this server.
    pub server: String,
    /// What every service has, started.
    pub service: Arc<Service>,
    /// The databases mounted here. Whoever mounts and dismounts keeps a clone.
    pub mounts: Mounts,
}

/// Why a back end does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A certificate cannot be used.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// There is no directory.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// Passwords cannot be checked.
    #[error(transparent)]
    Desk(#[from] log_in::OpenError),
    /// The default realm of the configuration is none.
    #[error("the default realm is no domain: {0}")]
    Realm(#[from] directory::NameError),
    /// There is no place for large messages.
    #[error("cannot make the spool folder {}: {source}", folder.display())]
    Spool {
        /// The folder.
        folder: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// It cannot listen.
    #[error(transparent)]
    Open(#[from] OpenError),
}

/// A back end that serves.
pub struct Running {
    backend: Arc<Backend>,
    receiving: JoinHandle<()>,
    caretaker: JoinHandle<()>,
    bound: Vec<(Purpose, Endpoint)>,
}

impl Running {
    /// Starts serving what is mounted.
    pub async fn start(start: Start) -> Result<Self, StartError> {
        let Start { data, server, service, mounts } = start;
        let settled = service.live.snapshot();
        let directory: Arc<dyn Directory> =
            Arc::new(SqliteDirectory::open(&data.directory(), &SqliteSettings::default())?);
        let realm = Realm::parse(settled.configuration.default_realm.as_str())?;
        let spool = data.server(&server).spool("backend");
        fs::create_dir_all(&spool).map_err(|source| StartError::Spool { folder: spool.clone(), source })?;
        let backend = Arc::new(Backend {
            certificates: Certificates::load(&data, &server, &settled.server)?,
            desk: Arc::new(Desk::open(Arc::clone(&directory), realm, &settled.server.log_in)?),
            directory,
            mounts,
            occupancy: Occupancy::new(),
            data,
            spool,
            server,
            service,
        });
        backend.service.set_moves(moving::steps(Handle::current(), Moves::new(&backend)));
        let (mounts, directory) = (backend.mounts.clone(), Arc::clone(&backend.directory));
        backend.service.set_store_checks(store_check::checks(Handle::current(), mounts, directory));
        let reception = Reception::open(Arc::clone(&backend), Arc::clone(&backend.service)).await?;
        let bound = reception.bound().into_iter().map(|bound| (bound.binding.kind, bound.local)).collect();
        let caretaker =
            Caretaker { directory: Arc::clone(&backend.directory), mounts: backend.mounts.clone() };
        let (receiving, caretaker) = (tokio::spawn(reception.receive()), tokio::spawn(caretaker.run()));
        Ok(Self { backend, receiving, caretaker, bound })
    }

    /// Where it listens for front ends that log in.
    pub fn inner_pop3(&self) -> Option<&Endpoint> {
        self.bound(Purpose::Pop3(Door::Inner))
    }

    /// Where it listens for front ends that deliver.
    pub fn inner_lmtp(&self) -> Option<&Endpoint> {
        self.bound(Purpose::Lmtp)
    }

    /// Where it listens and what for, as `status` tells it.
    pub fn listening(&self) -> Vec<serde_json::Value> {
        let tell = |(purpose, endpoint): &(Purpose, Endpoint)| serde_json::json!({ "protocol": purpose.as_str(), "address": endpoint.to_string() });
        self.bound.iter().map(tell).collect()
    }

    /// Stops: no new sessions, those under way have until `limit` to come to a boundary.
    pub async fn stop(self, limit: Duration) {
        reception::empty(&self.backend.service.sessions, limit).await;
        self.caretaker.abort();
        self.receiving.abort();
        // An aborted task ends with an error, and that is how its bindings are known to be closed.
        let _ = self.receiving.await;
        let _ = self.caretaker.await;
    }

    fn bound(&self, purpose: Purpose) -> Option<&Endpoint> {
        self.bound.iter().find(|(kind, _)| *kind == purpose).map(|(_, endpoint)| endpoint)
    }
}

impl Host for Backend {
    type Kind = Purpose;

    fn bindings(&self, settings: &Settled) -> Vec<Binding<Purpose>> {
        let tcp = |address, kind| Binding { endpoint: Endpoint::Tcp(address), kind };
        let pop3 = |address, door| tcp(address, Purpose::Pop3(door));
        let server = &settings.server;
        let mut bindings = vec![
            pop3(server.inner_pop3_address(), Door::Inner),
            tcp(server.inner_lmtp_address(), Purpose::Lmtp),
        ];
        bindings.extend(server.metrics_addresses().into_iter().map(|address| tcp(address, Purpose::Metrics)));
        // Where there is a front end too, clients come to that.
        if !settings.configuration.server(&self.server).is_some_and(has_front_end) {
            bindings.extend(server.pop3_addresses().into_iter().map(|address| pop3(address, Door::Plain)));
            bindings.extend(server.pop3s_addresses().into_iter().map(|address| pop3(address, Door::Tls)));
        }
        bindings
    }

    fn limits(&self, kind: Purpose, settings: &Settled) -> (usize, Limits) {
        let (pop, delivery) = (&settings.server.pop, &settings.server.delivery);
        // All of a front end's clients come from its one address.
        let of_front_ends = |total| Limits { total, per_address: u32::MAX };
        match kind {
            Purpose::Pop3(Door::Plain | Door::Tls) => {
                (0, Limits { total: pop.max_connections, per_address: pop.max_connection_from_single_ip })
            }
            Purpose::Pop3(Door::Inner) => (1, of_front_ends(pop.max_connections)),
            Purpose::Lmtp => (2, of_front_ends(delivery.max_connections)),
            Purpose::Metrics => (3, Limits { total: questions::CONNECTIONS, per_address: u32::MAX }),
        }
    }

    fn takes_proxies(&self, kind: Purpose) -> bool {
        matches!(kind, Purpose::Pop3(Door::Plain | Door::Tls))
    }

    fn turn_away(&self, kind: Purpose, why: &Refusal) -> Vec<u8> {
        match kind {
            Purpose::Pop3(door) => log_in::turn_away(door, why),
            Purpose::Lmtp | Purpose::Metrics => Vec::new(),
        }
    }

    async fn serve(self: Arc<Self>, accepted: Accepted<Purpose>, token: SessionToken) {
        match accepted.kind {
            Purpose::Pop3(door) => pop3::serve(self, door, accepted, token).await,
            Purpose::Lmtp => lmtp::serve(self, accepted, token).await,
            Purpose::Metrics => self.answer(accepted).await,
        }
    }

    fn is_question(&self, kind: Purpose) -> bool {
        kind == Purpose::Metrics
    }

    async fn answer(self: Arc<Self>, question: Accepted<Purpose>) {
        questions::answer(&self.service, question.connection, &[Page::Metrics]).await;
    }

    fn refresh(&self, settings: &Settled) {
        self.certificates.refresh(&settings.server);
    }
}

fn has_front_end(server: &Server) -> bool {
    server.has(Role::ClientAccess)
}
