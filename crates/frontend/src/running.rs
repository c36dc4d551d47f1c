//! A front end, started and stopped.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
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
use settings::DataDirectory;
use tokio::task::JoinHandle;

use crate::free_connections::FreeConnections;
use crate::route::waiting::{WaitingLimits, WaitingRoom};
use crate::route::{RouteError, Routes, WatchedWhereabouts};
use crate::{lmtp, metrics, pop3};

/// How long a connection to a back end is kept for the next session: less than any back end waits for a log-in.
const FREE: Duration = Duration::from_secs(8);

/// What a binding of a front end is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Purpose {
    /// POP3.
    Pop3(Door),
    /// Mail from mail servers.
    Lmtp,
    /// Questions of load balancers and of Prometheus.
    Ready,
}

impl Purpose {
    /// The word for it in listings.
    fn as_str(self) -> &'static str {
        match self {
            Self::Pop3(Door::Plain) => "pop3",
            Self::Pop3(Door::Tls) => "pop3s",
            Self::Pop3(Door::Inner) => "pop3-inner",
            Self::Lmtp => "lmtp",
            Self::Ready => "ready",
        }
    }
}

/// What every session of a front end shares.
pub(crate) struct Frontend {
    /// The name of this server.
    pub(crate) server: String,
    pub(crate) service: Arc<Service>,
    pub(crate) certificates: Certificates,
    pub(crate) directory: Arc<dyn Directory>,
    pub(crate) realm: Realm,
    pub(crate) desk: Arc<Desk>,
    pub(crate) routes: ArcSwap<Routes>,
    pub(crate) whereabouts: WatchedWhereabouts,
    pub(crate) waiting: WaitingRoom,
    /// Connections to back ends whose sessions are over.
    pub(crate) free: FreeConnections<pop3::Free>,
    /// Back ends, as deliveries reach them.
    pub(crate) back_ends: lmtp::BackEnds,
    /// Where large messages are kept on their way in.
    pub(crate) spool: PathBuf,
}

/// What a front end needs to start.
pub struct Start {
    /// Where the installation lives.
    pub data: DataDirectory,
    /// The name of this server.
    pub server: String,
    /// What every service has, started.
    pub service: Arc<Service>,
    /// Where the databases are.
    pub whereabouts: WatchedWhereabouts,
}

/// Why a front end does not start.
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
    /// A third-party route cannot be used.
    #[error(transparent)]
    Route(#[from] RouteError),
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

/// A front end that serves.
pub struct Running {
    frontend: Arc<Frontend>,
    receiving: JoinHandle<()>,
    following: JoinHandle<()>,
    bound: Vec<(Purpose, Endpoint)>,
}

impl Running {
    /// Starts serving.
    pub async fn start(start: Start) -> Result<Self, StartError> {
        let Start { data, server, service, whereabouts } = start;
        let settled = service.live.snapshot();
        let directory: Arc<dyn Directory> =
            Arc::new(SqliteDirectory::open(&data.directory(), &SqliteSettings::default())?);
        let realm = Realm::parse(settled.configuration.default_realm.as_str())?;
        let folder = data.server(&server);
        let spool = folder.spool("frontend");
        fs::create_dir_all(&spool).map_err(|source| StartError::Spool { folder: spool.clone(), source })?;
        let log_in = &settled.server.log_in;
        let routes = Routes::of(&settled.configuration, &whereabouts.borrow(), folder.root())?;
        let frontend = Arc::new(Frontend {
            certificates: Certificates::load(&data, &server, &settled.server)?,
            desk: Arc::new(Desk::open(Arc::clone(&directory), realm.clone(), log_in)?),
            routes: ArcSwap::from_pointee(routes),
            whereabouts,
            waiting: WaitingRoom::new(WaitingLimits {
                places: log_in.waiting_log_ins as usize,
                released_per_second: log_in.waiting_release_rate,
            }),
            back_ends: lmtp::BackEnds::new(log_in.waiting_release_rate),
            free: FreeConnections::new(FREE),
            directory,
            realm,
            spool,
            server,
            service,
        });
        frontend.service.set_own_metrics(metrics::of(&frontend));
        let reception = Reception::open(Arc::clone(&frontend), Arc::clone(&frontend.service)).await?;
        let bound = reception.bound().into_iter().map(|bound| (bound.binding.kind, bound.local)).collect();
        let following = tokio::spawn(Arc::clone(&frontend).follow_databases());
        Ok(Self { frontend, receiving: tokio::spawn(reception.receive()), following, bound })
    }

    /// Where it accepts clients without TLS at first.
    pub fn pop3(&self) -> Option<&Endpoint> {
        self.bound(Purpose::Pop3(Door::Plain))
    }

    /// Where it accepts clients with TLS.
    pub fn pop3s(&self) -> Option<&Endpoint> {
        self.bound(Purpose::Pop3(Door::Tls))
    }

    /// Where it accepts mail.
    pub fn lmtp(&self) -> Option<&Endpoint> {
        self.bound(Purpose::Lmtp)
    }

    /// Where it answers load balancers and Prometheus.
    pub fn ready(&self) -> Option<&Endpoint> {
        self.bound(Purpose::Ready)
    }

    /// Tells how many connections to back ends are kept for the next session.
    pub fn free_connections(&self) -> impl Fn() -> usize + Send + Sync + 'static {
        let frontend = Arc::clone(&self.frontend);
        move || frontend.free.len()
    }

    /// Where it listens and what for, as `status` tells it.
    pub fn listening(&self) -> Vec<serde_json::Value> {
        let tell = |(purpose, endpoint): &(Purpose, Endpoint)| serde_json::json!({ "protocol": purpose.as_str(), "address": endpoint.to_string() });
        self.bound.iter().map(tell).collect()
    }

    /// Tells how many log-ins wait for a database that is moving.
    pub fn waiting(&self) -> impl Fn() -> usize + Send + Sync + 'static {
        let frontend = Arc::clone(&self.frontend);
        move || frontend.waiting.waiting()
    }

    /// Tells how many deliveries wait for a database that is moving.
    pub fn waiting_deliveries(&self) -> impl Fn() -> usize + Send + Sync + 'static {
        let frontend = Arc::clone(&self.frontend);
        move || frontend.back_ends.waiting()
    }

    /// Tells how many connections to back ends are free for the next delivery.
    pub fn idle_delivery_connections(&self) -> impl Fn() -> usize + Send + Sync + 'static {
        let frontend = Arc::clone(&self.frontend);
        move || frontend.back_ends.idle()
    }

    /// Stops: no new sessions, those under way have until `limit` to come to a boundary.
    pub async fn stop(self, limit: Duration) {
        reception::empty(&self.frontend.service.sessions, limit).await;
        self.following.abort();
        self.receiving.abort();
        // An aborted task ends with an error, and that is how its bindings are known to be closed.
        let _ = self.receiving.await;
    }

    fn bound(&self, purpose: Purpose) -> Option<&Endpoint> {
        self.bound.iter().find(|(kind, _)| *kind == purpose).map(|(_, endpoint)| endpoint)
    }
}

impl Frontend {
    /// Follows the databases from server to server, for ever.
    async fn follow_databases(self: Arc<Self>) {
        let mut changes = self.whereabouts.clone();
        while changes.changed().await.is_ok() {
            self.find_routes(&self.service.live.snapshot());
        }
    }

    fn find_routes(&self, settings: &Settled) {
        let whereabouts = Arc::clone(&self.whereabouts.borrow());
        match Routes::of(&settings.configuration, &whereabouts, self.service.folder.root()) {
            Ok(routes) => self.routes.store(Arc::new(routes)),
            Err(error) => tracing::error!(%error, "the routes cannot be used; the old ones stay"),
        }
    }

    /// How long a back end may take to be reached, and to answer.
    pub(crate) fn inner_limits(&self) -> (Duration, Duration) {
        let settled = self.service.live.load();
        let inner = &settled.server.inner;
        (inner.connect_timeout.duration(), inner.reply_timeout.duration())
    }
}

impl Host for Frontend {
    type Kind = Purpose;

    fn bindings(&self, settings: &Settled) -> Vec<Binding<Purpose>> {
        let server = &settings.server;
        let plain = server.pop3_addresses().into_iter().map(|address| (address, Purpose::Pop3(Door::Plain)));
        let tls = server.pop3s_addresses().into_iter().map(|address| (address, Purpose::Pop3(Door::Tls)));
        let lmtp = server.lmtp_addresses().into_iter().map(|address| (address, Purpose::Lmtp));
        let ready = server.ready_addresses().into_iter().map(|address| (address, Purpose::Ready));
        let tcp = plain.chain(tls).chain(lmtp).chain(ready);
        let mut bindings: Vec<_> =
            tcp.map(|(address, kind)| Binding { endpoint: Endpoint::Tcp(address), kind }).collect();
        if let Some(socket) = &server.delivery.lmtp_socket {
            let path = socket.from_folder(self.service.folder.root());
            bindings.push(Binding { endpoint: Endpoint::Unix(path), kind: Purpose::Lmtp });
        }
        bindings
    }

    fn limits(&self, kind: Purpose, settings: &Settled) -> (usize, Limits) {
        let (pop, delivery) = (&settings.server.pop, &settings.server.delivery);
        match kind {
            Purpose::Pop3(_) => {
                (0, Limits { total: pop.max_connections, per_address: pop.max_connection_from_single_ip })
            }
            Purpose::Lmtp => (1, Limits { total: delivery.max_connections, per_address: u32::MAX }),
            Purpose::Ready => (2, Limits { total: questions::CONNECTIONS, per_address: u32::MAX }),
        }
    }

    fn takes_proxies(&self, kind: Purpose) -> bool {
        matches!(kind, Purpose::Pop3(_))
    }

    fn turn_away(&self, kind: Purpose, why: &Refusal) -> Vec<u8> {
        match kind {
            Purpose::Pop3(door) => log_in::turn_away(door, why),
            Purpose::Lmtp => lmtp::turn_away(why),
            Purpose::Ready => Vec::new(),
        }
    }

    async fn serve(self: Arc<Self>, accepted: Accepted<Purpose>, token: SessionToken) {
        match accepted.kind {
            Purpose::Pop3(door) => pop3::serve(self, door, accepted, token).await,
            Purpose::Lmtp => lmtp::serve(self, accepted, token).await,
            Purpose::Ready => self.answer(accepted).await,
        }
    }

    fn is_question(&self, kind: Purpose) -> bool {
        kind == Purpose::Ready
    }

    async fn answer(self: Arc<Self>, question: Accepted<Purpose>) {
        questions::answer(&self.service, question.connection, &[Page::Ready, Page::Metrics]).await;
    }

    fn refresh(&self, settings: &Settled) {
        self.certificates.refresh(&settings.server);
        self.back_ends.tidy();
        self.free.tidy();
        self.find_routes(settings);
    }
}
