//! Which requests to act on a server have been carried out, and how that went: one file a server.
//!
//! That a request is begun is on disk before anything happens, so the same id never acts twice: not after a crash, and
//! not when the act itself ends this very process. A file keeps the last requests only; whoever makes requests does not
//! come back to one after a hundred others.

use std::fs::{self, File};
use std::future::Future;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use settings::ServerName;
use tokio::sync::Mutex;
use tracing::error;

use crate::{ControlError, Operation, RequestId};

/// So many requests are kept for a server.
const KEPT: usize = 100;
/// So long a disk may take to write what is kept.
const DISK: Duration = Duration::from_secs(10);

/// The requests of one engine, in a folder of its own.
#[derive(Debug)]
pub(crate) struct Ledger {
    folder: PathBuf,
    /// Held while a request is carried out: one at a time, for all servers of this engine, since power is nothing to
    /// act on in parallel.
    turn: Mutex<()>,
}

/// What is to be done to a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Deed {
    Restart,
    Cycle,
}

impl Deed {
    /// The same in the words of the seam.
    pub(crate) fn operation(self, server: &ServerName, id: &RequestId) -> Operation {
        let (server, id) = (server.clone(), id.clone());
        match self {
            Self::Restart => Operation::RestartServer { server, id },
            Self::Cycle => Operation::CyclePower { server, id },
        }
    }
}

/// A request in the file.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Entry {
    id: String,
    deed: Deed,
    begun: Timestamp,
    /// How it went. None: it was cut off, or is under way.
    outcome: Option<Outcome>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Outcome {
    Done,
    CommandFailed { exit: String, output: String },
    Failed { reason: String },
    Unknown { reason: String },
}

impl Outcome {
    /// None if nothing was done, so that the same id may try again.
    fn of(result: &Result<(), ControlError>) -> Option<Self> {
        match result {
            Ok(()) => Some(Self::Done),
            Err(ControlError::CommandFailed { exit, output, .. }) => {
                Some(Self::CommandFailed { exit: exit.clone(), output: output.clone() })
            }
            Err(ControlError::Failed { reason, .. }) => Some(Self::Failed { reason: reason.clone() }),
            Err(ControlError::OutcomeUnknown { source, .. }) => {
                Some(Self::Unknown { reason: source.to_string() })
            }
            Err(
                ControlError::Unreachable { .. }
                | ControlError::Refused { .. }
                | ControlError::Unsupported { .. }
                | ControlError::NotRecorded { .. },
            ) => None,
        }
    }

    fn answer(self, operation: Operation) -> Result<(), ControlError> {
        match self {
            Self::Done => Ok(()),
            Self::CommandFailed { exit, output } => {
                Err(ControlError::CommandFailed { operation, exit, output })
            }
            Self::Failed { reason } => Err(ControlError::Failed { operation, reason }),
            Self::Unknown { reason } => {
                Err(ControlError::OutcomeUnknown { operation, source: reason.into() })
            }
        }
    }
}

/// A request that was made.
#[derive(Clone, Debug)]
struct Request {
    deed: Deed,
    server: ServerName,
    id: RequestId,
}

impl Request {
    fn operation(&self) -> Operation {
        self.deed.operation(&self.server, &self.id)
    }
}

impl Entry {
    /// The answer to the same request, made again.
    fn answer(self, again: &Request) -> Result<(), ControlError> {
        let operation = again.operation();
        match self.outcome {
            _ if self.deed != again.deed => Err(ControlError::Refused {
                reason: format!(
                    "the id {} was given to a request to {}",
                    again.id,
                    self.deed.operation(&again.server, &again.id)
                ),
                operation,
            }),
            Some(outcome) => outcome.answer(operation),
            None => Err(ControlError::OutcomeUnknown {
                operation,
                source: format!("it was begun at {} and cut off", self.begun).into(),
            }),
        }
    }
}

impl Ledger {
    /// The ledger in this folder, which is made when it is first needed.
    pub(crate) fn new(folder: PathBuf) -> Arc<Self> {
        Arc::new(Self { folder, turn: Mutex::new(()) })
    }

    /// Carries out a request unless it was seen before, in which case it is answered as then. `limit` is how long the act
    /// takes at most; the wait for another one to be over takes no longer. The act goes on if whoever asked loses interest.
    pub(crate) async fn once<Act>(
        self: &Arc<Self>,
        deed: Deed,
        server: &ServerName,
        id: &RequestId,
        limit: Duration,
        act: Act,
    ) -> Result<(), ControlError>
    where
        Act: Future<Output = Result<(), ControlError>> + Send + 'static,
    {
        let request = Request { deed, server: server.clone(), id: id.clone() };
        let unknown = |source| ControlError::OutcomeUnknown { operation: deed.operation(server, id), source };
        let act = tokio::spawn(Arc::clone(self).carry_out(request, limit, act));
        match tokio::time::timeout(limit * 2 + DISK, act).await {
            Ok(Ok(result)) => result,
            Ok(Err(broken)) => Err(unknown(broken.into())),
            Err(_) => Err(unknown("it is still under way".into())),
        }
    }

    async fn carry_out<Act>(
        self: Arc<Self>,
        request: Request,
        patience: Duration,
        act: Act,
    ) -> Result<(), ControlError>
    where
        Act: Future<Output = Result<(), ControlError>> + Send + 'static,
    {
        let Ok(_turn) = tokio::time::timeout(patience, self.turn.lock()).await else {
            return Err(ControlError::Unreachable {
                operation: request.operation(),
                controller: "another request about power".to_owned(),
                source: format!("it is not over after {patience:?}").into(),
            });
        };
        let begun = self.on_disk(&request, Self::begin).await;
        let not_recorded = |source: io::Error| ControlError::NotRecorded {
            operation: request.operation(),
            path: self.file(&request.server),
            source: source.into(),
        };
        if let Some(before) = begun.map_err(not_recorded)? {
            return before.answer(&request);
        }
        let result = act.await;
        let outcome = Outcome::of(&result);
        let concluded = self.on_disk(&request, |ledger, request| ledger.conclude(request, outcome)).await;
        if let Err(error) = concluded {
            // The next one with this id is told that the outcome is unknown, which is safe.
            let (server, id) = (&request.server, &request.id);
            error!(%server, %id, "cannot write down what became of a request about power: {error}");
        }
        result
    }

    /// Reads or writes the file away from the runtime: a disk may take its time.
    async fn on_disk<T: Send + 'static>(
        self: &Arc<Self>,
        request: &Request,
        work: impl FnOnce(&Self, &Request) -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        let (ledger, request) = (Arc::clone(self), request.clone());
        tokio::task::spawn_blocking(move || work(&ledger, &request)).await?
    }

    /// Writes down that the request is begun; or returns what was written down before.
    fn begin(&self, request: &Request) -> io::Result<Option<Entry>> {
        let Request { deed, server, id } = request;
        let mut entries = self.read(server)?;
        if let Some(before) = entries.iter().find(|entry| entry.id == id.as_str()) {
            return Ok(Some(before.clone()));
        }
        entries.push(Entry {
            id: id.as_str().to_owned(),
            deed: *deed,
            begun: Timestamp::now(),
            outcome: None,
        });
        let surplus = entries.len().saturating_sub(KEPT);
        self.write(server, &entries[surplus..])?;
        Ok(None)
    }

    /// Writes down how the request went; without an outcome it is forgotten.
    fn conclude(&self, request: &Request, outcome: Option<Outcome>) -> io::Result<()> {
        let Request { server, id, .. } = request;
        let mut entries = self.read(server)?;
        match outcome {
            None => entries.retain(|entry| entry.id != id.as_str()),
            outcome => {
                for entry in entries.iter_mut().filter(|entry| entry.id == id.as_str()) {
                    entry.outcome.clone_from(&outcome);
                }
            }
        }
        self.write(server, &entries)
    }

    fn file(&self, server: &ServerName) -> PathBuf {
        // Names that differ only in case are the same name.
        self.folder.join(format!("{}.json", server.as_str().to_ascii_lowercase()))
    }

    fn read(&self, server: &ServerName) -> io::Result<Vec<Entry>> {
        match fs::read(self.file(server)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            text => Ok(serde_json::from_slice(&text?)?),
        }
    }

    fn write(&self, server: &ServerName, entries: &[Entry]) -> io::Result<()> {
        fs::create_dir_all(&self.folder)?;
        replace(&self.file(server), &serde_json::to_vec_pretty(entries)?)?;
        // The name must be on disk too: what follows may take this machine's power.
        File::open(&self.folder)?.sync_all()
    }
}

/// Writes a file so that a reader, and a restart at any moment, finds the old text or the new one.
fn replace(path: &Path, text: &[u8]) -> io::Result<()> {
    let beside = path.with_extension("new");
    let mut file = File::create(&beside)?;
    file.write_all(text)?;
    file.sync_all()?;
    fs::rename(&beside, path)
}
