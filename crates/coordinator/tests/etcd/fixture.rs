//! A member of etcd, most often the only one, in a temporary folder, on ports of loopback.

use std::future::Future;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use coordinator::etcd::{Endpoint, EtcdCoordinator, EtcdSettings};
use coordinator::testing::TestStore;
use coordinator::{Change, Coordinator, CoordinatorError, Key, Prefix, Txn, TxnOutcome};
use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};
use tempfile::TempDir;

pub(crate) const DEADLINE: Duration = Duration::from_secs(3);

/// Drives a test's future.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime needs nothing that could be missing").block_on(future)
}

pub(crate) fn key(name: &str) -> Key {
    Key::new(name).unwrap()
}

pub(crate) fn put(name: &str, value: impl Into<Bytes>) -> Change {
    Change::Put { key: key(name), value: value.into(), lease: None }
}

pub(crate) async fn change(
    client: &dyn Coordinator,
    then: Vec<Change>,
) -> Result<TxnOutcome, CoordinatorError> {
    client.txn(Txn { then, ..Txn::default() }).await
}

/// A port that is free, most likely still when it is used.
pub(crate) fn free_port() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// How a member is started.
struct Start {
    scheme: &'static str,
    name: String,
    clients: SocketAddr,
    peers: SocketAddr,
    /// Where the other members find it.
    found: SocketAddr,
    /// What all members are told of all.
    members: String,
    more: Vec<String>,
}

/// A process that is killed in the end.
pub(crate) struct Etcd {
    home: TempDir,
    process: Child,
    start: Start,
    pub(crate) clients: SocketAddr,
}

impl Etcd {
    /// Starts one and waits until it answers.
    pub(crate) async fn start() -> Self {
        let etcd = Self::launch("http", Vec::new());
        etcd.ready(&client(&[etcd.clients])).await;
        etcd
    }

    /// Starts one, with more options.
    pub(crate) fn launch(scheme: &'static str, more: Vec<String>) -> Self {
        let (clients, peers) = (free_port(), free_port());
        let members = format!("test=http://{peers}");
        Self::begin(Start { scheme, name: "test".to_owned(), clients, peers, found: peers, members, more })
    }

    /// Starts one of several: `members` says of all where the others find them, of this one at `found`.
    pub(crate) fn member(name: &str, peers: SocketAddr, found: SocketAddr, members: &str) -> Self {
        let (name, members) = (name.to_owned(), members.to_owned());
        let (scheme, clients, more) = ("http", free_port(), Vec::new());
        Self::begin(Start { scheme, name, clients, peers, found, members, more })
    }

    fn begin(start: Start) -> Self {
        let home = TempDir::new().unwrap();
        let process = start.process(home.path());
        Self { home, process, clients: start.clients, start }
    }

    pub(crate) async fn ready(&self, client: &dyn Coordinator) {
        eventually("etcd answers", async || client.epoch().await.ok()).await;
    }

    /// SIGKILL, and waits for its end.
    pub(crate) fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Starts it again, on the same ports, with what it had.
    pub(crate) fn start_again(&mut self) {
        self.process = self.start.process(self.home.path());
    }

    /// Starts it again with nothing.
    pub(crate) fn start_anew(&mut self) {
        std::fs::remove_dir_all(self.home.path().join("data")).unwrap();
        self.start_again();
    }

    /// Makes it hang, and waits until all of it does.
    pub(crate) fn stop(&self) {
        kill_process(self.id(), Signal::STOP).unwrap();
        let (_, status) = waitpid(Some(self.id()), WaitOptions::UNTRACED).unwrap().unwrap();
        assert!(status.stopped(), "{status:?}");
    }

    /// Lets it go on.
    pub(crate) fn go_on(&self) {
        kill_process(self.id(), Signal::CONT).unwrap();
    }

    /// The process.
    pub(crate) fn id(&self) -> Pid {
        Pid::from_raw(self.process.id().cast_signed()).unwrap()
    }
}

impl Drop for Etcd {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Start {
    fn process(&self, home: &Path) -> Child {
        let clients = format!("{}://{}", self.scheme, self.clients);
        let peers = format!("http://{}", self.peers);
        let mut command = Command::new("etcd");
        command.args(["--name", &self.name, "--log-level", "error"]).arg("--data-dir").arg(home.join("data"));
        command.args(["--listen-client-urls", &clients, "--advertise-client-urls", &clients]);
        command.args(["--listen-peer-urls", &peers, "--initial-cluster", &self.members]);
        command.args(["--heartbeat-interval", "50", "--election-timeout", "500"]);
        command.args(["--initial-advertise-peer-urls", &format!("http://{}", self.found)]);
        let process = command.args(&self.more).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        process.expect("etcd is installed: apt-get install etcd-server")
    }
}

/// A client of these members.
pub(crate) fn client(members: &[SocketAddr]) -> EtcdCoordinator {
    client_with(members, DEADLINE)
}

pub(crate) fn client_with(members: &[SocketAddr], deadline: Duration) -> EtcdCoordinator {
    client_of(members, |settings| settings.deadline = deadline)
}

pub(crate) fn client_of(members: &[SocketAddr], set: impl FnOnce(&mut EtcdSettings)) -> EtcdCoordinator {
    let endpoints =
        members.iter().map(|member| Endpoint::new(&format!("http://{member}")).unwrap()).collect();
    let mut settings = EtcdSettings::new(endpoints, Prefix::new("mailmedic/").unwrap(), None);
    settings.deadline = DEADLINE;
    set(&mut settings);
    EtcdCoordinator::new(settings)
}

/// Waits until there is an answer, for as long as a slow machine may take.
pub(crate) async fn eventually<T>(what: &str, mut attempt: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        if let Some(answer) = attempt().await {
            return answer;
        }
        assert!(Instant::now() < deadline, "it never came about that {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Asks etcd for something that is its operator's to ask.
pub(crate) async fn administer(etcd: SocketAddr, path: &'static str, body: String) -> String {
    let ask = move || {
        use std::io::{Read, Write};
        let mut stream = std::net::TcpStream::connect(etcd).unwrap();
        let length = body.len();
        write!(stream, "POST {path} HTTP/1.1\r\nHost: {etcd}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}")
            .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        answer
    };
    tokio::task::spawn_blocking(ask).await.unwrap()
}

/// Forgets what led to the current revision.
pub(crate) async fn compact(etcd: SocketAddr, client: &dyn Coordinator) {
    let revision = client.read(&Prefix::everything()).await.unwrap().revision;
    let body = format!("{{\"revision\":\"{revision}\",\"physical\":true}}");
    administer(etcd, "/v3/kv/compaction", body).await;
}

/// A store in the hands of the suite.
pub(crate) struct EtcdStore(Etcd);

impl EtcdStore {
    pub(crate) async fn new() -> Self {
        let etcd = Etcd::start().await;
        surround(etcd.clients).await;
        Self(etcd)
    }
}

/// Puts another program's entries on either side of ours, which are none of ours.
pub(crate) async fn surround(etcd: SocketAddr) {
    for other in ["a", "mailmedic", "mailmedic/", "mailmedic/keyz", "mailmedic0", "z"] {
        let body = format!("{{\"key\":\"{}\",\"value\":\"eA==\"}}", base64(other));
        administer(etcd, "/v3/kv/put", body).await;
    }
}

fn base64(text: &str) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(text)
}

impl TestStore for EtcdStore {
    fn client(&self) -> Arc<dyn Coordinator> {
        Arc::new(client(&[self.0.clients]))
    }

    async fn compact(&mut self) {
        compact(self.0.clients, &*self.client()).await;
    }
}
