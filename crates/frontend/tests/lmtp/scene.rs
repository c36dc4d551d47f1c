//! A front end as it runs in its process, two back ends that do as they are told, and a mail server.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use directory::administration::{AdministrationSettings, NewUser, Secret};
use directory::{Administration, Hashing, Name, Password};
use frontend::route::Whereabouts;
use frontend::{Running, Start};
use net::authority::Subject;
use net::tls::NodeFiles;
use net::{Authority, Endpoint, InnerTls, Role};
use service::live::LiveFiles;
use service::{Live, Service, Started, Startup, SystemClock};
use settings::{DataDirectory, DatabaseName, ServerName, Value as _};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use crate::back_end::{BackEnd, Conduct, Stored};

/// A deadline that no test is meant to reach.
pub(crate) fn in_time() -> Instant {
    Instant::now() + Duration::from_secs(30)
}

/// Users of DB01, and then of DB02.
pub(crate) const USERS: [&str; 4] =
    ["user1@example.com", "user2@example.com", "user3@example.com", "user4@example.com"];

/// What a mail server delivers, un-stuffed.
pub(crate) const MESSAGE: &str = "Subject: hello\r\n\r\n.dot\r\n";

/// The stage.
pub(crate) struct Scene {
    data: DataDirectory,
    port: u16,
    whereabouts: watch::Sender<Arc<Whereabouts>>,
    pub(crate) service: Arc<Service>,
    pub(crate) running: Running,
    pub(crate) administration: Administration,
    pub(crate) stored: Stored,
    pub(crate) conducts: [Arc<Conduct>; 2],
    started: Started,
    folder: TempDir,
}

impl Scene {
    /// A front end whose `[delivery]` section has these lines too, and both back ends: DB01 at the first, DB02 at the second.
    pub(crate) async fn new(extra: &str) -> (Self, BackEnd, BackEnd) {
        let scene = Self::alone(extra).await;
        let (first, second) = (scene.back_end(0).await, scene.back_end(1).await);
        (scene, first, second)
    }

    /// A front end whose back ends are away.
    pub(crate) async fn alone(extra: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = DataDirectory::new(folder.path());
        certificates(&data);
        let administration = users(&data);
        let port = free_port().await;
        write_configuration(&data, port, extra);
        let server = ServerName::parse("cas1").unwrap();
        let server_folder = data.server("cas1");
        let files = LiveFiles {
            configuration: data.configuration(),
            set: server_folder.pop_settings(),
            server: server.clone(),
        };
        let started = Service::start(Startup {
            name: "frontend",
            server: "cas1".into(),
            folder: server_folder,
            live: Live::open(files).unwrap(),
            clock: Arc::new(SystemClock),
            service_log: None,
        });
        let started = started.unwrap();
        let service = Arc::clone(&started.service);
        let whereabouts = watch::Sender::new(at(["mbx1", "mbx2"]));
        let running = Running::start(Start {
            data: data.clone(),
            server: "cas1".into(),
            service: Arc::clone(&service),
            whereabouts: whereabouts.subscribe(),
        });
        let running = running.await.unwrap();
        let (stored, conducts) = Default::default();
        Self { data, port, whereabouts, service, running, administration, stored, conducts, started, folder }
    }

    /// A back end starts, the first (0) or the second (1).
    pub(crate) async fn back_end(&self, which: usize) -> BackEnd {
        let name = ["mbx1", "mbx2"][which];
        let authority = self.data.cluster_authority();
        let node = net::tls::CertificateFiles {
            certificate: authority.join(format!("{name}.pem")),
            key: authority.join(format!("{name}.key")),
        };
        let tls = InnerTls::load(NodeFiles { node, authority: authority.join("ca.pem") }).unwrap().server();
        let conduct = Arc::clone(&self.conducts[which]);
        BackEnd::start(address(which, self.port), tls, conduct, Arc::clone(&self.stored)).await
    }

    /// The databases move: DB01 and DB02 are now mounted on these.
    pub(crate) fn move_databases(&self, to: [&str; 2]) {
        self.whereabouts.send_replace(at(to));
    }

    /// Somebody waits for a database that is not there.
    pub(crate) async fn waits_for_a_database(&self) {
        let (waiting, deadline) = (self.running.waiting_deliveries(), in_time());
        while waiting() == 0 {
            assert!(Instant::now() < deadline, "nobody waits");
            tokio::task::yield_now().await;
        }
    }

    /// Where large messages are spooled.
    pub(crate) fn spool(&self) -> PathBuf {
        self.data.server("cas1").spool("frontend")
    }

    /// A mail server connects and is greeted.
    pub(crate) async fn mta(&self) -> Mta<TcpStream> {
        let Some(Endpoint::Tcp(address)) = self.running.lmtp() else { panic!("not listening") };
        let mut mta = Mta(BufReader::new(TcpStream::connect(*address).await.unwrap()));
        mta.hears("220 cas1.example.com LMTP ready").await;
        mta.says("LHLO mx.example.org").await;
        assert!(mta.reply().await.starts_with("250-cas1.example.com\n"));
        mta
    }

    /// A mail server connects to the Unix socket, and is not greeted yet.
    pub(crate) async fn unix_mta(&self) -> Mta<UnixStream> {
        let socket = self.data.server("cas1").root().join("run/lmtp.sock");
        Mta(BufReader::new(UnixStream::connect(socket).await.unwrap()))
    }

    /// A mail server connects by TCP, and is not greeted yet.
    pub(crate) async fn stranger(&self) -> Mta<TcpStream> {
        let Some(Endpoint::Tcp(address)) = self.running.lmtp() else { panic!("not listening") };
        Mta(BufReader::new(TcpStream::connect(*address).await.unwrap()))
    }

    /// How often a command was counted, and how often of that as an error.
    pub(crate) fn counted(&self, command: &str) -> (u64, u64) {
        let report = self.service.lmtp.report();
        let of = report.commands.iter().find(|report| report.command == command);
        of.map_or((0, 0), |report| (report.count, report.errors))
    }

    /// The front end stops; sessions under way have until `limit`.
    pub(crate) async fn stop(self, limit: Duration) {
        self.running.stop(limit).await;
        drop((self.started, self.folder));
    }
}

/// A mail server's connection.
pub(crate) struct Mta<S>(pub(crate) BufReader<S>);

impl<S: AsyncRead + AsyncWrite + Unpin> Mta<S> {
    pub(crate) async fn says(&mut self, line: &str) {
        self.sends(&format!("{line}\r\n")).await;
    }

    pub(crate) async fn sends(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).await.unwrap();
        self.0.flush().await.unwrap();
    }

    /// The next reply; its lines are joined by LF.
    pub(crate) async fn reply(&mut self) -> String {
        let mut reply = String::new();
        loop {
            let mut line = String::new();
            timeout_at(in_time(), self.0.read_line(&mut line)).await.expect("a reply").unwrap();
            reply += line.strip_suffix("\r\n").unwrap_or_else(|| panic!("ended after {reply:?} {line:?}"));
            if line.as_bytes()[3] != b'-' {
                return reply;
            }
            reply.push('\n');
        }
    }

    pub(crate) async fn hears(&mut self, expected: &str) {
        let reply = self.reply().await;
        assert!(reply.starts_with(expected), "{reply:?} instead of {expected:?}");
    }

    /// Says MAIL and these RCPTs, which are all accepted.
    pub(crate) async fn names(&mut self, recipients: &[&str]) {
        self.says("MAIL FROM:<mara@example.org>").await;
        self.hears("250 2.1.0").await;
        for recipient in recipients {
            self.says(&format!("RCPT TO:<{recipient}>")).await;
            self.hears("250 2.1.5").await;
        }
    }

    /// Sends [`MESSAGE`], and awaits no reply.
    pub(crate) async fn sends_message(&mut self) {
        self.says("DATA").await;
        self.hears("354").await;
        self.sends("Subject: hello\r\n\r\n..dot\r\n.\r\n").await;
    }

    /// Delivers [`MESSAGE`] to these, and hears that it was.
    pub(crate) async fn delivers(&mut self, recipients: &[&str]) {
        self.names(recipients).await;
        self.sends_message().await;
        for _ in recipients {
            self.hears("250 2.0.0 Delivered as ").await;
        }
    }

    /// The other side closes the connection.
    pub(crate) async fn is_closed(&mut self) {
        let mut rest = Vec::new();
        timeout_at(in_time(), self.0.read_to_end(&mut rest)).await.expect("an end").unwrap();
        assert_eq!(String::from_utf8_lossy(&rest), "");
    }
}

fn address(which: usize, port: u16) -> SocketAddr {
    ([127, 0, 0, [21, 22][which]], port).into()
}

/// A port that is free at both back ends.
async fn free_port() -> u16 {
    let first = TcpListener::bind(address(0, 0)).await.unwrap();
    first.local_addr().unwrap().port()
}

fn certificates(data: &DataDirectory) {
    let now = SystemTime::now();
    let clients = Authority::load_or_create(&data.client_authority(), "clients", now).unwrap();
    let service = Subject::Service { names: vec!["cas1".into()], addresses: Vec::new() };
    clients.ensure("cas1", &service, now).unwrap();
    let cluster = Authority::load_or_create(&data.cluster_authority(), "cluster", now).unwrap();
    for (server, role) in [("cas1", Role::ClientAccess), ("mbx1", Role::Mailbox), ("mbx2", Role::Mailbox)] {
        let node = Subject::Node { server: server.into(), roles: [role].into(), names: Vec::new() };
        cluster.ensure(server, &node, now).unwrap();
    }
}

fn users(data: &DataDirectory) -> Administration {
    let settings = AdministrationSettings { hashing: Hashing::CHEAPEST, scram: false };
    let mut administration = Administration::open(&data.directory(), settings).unwrap();
    for (user, database) in USERS.iter().zip(["DB01", "DB01", "DB02", "DB02"]) {
        let database = DatabaseName::parse(database).unwrap();
        let secret = Secret::Password(Password::new("secret"));
        administration.add(&NewUser { name: name(user), secret, database, quota: None }).unwrap();
    }
    administration.add_alias(&name(USERS[0]), &name("alias1@example.com")).unwrap();
    administration
}

pub(crate) fn name(text: &str) -> Name {
    text.parse().unwrap()
}

/// DB01 and DB02 are mounted on these.
fn at(servers: [&str; 2]) -> Arc<Whereabouts> {
    let place =
        |(database, server)| (DatabaseName::parse(database).unwrap(), ServerName::parse(server).unwrap());
    Arc::new(["DB01", "DB02"].into_iter().zip(servers).map(place).collect())
}

fn write_configuration(data: &DataDirectory, port: u16, extra: &str) {
    let text = format!(
        r#"
[organisation]
default-realm = "example.com"

[pop]
unencrypted-or-tls-bindings = ["127.0.0.1:0"]
ssl-bindings = []
proxy-target-port = {pop3}

[ready]
bindings = []

[inner]
lmtp-port = {port}
connect-timeout = "2 s"

[delivery]
lmtp-bindings = ["127.0.0.1:0"]
lmtp-socket = "run/lmtp.sock"
{extra}

[[server]]
name = "cas1"
host-name = "cas1.example.com"
roles = ["client-access"]
address = "127.0.0.1"

[[server]]
name = "mbx1"
roles = ["mailbox"]
address = "127.0.0.21"

[[server]]
name = "mbx2"
roles = ["mailbox"]
address = "127.0.0.22"

[[database]]
name = "DB01"
copies = ["mbx1", "mbx2"]

[[database]]
name = "DB02"
copies = ["mbx2", "mbx1"]

[[route]]
name = "elsewhere"
kind = "pass-through"
address = "192.0.2.1:110"
tls = "none"
"#,
        pop3 = if port == u16::MAX { port - 1 } else { port + 1 },
    );
    std::fs::write(data.configuration(), text).unwrap();
}
