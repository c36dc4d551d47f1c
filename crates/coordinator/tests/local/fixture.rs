//! Stores in temporary folders, served in this process or in one of their own.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use coordinator::local::{LocalClient, Running, Server};
use coordinator::testing::TestStore;
use coordinator::{Change, Coordinator, CoordinatorError, Key, Revision, Txn, TxnOutcome};
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

/// A server for tests, with a short memory.
pub(crate) fn server(home: &Path) -> Server {
    let mut server = Server::new(home.join("store"), socket(home));
    server.history = 50;
    server
}

pub(crate) fn socket(home: &Path) -> PathBuf {
    home.join("coordinator.socket")
}

pub(crate) fn client(home: &Path) -> LocalClient {
    LocalClient::new(socket(home), DEADLINE)
}

/// A store in the hands of the suite.
pub(crate) struct LocalStore {
    home: TempDir,
    _running: Running,
}

impl LocalStore {
    pub(crate) fn new() -> Self {
        let home = TempDir::new().unwrap();
        let running = server(home.path()).serve().unwrap();
        Self { home, _running: running }
    }
}

impl TestStore for LocalStore {
    fn client(&self) -> Arc<dyn Coordinator> {
        Arc::new(client(self.home.path()))
    }

    async fn compact(&mut self) {
        let client = client(self.home.path());
        for number in 0..=50 {
            change(&client, vec![put("filler/1", number.to_string())]).await.unwrap();
        }
    }
}

const HOME: &str = "COORDINATOR_TEST_HOME";

/// A server in a process of its own.
pub(crate) struct ServerProcess(Child);

impl ServerProcess {
    /// Starts one, and waits until it answers.
    pub(crate) async fn start(home: &Path) -> Self {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "fixture::child_that_serves", "--nocapture"])
            .env(HOME, home)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let started = Self(child);
        eventually("the server answers", async || client(home).epoch().await.ok()).await;
        started
    }

    /// SIGKILL, and waits for its end.
    pub(crate) fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
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

    fn id(&self) -> Pid {
        Pid::from_raw(self.0.id().cast_signed()).unwrap()
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Not a test of its own: what [`ServerProcess`] starts.
#[test]
fn child_that_serves() {
    let Some(home) = std::env::var_os(HOME) else { return };
    block_on(async {
        let mut running = server(Path::new(&home)).serve().unwrap();
        running.failed().await;
    });
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

/// The number that an entry holds, and the revision that put it.
pub(crate) async fn number(
    client: &dyn Coordinator,
    name: &str,
) -> Result<(u64, Revision), CoordinatorError> {
    let reading = client.read(&coordinator::Prefix::everything()).await?;
    let entry = reading.entries.iter().find(|entry| entry.key == key(name));
    Ok(entry.map_or((0, Revision(0)), |entry| {
        (std::str::from_utf8(&entry.value).unwrap().parse().unwrap(), entry.modified)
    }))
}
