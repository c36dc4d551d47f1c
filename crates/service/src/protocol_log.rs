//! The protocol log: one line of CSV for each exchange with a client.
//!
//! Fields: dateTime, sessionId, seqNumber, sIp, cIp, user, duration, rqsize, rpsize, command, parameters, context. The time is
//! UTC, the duration in milliseconds, sizes in octets. `OpenSession` and `CloseSession` are lines too. Callers mask secrets
//! before they come here.
//!
//! It can be switched on and off, and moved, under way. Files roll by age and size and old ones are removed. It never makes a
//! session wait: with a full or hanging disk lines are dropped and counted.

mod csv;
mod files;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use settings::{RollOver, ServerSettings, Size, SizeLimit, Span};

use crate::clock::Clock;
use crate::lines::{LineWriter, Tally};
use crate::session_id::SessionId;

/// What decides where the log is and how much is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProtocolLogSettings {
    /// Whether exchanges are written.
    pub enabled: bool,
    /// The folder.
    pub folder: PathBuf,
    /// How often a new file is begun.
    pub roll_over: RollOver,
    /// How large a file grows.
    pub file_size: SizeLimit,
    /// How old a file becomes.
    pub keep_age: Span,
    /// How large all files become together.
    pub keep_size: Size,
}

impl ProtocolLogSettings {
    /// Those of a server whose folder is `server_folder`.
    pub fn new(settings: &ServerSettings, server_folder: &std::path::Path) -> Self {
        let (pop, log) = (&settings.pop, &settings.log);
        Self {
            enabled: pop.protocol_log_enabled,
            folder: pop.log_file_location.from_folder(server_folder),
            roll_over: pop.log_file_roll_over_settings,
            file_size: pop.log_per_file_size_quota,
            keep_age: log.keep_age,
            keep_size: log.keep_size,
        }
    }
}

/// One line.
#[derive(Debug, Clone, Copy)]
pub struct Line<'a> {
    /// The session.
    pub session: SessionId,
    /// The place of the line in the session, from 0.
    pub sequence: u32,
    /// Our end of the connection.
    pub server: SocketAddr,
    /// The client's real address.
    pub client: SocketAddr,
    /// Who has logged in, or is trying to.
    pub user: &'a str,
    /// From the command to the end of its reply.
    pub duration: Duration,
    /// Octets of the command.
    pub request: u64,
    /// Octets of the reply.
    pub reply: u64,
    /// The command.
    pub command: &'a str,
    /// What followed it, secrets masked.
    pub parameters: &'a str,
    /// What became of it, and who else was involved.
    pub context: &'a str,
}

/// The protocol log of a service.
pub struct ProtocolLog {
    clock: Arc<dyn Clock>,
    enabled: AtomicBool,
    settings: Arc<Mutex<ProtocolLogSettings>>,
    lines: LineWriter,
}

/// What became of the lines since the service started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProtocolLogReport {
    /// Whether exchanges are written now.
    pub enabled: bool,
    /// Lines in files.
    pub written: u64,
    /// Lines lost, since the disk was full or did not keep up.
    pub dropped: u64,
}

impl ProtocolLog {
    /// Starts the log of the service called `service`, which its files are named after.
    pub fn start(service: &str, settings: ProtocolLogSettings, clock: Arc<dyn Clock>) -> io::Result<Self> {
        let enabled = AtomicBool::new(settings.enabled);
        let settings = Arc::new(Mutex::new(settings));
        let files = files::Files::new(service, Arc::clone(&settings), Arc::clone(&clock));
        let lines = LineWriter::start("protocol-log", files)?;
        Ok(Self { clock, enabled, settings, lines })
    }

    /// Whether exchanges are written. Ask before putting a line together.
    pub fn enabled(&self) -> bool {
        self.enabled.load(Relaxed)
    }

    /// Writes a line if the log is on.
    pub fn write(&self, line: &Line<'_>) {
        if self.enabled() {
            csv::with_line(self.clock.now(), line, |text| self.lines.push(text));
        }
    }

    /// Changes the settings. Lines still waiting may go by the new ones.
    pub fn configure(&self, settings: ProtocolLogSettings) {
        self.enabled.store(settings.enabled, Relaxed);
        *self.settings.lock().unwrap_or_else(PoisonError::into_inner) = settings;
    }

    /// Waits until the lines written before are in the file, or could not be written. Whether that was in time.
    pub fn flush(&self, within: Duration) -> bool {
        self.lines.flush(within)
    }

    /// What became of the lines.
    pub fn report(&self) -> ProtocolLogReport {
        let tally: Arc<Tally> = self.lines.tally();
        ProtocolLogReport {
            enabled: self.enabled(),
            written: tally.written.load(Relaxed),
            dropped: tally.dropped.load(Relaxed),
        }
    }
}
