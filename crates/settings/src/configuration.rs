//! The whole cluster: servers, databases, third-party routes, and the sections of settings for all servers or for one.

mod check;
mod presets;
mod read;
mod render;

use std::net::{IpAddr, SocketAddr};

pub use presets::{LoopbackPorts, OneMachine};

use crate::layer::{Layer, Layered, Row};
use crate::problem::Problems;
use crate::section::Section;
use crate::sections::{
    ApiSettings, CoordinatorSettings, DeliverySettings, EscalationSettings, HealthSettings, InitSettings,
    InnerSettings, LogInSettings, LogSettings, PeerSettings, PlacementSettings, PopSettings, PowerSettings,
    ReadySettings, RecoverySettings, SessionSettings,
};
use crate::value::{DatabaseName, FilePath, HostName, ServerName, Target};

/// A checked configuration file.
#[derive(Debug, Clone, PartialEq)]
pub struct Configuration {
    /// The domain of names that are written without one.
    pub default_realm: HostName,
    /// The servers, in the order of the file.
    pub servers: Vec<Server>,
    /// The mailbox databases, in the order of the file.
    pub databases: Vec<Database>,
    /// Where third-party back ends are.
    pub routes: Vec<Route>,
    /// POP3 servers that are not ours, and are watched.
    pub targets: Vec<ThirdParty>,
    /// What holds for every server that has nothing else of its own.
    pub(crate) shared: Sections,
    /// What holds for the cluster as a whole.
    pub(crate) cluster: ClusterSections,
}

/// What a server does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// Clients and mail servers connect to it: it has a front end.
    ClientAccess,
    /// It mounts mailbox databases: it has a back end.
    Mailbox,
}

/// A machine with a name and roles.
#[derive(Debug, Clone, PartialEq)]
pub struct Server {
    /// Its name, which is also that of its folder in the data directory.
    pub name: ServerName,
    /// One or both roles. None, if it only watches servers that are not ours.
    pub roles: Vec<Role>,
    /// The address it listens on and is reached at by other servers.
    pub address: IpAddr,
    /// The name it greets with and clients know it by; its own name if none is given.
    pub host_name: HostName,
    /// Further names by which people call it in commands. No other server has them.
    pub aliases: Vec<ServerName>,
    pub(crate) host_name_given: bool,
    pub(crate) own: Sections,
}

impl Server {
    /// Whether the server has the role.
    pub fn has(&self, role: Role) -> bool {
        self.roles.contains(&role)
    }
}

/// A set of mailboxes that lives and moves as one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Database {
    /// Its name, which is also that of its folder in the data directory.
    pub name: DatabaseName,
    /// The mailbox servers that can mount it, the preferred one first. Never empty.
    pub copies: Vec<ServerName>,
}

/// A third-party back end that users can be sent to. A user whose database has the route's name takes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// Its name; no database has the same.
    pub name: DatabaseName,
    /// How users are logged in there.
    pub kind: RouteKind,
    /// Where it is.
    pub address: Target,
    /// How the connection is protected.
    pub tls: TargetTls,
    /// Users of these domains take this route if the directory does not know them. Pass-through only.
    pub domains: Vec<HostName>,
}

/// How a third-party back end is logged in to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RouteKind {
    /// With the user's own name and password, which the back end judges.
    PassThrough,
    /// As a master user on behalf of the user (AUTH PLAIN with an authorization identity, RFC 4616 section 2).
    Master {
        /// A file with the master user's name on its first line and the password on its second.
        credentials: FilePath,
    },
}

/// How a connection to a third-party back end is protected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TargetTls<Identity = TargetIdentity> {
    /// Not at all.
    Plain,
    /// By STLS (RFC 2595 section 4).
    Stls(Identity),
    /// From the first octet (RFC 8314 section 3).
    Implicit(Identity),
}

/// How a third-party back end proves who it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetIdentity {
    /// The file of the authorities that may have signed its certificate, PEM.
    pub ca: FilePath,
    /// The name its certificate must bear; without one, the host of its address.
    pub name: Option<HostName>,
}

/// A POP3 server that is not ours, and is watched as its clients see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ThirdParty {
    /// Its name; no other target has the same.
    pub name: DatabaseName,
    /// Where it is.
    pub address: Target,
    /// How the connection is protected.
    pub tls: TargetTls<Verification>,
    /// A file with the name of a user on its first line and the password on its second. Without one nobody logs in.
    pub credentials: Option<FilePath>,
    /// Where it takes mail by LMTP. Then each attempt delivers a message to the user, fetches it and deletes it.
    pub delivery: Option<Target>,
    /// The servers whose agents watch it; all, if none is named.
    pub watched_from: Vec<ServerName>,
}

/// How a server that is watched proves who it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verification {
    /// The file of the authorities that may have signed its certificate, PEM; without one, those that this system trusts.
    pub ca: Option<FilePath>,
    /// The name its certificate must bear; without one, the host of its address.
    pub name: Option<HostName>,
}

/// One layer of every section.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Sections {
    pub(crate) pop: Layer<PopSettings>,
    pub(crate) session: Layer<SessionSettings>,
    pub(crate) log_in: Layer<LogInSettings>,
    pub(crate) peers: Layer<PeerSettings>,
    pub(crate) delivery: Layer<DeliverySettings>,
    pub(crate) inner: Layer<InnerSettings>,
    pub(crate) ready: Layer<ReadySettings>,
    pub(crate) health: Layer<HealthSettings>,
    pub(crate) log: Layer<LogSettings>,
    pub(crate) init: Layer<InitSettings>,
    pub(crate) api: Layer<ApiSettings>,
    pub(crate) power: Layer<PowerSettings>,
    pub(crate) recovery: Layer<RecoverySettings>,
    pub(crate) escalation: Layer<EscalationSettings>,
}

/// The one layer of the sections in which no server may differ: a cluster whose servers do not agree about its coordinator
/// is two.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct ClusterSections {
    pub(crate) coordinator: Layer<CoordinatorSettings>,
    pub(crate) placement: Layer<PlacementSettings>,
}

/// The settings of the cluster as a whole, each with its origin.
#[derive(Debug, Clone, PartialEq)]
pub struct ClusterSettings {
    /// `[coordinator]`
    pub coordinator: Layered<CoordinatorSettings>,
    /// `[placement]`
    pub placement: Layered<PlacementSettings>,
}

impl ClusterSettings {
    /// Every setting of every section, with the name of its section.
    pub fn rows(&self) -> Vec<(&'static str, Row)> {
        let Self { coordinator, placement } = self;
        rows_of(coordinator).chain(rows_of(placement)).collect()
    }
}

fn rows_of<S: Section>(section: &Layered<S>) -> impl Iterator<Item = (&'static str, Row)> {
    section.rows().map(|row| (S::KEY, row))
}

/// The settings that hold on one server, each with its origin.
#[derive(Debug, Clone, PartialEq)]
pub struct ServerSettings {
    /// The server's own address, which bindings without an address mean.
    pub address: IpAddr,
    /// `[pop]`
    pub pop: Layered<PopSettings>,
    /// `[session]`
    pub session: Layered<SessionSettings>,
    /// `[log-in]`
    pub log_in: Layered<LogInSettings>,
    /// `[peers]`
    pub peers: Layered<PeerSettings>,
    /// `[delivery]`
    pub delivery: Layered<DeliverySettings>,
    /// `[inner]`
    pub inner: Layered<InnerSettings>,
    /// `[ready]`
    pub ready: Layered<ReadySettings>,
    /// `[health]`
    pub health: Layered<HealthSettings>,
    /// `[log]`
    pub log: Layered<LogSettings>,
    /// `[init]`
    pub init: Layered<InitSettings>,
    /// `[api]`
    pub api: Layered<ApiSettings>,
    /// `[power]`
    pub power: Layered<PowerSettings>,
    /// `[recovery]`
    pub recovery: Layered<RecoverySettings>,
    /// `[escalation]`
    pub escalation: Layered<EscalationSettings>,
}

/// One place where a server listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listens {
    /// Where.
    pub address: SocketAddr,
    /// What for, for people: `POP3`, `POP3S`, `LMTP`, `POP3 between the tiers`, `LMTP between the tiers`, `API`.
    pub purpose: &'static str,
    /// The service that listens: `frontend`, `backend` or `agent`.
    pub service: &'static str,
    /// The section and key of the setting that says so.
    pub setting: &'static str,
}

impl ServerSettings {
    /// Everywhere `server`, whose settings these are, listens on the network.
    pub fn listens(&self, server: &Server) -> Vec<Listens> {
        let all = |addresses: Vec<SocketAddr>, purpose, service, setting| {
            addresses.into_iter().map(move |address| Listens { address, purpose, service, setting })
        };
        // Where there are both services, clients come to the front end.
        let door = if server.has(Role::ClientAccess) { "frontend" } else { "backend" };
        let mut listens = Vec::new();
        if !server.roles.is_empty() {
            listens.extend(all(self.pop3_addresses(), "POP3", door, "[pop] unencrypted-or-tls-bindings"));
            listens.extend(all(self.pop3s_addresses(), "POP3S", door, "[pop] ssl-bindings"));
        }
        if server.has(Role::ClientAccess) {
            listens.extend(all(self.lmtp_addresses(), "LMTP", "frontend", "[delivery] lmtp-bindings"));
            listens.extend(all(self.ready_addresses(), "readiness", "frontend", "[ready] bindings"));
        }
        if server.has(Role::Mailbox) {
            let (pop3, lmtp) = (vec![self.inner_pop3_address()], vec![self.inner_lmtp_address()]);
            listens.extend(all(pop3, "POP3 between the tiers", "backend", "[pop] proxy-target-port"));
            listens.extend(all(lmtp, "LMTP between the tiers", "backend", "[inner] lmtp-port"));
            listens.extend(all(self.metrics_addresses(), "metrics", "backend", "[ready] metrics-bindings"));
        }
        listens.extend(all(self.api_addresses(), "API", "agent", "[api] bindings"));
        listens
    }

    /// Every setting of every section that holds, with the name of its section.
    pub fn rows(&self) -> Vec<(&'static str, Row)> {
        let Self {
            address: _,
            pop,
            session,
            log_in,
            peers,
            delivery,
            inner,
            ready,
            health,
            log,
            init,
            api,
            power,
            recovery,
            escalation,
        } = self;
        let clients = rows_of(pop)
            .chain(rows_of(session))
            .chain(rows_of(log_in))
            .chain(rows_of(peers))
            .chain(rows_of(delivery));
        let others = rows_of(inner)
            .chain(rows_of(ready))
            .chain(rows_of(health))
            .chain(rows_of(log))
            .chain(rows_of(init));
        let agents = rows_of(api).chain(rows_of(power)).chain(rows_of(recovery)).chain(rows_of(escalation));
        clients.chain(others).chain(agents).collect()
    }

    /// Where clients are accepted without TLS at first: by the front end of a client-access server, by the back end of a
    /// server that is only a mailbox server.
    pub fn pop3_addresses(&self) -> Vec<SocketAddr> {
        self.pop.unencrypted_or_tls_bindings.iter().map(|binding| binding.on(self.address)).collect()
    }

    /// Where clients are accepted with TLS, by the same service as [`ServerSettings::pop3_addresses`].
    pub fn pop3s_addresses(&self) -> Vec<SocketAddr> {
        self.pop.ssl_bindings.iter().map(|binding| binding.on(self.address)).collect()
    }

    /// Where the front end of this server tells load balancers whether it is ready, and Prometheus its metrics.
    pub fn ready_addresses(&self) -> Vec<SocketAddr> {
        self.ready.bindings.iter().map(|binding| binding.on(self.address)).collect()
    }

    /// Where the back end of this server tells Prometheus its metrics.
    pub fn metrics_addresses(&self) -> Vec<SocketAddr> {
        self.ready.metrics_bindings.iter().map(|binding| binding.on(self.address)).collect()
    }

    /// Where the agent of this server serves the API.
    pub fn api_addresses(&self) -> Vec<SocketAddr> {
        self.api.bindings.iter().map(|binding| binding.on(self.address)).collect()
    }

    /// Whether the API is served with TLS at `address`.
    pub fn api_has_tls(&self, address: &SocketAddr) -> bool {
        self.api.tls_on_loopback || !address.ip().is_loopback()
    }

    /// Where the API of this server is reached by TLS.
    pub fn api_tls_addresses(&self) -> Vec<SocketAddr> {
        let found = self.api_addresses().into_iter().filter(|address| self.api_has_tls(address));
        // Nobody can connect to "all addresses".
        let reached = |at: SocketAddr| if at.ip().is_unspecified() { self.address } else { at.ip() };
        found.map(|at| SocketAddr::new(reached(at), at.port())).collect()
    }

    /// Where the front end of this server accepts mail.
    pub fn lmtp_addresses(&self) -> Vec<SocketAddr> {
        self.delivery.lmtp_bindings.iter().map(|binding| binding.on(self.address)).collect()
    }

    /// Where the back end of this server accepts front ends for POP3.
    pub fn inner_pop3_address(&self) -> SocketAddr {
        SocketAddr::new(self.address, self.pop.proxy_target_port)
    }

    /// Where the back end of this server accepts front ends for mail.
    pub fn inner_lmtp_address(&self) -> SocketAddr {
        SocketAddr::new(self.address, self.inner.lmtp_port)
    }
}

impl Configuration {
    /// Reads and checks the text of a configuration file. `file` is what problems call it.
    pub fn parse(text: &str, file: &str) -> Result<Self, Problems> {
        read::configuration(text, file)
    }

    /// The text of a configuration file that [`Configuration::parse`] reads back as the same value, every setting explained.
    pub fn to_toml(&self) -> String {
        render::configuration(self)
    }

    /// Whether a client at this address is a server of the cluster, or on the machine of whoever asks.
    pub fn is_of_cluster(&self, client: IpAddr) -> bool {
        let client = client.to_canonical();
        client.is_loopback() || self.servers.iter().any(|server| server.address == client)
    }

    /// The server that people mean by `name`: its own name, an alias, or either of them in the domain of the organisation.
    pub fn server_called(&self, name: &str) -> Option<&Server> {
        let domain = format!(".{}", self.default_realm);
        let end = name.len().saturating_sub(domain.len());
        let short = match (name.get(..end), name.get(end..)) {
            (Some(short), Some(rest)) if rest.eq_ignore_ascii_case(&domain) => short,
            _ => name,
        };
        let by_name = self.servers.iter().find(|server| server.name == *short);
        let by_other = |server: &&Server| {
            server.aliases.iter().any(|alias| *alias == *short)
                || server.host_name.as_str().eq_ignore_ascii_case(name)
        };
        by_name.or_else(|| self.servers.iter().find(by_other))
    }

    /// The server called `name`.
    pub fn server(&self, name: &str) -> Option<&Server> {
        self.servers.iter().find(|server| server.name == *name)
    }

    /// The database called `name`.
    pub fn database(&self, name: &str) -> Option<&Database> {
        self.databases.iter().find(|database| database.name == *name)
    }

    /// The route called `name`.
    pub fn route(&self, name: &str) -> Option<&Route> {
        self.routes.iter().find(|route| route.name == *name)
    }

    /// The POP3 servers that are not ours and are watched from `server`.
    pub fn targets_of<'a>(&'a self, server: &'a str) -> impl Iterator<Item = &'a ThirdParty> {
        let from = move |target: &&ThirdParty| {
            target.watched_from.is_empty() || target.watched_from.iter().any(|name| *name == *server)
        };
        self.targets.iter().filter(from)
    }

    /// Whether no server serves mail: there is nothing but servers that are not ours to watch.
    pub fn only_watches(&self) -> bool {
        self.servers.iter().all(|server| server.roles.is_empty())
    }

    /// The pass-through route for the users of `domain` that the directory does not know.
    pub fn route_for_domain(&self, domain: &str) -> Option<&Route> {
        self.routes.iter().find(|route| route.domains.iter().any(|d| d.as_str().eq_ignore_ascii_case(domain)))
    }

    /// The databases that `server` can mount.
    pub fn copies_on<'a>(&'a self, server: &'a ServerName) -> impl Iterator<Item = &'a Database> {
        self.databases.iter().filter(move |database| database.copies.contains(server))
    }

    /// The settings of the cluster as a whole.
    pub fn cluster(&self) -> ClusterSettings {
        ClusterSettings {
            coordinator: Layered::new([&self.cluster.coordinator]),
            placement: Layered::new([&self.cluster.placement]),
        }
    }

    /// The settings that hold on `server`, with what `set` stored there on top.
    pub fn settings_of(&self, server: &Server, set: &Layer<PopSettings>) -> ServerSettings {
        let (shared, own) = (&self.shared, &server.own);
        ServerSettings {
            address: server.address,
            pop: Layered::new([&shared.pop, &own.pop, set]),
            session: Layered::new([&shared.session, &own.session]),
            log_in: Layered::new([&shared.log_in, &own.log_in]),
            peers: Layered::new([&shared.peers, &own.peers]),
            delivery: Layered::new([&shared.delivery, &own.delivery]),
            inner: Layered::new([&shared.inner, &own.inner]),
            ready: Layered::new([&shared.ready, &own.ready]),
            health: Layered::new([&shared.health, &own.health]),
            log: Layered::new([&shared.log, &own.log]),
            init: Layered::new([&shared.init, &own.init]),
            api: Layered::new([&shared.api, &own.api]),
            power: Layered::new([&shared.power, &own.power]),
            recovery: Layered::new([&shared.recovery, &own.recovery]),
            escalation: Layered::new([&shared.escalation, &own.escalation]),
        }
    }
}
