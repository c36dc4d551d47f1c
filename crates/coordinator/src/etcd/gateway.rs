//! Asking the members of etcd, in turn, until one answers or the time is over.

use std::error::Error;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::{Response, StatusCode};
use rustls::ClientConfig;
use serde::Serialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use tokio::time::{Instant, timeout_at};

use super::connection::{AskError, Connection};
use super::endpoint::Endpoint;
use super::failure::{Meaning, meaning};
use super::messages::{ErrorBody, Wrapped};
use crate::{Cause, CoordinatorError, Fault};

/// Octets in the longest answer.
const ANSWER_LIMIT: usize = 64 << 20;
/// Connections kept to one member for the next request.
const IDLE: usize = 8;

/// What a request does, and so what may be done when no answer comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// Nothing: it may be asked again, of anyone.
    None,
    /// Something that is no harm to do twice: likewise.
    Repeatable,
    /// A change: from the moment it may have arrived its outcome is unknown.
    Change,
}

pub(super) struct Gateway {
    members: Vec<Member>,
    /// The member that answered last.
    preferred: AtomicUsize,
    tls: Option<Arc<ClientConfig>>,
    deadline: Duration,
}

struct Member {
    endpoint: Endpoint,
    idle: Mutex<Vec<Connection>>,
}

/// One request's way from member to member.
struct Turns<'a> {
    gateway: &'a Gateway,
    operation: &'static str,
    effect: Effect,
    first: usize,
    end: Instant,
    /// How many members are yet to be asked.
    left: usize,
    /// Why the last one gave no answer.
    last: CoordinatorError,
}

/// Until when one member has to have taken a connection, and to have answered.
#[derive(Clone, Copy)]
struct Times {
    connect: Instant,
    answer: Instant,
}

/// An answer that does not end, and who gives it. Dropping it ends it.
pub(super) struct Stream {
    pub(super) turn: usize,
    pub(super) body: Incoming,
    _connection: Connection,
}

/// Why one member gave no answer.
enum Failed {
    /// Nothing was done; another one may be asked.
    NotDone(Cause),
    /// It may have been done.
    Unknown(Cause),
    /// There is no need to ask another one.
    Final(CoordinatorError),
}

impl Gateway {
    pub(super) fn new(endpoints: Vec<Endpoint>, tls: Option<Arc<ClientConfig>>, deadline: Duration) -> Self {
        let member = |endpoint| Member { endpoint, idle: Mutex::new(Vec::new()) };
        let members = endpoints.into_iter().map(member).collect();
        Self { members, preferred: AtomicUsize::new(0), tls, deadline }
    }

    pub(super) const fn deadline(&self) -> Duration {
        self.deadline
    }

    /// How many members there are.
    pub(super) const fn members(&self) -> usize {
        self.members.len()
    }

    /// Asks one member after the other.
    pub(super) async fn ask<T: DeserializeOwned>(
        &self,
        operation: &'static str,
        effect: Effect,
        path: &str,
        request: &impl Serialize,
    ) -> Result<T, CoordinatorError> {
        let body = body(request);
        let mut turns = self.turns(operation, effect);
        while let Some((turn, times)) = turns.next() {
            match self.ask_member(turn, effect, path, body.clone(), times).await {
                Ok(answer) => return Ok(turns.went_well(turn, answer)),
                Err(failed) => turns.failed(turn, failed),
            }
        }
        Err(turns.last)
    }

    /// Begins an answer that does not end, of whichever member gives it, on a connection of its own.
    pub(super) async fn stream(
        &self,
        operation: &'static str,
        path: &str,
        request: &impl Serialize,
    ) -> Result<Stream, CoordinatorError> {
        let body = body(request);
        let mut turns = self.turns(operation, Effect::None);
        while let Some((turn, times)) = turns.next() {
            match self.begin(turn, path, body.clone(), times).await {
                Ok(stream) => return Ok(turns.went_well(turn, stream)),
                Err(failed) => turns.failed(turn, failed),
            }
        }
        Err(turns.last)
    }

    fn turns(&self, operation: &'static str, effect: Effect) -> Turns<'_> {
        let last = CoordinatorError::unavailable(operation, "there are no endpoints");
        let first = self.preferred.load(Relaxed);
        let end = Instant::now() + self.deadline;
        Turns { gateway: self, operation, effect, first, end, left: self.members.len(), last }
    }

    async fn ask_member<T: DeserializeOwned>(
        &self,
        turn: usize,
        effect: Effect,
        path: &str,
        body: Bytes,
        times: Times,
    ) -> Result<T, Failed> {
        let member = &self.members[turn];
        let (connection, response) = self.post(member, true, effect, path, body, times).await?;
        let answer = read(response, times.answer).await?;
        member.keep(connection);
        Ok(answer)
    }

    async fn begin(&self, turn: usize, path: &str, body: Bytes, times: Times) -> Result<Stream, Failed> {
        let (connection, response) =
            self.post(&self.members[turn], false, Effect::None, path, body, times).await?;
        if response.status() != StatusCode::OK {
            read::<IgnoredAny>(response, times.answer).await?;
            return Err(late());
        }
        Ok(Stream { turn, body: response.into_body(), _connection: connection })
    }

    /// The next request begins with another member.
    pub(super) fn avoid(&self, turn: usize) {
        let next = (turn + 1) % self.members.len();
        let _ = self.preferred.compare_exchange(turn, next, Relaxed, Relaxed);
    }

    /// Sends a request; the answer's body is yet to come. A connection that was closed while it was idle is replaced.
    async fn post(
        &self,
        member: &Member,
        reuse: bool,
        effect: Effect,
        path: &str,
        body: Bytes,
        times: Times,
    ) -> Result<(Connection, Response<Incoming>), Failed> {
        loop {
            let idle = if reuse { member.take(times.connect).await } else { None };
            let reused = idle.is_some();
            let mut connection = match idle {
                Some(connection) => connection,
                None => self.connect(member, times.connect).await?,
            };
            match timeout_at(times.answer, connection.post(&member.endpoint, path, body.clone())).await {
                Ok(Ok(response)) => return Ok((connection, response)),
                Ok(Err(AskError::NotSent(_))) if reused => {}
                Ok(Err(AskError::NoAnswer(_))) if reused && effect != Effect::Change => {}
                Ok(Err(error @ AskError::NotSent(_))) => return Err(Failed::NotDone(Arc::new(error))),
                Ok(Err(error @ AskError::NoAnswer(_))) => return Err(Failed::Unknown(Arc::new(error))),
                Err(_) => return Err(late()),
            }
        }
    }

    async fn connect(&self, member: &Member, deadline: Instant) -> Result<Connection, Failed> {
        match timeout_at(deadline, Connection::open(&member.endpoint, self.tls.as_ref())).await {
            Ok(connected) => connected.map_err(|error| Failed::NotDone(Arc::new(error))),
            Err(_) => Err(Failed::NotDone(cause(format!("{} takes no connection in time", member.endpoint)))),
        }
    }
}

impl Turns<'_> {
    /// Who is asked next, and how long.
    fn next(&mut self) -> Option<(usize, Times)> {
        let times = (self.left > 0).then(|| Times::share(self.end, self.left, self.effect))?;
        let turn = (self.first + self.gateway.members.len() - self.left) % self.gateway.members.len();
        self.left -= 1;
        Some((turn, times))
    }

    fn went_well<T>(&self, turn: usize, answer: T) -> T {
        self.gateway.preferred.store(turn, Relaxed);
        answer
    }

    fn failed(&mut self, turn: usize, failed: Failed) {
        if failed.is_last(self.effect) {
            self.left = 0;
        }
        self.last = failed.into_error(self.operation, self.effect);
        if self.last.fault() == Fault::Coordinator {
            self.gateway.avoid(turn);
        }
    }
}

impl Times {
    /// A fair share of what is left until `end`, if as many members may yet be asked. Once a change may have arrived
    /// nobody else is asked, so its answer has all the time.
    fn share(end: Instant, left: usize, effect: Effect) -> Self {
        let now = Instant::now();
        let share = end.saturating_duration_since(now) / u32::try_from(left).unwrap_or(u32::MAX);
        let connect = now + share;
        Self { connect, answer: if effect == Effect::Change { end } else { connect } }
    }
}

impl Member {
    /// A connection that is free and seems to work.
    async fn take(&self, deadline: Instant) -> Option<Connection> {
        loop {
            let mut connection = self.idle().pop()?;
            if timeout_at(deadline, connection.is_ready()).await.unwrap_or(false) {
                return Some(connection);
            }
        }
    }

    fn keep(&self, connection: Connection) {
        let mut idle = self.idle();
        if idle.len() < IDLE {
            idle.push(connection);
        }
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Failed {
    /// Whether no other member may be asked, or none needs to be.
    fn is_last(&self, effect: Effect) -> bool {
        match self {
            Self::NotDone(_) => false,
            Self::Unknown(_) => effect == Effect::Change,
            Self::Final(_) => true,
        }
    }

    fn into_error(self, operation: &'static str, effect: Effect) -> CoordinatorError {
        match self {
            Self::Unknown(source) if effect == Effect::Change => {
                CoordinatorError::OutcomeUnknown { operation, source }
            }
            Self::NotDone(source) | Self::Unknown(source) => {
                CoordinatorError::Unavailable { operation, source }
            }
            Self::Final(error) => error,
        }
    }
}

impl From<ErrorBody> for Failed {
    fn from(error: ErrorBody) -> Self {
        match meaning(&error) {
            Meaning::Refused => Self::Final(CoordinatorError::Refused { reason: error.message }),
            Meaning::LeaseGone => Self::Final(CoordinatorError::LeaseGone),
            Meaning::NotDone => Self::NotDone(cause(error.message)),
            Meaning::Unknown => Self::Unknown(cause(error.message)),
        }
    }
}

/// Reads a whole answer.
async fn read<T: DeserializeOwned>(response: Response<Incoming>, deadline: Instant) -> Result<T, Failed> {
    let status = response.status();
    let text = match timeout_at(deadline, Limited::new(response.into_body(), ANSWER_LIMIT).collect()).await {
        Ok(Ok(read)) => read.to_bytes(),
        Ok(Err(error)) => return Err(Failed::Unknown(Arc::from(error))),
        Err(_) => return Err(late()),
    };
    let garbled = match serde_json::from_slice::<T>(&text) {
        Ok(answer) if status == StatusCode::OK => return Ok(answer),
        Ok(_) => cause(format!("it answered with status {status}")),
        Err(error) => Arc::new(error),
    };
    // A stream wraps its error once more, and its status may be fine.
    let refusal = serde_json::from_slice::<Wrapped>(&text)
        .map(|wrapped| wrapped.error)
        .or_else(|_| serde_json::from_slice::<ErrorBody>(&text));
    Err(match refusal {
        Ok(error) if error.code != 0 => error.into(),
        _ => Failed::Unknown(garbled),
    })
}

fn body(request: &impl Serialize) -> Bytes {
    let text = serde_json::to_vec(request);
    text.expect("a request has text keys only and none of its parts can fail").into()
}

fn late() -> Failed {
    Failed::Unknown(cause("there was no answer in time".to_owned()))
}

fn cause(text: String) -> Cause {
    Arc::from(Box::<dyn Error + Send + Sync>::from(text))
}
