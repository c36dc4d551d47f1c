//! The sockets on which an init and the grid are asked and told: one line of JSON each way, on a Unix socket. Whoever asks
//! keeps its side open until the answer is there: for one who has gone there is none.
//!
//! Whoever may open the folder may use the socket; there is no other protection and no other user.

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
/// How long one may take to ask, and then to take the answer. Also how long a command waits for an init, which answers from
/// memory.
const PATIENCE: Duration = Duration::from_secs(5);

/// One request, and where its answer goes.
#[derive(Debug)]
pub(crate) struct Asked<Q, A> {
    pub(crate) request: Q,
    pub(crate) answer: oneshot::Sender<Reply<A>>,
}

/// Opens the socket at `path`, which lies in the folder, and passes on what is asked there as long as the runtime lives.
pub(crate) fn listen<Q, A>(
    path: &Path,
    folder: &SocketFolder,
    asked: mpsc::UnboundedSender<Asked<Q, A>>,
) -> Result<(), InitError>
where
    Q: DeserializeOwned + Send + 'static,
    A: Serialize + Send + Sync + 'static,
{
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
                    tokio::spawn(serve(stream, asked.clone()));
                }
                // Out of descriptors: those that are open now close within their time.
                Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
            }
        }
    });
    Ok(())
}

/// Answers one request; an error is the asker's, who sees the connection closed.
async fn serve<Q, A>(stream: UnixStream, asked: mpsc::UnboundedSender<Asked<Q, A>>) -> io::Result<()>
where
    Q: DeserializeOwned,
    A: Serialize,
{
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    let mut bounded = (&mut stream).take(LONGEST_REQUEST);
    within(PATIENCE, bounded.read_line(&mut line)).await?;
    let reply = match serde_json::from_str(&line) {
        Ok(request) => {
            let (answer, answered) = oneshot::channel();
            let gone = || io::Error::other("the process is ending");
            asked.send(Asked { request, answer }).map_err(|_| gone())?;
            tokio::select! {
                biased;
                answered = answered => answered.map_err(|_| gone())?,
                // A server may take long to come back. Nobody is kept waiting for an answer that nobody reads.
                _ = stream.read_u8() => return Ok(()),
            }
        }
        Err(error) => Reply::Refused(format!("the request is not understood: {error}")),
    };
    within(PATIENCE, write_line(stream.get_mut(), &reply)).await
}

/// Why an init or the grid did not do as asked.
#[derive(Debug, Error)]
pub enum AskError {
    /// An init cannot be reached, or has not answered in time: what was asked may be done or not.
    #[error("server {server} does not answer on {}: {source}; `mailmedic status` shows whether it has power", path.display())]
    NoAnswer {
        /// The server.
        server: String,
        /// Its socket.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// The grid cannot be reached, or has not answered in time: what was asked may be done or not, which is known to whoever
    /// asks again with the same id.
    #[error("the power grid does not answer on {}: {source}; `mailmedic status` shows whether it runs", path.display())]
    NoGrid {
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
    let no_answer = |error| AskError::NoAnswer {
        server: server.to_owned(),
        path: folder.admin_socket(INIT),
        source: io::Error::other(error),
    };
    crate::runtime().map_err(no_answer)?.block_on(ask_async(server, folder, request, PATIENCE))
}

/// Asks the init of the server whose folder this is, and waits for the answer until `deadline` is over.
pub async fn ask_async(
    server: &str,
    folder: &ServerFolder,
    request: &ServerRequest,
    deadline: Duration,
) -> Result<ServerStatus, AskError> {
    let path = folder.admin_socket(INIT);
    match request_at(&path, request, deadline).await {
        Ok(Reply::Done(status)) => Ok(status),
        Ok(Reply::Refused(reason)) => Err(AskError::Refused(reason)),
        Err(source) => Err(AskError::NoAnswer { server: server.to_owned(), path, source }),
    }
}

/// Asks whoever listens at `path`.
pub(crate) async fn request_at<Q: Serialize, A: DeserializeOwned>(
    path: &Path,
    request: &Q,
    deadline: Duration,
) -> io::Result<Reply<A>> {
    let dialogue = async {
        let folder = SocketFolder::existing(path.parent().unwrap_or(Path::new(".")))?;
        let mut stream = BufReader::new(UnixStream::connect(folder.path(name_of(path)?)).await?);
        write_line(stream.get_mut(), request).await?;
        read_line(&mut stream).await
    };
    within(deadline, dialogue).await
}

async fn within<T>(limit: Duration, work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    tokio::time::timeout(limit, work).await.unwrap_or_else(|_| {
        let text = format!("no answer within {} s", limit.as_secs_f64());
        Err(io::Error::new(io::ErrorKind::TimedOut, text))
    })
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
