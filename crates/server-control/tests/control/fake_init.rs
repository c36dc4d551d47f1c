//! An init, or a power grid, that is none: the services behind its socket are in memory, or it misbehaves. It speaks with the types of the
//! real one, so that a change of the contract does not go unnoticed.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use init::status::{Reply, ServerRequest, ServerStatus, ServiceState, ServiceStatus};
use init::supervision::Failure;
use jiff::Timestamp;
use server_control::testing::FakeServices;
use server_control::{ControlError, ServiceControl as _, ServiceReport};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};

use crate::service;

/// How whoever listens at a socket treats a request.
#[derive(Clone, Debug)]
pub(crate) enum Manner {
    /// As a real init does.
    Init(Arc<FakeServices>),
    /// As an init does that is too old to know `kill`.
    OldInit(Arc<FakeServices>),
    /// With these octets, and then the connection is closed.
    Says(Vec<u8>),
    /// With silence, and the connection stays open.
    Hangs,
    /// With letters and no end of the line.
    Babbles,
    /// As a power grid does: questions with this status, what concerns power with that or with silence.
    Grid { status: String, power: Option<String> },
}

/// A socket that somebody listens at as long as this is kept.
pub(crate) struct Listener {
    folder: TempDir,
    socket: PathBuf,
    task: tokio::task::JoinHandle<()>,
}

impl Listener {
    pub(crate) fn new(manner: Manner) -> Self {
        Self::at(Path::new("init.sock"), manner)
    }

    /// Listens at this path in a folder of its own, however long the path is.
    pub(crate) fn at(path: &Path, manner: Manner) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join(path);
        std::fs::create_dir_all(socket.parent().unwrap()).unwrap();
        // Bound where the path is short, then moved where it may be long.
        let short = folder.path().join("s");
        let listener = UnixListener::bind(&short).unwrap();
        std::fs::rename(short, &socket).unwrap();
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                // What is asked before the asker goes away is its own affair.
                tokio::spawn(serve(stream, manner.clone()));
            }
        });
        Self { folder, socket, task }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn socket(&self) -> &Path {
        &self.socket
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(stream: UnixStream, manner: Manner) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    stream.read_line(&mut line).await?;
    let mut answer = match manner {
        Manner::Init(services) => serde_json::to_vec(&answer(&line, &services, true).await)?,
        Manner::OldInit(services) => serde_json::to_vec(&answer(&line, &services, false).await)?,
        Manner::Says(octets) => return stream.get_mut().write_all(&octets).await,
        Manner::Hangs => std::future::pending().await,
        Manner::Grid { status, power } => {
            let asked: serde_json::Value = serde_json::from_str(&line).unwrap();
            let answer = match asked["request"].as_str() {
                Some("status") => Some(status),
                Some("power") => {
                    assert!(asked["action"].is_string() && asked["server"] == "mbx1", "{asked}");
                    power
                }
                _ => Some(r#"{"refused":"the request is not understood"}"#.to_owned()),
            };
            match answer {
                Some(answer) => answer.into_bytes(),
                None => std::future::pending().await,
            }
        }
        Manner::Babbles => loop {
            stream.get_mut().write_all(&[b'x'; 4096]).await?;
        },
    };
    answer.push(b'\n');
    stream.get_mut().write_all(&answer).await
}

async fn answer(line: &str, services: &FakeServices, kills: bool) -> Reply<ServerStatus> {
    let not_understood = |why: String| Reply::Refused(format!("the request is not understood: {why}"));
    let done = match serde_json::from_str(line) {
        Ok(ServerRequest::Status) => Ok(()),
        Ok(ServerRequest::Start { service: name }) => services.start(&service(&name)).await,
        Ok(ServerRequest::Stop { service: name }) => services.stop(&service(&name)).await,
        Ok(ServerRequest::Restart { service: name }) => services.restart(&service(&name)).await,
        Ok(ServerRequest::Kill { service: name }) if kills => services.kill(&service(&name)).await.map(drop),
        Ok(ServerRequest::Kill { .. }) => return not_understood("unknown variant `kill`".to_owned()),
        Err(error) => return not_understood(error.to_string()),
    };
    match done {
        Err(ControlError::Refused { reason, .. }) => Reply::Refused(reason),
        // That a service does not start shows in its state.
        _ => Reply::Done(status(services).await),
    }
}

async fn status(services: &FakeServices) -> ServerStatus {
    ServerStatus {
        server: "mbx1".into(),
        boot_id: services.boot_id().as_str().to_owned(),
        pid: 1,
        since: Timestamp::UNIX_EPOCH,
        services: services.services().await.unwrap().into_iter().map(service_status).collect(),
    }
}

pub(crate) fn service_status(report: ServiceReport) -> ServiceStatus {
    ServiceStatus {
        service: report.service.as_str().to_owned(),
        state: match report.state {
            server_control::ServiceState::Stopped => ServiceState::Stopped,
            server_control::ServiceState::Starting => ServiceState::Starting,
            server_control::ServiceState::Running => ServiceState::Running,
            server_control::ServiceState::Stopping => ServiceState::Stopping,
            server_control::ServiceState::Failed => ServiceState::Failed,
        },
        pid: report.pid,
        since: Timestamp::UNIX_EPOCH,
        restarts: report.restarts,
        stopped_by_hand: report.stopped_by_hand,
        failure: report.failure.map(|last| Failure::RestartsOff { last }),
    }
}
