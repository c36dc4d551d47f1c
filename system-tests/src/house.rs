//! An installation inside the test: its folder, its users, its services.

use std::collections::BTreeMap;
use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::{Duration, SystemTime};

use backend::mounts::{Mounts, Store};
use directory::administration::{AdministrationSettings, NewUser, Secret};
use directory::{Administration, Hashing, Name, Password};
use frontend::route::Whereabouts;
use mailbox::testing::MemoryStore;
use mailbox::{FencingToken, MailboxId};
use mailbox_sqlite::{CreateOptions, MountOptions, SqliteStore};
use net::authority::Subject;
use net::tls::{CertificateFiles, NodeFiles};
use net::{Authority, ClientTls, InnerTls, Role};
use service::admin::{AdminServer, Answer, Ask, ask};
use service::service_log::ServiceLog;
use service::{Clock, Live, Service, Started, Startup, SystemClock};
use settings::{Configuration, DataDirectory, DatabaseName, Layer, LoopbackPorts, ServerName, Value as _};
use tempfile::TempDir;
use tokio::sync::watch;

use crate::client::connect;
use crate::power::Power;
use crate::{Addresses, Client, MailServer, Settings, Transport, in_time};

/// The password of everybody whom a test does not give another.
pub const PASSWORD: &str = "secret";

/// Who lives here from the beginning, and in which database. DB01 is mounted on mbx1, DB02 on mbx2.
const USERS: [(&str, &str); 3] =
    [("user1@example.com", "DB01"), ("user2@example.com", "DB01"), ("user3@example.com", "DB02")];

/// What [`House::mount_three_messages`] puts into a mailbox: messages of 29, 31 and 18 octets.
pub const THREE_MESSAGES: [&[u8]; 3] = [
    b"Subject: one\r\n\r\nfirst\r\n.dot\r\n",
    b"Subject: two\r\n\r\nsecond\r\nthird\r\n",
    b"Subject: three\r\n\r\n",
];

/// How a house differs from others.
pub struct Plan {
    /// Changes the settings of both tiers.
    pub settings: Box<dyn Fn(&mut Settings) + Send + Sync>,
    /// Lines at the end of the configuration: third-party routes.
    pub configuration: Box<dyn Fn(&Addresses) -> String + Send + Sync>,
    /// Whether passwords are stored for SCRAM too.
    pub scram: bool,
    /// The service log of this process, for a test that looks into it.
    pub service_log: Option<Arc<ServiceLog>>,
    /// The time that services go by when they measure, for a test that moves it.
    pub clock: Arc<dyn Clock>,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            settings: Box::new(|_| ()),
            configuration: Box::new(|_| String::new()),
            scram: false,
            service_log: None,
            clock: Arc::new(SystemClock),
        }
    }
}

/// An installation: client-access server cas1, mailbox servers mbx1 and mbx2, and its users.
pub struct House {
    /// Its folder.
    pub data: DataDirectory,
    /// Its addresses.
    pub addresses: Addresses,
    /// Changes the users.
    pub administration: Administration,
    front_end: Option<FrontEnd>,
    back_ends: BTreeMap<&'static str, BackEnd>,
    whereabouts: watch::Sender<Arc<Whereabouts>>,
    plan: Plan,
    configuration: Configuration,
    client_tls: ClientTls,
    /// Grows with every mount.
    tokens: AtomicU64,
    /// Names deliveries that do not come by LMTP.
    deliveries: AtomicU64,
    _folder: TempDir,
}

/// What both tiers have.
struct Tier {
    service: Arc<Service>,
    _admin: AdminServer,
    power: Power,
}

/// The front end while it runs.
pub struct FrontEnd {
    tier: Tier,
    running: frontend::Running,
}

/// A back end while it runs.
pub struct BackEnd {
    tier: Tier,
    running: backend::Running,
    /// What it has mounted; a test puts other stores in.
    pub mounts: Mounts,
    /// The store of its database as it was mounted.
    pub store: Arc<SqliteStore>,
}

impl House {
    /// A house with front end and the back end mbx1, as administrators get it.
    pub async fn open() -> Self {
        Self::with(|_| ()).await
    }

    /// A house with front end and the back end mbx1, whose settings `change` has changed.
    pub async fn with(change: impl Fn(&mut Settings) + Send + Sync + 'static) -> Self {
        let mut house = Self::build(Plan { settings: Box::new(change), ..Plan::default() });
        house.start_back_end("mbx1").await;
        house.start_front_end().await;
        house
    }

    /// A house in which nothing runs yet.
    pub fn build(plan: Plan) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = DataDirectory::new(folder.path());
        let addresses = Addresses::claim();
        let configuration = configuration(&addresses, &(plan.configuration)(&addresses));
        certificates(&data, &addresses);
        fs::create_dir(data.root().join("databases")).unwrap();
        for database in ["DB01", "DB02"] {
            mailbox_sqlite::create(&data.database(database), CreateOptions::default()).unwrap();
        }
        let client_tls = ClientTls::verified_by(&data.client_authority().join("ca.pem")).unwrap();
        let settings = AdministrationSettings { hashing: Hashing::CHEAPEST, scram: plan.scram };
        let administration = Administration::open(&data.directory(), settings).unwrap();
        let mut house = Self {
            data,
            addresses,
            administration,
            front_end: None,
            back_ends: BTreeMap::new(),
            whereabouts: watch::Sender::default(),
            plan,
            configuration,
            client_tls,
            tokens: AtomicU64::new(1),
            deliveries: AtomicU64::new(1),
            _folder: folder,
        };
        for (user, database) in USERS {
            house.add_user(user, PASSWORD, database);
        }
        house.place("DB01", Some("mbx1"));
        house.place("DB02", Some("mbx2"));
        house
    }

    /// A further user.
    pub fn add_user(&mut self, user: &str, password: &str, database: &str) {
        let secret = Secret::Password(Password::new(password));
        let database = DatabaseName::parse(database).unwrap();
        self.administration.add(&NewUser { name: name(user), secret, database, quota: None }).unwrap();
    }

    /// Has the front end find `database` on `server`, or nowhere.
    pub fn place(&self, database: &str, server: Option<&str>) {
        let database = DatabaseName::parse(database).unwrap();
        let server = server.map(|server| ServerName::parse(server).unwrap());
        self.whereabouts.send_modify(|known| {
            let known = Arc::make_mut(known);
            match server {
                Some(server) => drop(known.insert(database, server)),
                None => drop(known.remove(&database)),
            }
        });
    }

    /// The house, as one who moves mailboxes sees it.
    pub fn site(&self) -> mailbox_move::Site {
        mailbox_move::Site::new(self.data.clone(), self.configuration.clone())
    }

    /// The mailbox of a user, in its database.
    pub fn mailbox(&self, user: &str) -> MailboxId {
        MailboxId::parse(&self.administration.show(&name(user)).unwrap().mailbox).unwrap()
    }

    /// Puts a message into the mailbox of a user, past LMTP.
    pub async fn deliver(&self, user: &str, message: &[u8]) {
        let user = self.administration.show(&name(user)).unwrap();
        let store = self.back_ends.values().find_map(|back_end| back_end.mounts.get(user.database.as_str()));
        self.deliver_into(&store.expect("a mounted database"), user.name.as_str(), message).await;
    }

    /// Puts a message into the mailbox that a user has in `store`.
    pub async fn deliver_into(&self, store: &Store, user: &str, message: &[u8]) {
        let number = self.deliveries.fetch_add(1, SeqCst);
        store.deliver(mailbox::testing::delivery(number, self.mailbox(user), message)).await.unwrap();
    }

    /// The front end.
    ///
    /// # Panics
    /// If it does not run.
    pub fn front_end(&self) -> &FrontEnd {
        self.front_end.as_ref().expect("the front end runs")
    }

    /// The back end mbx1.
    ///
    /// # Panics
    /// If it does not run.
    pub fn back_end(&self) -> &BackEnd {
        self.back_end_called("mbx1")
    }

    /// The back end of this name.
    ///
    /// # Panics
    /// If it does not run.
    pub fn back_end_called(&self, server: &str) -> &BackEnd {
        self.back_ends.get(server).expect("it runs")
    }

    /// Starts the front end.
    pub async fn start_front_end(&mut self) {
        let tier = self.tier("frontend", "cas1");
        let (data, service) = (self.data.clone(), Arc::clone(&tier.service));
        let whereabouts = self.whereabouts.subscribe();
        let start = frontend::Start { data, server: "cas1".to_owned(), service, whereabouts };
        let running = tier.power.run(frontend::Running::start(start)).await.unwrap();
        self.front_end = Some(FrontEnd { tier, running });
    }

    /// Starts a back end and mounts its database from the disk.
    pub async fn start_back_end(&mut self, server: &'static str) {
        let database = if server == "mbx1" { "DB01" } else { "DB02" };
        let tier = self.tier("backend", server);
        let token = FencingToken { epoch: 0, revision: self.tokens.fetch_add(1, SeqCst) };
        let folder = self.data.database(database);
        let mut options = MountOptions::default();
        // The disk of whoever runs tests is often nearly full, and a predecessor may be on its way out.
        (options.low_water, options.reserve) = (0, 0);
        options.lock_wait = Duration::from_secs(30);
        let mounting = tokio::task::spawn_blocking(move || SqliteStore::mount(&folder, token, options));
        let store = Arc::new(mounting.await.unwrap().unwrap());
        let mounts = Mounts::new();
        mounts.insert(database, Arc::clone(&store) as Store);
        let (data, service) = (self.data.clone(), Arc::clone(&tier.service));
        let start = backend::Start { data, server: server.to_owned(), service, mounts: mounts.clone() };
        let running = tier.power.run(backend::Running::start(start)).await.unwrap();
        self.back_ends.insert(server, BackEnd { tier, running, mounts, store });
    }

    /// Stops the front end as SIGTERM does.
    pub async fn stop_front_end(&mut self, limit: Duration) {
        let FrontEnd { tier, running } = self.front_end.take().expect("the front end runs");
        tier.power.run(running.stop(limit)).await;
        tier.power.cut().await;
    }

    /// Stops a back end as SIGTERM does.
    pub async fn stop_back_end(&mut self, server: &str, limit: Duration) {
        let BackEnd { tier, running, store, .. } = self.back_ends.remove(server).expect("it runs");
        tier.power.run(running.stop(limit)).await;
        store.dismount().await;
        tier.power.cut().await;
    }

    /// Ends the front end in the middle of whatever it does.
    pub async fn kill_front_end(&mut self) {
        let FrontEnd { tier, running } = self.front_end.take().expect("the front end runs");
        tier.power.cut().await;
        drop(running);
    }

    /// Ends a back end in the middle of whatever it does. What its store has been told to do is still done.
    pub async fn kill_back_end(&mut self, server: &str) {
        let BackEnd { tier, running, mounts, store } = self.back_ends.remove(server).expect("it runs");
        tier.power.cut().await;
        drop((running, mounts, store));
    }

    /// Whether anybody is connected to the front end, or logged in at mbx1.
    pub fn anybody_is_on(&self) -> bool {
        !self.front_end().service().roster.is_empty() || self.is_on(None)
    }

    /// Whether this user, or anybody, is logged in at mbx1. A connection that waits for its next user is nobody.
    pub fn is_on(&self, user: Option<&str>) -> bool {
        let sessions = self.back_end().service().roster.list(1000);
        sessions.iter().any(|session| {
            session.user.is_some() && user.is_none_or(|user| session.user.as_deref() == Some(user))
        })
    }

    /// TLS as clients do it.
    pub fn client_tls(&self) -> &ClientTls {
        &self.client_tls
    }

    /// TLS of the inner leg, with the node certificate called `node`.
    pub fn node_tls(&self, node: &str) -> InnerTls {
        let authority = self.data.cluster_authority();
        let ca = authority.join("ca.pem");
        InnerTls::load(NodeFiles { node: certificate(&authority, node), authority: ca }).unwrap()
    }

    /// Where mail readers come.
    pub fn pop3_address(&self) -> SocketAddr {
        self.address(1, LoopbackPorts::default().pop3)
    }

    /// Where mail readers come with TLS.
    pub fn pop3s_address(&self) -> SocketAddr {
        self.address(1, LoopbackPorts::default().pop3s)
    }

    /// Where load balancers ask.
    pub fn ready_address(&self) -> SocketAddr {
        self.address(1, LoopbackPorts::default().ready)
    }

    /// Where mbx1 takes front ends for POP3.
    pub fn inner_address(&self) -> SocketAddr {
        self.address(21, LoopbackPorts::default().inner_pop3)
    }

    /// Where mbx1 takes front ends for mail.
    pub fn inner_lmtp_address(&self) -> SocketAddr {
        self.address(21, LoopbackPorts::default().inner_lmtp)
    }

    fn address(&self, number: u8, port: u16) -> SocketAddr {
        (self.addresses.at(number), port).into()
    }

    /// Waits until somebody listens there.
    pub async fn is_open_at(&self, address: SocketAddr) {
        crate::until("it is open", || std::net::TcpStream::connect(address).is_ok()).await;
    }

    /// Waits until nobody listens there.
    pub async fn is_closed_at(&self, address: SocketAddr) {
        crate::until("it is closed", || std::net::TcpStream::connect(address).is_err()).await;
    }

    /// A connection to somewhere.
    pub async fn connect(&self, to: SocketAddr) -> Client {
        Client::new(connect(None, to).await)
    }

    /// A connection to somewhere, from the address of this number.
    pub async fn connect_from(&self, number: u8, to: SocketAddr) -> Client {
        Client::new(connect(Some(IpAddr::V4(self.addresses.at(number))), to).await)
    }

    /// A mail reader who has been greeted.
    pub async fn client(&self) -> Client {
        self.client_over(Transport::Plain).await
    }

    /// A mail reader who has been greeted, and comes from the address of this number.
    pub async fn client_from(&self, number: u8) -> Client {
        let mut client = self.connect_from(number, self.pop3_address()).await;
        client.hears("+OK ").await;
        client
    }

    /// A mail reader who has been greeted, and is in TLS if that is asked for.
    pub async fn client_over(&self, transport: Transport) -> Client {
        let mut client = match transport {
            Transport::Tls => self.connect(self.pop3s_address()).await,
            Transport::Plain | Transport::Stls => self.connect(self.pop3_address()).await,
        };
        if transport == Transport::Tls {
            client.starts_tls(&self.client_tls, "cas1").await;
        }
        client.hears("+OK ").await;
        if transport == Transport::Stls {
            client.gets("STLS").await;
            client.starts_tls(&self.client_tls, "cas1").await;
        }
        client
    }

    /// A mail reader who has logged in.
    pub async fn logged_in(&self, user: &str) -> Client {
        let mut client = self.client().await;
        let answer = client.logs_in(user, PASSWORD).await;
        assert!(answer.starts_with("+OK"), "{user}: {answer}");
        client
    }

    /// Somebody at the inner POP3 binding of mbx1, who has been greeted: `tls` is whoever they are.
    pub async fn at_inner_door(&self, tls: &ClientTls) -> Client {
        let mut client = self.connect(self.inner_address()).await;
        client.starts_tls(tls, "mbx1").await;
        client.hears("+OK ").await;
        client
    }

    /// A mail server that has said hello.
    pub async fn mail_server(&self) -> MailServer {
        MailServer::new(connect(None, self.address(1, LoopbackPorts::default().lmtp)).await).await
    }

    /// What load balancers are told: the status, or nothing if nobody answers.
    pub async fn readiness(&self) -> Option<u16> {
        let answer = http_answer(self.ready_address(), "/ready/pop3").await?;
        answer.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()
    }

    /// What Prometheus is told by the front end, with the head of the answer.
    pub async fn front_end_metrics(&self) -> String {
        http_answer(self.ready_address(), "/metrics").await.expect("somebody answers")
    }

    /// What Prometheus is told by the back end mbx1, with the head of the answer.
    pub async fn back_end_metrics(&self) -> String {
        let address = self.address(21, LoopbackPorts::default().ready);
        http_answer(address, "/metrics").await.expect("somebody answers")
    }

    /// Stores a certificate of the clients' authority under `stem`, for these names.
    pub fn issue_certificate(&self, stem: &str, names: &[&str]) {
        let now = SystemTime::now();
        let authority = Authority::load_or_create(&self.data.client_authority(), "clients", now).unwrap();
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        let subject = Subject::Service { names, addresses: Vec::new() };
        authority
            .issue(stem, &subject, now - Duration::from_hours(1)..now + Duration::from_hours(24))
            .unwrap();
    }

    /// Every file of the house with its content.
    pub fn files(&self) -> Vec<(std::path::PathBuf, Vec<u8>)> {
        let (mut folders, mut files) = (vec![self.data.root().to_owned()], Vec::new());
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
                let kind = entry.file_type().unwrap();
                if kind.is_dir() {
                    folders.push(entry.path());
                } else if kind.is_file() {
                    files.push((entry.path(), fs::read(entry.path()).unwrap()));
                }
            }
        }
        files
    }

    /// The lines of a service's protocol log, field by field.
    pub fn protocol_log(&self, service: &str, server: &str) -> Vec<Vec<String>> {
        let folder = self.data.server(server).root().join("protocol-log");
        let mut lines = Vec::new();
        for (path, text) in self.files() {
            let ours = |name: &str| name.starts_with(service);
            if path.starts_with(&folder)
                && path.file_name().is_some_and(|name| name.to_str().is_some_and(ours))
            {
                let text = String::from_utf8(text).unwrap();
                lines.extend(text.lines().filter(|line| !line.starts_with('#')).map(fields));
            }
        }
        lines
    }

    /// Serves DB01 from memory from now on, with three messages of user1's in it.
    pub async fn mount_three_messages(&self) -> Arc<MemoryStore> {
        let store = Arc::new(MemoryStore::new());
        for message in THREE_MESSAGES {
            self.deliver_into(&(Arc::clone(&store) as Store), "user1@example.com", message).await;
        }
        self.back_end().mounts.insert("DB01", Arc::clone(&store) as Store);
        store
    }

    fn tier(&self, name: &'static str, server: &str) -> Tier {
        let known = self.configuration.server(server).unwrap();
        let mut settings = Settings::of(&self.configuration.settings_of(known, &Layer::default()));
        (self.plan.settings)(&mut settings);
        let Started { service, admin } = Service::start(Startup {
            name,
            server: server.to_owned(),
            folder: self.data.server(server),
            live: Live::fixed(self.configuration.clone(), settings.into_server()),
            clock: Arc::clone(&self.plan.clock),
            service_log: self.plan.service_log.clone(),
        })
        .unwrap();
        let power = Power::on(server);
        power.start(Arc::clone(&service).follow_settings());
        Tier { service, _admin: admin, power }
    }
}

impl Tier {
    fn change(&self, change: impl FnOnce(&mut Settings)) {
        let mut settings = Settings::of(&self.service.live.snapshot().server);
        change(&mut settings);
        self.service.live.replace(settings.into_server());
    }

    async fn ask(&self, question: Ask) -> Answer {
        let socket = self.service.folder.admin_socket(self.service.name);
        let asking = tokio::task::spawn_blocking(move || ask(&socket, &question, Duration::from_secs(30)));
        asking.await.unwrap().unwrap()
    }
}

impl FrontEnd {
    /// What it shares with every service.
    pub fn service(&self) -> &Arc<Service> {
        &self.tier.service
    }

    /// How many log-ins wait for a database.
    pub fn waiting(&self) -> usize {
        self.running.waiting()()
    }

    /// How many deliveries wait for a database.
    pub fn waiting_deliveries(&self) -> usize {
        self.running.waiting_deliveries()()
    }

    /// Changes its settings while it runs.
    pub fn change(&self, change: impl FnOnce(&mut Settings)) {
        self.tier.change(change);
    }

    /// Asks something at its admin socket.
    pub async fn ask(&self, question: Ask) -> Answer {
        self.tier.ask(question).await
    }
}

impl BackEnd {
    /// What it shares with every service.
    pub fn service(&self) -> &Arc<Service> {
        &self.tier.service
    }

    /// Changes its settings while it runs.
    pub fn change(&self, change: impl FnOnce(&mut Settings)) {
        self.tier.change(change);
    }

    /// Asks something at its admin socket.
    pub async fn ask(&self, question: Ask) -> Answer {
        self.tier.ask(question).await
    }

    /// Where it listens, as its status tells.
    pub fn listening(&self) -> usize {
        self.running.listening().len()
    }
}

/// What is answered to `GET path`; nothing if nobody answers.
async fn http_answer(to: SocketAddr, path: &str) -> Option<String> {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let mut stream = tokio::net::TcpStream::connect(to).await.ok()?;
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()).await.ok()?;
    let mut answer = String::new();
    let read = tokio::time::timeout_at(in_time(), stream.read_to_string(&mut answer)).await;
    read.expect("an answer in time").ok()?;
    Some(answer)
}

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

fn certificate(folder: &std::path::Path, stem: &str) -> CertificateFiles {
    let file = |ending: &str| folder.join(format!("{stem}.{ending}"));
    CertificateFiles { certificate: file("pem"), key: file("key") }
}

fn certificates(data: &DataDirectory, addresses: &Addresses) {
    let now = SystemTime::now();
    let clients = Authority::load_or_create(&data.client_authority(), "clients", now).unwrap();
    let cluster = Authority::load_or_create(&data.cluster_authority(), "cluster", now).unwrap();
    for (server, role, number) in
        [("cas1", Role::ClientAccess, 1), ("mbx1", Role::Mailbox, 21), ("mbx2", Role::Mailbox, 22)]
    {
        let address = addresses.at(number).into();
        let service = Subject::Service { names: vec![server.to_owned()], addresses: vec![address] };
        clients.ensure(server, &service, now).unwrap();
        let node = Subject::Node { server: server.to_owned(), roles: [role].into(), names: Vec::new() };
        cluster.ensure(server, &node, now).unwrap();
    }
}

fn configuration(addresses: &Addresses, more: &str) -> Configuration {
    let LoopbackPorts { pop3, pop3s, lmtp, inner_pop3, inner_lmtp, ready, .. } = LoopbackPorts::default();
    let (cas1, mbx1, mbx2) = (addresses.at(1), addresses.at(21), addresses.at(22));
    let text = format!(
        r#"
[organisation]
default-realm = "example.com"

[pop]
unencrypted-or-tls-bindings = [":{pop3}"]
ssl-bindings = [":{pop3s}"]
proxy-target-port = {inner_pop3}

[inner]
lmtp-port = {inner_lmtp}

[delivery]
lmtp-bindings = [":{lmtp}"]

[ready]
bindings = [":{ready}"]
metrics-bindings = [":{ready}"]

[[server]]
name = "cas1"
roles = ["client-access"]
address = "{cas1}"

[[server]]
name = "mbx1"
roles = ["mailbox"]
address = "{mbx1}"

[[server]]
name = "mbx2"
roles = ["mailbox"]
address = "{mbx2}"

[[database]]
name = "DB01"
copies = ["mbx1"]

[[database]]
name = "DB02"
copies = ["mbx2"]
{more}"#
    );
    Configuration::parse(&text, "mailmedic.toml").unwrap()
}

/// The fields of a line of CSV (RFC 4180).
fn fields(line: &str) -> Vec<String> {
    let (mut fields, mut field, mut quoted) = (Vec::new(), String::new(), false);
    let mut characters = line.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '"' if quoted && characters.peek() == Some(&'"') => {
                characters.next();
                field.push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => fields.push(std::mem::take(&mut field)),
            character => field.push(character),
        }
    }
    fields.push(field);
    fields
}
