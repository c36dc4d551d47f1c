//! Agents that have data directories of their own and reach each other by TLS, in one process.

use std::net::SocketAddr;
use std::ops::Range;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use admin_api::rows::{AuditQuery, AuditRow, Power, Reason, ServerRow, ServiceRow, Version};
use api_client::{BearerToken, Client, ClientError, Door, TlsIdentity};
use net::authority::Subject;
use net::{Authority, Role as NodeRole};
use reception::Certificates;
use service::admin::AdminServer;
use service::{Service, Started, Startup, SystemClock};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixListener;
use tokio::sync::watch::Sender;

use super::*;
use crate::tokens::TokenName;

/// What an init answers whose back end runs.
const RUNNING: &str = concat!(
    r#"{"done": {"boot-id": "b1", "services": [{"service": "backend", "state": "running", "pid": 42, "#,
    r#""since": "2026-11-25T20:00:00Z", "restarts": 3, "stopped-by-hand": false, "failure": null}]}}"#,
);

const DAY: Duration = Duration::from_hours(24);

/// A cluster of `mbx1` and `mbx2`, which share a coordinator and an authority and nothing else.
struct Cluster {
    one: Agent,
    two: Agent,
    authority: Authority,
    folder: TempDir,
}

/// An agent whose doors are open.
struct Agent {
    api: Arc<Api>,
    address: SocketAddr,
    data: DataDirectory,
    world: Sender<Arc<World>>,
    doors: door::Open,
    _admin: AdminServer,
}

/// A certificate: for which server, with which roles, and when it is valid.
struct Shown<'a> {
    server: &'a str,
    roles: &'a [NodeRole],
    life: Range<SystemTime>,
}

impl Default for Shown<'_> {
    fn default() -> Self {
        let now = SystemTime::now();
        Self { server: "mbx1", roles: &[NodeRole::Mailbox, NodeRole::Agent], life: now - DAY..now + DAY }
    }
}

impl Shown<'_> {
    fn expired() -> Self {
        let now = SystemTime::now();
        Self { life: now - 2 * DAY..now - DAY, ..Self::default() }
    }

    /// Has an authority make it.
    fn by(&self, authority: &Authority) -> (PathBuf, PathBuf) {
        let node = Subject::Node {
            server: self.server.to_owned(),
            roles: self.roles.iter().copied().collect(),
            names: Vec::new(),
        };
        let files = authority.issue(self.server, &node, self.life.clone()).unwrap();
        (files.certificate, files.key)
    }
}

impl Cluster {
    async fn start() -> Self {
        Self::with(Shown::default()).await
    }

    /// In which the first agent shows this.
    async fn with(shown: Shown<'_>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let authority =
            Authority::load_or_create(&folder.path().join("ca"), "cluster", SystemTime::now()).unwrap();
        let coordinator = Arc::new(MemoryCoordinator::new());
        let agent = async |server: &str, own: (PathBuf, PathBuf)| {
            let data = DataDirectory::new(folder.path().join(server).join("data"));
            Agent::start(data, server, &authority, own, Arc::clone(&coordinator)).await
        };
        let one = agent("mbx1", shown.by(&authority)).await;
        let two = agent("mbx2", Shown { server: "mbx2", ..Shown::default() }.by(&authority)).await;
        let addresses = [("mbx1", one.address), ("mbx2", two.address)];
        for agent in [&one, &two] {
            agent.know(&addresses);
        }
        Self { one, two, authority, folder }
    }

    /// Another authority, which nobody here knows.
    fn stranger(&self) -> Authority {
        Authority::load_or_create(&self.folder.path().join("stranger"), "stranger", SystemTime::now())
            .unwrap()
    }

    /// A client of the second agent that shows this certificate.
    fn client(&self, own: Option<(PathBuf, PathBuf)>) -> Client {
        let identity = TlsIdentity { authority: self.authority.certificate_file(), own };
        Client::new(self.two.door(&identity, None))
    }

    /// What the first agent says is in the audit logs, and who did not answer it.
    async fn audit(&self) -> Listing<AuditRow> {
        let (status, body) = self.one.ask("GET", "/v1/audit", "").await;
        assert_eq!(status, 200);
        read(&body)
    }
}

impl Agent {
    async fn start(
        data: DataDirectory,
        server: &str,
        authority: &Authority,
        (certificate, key): (PathBuf, PathBuf),
        coordinator: Arc<MemoryCoordinator>,
    ) -> Self {
        let (name, folder) = (ServerName::parse(server).unwrap(), data.server(server));
        let cluster = data.cluster_authority();
        for folder in [cluster.clone(), folder.root().join("run")] {
            std::fs::create_dir_all(folder).unwrap();
        }
        std::fs::copy(authority.certificate_file(), cluster.join("ca.pem")).unwrap();
        std::fs::copy(certificate, cluster.join(format!("{server}.pem"))).unwrap();
        std::fs::copy(key, cluster.join(format!("{server}.key"))).unwrap();
        let clients =
            Authority::load_or_create(&data.client_authority(), "clients", SystemTime::now()).unwrap();
        let names = vec![server.to_owned()];
        let subject = Subject::Service { names, addresses: Vec::new() };
        clients.ensure(server, &subject, SystemTime::now()).unwrap();
        // Whoever would start the services is dead: a socket without a listener.
        std::fs::write(folder.admin_socket("init"), "").unwrap();

        let configuration = Configuration::for_loopback(LoopbackPorts::default()).unwrap().to_toml();
        let bindings = "bindings = [\":10180\"]";
        assert!(configuration.contains(bindings), "{configuration}");
        let configuration = configuration.replace(bindings, "bindings = [\":0\"]\ntls-on-loopback = true");
        std::fs::write(data.configuration(), configuration).unwrap();
        let files = LiveFiles {
            configuration: data.configuration(),
            set: folder.pop_settings(),
            server: name.clone(),
        };
        let live = Live::open(files).unwrap();
        let settled = live.snapshot();
        let certificates = Certificates::load(&data, server, &settled.server).unwrap();
        let startup = Startup {
            name: "agent",
            server: server.to_owned(),
            folder: folder.clone(),
            live: Arc::clone(&live),
            clock: Arc::new(SystemClock),
            service_log: None,
        };
        let Started { service, admin } = Service::start(startup).unwrap();
        let (world, seen) = watch::channel(Arc::new(World::default()));
        let neighbours = Arc::new(Neighbours {
            server: name.clone(),
            data: data.clone(),
            world: seen.clone(),
            tls: certificates.inner().client(),
        });
        let coordinator: Arc<dyn Coordinator> = coordinator;
        let watch = watch_nothing((&data, &name, &live), &seen, &coordinator, &neighbours).await;
        let api = Arc::new(Api {
            controls: Arc::new(Controls::new(&data, &settled.configuration.servers, &name, &settled.server)),
            audit: Audit::open(&folder.audit_log(), server).unwrap(),
            coordinator,
            user_moves: UserMoves::default(),
            neighbours,
            watch,
            recovered: recovered(&folder.recovery_journal()),
            metrics: Arc::new(String::new),
            world: seen,
            data: data.clone(),
            server: name,
            live,
        });
        let doors = door::open(router(Arc::clone(&api)), service, Arc::new(certificates), data.clone())
            .await
            .unwrap();
        let mut addresses = doors.addresses().into_iter();
        let address = addresses.find_map(|told| told["address"].as_str()?.parse().ok()).unwrap();
        Self { api, address, data, world, doors, _admin: admin }
    }

    /// Has it know where the agents are.
    fn know(&self, agents: &[(&str, SocketAddr)]) {
        let configuration = self.api.live.snapshot().configuration.clone();
        let mut world = World::new(Topology::from(&configuration), 1, Limits::default());
        for (server, address) in agents {
            let presence = Presence { boot_id: "b1".into(), api: Some(*address), since: unix_millis() };
            let key = RecordKey::Agent(ServerName::parse(server).unwrap()).to_string();
            world.records.put(&key, 1, &serde_json::to_vec(&presence).unwrap()).unwrap();
        }
        self.world.send_replace(Arc::new(world));
    }

    fn door(&self, identity: &TlsIdentity, token: Option<BearerToken>) -> Door {
        let name = self.api.server.as_str().to_owned().try_into().unwrap();
        let config = identity.config().unwrap();
        Door::Tls { authority: self.address.to_string(), name, config, token }
    }

    /// Asks as Ann, an operator who came in by the socket.
    async fn ask(&self, method: &str, target: &str, body: &'static str) -> (u16, Vec<u8>) {
        let caller = Caller { name: "ann".into(), role: Role::Operator };
        super::ask(router(Arc::clone(&self.api)), caller, method, target, body).await
    }

    /// Has whoever starts its services say that a back end runs.
    fn has_an_init(&self) {
        let socket = self.data.server(self.api.server.as_str()).admin_socket("init");
        std::fs::remove_file(&socket).unwrap();
        let listener = UnixListener::bind(socket).unwrap();
        tokio::spawn(async move {
            // Until the test ends.
            while let Ok((stream, _)) = listener.accept().await {
                let mut stream = BufReader::new(stream);
                let mut question = String::new();
                stream.read_line(&mut question).await.unwrap();
                stream.write_all(format!("{RUNNING}\n").as_bytes()).await.unwrap();
            }
        });
    }

    /// What stands in its own audit log.
    fn noted(&self) -> Vec<AuditRow> {
        self.api.audit.read(&AuditQuery::default()).unwrap()
    }
}

async fn version(client: &Client) -> Result<Version, ClientError> {
    client.get(&routes::ShowVersion {}, &admin_api::Nothing {}).await
}

/// What an agent answers to whoever it does not let in.
async fn refusal(client: &Client) -> Problem {
    match version(client).await {
        Err(ClientError::Problem(problem)) => problem,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_is_asked_of_one_agent_is_answered_by_the_other_in_the_callers_name() {
    let cluster = Cluster::start().await;
    let target = "/v1/servers/mbx2/services/backend/restart";
    let (status, body) = cluster.one.ask("POST", target, r#"{"reason": "new kernel"}"#).await;
    // The other agent tries, and says why it cannot.
    assert_eq!((status, read::<Problem>(&body).kind), (503, Kind::Unavailable));
    let noted = cluster.two.noted();
    let [row] = noted.as_slice() else { panic!("{noted:?}") };
    assert_eq!((row.who.as_str(), row.role, row.server.as_str()), ("ann", Role::Operator, "mbx2"));
    assert_eq!((row.target.as_str(), row.reason.as_deref()), ("mbx2/backend", Some("new kernel")));
    // Whoever asks for the log gets that line once, whichever agent is asked.
    assert!(cluster.one.noted().is_empty());
    let listing = cluster.audit().await;
    assert_eq!(listing.rows, noted);
    assert!(!listing.unanswered.iter().any(|missing| missing.server == "mbx2"), "{:?}", listing.unanswered);
}

#[tokio::test]
async fn the_services_of_the_other_server_are_listed_as_its_agent_knows_them() {
    let cluster = Cluster::start().await;
    cluster.two.has_an_init();
    let (status, body) = cluster.one.ask("GET", "/v1/services?server=mbx2", "").await;
    assert_eq!(status, 200);
    let Listing::<ServiceRow> { rows, unanswered } = read(&body);
    let [row] = rows.as_slice() else { panic!("{rows:?}, {unanswered:?}") };
    assert_eq!((row.server.as_str(), row.service.as_str(), row.pid), ("mbx2", "backend", Some(42)));
    assert!(unanswered.is_empty(), "{unanswered:?}");
    // The server they run on is as well as they are, wherever it is asked about.
    let (_, body) = cluster.one.ask("GET", "/v1/servers/mbx2", "").await;
    assert_eq!(read::<ServerRow>(&body).power, Power::On);
}

#[tokio::test]
async fn the_role_of_the_caller_counts_on_the_other_side_too() {
    let cluster = Cluster::start().await;
    let client = cluster.client(Some(Shown::default().by(&cluster.authority)));
    let viewer = Caller { name: "bob".into(), role: Role::Viewer };
    let client = client.in_the_name_of(viewer);
    assert_eq!(version(&client).await.unwrap().server, "mbx2");
    let restart = routes::RestartService { server: "mbx2".into(), service: "backend".into() };
    let refused = client.send(&restart, &Reason::default()).await.unwrap_err();
    assert_eq!(refused.kind(), Kind::Forbidden);
    assert!(refused.to_string().ends_with("bob is viewer"), "{refused}");
}

#[tokio::test]
async fn whoever_shows_no_certificate_must_show_a_token_and_is_not_believed_for_whom_they_ask() {
    let cluster = Cluster::start().await;
    let administrator = Caller { name: "ann".into(), role: Role::Administrator };
    let client = cluster.client(None).in_the_name_of(administrator);
    assert_eq!(refusal(&client).await.kind, Kind::Unauthenticated);
}

#[tokio::test]
async fn a_token_lets_in_as_soon_as_it_is_in_the_file() {
    let cluster = Cluster::start().await;
    let file = TokenFile::new(cluster.two.data.root().join("api-tokens"));
    let token = file.add(&TokenName::parse("bob").unwrap(), Role::Viewer, None, false).unwrap();
    let identity = TlsIdentity { authority: cluster.authority.certificate_file(), own: None };
    let client = Client::new(cluster.two.door(&identity, Some(BearerToken::new(&token))));
    assert_eq!(version(&client).await.unwrap().server, "mbx2");
    file.remove("bob").unwrap();
    assert_eq!(refusal(&client).await.kind, Kind::Unauthenticated);
}

#[tokio::test]
async fn a_certificate_of_the_cluster_that_is_no_agents_is_refused_and_told_why() {
    let cluster = Cluster::start().await;
    let without = Shown { roles: &[NodeRole::Mailbox, NodeRole::ClientAccess], ..Shown::default() };
    let problem = refusal(&cluster.client(Some(without.by(&cluster.authority)))).await;
    assert_eq!(problem.kind, Kind::Forbidden);
    assert!(problem.detail.contains("lacks the role \"agent\""), "{problem}");
    let gone = Shown { server: "mbx9", ..Shown::default() };
    let problem = refusal(&cluster.client(Some(gone.by(&cluster.authority)))).await;
    assert_eq!(problem.kind, Kind::Forbidden);
    assert!(problem.detail.contains("mbx9"), "{problem}");
}

#[tokio::test]
async fn a_certificate_that_is_not_of_the_cluster_or_has_expired_gets_nowhere() {
    let cluster = Cluster::start().await;
    let stranger = Shown::default().by(&cluster.stranger());
    let expired = Shown::expired().by(&cluster.authority);
    for (own, why) in [(stranger, "from an authority that is unknown"), (expired, "its life is over")] {
        let client = cluster.client(Some(own));
        let restart = routes::RestartService { server: "mbx2".into(), service: "backend".into() };
        // Nothing was done, though it was to be: another agent may be asked.
        let refused = client.send(&restart, &Reason::default()).await.unwrap_err();
        assert!(matches!(refused, ClientError::ShutOut { .. }), "{refused:?}");
        assert!(refused.another_may_answer() && refused.to_string().contains(why), "{refused}");
    }
    assert!(cluster.two.noted().is_empty());
}

#[tokio::test]
async fn an_agent_that_is_refused_says_which_other_did_not_answer_and_why() {
    let cluster = Cluster::with(Shown::expired()).await;
    let unanswered = cluster.audit().await.unanswered;
    let missing = unanswered.iter().find(|missing| missing.server == "mbx2").unwrap();
    assert!(missing.why.contains("refuses the certificate that was shown to it"), "{missing:?}");
}

#[tokio::test]
async fn an_agent_whose_certificate_says_that_it_is_none_is_told_so_and_writes_it_down() {
    let cluster = Cluster::with(Shown { roles: &[NodeRole::Mailbox], ..Shown::default() }).await;
    let target = "/v1/servers/mbx2/services/backend/stop";
    let (status, body) = cluster.one.ask("POST", target, "{}").await;
    let problem: Problem = read(&body);
    assert_eq!(status, 403);
    assert!(problem.detail.starts_with("mbx2: the certificate of mbx1 is not that of an agent"), "{problem}");
    assert!(cluster.two.noted().is_empty());
    assert_eq!(cluster.one.noted().len(), 1);
}

#[tokio::test]
async fn whoever_listens_where_an_agent_should_is_not_taken_for_it() {
    let cluster = Cluster::start().await;
    // The first agent itself, in the place of the second.
    cluster.one.know(&[("mbx1", cluster.one.address), ("mbx2", cluster.one.address)]);
    let unanswered = cluster.audit().await.unanswered;
    let missing = unanswered.iter().find(|missing| missing.server == "mbx2").unwrap();
    assert!(missing.why.contains("invalid peer certificate"), "{missing:?}");
}

#[tokio::test]
async fn an_agent_that_cannot_be_reached_is_named() {
    let cluster = Cluster::start().await;
    let Cluster { two: Agent { doors, address, .. }, one, .. } = cluster;
    doors.close().await;
    for target in ["/v1/audit", "/v1/services"] {
        let (_, body) = one.ask("GET", target, "").await;
        let listing: Listing<serde_json::Value> = read(&body);
        let missing = listing.unanswered.iter().find(|missing| missing.server == "mbx2").unwrap();
        assert!(missing.why.contains(&format!("no agent answers on https://{address}")), "{missing:?}");
    }
    // What was to be done there and was not is written down by whoever was asked.
    let (status, _) = one.ask("POST", "/v1/servers/mbx2/services/backend/stop", "{}").await;
    assert_eq!(status, 503);
    let noted = one.noted();
    let [row] = noted.as_slice() else { panic!("{noted:?}") };
    assert_eq!((row.who.as_str(), row.target.as_str()), ("ann", "mbx2/backend"));
}
