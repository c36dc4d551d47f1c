//! Who is on, and what each session is waiting for.
//!
//! A session is listed from [`Roster::open`] until its [`OpenSession`] is dropped, which is also when `CloseSession` is
//! written. An exchange touches only atomics of its own session and of the counters; the list is split into shards that are
//! locked when a session begins and ends.

mod open;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
pub use open::{Exchange, OpenSession};
use serde::{Deserialize, Serialize};

use crate::clock::Clock;
use crate::counters::{Counters, Verb};
use crate::protocol_log::ProtocolLog;
use crate::ring::{Ring, lock};
use crate::session_id::SessionId;

const SHARDS: usize = 16;
/// What the atomic for the command holds when there is none.
const NO_COMMAND: u8 = u8::MAX;

/// What a session is doing, as listed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionReport {
    /// Its id; on a back end that of the front end, once told.
    pub id: SessionId,
    /// `pop3` or `lmtp`.
    pub protocol: String,
    /// Who has logged in.
    pub user: Option<String>,
    /// The client's real address.
    pub client: SocketAddr,
    /// Our end of the connection.
    pub server: SocketAddr,
    /// Since when it is connected.
    pub since: Timestamp,
    /// Where it stands, in the words of its protocol.
    pub state: String,
    /// How many exchanges it has had.
    pub exchanges: u64,
    /// The command being processed.
    pub command: Option<InFlight>,
}

/// The commands of one protocol being processed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InFlightReport {
    /// How many there are.
    pub count: u64,
    /// Their processing times so far together, in microseconds.
    pub processing_micros: u64,
    /// Those that have been processed longest, the longest first.
    pub longest: Vec<InFlight>,
}

/// A command being processed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InFlight {
    /// The command.
    pub command: String,
    /// How long ago it came, in microseconds.
    pub age_micros: u64,
    /// How much of that was our own processing, in microseconds: not the client's slowness, not another service's time.
    pub processing_micros: u64,
}

/// The list of the sessions of a service.
pub struct Roster {
    clock: Arc<dyn Clock>,
    log: Arc<ProtocolLog>,
    ring: Arc<Ring>,
    shards: [Mutex<HashMap<u64, Arc<Live>>>; SHARDS],
    next: AtomicU64,
    count: AtomicUsize,
}

/// What the list knows of a session. Written by its owner, read by whoever lists.
struct Live {
    counters: Arc<Counters>,
    since: Timestamp,
    server: SocketAddr,
    identity: Mutex<Identity>,
    command: AtomicU8,
    /// When the command came, in microseconds of the clock.
    begun: AtomicU64,
    /// What has been processed of it up to the last pause, in microseconds.
    processed: AtomicU64,
    /// Since when it is being processed again, in microseconds of the clock; 0 during a pause.
    running: AtomicU64,
    exchanges: AtomicU64,
}

/// What changes seldom.
struct Identity {
    id: SessionId,
    client: SocketAddr,
    user: Option<Arc<str>>,
    state: &'static str,
}

impl Roster {
    /// An empty list, whose sessions write to `log` and are kept in `ring` if their owners say so.
    pub fn new(clock: Arc<dyn Clock>, log: Arc<ProtocolLog>, ring: Arc<Ring>) -> Arc<Self> {
        let (shards, next, count) = Default::default();
        Arc::new(Self { clock, log, ring, shards, next, count })
    }

    /// Lists a connection that has been accepted. `counters` are those of its protocol.
    pub fn open(
        self: &Arc<Self>,
        counters: &Arc<Counters>,
        server: SocketAddr,
        client: SocketAddr,
    ) -> OpenSession {
        counters.session_opened();
        let live = Arc::new(Live {
            counters: Arc::clone(counters),
            since: self.clock.now(),
            server,
            identity: Mutex::new(Identity {
                id: SessionId::random(),
                client,
                user: None,
                state: "connected",
            }),
            command: AtomicU8::new(NO_COMMAND),
            begun: 0.into(),
            processed: 0.into(),
            running: 0.into(),
            exchanges: 0.into(),
        });
        let key = self.next.fetch_add(1, Relaxed);
        self.count.fetch_add(1, Relaxed);
        lock(self.shard(key)).insert(key, Arc::clone(&live));
        OpenSession::new(Arc::clone(self), key, live)
    }

    /// How many sessions there are.
    pub fn len(&self) -> usize {
        self.count.load(Relaxed)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The sessions, at most `limit`, the oldest first.
    pub fn list(&self, limit: usize) -> Vec<SessionReport> {
        let now = self.micros();
        let mut reports: Vec<_> = self.every().iter().map(|live| live.report(now)).collect();
        reports.sort_by_key(|report| report.since);
        reports.truncate(limit);
        reports
    }

    /// The sessions with this id.
    pub fn find(&self, id: SessionId) -> Vec<SessionReport> {
        let now = self.micros();
        self.every()
            .iter()
            .filter(|live| lock(&live.identity).id == id)
            .map(|live| live.report(now))
            .collect()
    }

    /// The commands of `protocol` being processed, of which at most `limit` one by one.
    pub fn in_flight(&self, protocol: &str, limit: usize) -> InFlightReport {
        let now = self.micros();
        let every = self.every();
        let ours = every.iter().filter(|live| live.counters.protocol() == protocol);
        let mut longest: Vec<_> = ours.filter_map(|live| live.in_flight(now)).collect();
        let (count, processing_micros) =
            (longest.len() as u64, longest.iter().map(|command| command.processing_micros).sum());
        longest.sort_by_key(|command| std::cmp::Reverse(command.processing_micros));
        longest.truncate(limit);
        InFlightReport { count, processing_micros, longest }
    }

    fn every(&self) -> Vec<Arc<Live>> {
        self.shards.iter().flat_map(|shard| lock(shard).values().cloned().collect::<Vec<_>>()).collect()
    }

    fn shard(&self, key: u64) -> &Mutex<HashMap<u64, Arc<Live>>> {
        &self.shards[usize::try_from(key % SHARDS as u64).unwrap_or(0)]
    }

    /// The time, never 0.
    fn micros(&self) -> u64 {
        micros(self.clock.elapsed()) + 1
    }

    fn close(&self, key: u64, live: &Live) {
        lock(self.shard(key)).remove(&key);
        live.counters.session_closed();
        self.count.fetch_sub(1, Relaxed);
    }
}

impl Live {
    fn begin(&self, verb: u8, now: u64) {
        self.begun.store(now, Relaxed);
        self.processed.store(0, Relaxed);
        self.running.store(now, Relaxed);
        self.command.store(verb, Relaxed);
    }

    fn pause(&self, now: u64) {
        let running = self.running.swap(0, Relaxed);
        if running > 0 {
            self.processed.fetch_add(now.saturating_sub(running), Relaxed);
        }
    }

    fn resume(&self, now: u64) {
        let _ = self.running.compare_exchange(0, now, Relaxed, Relaxed);
    }

    /// The whole and the processing time.
    fn end(&self, now: u64) -> (Duration, Duration) {
        self.pause(now);
        self.command.store(NO_COMMAND, Relaxed);
        self.exchanges.fetch_add(1, Relaxed);
        let whole = now.saturating_sub(self.begun.load(Relaxed));
        (Duration::from_micros(whole), Duration::from_micros(self.processed.load(Relaxed)))
    }

    fn in_flight(&self, now: u64) -> Option<InFlight> {
        let verb = self.command.load(Relaxed);
        let running = self.running.load(Relaxed);
        let since = if running == 0 { 0 } else { now.saturating_sub(running) };
        (verb != NO_COMMAND).then(|| InFlight {
            command: self.counters.word(Verb(verb)).to_owned(),
            age_micros: now.saturating_sub(self.begun.load(Relaxed)),
            processing_micros: self.processed.load(Relaxed) + since,
        })
    }

    fn report(&self, now: u64) -> SessionReport {
        let identity = lock(&self.identity);
        SessionReport {
            id: identity.id,
            protocol: self.counters.protocol().to_owned(),
            user: identity.user.as_deref().map(str::to_owned),
            client: identity.client,
            server: self.server,
            since: self.since,
            state: identity.state.to_owned(),
            exchanges: self.exchanges.load(Relaxed),
            command: self.in_flight(now),
        }
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX - 1)
}
