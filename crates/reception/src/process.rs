//! The process of a service, from its start to its end.

use std::error::Error;
use std::fmt;
use std::io;
use std::sync::Arc;

use service::admin::{AdminServer, ListenError};
use service::lifecycle::{Asked, Exit, Signals, notify, raise_descriptor_limit};
use service::live::{LiveError, LiveFiles};
use service::service_log::{ServiceLog, ServiceLogSettings};
use service::{Live, Service, StartError, Started, Startup, SystemClock};
use settings::{DataDirectory, ServerName};

use crate::OpenError;

/// Why a process ended before it was asked to.
#[derive(Debug)]
pub struct Failure {
    /// What the parent is told.
    pub exit: Exit,
    /// What people are told.
    pub error: Box<dyn Error + Send + Sync>,
}

/// What every process of a service has: its log, its settings, its admin socket, its signals.
pub struct Process {
    /// The service.
    pub service: Arc<Service>,
    signals: Signals,
    _admin: AdminServer,
    log: Arc<ServiceLog>,
}

impl Process {
    /// Starts what comes before all sockets for clients. Within a runtime only.
    pub fn start(name: &'static str, data: &DataDirectory, server: &ServerName) -> Result<Self, Failure> {
        // Caught from here on: a signal that comes during the start is obeyed after it.
        let signals = Signals::catch().map_err(|error| Failure::of(Exit::Failed, error))?;
        let folder = data.server(server.as_str());
        let files = LiveFiles {
            configuration: data.configuration(),
            set: folder.pop_settings(),
            server: server.clone(),
        };
        let live = Live::open(files).map_err(|error: LiveError| Failure::of(Exit::Misconfigured, error))?;
        let terminal = std::io::IsTerminal::is_terminal(&io::stderr());
        let log = ServiceLogSettings::new(folder.service_log(name), &live.snapshot().server.log, terminal);
        let log = Arc::new(ServiceLog::start(&log).map_err(|error| Failure::of(Exit::Failed, error))?);
        if let Err(error) = raise_descriptor_limit() {
            tracing::warn!(%error, "the number of connections stays limited");
        }
        let startup = Startup {
            name,
            server: server.as_str().to_owned(),
            folder,
            live,
            clock: Arc::new(SystemClock),
            service_log: Some(Arc::clone(&log)),
        };
        let Started { service, admin } = Service::start(startup)?;
        tokio::spawn(Arc::clone(&service).follow_settings());
        Ok(Self { service, signals, _admin: admin, log })
    }

    /// Tells whoever started this process that it serves, and waits until it is asked to stop.
    pub async fn serve(&mut self) {
        notify::ready();
        tokio::spawn(notify::watchdog());
        tracing::info!(service = self.service.name, server = self.service.server, "serving");
        while self.signals.next().await == Asked::Reload {
            if let Err(error) = self.service.reload() {
                tracing::error!(%error, "settings cannot be read; the old ones go on");
            }
        }
        notify::stopping();
        self.service.begin_to_end();
        tracing::info!(service = self.service.name, "stopping");
    }

    /// The last line of the log, and everything before it, on disk.
    pub fn end(self) {
        tracing::info!(service = self.service.name, "stopped");
        self.log.flush(std::time::Duration::from_secs(1));
    }
}

impl Failure {
    /// A failure with its cause.
    pub fn of(exit: Exit, error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { exit, error: error.into() }
    }

    /// What cannot listen is in somebody's way, or not allowed to.
    pub fn of_open(error: OpenError) -> Self {
        let OpenError::Bind(cause) = &error;
        let exit = match cause.source.kind() {
            io::ErrorKind::AddrInUse => Exit::Occupied,
            io::ErrorKind::AddrNotAvailable | io::ErrorKind::PermissionDenied => Exit::Misconfigured,
            _ => Exit::Failed,
        };
        Self::of(exit, error)
    }
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        let exit = match &error {
            StartError::Admin(ListenError::InUse { .. }) => Exit::Occupied,
            StartError::Admin(_) | StartError::ProtocolLog(_) => Exit::Failed,
        };
        Self::of(exit, error)
    }
}

/// The cause and what lies behind it, in one line.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.error)?;
        let mut last = self.error.to_string();
        let mut source = self.error.source();
        while let Some(cause) = source {
            let text = cause.to_string();
            if !last.contains(&text) {
                write!(f, ": {text}")?;
            }
            (last, source) = (text, cause.source());
        }
        Ok(())
    }
}

impl Error for Failure {}
