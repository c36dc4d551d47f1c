//! Asking.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::socket::{Deadlined, connect};
use super::{ANSWER_LIMIT, Answer, Ask};

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// Nobody listens there: the process does not run.
    #[error("nothing answers at {}: it is not running", path.display())]
    NotRunning {
        /// The socket.
        path: PathBuf,
    },
    /// The socket belongs to someone else.
    #[error("{} may not be used by this user; be root or the user of the service", path.display())]
    NotAllowed {
        /// The socket.
        path: PathBuf,
    },
    /// The process runs, but did not answer in time.
    #[error("no answer from {} within {limit:?}: the process hangs", path.display())]
    TimedOut {
        /// The socket.
        path: PathBuf,
        /// The time it had.
        limit: Duration,
    },
    /// It said no.
    #[error("{reason}")]
    Refused {
        /// Why.
        reason: String,
    },
    /// What came is no answer.
    #[error("{} answered what is no answer: {what}", path.display())]
    Garbled {
        /// The socket.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// The operating system would not.
    #[error("cannot ask at {}: {source}", path.display())]
    Io {
        /// The socket.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Asks the process whose socket is at `path`. Blocks for at most `limit`. A refusal is an error.
pub fn ask(path: &Path, ask: &Ask, limit: Duration) -> Result<Answer, AskError> {
    let failed = |source: io::Error| failure(source, path, limit);
    let garbled = |what: String| AskError::Garbled { path: path.to_owned(), what };
    let mut line = serde_json::to_vec(ask).map_err(|error| garbled(error.to_string()))?;
    line.push(b'\n');
    let deadline = Instant::now() + limit;
    let mut stream = connect(path, limit).map_err(failed)?;
    stream.write_all(&line).map_err(failed)?;
    let mut answer = Vec::new();
    let bounded = BufReader::new(Deadlined { stream: &stream, deadline })
        .take(ANSWER_LIMIT)
        .read_until(b'\n', &mut answer);
    bounded.map_err(failed)?;
    if answer.last() != Some(&b'\n') {
        return Err(garbled(format!("a line that is cut off after {} octets", answer.len())));
    }
    match serde_json::from_slice(&answer) {
        Ok(Answer::Refused { reason }) => Err(AskError::Refused { reason }),
        Ok(answer) => Ok(answer),
        Err(error) => Err(garbled(error.to_string())),
    }
}

fn failure(source: io::Error, path: &Path, limit: Duration) -> AskError {
    let path = path.to_owned();
    match source.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => AskError::NotRunning { path },
        io::ErrorKind::PermissionDenied => AskError::NotAllowed { path },
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => AskError::TimedOut { path, limit },
        _ => AskError::Io { path, source },
    }
}
