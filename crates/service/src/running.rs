//! A service, put together.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};

use jiff::Timestamp;
use settings::{Layered, Section, ServiceLogLevel, Value};

use crate::admin::{AdminServer, Answer, Answers, Ask, CountersAnswer, ListenError, SettingReport, Status};
use crate::clock::Clock;
use crate::counters::{Counters, LMTP, POP3};
use crate::gate::{Gate, Traffic};
use crate::live::{Live, LiveError, Settled};
use crate::protocol_log::{ProtocolLog, ProtocolLogSettings};
use crate::ring::{Ring, lock};
use crate::service_log::LevelControl;
use crate::sessions::{OpenSession, Sessions};

/// How many sessions the ring holds at most.
const RING_SESSIONS: usize = 1000;
/// How many commands under way are told.
const IN_FLIGHT: usize = 1000;

/// What a service needs to start.
pub struct Startup {
    /// Its name, which its socket and log files bear: `frontend`, `backend`.
    pub name: &'static str,
    /// The name of the server it runs on.
    pub server: String,
    /// The folder of that server in the data directory.
    pub folder: PathBuf,
    /// Its settings.
    pub live: Arc<Live>,
    /// Its time.
    pub clock: Arc<dyn Clock>,
    /// What changes how much its service log says, if it has one.
    pub level: Option<LevelControl>,
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
    /// The folder of that server in the data directory.
    pub folder: PathBuf,
    /// When it started.
    pub started: Timestamp,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The settings.
    pub live: Arc<Live>,
    /// Whether it takes traffic.
    pub gate: Gate,
    /// Who is on.
    pub sessions: Arc<Sessions>,
    /// The protocol log.
    pub protocol_log: Arc<ProtocolLog>,
    /// The sessions kept.
    pub ring: Arc<Ring>,
    /// What POP3 commands cost.
    pub pop3: Arc<Counters>,
    /// What LMTP commands cost.
    pub lmtp: Arc<Counters>,
    level: Option<LevelControl>,
    /// The settings that the logs go by.
    applied: Mutex<Arc<Settled>>,
    particulars: OnceLock<Particulars>,
}

/// What only one kind of service can say about itself. Asked on the threads of the admin socket.
pub struct Particulars {
    /// For [`Status::details`].
    pub details: Box<dyn Fn() -> serde_json::Value + Send + Sync>,
    /// For [`CountersAnswer::gauges`].
    pub gauges: Box<dyn Fn() -> BTreeMap<String, u64> + Send + Sync>,
}

/// Where the admin socket of a service is.
pub fn admin_socket(server_folder: &Path, name: &str) -> PathBuf {
    server_folder.join("run").join(format!("{name}.sock"))
}

impl Service {
    /// Starts it: from now on its admin socket answers.
    pub fn start(startup: Startup) -> Result<Started, StartError> {
        let Startup { name, server, folder, live, clock, level } = startup;
        let settled = live.snapshot();
        let log_settings = ProtocolLogSettings::new(&settled.server, &folder);
        let log =
            ProtocolLog::start(name, log_settings, Arc::clone(&clock)).map_err(StartError::ProtocolLog)?;
        let protocol_log = Arc::new(log);
        let octets = usize::try_from(settled.server.log.session_ring.get()).unwrap_or(usize::MAX);
        let ring = Arc::new(Ring::new(RING_SESSIONS, octets));
        let sessions = Sessions::new(Arc::clone(&clock), Arc::clone(&protocol_log), Arc::clone(&ring));
        let socket = admin_socket(&folder, name);
        let service = Arc::new(Self {
            name,
            server,
            folder,
            started: clock.now(),
            clock,
            live,
            gate: Gate::default(),
            sessions,
            protocol_log,
            ring,
            pop3: Arc::new(Counters::new("pop3", POP3)),
            lmtp: Arc::new(Counters::new("lmtp", LMTP)),
            level,
            applied: Mutex::new(settled),
            particulars: OnceLock::new(),
        });
        let admin = AdminServer::listen(&socket, Arc::clone(&service) as Arc<dyn Answers>)?;
        Ok(Started { service, admin })
    }

    /// Lists a POP3 connection that has been accepted.
    pub fn open_pop3(&self, server: SocketAddr, client: SocketAddr) -> OpenSession {
        self.sessions.open(&self.pop3, server, client)
    }

    /// Lists an LMTP connection that has been accepted.
    pub fn open_lmtp(&self, server: SocketAddr, client: SocketAddr) -> OpenSession {
        self.sessions.open(&self.lmtp, server, client)
    }

    /// Says what only this kind of service can say. The first one counts.
    pub fn set_particulars(&self, particulars: Particulars) {
        let _ = self.particulars.set(particulars);
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
        let now = self.live.snapshot();
        let mut applied = lock(&self.applied);
        self.protocol_log.configure(ProtocolLogSettings::new(&now.server, &self.folder));
        let level = now.server.log.service_log_level;
        // Only a change of the file undoes what an operator has asked for at the admin socket.
        if let Some(control) = self.level.as_ref().filter(|_| level != applied.server.log.service_log_level) {
            control.set(level);
        }
        *applied = now;
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
            traffic: self.gate.traffic(),
            sessions: self.sessions.len(),
            protocol_log: self.protocol_log.report(),
            details: self
                .particulars
                .get()
                .map_or(serde_json::Value::Null, |particulars| (particulars.details)()),
        }
    }

    fn counters(&self) -> CountersAnswer {
        CountersAnswer {
            started: self.started,
            protocols: vec![self.pop3.report(), self.lmtp.report()],
            in_flight: self.sessions.in_flight(IN_FLIGHT),
            gauges: self.particulars.get().map(|particulars| (particulars.gauges)()).unwrap_or_default(),
        }
    }

    fn settings(&self) -> Vec<SettingReport> {
        let settled = self.live.load();
        let server = &settled.server;
        let mut reports = rows(&server.pop);
        reports.extend(rows(&server.session));
        reports.extend(rows(&server.log_in));
        reports.extend(rows(&server.peers));
        reports.extend(rows(&server.delivery));
        reports.extend(rows(&server.inner));
        reports.extend(rows(&server.log));
        reports
    }

    fn set_level(&self, text: &str) -> Answer {
        match (&self.level, ServiceLogLevel::parse(text)) {
            (_, Err(invalid)) => Answer::Refused { reason: invalid.to_string() },
            (None, _) => Answer::Refused { reason: "this process has no service log".into() },
            (Some(control), Ok(level)) => {
                control.set(level);
                Answer::Done
            }
        }
    }
}

fn rows<S: Section>(section: &Layered<S>) -> Vec<SettingReport> {
    let report = |row: settings::Row| SettingReport {
        section: S::KEY.to_owned(),
        name: row.name.to_owned(),
        value: row.value,
        origin: row.origin.to_string(),
    };
    section.rows().map(report).collect()
}

impl Answers for Service {
    fn answer(&self, ask: Ask) -> Answer {
        match ask {
            Ask::Status => Answer::Status(Box::new(self.status())),
            Ask::Counters => Answer::Counters(Box::new(self.counters())),
            Ask::Sessions { limit } => {
                Answer::Sessions { total: self.sessions.len(), sessions: self.sessions.list(limit) }
            }
            Ask::Session { id } => Answer::Session { open: self.sessions.find(id), kept: self.ring.find(id) },
            Ask::Settings => Answer::Settings { settings: self.settings() },
            Ask::Reload => match self.reload() {
                Ok(changed) => Answer::Reloaded { changed },
                Err(error) => Answer::Refused { reason: error.to_string() },
            },
            Ask::Drain => {
                self.gate.set(Traffic::Draining);
                Answer::Done
            }
            Ask::Admit => {
                self.gate.set(Traffic::Admitting);
                Answer::Done
            }
            Ask::LogLevel { level } => self.set_level(&level),
        }
    }
}
