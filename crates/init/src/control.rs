//! The socket on which an init is asked and told: one line of JSON each way, on a Unix socket in the server's folder.
//!
//! Whoever may open the folder may use it; there is no other protection and no other user.

use std::fs::Permissions;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use settings::ServerFolder;
use thiserror::Error;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, oneshot};

use crate::error::InitError;
use crate::server::INIT;
use crate::socket_folder::SocketFolder;
use crate::status::{Reply, ServerRequest, ServerStatus};

/// A request is a few words; more is a mistake.
const LONGEST_REQUEST: u64 = 4096;
/// How long either side waits for the other: init answers from memory.
const PATIENCE: Duration = Duration::from_secs(5);

/// One request, and where its answer goes.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) request: ServerRequest,
    pub(crate) answer: oneshot::Sender<Reply<ServerStatus>>,
}

/// Opens the socket at `path`, which lies in the folder, and passes on what is asked there as long as the runtime lives.
pub(crate) fn listen(
    path: &Path,
    folder: &SocketFolder,
    asked: mpsc::UnboundedSender<Asked>,
) -> Result<(), InitError> {
    let open = || {
        let listener = UnixListener::bind(folder.clear(name_of(path)?)?)?;
        std::fs::set_permissions(path, Permissions::from_mode(0o600))?;
        Ok(listener)
    };
    let listener = open().map_err(InitError::file("open the socket", path))?;
    tokio::spawn(async move {
        loop {
            match listener.accept().await {
                Ok((stream, _)) => {
                    tokio::spawn(tokio::time::timeout(PATIENCE, serve(stream, asked.clone())));
                }
                // Out of descriptors: those that are open now close within their time.
                Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
            }
        }
    });
    Ok(())
}

/// Answers one request; an error is the asker's, who sees the connection closed.
async fn serve(stream: UnixStream, asked: mpsc::UnboundedSender<Asked>) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    (&mut stream).take(LONGEST_REQUEST).read_line(&mut line).await?;
    let reply = match serde_json::from_str(&line) {
        Ok(request) => {
            let (answer, answered) = oneshot::channel();
            let gone = |_| io::Error::other("init is ending");
            asked.send(Asked { request, answer }).map_err(|_| io::Error::other("init is ending"))?;
            answered.await.map_err(gone)?
        }
        Err(error) => Reply::Refused(format!("the request is not understood: {error}")),
    };
    write_line(stream.get_mut(), &reply).await
}

/// Why an init did not do as asked.
#[derive(Debug, Error)]
pub enum AskError {
    /// It cannot be reached.
    #[error("server {server} does not answer on {}: {source}; `mailmedic status` shows whether it has power", path.display())]
    NoAnswer {
        /// The server.
        server: String,
        /// Its socket.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// It says why not.
    #[error("{0}")]
    Refused(String),
}

/// Asks the init of the server whose folder this is, and waits for the answer.
pub fn ask(server: &str, folder: &ServerFolder, request: &ServerRequest) -> Result<ServerStatus, AskError> {
    let path = folder.admin_socket(INIT);
    let no_answer = |source| AskError::NoAnswer { server: server.to_owned(), path: path.clone(), source };
    let runtime = crate::runtime().map_err(|error| no_answer(io::Error::other(error)))?;
    match runtime.block_on(request_at(&path, request)).map_err(no_answer)? {
        Reply::Done(status) => Ok(status),
        Reply::Refused(reason) => Err(AskError::Refused(reason)),
    }
}

/// Asks the init that listens at `path`.
pub(crate) async fn request_at(path: &Path, request: &ServerRequest) -> io::Result<Reply<ServerStatus>> {
    let dialogue = async {
        let folder = SocketFolder::existing(path.parent().unwrap_or(Path::new(".")))?;
        let mut stream = BufReader::new(UnixStream::connect(folder.path(name_of(path)?)).await?);
        write_line(stream.get_mut(), request).await?;
        read_line(&mut stream).await
    };
    tokio::time::timeout(PATIENCE, dialogue)
        .await
        .unwrap_or_else(|_| Err(io::Error::new(io::ErrorKind::TimedOut, "no answer within 5 s")))
}

async fn write_line<T: Serialize>(stream: &mut UnixStream, value: &T) -> io::Result<()> {
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    stream.write_all(&line).await
}

async fn read_line<T: DeserializeOwned>(stream: &mut BufReader<UnixStream>) -> io::Result<T> {
    let mut line = String::new();
    if stream.read_line(&mut line).await? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(serde_json::from_str(&line)?)
}

fn name_of(path: &Path) -> io::Result<&str> {
    path.file_name().and_then(|name| name.to_str()).ok_or_else(|| io::ErrorKind::InvalidInput.into())
}
