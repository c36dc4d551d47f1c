//! A service, put together.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use jiff::Timestamp;
use net::drain::Phase;
use settings::{ServerFolder, ServiceLogLevel, Value};

use crate::admin::{
    AdminServer, Answer, Answers, Ask, CountersAnswer, ListenError, MoveAnswer, MoveOrder, MoveStep,
    ProtocolAnswer, SettingReport, Status, StoreCheck,
};
use crate::clock::Clock;
use crate::counters::{Counters, LMTP, POP3};
use crate::live::{Live, LiveError, Settled};
use crate::metrics::{self, Family};
use crate::protocol_log::{ProtocolLog, ProtocolLogSettings};
use crate::ring::{Ring, lock};
use crate::roster::{OpenSession, Roster};
use crate::service_log::ServiceLog;

/// How many sessions the ring holds at most.
const RING_SESSIONS: usize = 1000;
/// How many commands under way are told.
const IN_FLIGHT: usize = 1000;

/// How many sessions are told at once: more would not fit into an answer.
const LISTED: usize = 100_000;

/// What a service needs to start.
pub struct Startup {
    /// Its name, which its socket and log files bear: `frontend`, `backend`.
    pub name: &'static str,
    /// The name of the server it runs on.
    pub server: String,
    /// The folder of that server.
    pub folder: ServerFolder,
    /// Its settings.
    pub live: Arc<Live>,
    /// Its time.
    pub clock: Arc<dyn Clock>,
    /// The service log of the process, if it has one.
    pub service_log: Option<Arc<ServiceLog>>,
}

/// Why a service does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The protocol log has no thread.
    #[error("cannot start the protocol log: {0}")]
    ProtocolLog(#[source] io::Error),
    /// The admin socket is not open.
    #[error(transparent)]
    Admin(#[from] ListenError),
}

/// A service that has started.
pub struct Started {
    /// What the rest of the process works with.
    pub service: Arc<Service>,
    /// Its admin socket. Keep it until the end: dropping it closes the socket.
    pub admin: AdminServer,
}

/// What every service has.
pub struct Service {
    /// Its name: `frontend`, `backend`.
    pub name: &'static str,
    /// The name of the server it runs on.
    pub server: String,
    /// The folder of that server.
    pub folder: ServerFolder,
    /// When it started.
    pub started: Timestamp,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The settings.
    pub live: Arc<Live>,
    /// Its sessions as tasks: whether new ones are admitted, and how those under way are asked to end.
    pub sessions: net::Sessions,
    /// Who is on.
    pub roster: Arc<Roster>,
    /// The protocol log.
    pub protocol_log: Arc<ProtocolLog>,
    /// The sessions kept.
    pub ring: Arc<Ring>,
    /// What POP3 commands cost.
    pub pop3: Arc<Counters>,
    /// What LMTP commands cost.
    pub lmtp: Arc<Counters>,
    log: Option<Arc<ServiceLog>>,
    /// Whether the process has been asked to end: then no one lets sessions in again.
    ending: AtomicBool,
    /// The settings that the logs go by.
    applied: Mutex<Arc<Settled>>,
    particulars: OnceLock<Particulars>,
    removal: OnceLock<Removal>,
    moves: OnceLock<Moves>,
    store_checks: OnceLock<StoreChecks>,
    own_metrics: OnceLock<OwnMetrics>,
}

/// Removes the mailbox named second from the database named first; the error is why not, for people.
pub type Removal = Box<dyn Fn(&str, &str) -> Result<(), String> + Send + Sync>;

/// Does a step of the move of a mailbox.
pub type Moves = Box<dyn Fn(MoveOrder, MoveStep) -> MoveAnswer + Send + Sync>;

/// Checks the store of the database named, within so long.
pub type StoreChecks = Box<dyn Fn(&str, Duration) -> StoreCheck + Send + Sync>;
/// The metrics that only one kind of service has. Asked on any thread, as often as somebody scrapes.
pub type OwnMetrics = Box<dyn Fn() -> Vec<Family> + Send + Sync>;

/// What only one kind of service can say about itself. Asked on the threads of the admin socket.
pub struct Particulars {
    /// For [`Status::details`].
    pub details: Box<dyn Fn() -> serde_json::Value + Send + Sync>,
    /// For [`CountersAnswer::gauges`].
    pub gauges: Box<dyn Fn() -> BTreeMap<String, u64> + Send + Sync>,
}

impl Service {
    /// Starts it: from now on its admin socket answers.
    pub fn start(startup: Startup) -> Result<Started, StartError> {
        let Startup { name, server, folder, live, clock, service_log } = startup;
        let settled = live.snapshot();
        let log_settings = ProtocolLogSettings::new(&settled.server, folder.root());
        let log =
            ProtocolLog::start(name, log_settings, Arc::clone(&clock)).map_err(StartError::ProtocolLog)?;
        let protocol_log = Arc::new(log);
        let octets = usize::try_from(settled.server.log.session_ring.get()).unwrap_or(usize::MAX);
        let ring = Arc::new(Ring::new(RING_SESSIONS, octets));
        let roster = Roster::new(Arc::clone(&clock), Arc::clone(&protocol_log), Arc::clone(&ring));
        let socket = folder.admin_socket(name);
        let service = Arc::new(Self {
            name,
            server,
            folder,
            started: clock.now(),
            clock,
            live,
            sessions: net::Sessions::new(),
            roster,
            protocol_log,
            ring,
            pop3: Arc::new(Counters::new("pop3", POP3)),
            lmtp: Arc::new(Counters::new("lmtp", LMTP)),
            log: service_log,
            ending: AtomicBool::new(false),
            applied: Mutex::new(settled),
            particulars: OnceLock::new(),
            removal: OnceLock::new(),
            moves: OnceLock::new(),
            store_checks: OnceLock::new(),
            own_metrics: OnceLock::new(),
        });
        let admin = AdminServer::listen(&socket, Arc::clone(&service) as Arc<dyn Answers>)?;
        Ok(Started { service, admin })
    }

    /// Lists a POP3 connection that has been accepted.
    pub fn open_pop3(&self, server: SocketAddr, client: SocketAddr) -> OpenSession {
        self.roster.open(&self.pop3, server, client)
    }

    /// Lists an LMTP connection that has been accepted.
    pub fn open_lmtp(&self, server: SocketAddr, client: SocketAddr) -> OpenSession {
        self.roster.open(&self.lmtp, server, client)
    }

    /// Says what only this kind of service can say. The first one counts.
    pub fn set_particulars(&self, particulars: Particulars) {
        let _ = self.particulars.set(particulars);
    }

    /// Lets the admin socket remove mailboxes by `removal`, which is called on its threads and may wait for a commit. The first
    /// one counts.
    pub fn set_removal(&self, removal: Removal) {
        let _ = self.removal.set(removal);
    }

    /// Lets the admin socket move mailboxes by `moves`, which is called on its threads and may wait for sessions to end. The
    /// first one counts.
    pub fn set_moves(&self, moves: Moves) {
        let _ = self.moves.set(moves);
    }

    /// Lets the admin socket check stores by `checks`, which is called on its threads and may wait for the store. The first
    /// one counts.
    pub fn set_store_checks(&self, checks: StoreChecks) {
        let _ = self.store_checks.set(checks);
    }

    /// Adds the metrics that only this kind of service has. The first one counts.
    pub fn set_own_metrics(&self, metrics: OwnMetrics) {
        let _ = self.own_metrics.set(metrics);
    }

    /// What Prometheus is told. With many sessions this takes a while: not for a thread that serves some.
    pub fn metrics(&self) -> String {
        let mut families = metrics::of_service(&self.status(), &self.counters());
        families.extend(self.own_metrics.get().map(|own| own()).unwrap_or_default());
        metrics::text(self.name, &self.server, families)
    }

    /// Follows the settings, for ever: reads them again when they change and has the logs go by them.
    pub async fn follow_settings(self: Arc<Self>) {
        let mut changes = self.live.subscribe();
        let applying = async {
            // `live` outlives the wait, so that it never fails.
            while changes.changed().await.is_ok() {
                self.apply();
            }
        };
        tokio::join!(Arc::clone(&self.live).watch(), applying);
    }

    /// Has the logs go by the settings that hold.
    fn apply(&self) {
        let mut applied = lock(&self.applied);
        let now = self.live.snapshot();
        self.protocol_log.configure(ProtocolLogSettings::new(&now.server, self.folder.root()));
        let level = now.server.log.service_log_level;
        // Only a change of the file undoes what an operator has asked for at the admin socket.
        if let Some(log) = self.log.as_ref().filter(|_| level != applied.server.log.service_log_level) {
            log.set_level(level);
        }
        *applied = now;
    }

    /// The process has been asked to end: from now on nobody lets sessions in again.
    pub fn begin_to_end(&self) {
        self.ending.store(true, Relaxed);
        self.sessions.set_phase(Phase::Draining);
    }

    /// Reads the settings again, now. For the admin socket and SIGHUP.
    pub fn reload(&self) -> Result<bool, LiveError> {
        let changed = self.live.reload()?;
        if changed {
            self.apply();
        }
        Ok(changed)
    }

    fn status(&self) -> Status {
        Status {
            service: self.name.to_owned(),
            server: self.server.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            started: self.started,
            traffic: self.sessions.phase().into(),
            sessions: self.roster.len(),
            protocol_log: self.protocol_log.report(),
            details: self
                .particulars
                .get()
                .map_or(serde_json::Value::Null, |particulars| (particulars.details)()),
        }
    }

    fn counters(&self) -> CountersAnswer {
        let mut gauges = self.particulars.get().map(|particulars| (particulars.gauges)()).unwrap_or_default();
        gauges.insert("protocol_log_lines_dropped".into(), self.protocol_log.report().dropped);
        gauges.insert("service_log_lines_dropped".into(), self.log.as_ref().map_or(0, |log| log.dropped()));
        let answer = |counters: &Counters| ProtocolAnswer {
            counters: counters.report(),
            in_flight: self.roster.in_flight(counters.protocol(), IN_FLIGHT),
        };
        let protocols = vec![answer(&self.pop3), answer(&self.lmtp)];
        CountersAnswer { started: self.started, protocols, gauges }
    }

    fn settings(&self) -> Vec<SettingReport> {
        let report = |(section, row): (&str, settings::Row)| SettingReport {
            section: section.to_owned(),
            name: row.name.to_owned(),
            value: row.value,
            origin: row.origin.to_string(),
        };
        self.live.load().server.rows().into_iter().map(report).collect()
    }

    fn set_level(&self, text: &str) -> Answer {
        match (&self.log, ServiceLogLevel::parse(text)) {
            (_, Err(invalid)) => Answer::Refused { reason: invalid.to_string() },
            (None, _) => Answer::Refused { reason: "this process has no service log".into() },
            (Some(log), Ok(level)) => {
                log.set_level(level);
                Answer::Done
            }
        }
    }
}

impl Answers for Service {
    fn answer(&self, ask: Ask) -> Answer {
        match ask {
            Ask::Status => Answer::Status(Box::new(self.status())),
            Ask::Counters => Answer::Counters(Box::new(self.counters())),
            Ask::Sessions { limit } => {
                Answer::Sessions { total: self.roster.len(), sessions: self.roster.list(limit.min(LISTED)) }
            }
            Ask::Session { id } => Answer::Session { open: self.roster.find(id), kept: self.ring.find(id) },
            Ask::SessionsOfClient { client } => {
                Answer::Session { open: Vec::new(), kept: self.ring.of_client(client) }
            }
            Ask::Settings => Answer::Settings { settings: self.settings() },
            Ask::Reload => match self.reload() {
                Ok(changed) => Answer::Reloaded { changed },
                Err(error) => Answer::Refused { reason: error.to_string() },
            },
            Ask::Drain => {
                self.sessions.set_phase(Phase::Draining);
                Answer::Done
            }
            Ask::Admit if self.ending.load(Relaxed) => {
                Answer::Refused { reason: format!("this {} is on its way down", self.name) }
            }
            Ask::Admit => {
                self.sessions.set_phase(Phase::Admitting);
                Answer::Done
            }
            Ask::RemoveMailbox { database, mailbox } => match self.removal.get() {
                None => Answer::Refused { reason: format!("a {} has no mailboxes", self.name) },
                Some(removal) => match removal(&database, &mailbox) {
                    Ok(()) => Answer::Done,
                    Err(reason) => Answer::Refused { reason },
                },
            },
            Ask::Move { order, step } => match self.moves.get() {
                None => Answer::Refused { reason: format!("a {} has no mailboxes", self.name) },
                Some(moves) => Answer::Move(moves(order, step)),
            },
            Ask::CheckStore { database, limit_millis } => match self.store_checks.get() {
                None => Answer::Refused { reason: format!("a {} has no stores", self.name) },
                Some(check) => Answer::StoreCheck(check(&database, Duration::from_millis(limit_millis))),
            },
            Ask::LogLevel { level } => self.set_level(&level),
        }
    }
}
