//! A dialogue of one line of JSON each way on a Unix socket, as inits and the power grid hold it.
//!
//! What matters most about a failure is whether the question had been sent: a process that is stopped takes requests
//! into its socket, and carries them out when it goes on.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;

/// The status of a hundred services has room in it.
const LONGEST_ANSWER: u64 = 256 * 1024;

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum NoAnswer {
    /// Nothing was asked.
    NotAsked(io::Error),
    /// It was asked, wholly or in part.
    Asked(io::Error),
}

/// Asks whoever listens at `path`, and waits at most `limit` for the answer.
pub(crate) async fn ask<Q, A>(path: &Path, question: &Q, limit: Duration) -> Result<A, NoAnswer>
where
    Q: Serialize + Sync,
    A: DeserializeOwned,
{
    let deadline = tokio::time::Instant::now() + limit;
    let late = || io::Error::new(io::ErrorKind::TimedOut, format!("no answer within {limit:?}"));
    let stream = tokio::time::timeout_at(deadline, connect(path))
        .await
        .unwrap_or_else(|_| Err(late()))
        .map_err(NoAnswer::NotAsked)?;
    let mut line = serde_json::to_vec(question).map_err(|error| NoAnswer::NotAsked(error.into()))?;
    line.push(b'\n');
    tokio::time::timeout_at(deadline, converse(stream, &line))
        .await
        .unwrap_or_else(|_| Err(late()))
        .map_err(NoAnswer::Asked)
}

/// The kernel takes 107 octets for the path of a socket; through an open handle of its folder every one is short enough.
async fn connect(path: &Path) -> io::Result<UnixStream> {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not the path of a socket"));
    };
    let folder = File::open(folder)?;
    let short = PathBuf::from(format!("/proc/self/fd/{}", folder.as_raw_fd())).join(name);
    UnixStream::connect(short).await
}

async fn converse<A: DeserializeOwned>(mut stream: UnixStream, line: &[u8]) -> io::Result<A> {
    stream.write_all(line).await?;
    let mut answer = Vec::new();
    BufReader::new(stream).take(LONGEST_ANSWER).read_until(b'\n', &mut answer).await?;
    if answer.last() != Some(&b'\n') {
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it broke off its answer"));
    }
    serde_json::from_slice(&answer).map_err(|error| {
        io::Error::new(io::ErrorKind::InvalidData, format!("it answered what is no answer: {error}"))
    })
}
