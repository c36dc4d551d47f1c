//! The service log: what happened, for people and for machines.
//!
//! One JSON line an event goes to a file, which never makes the service wait; human text goes to a terminal, if there is one to
//! read it. How much is said can be changed under way.

mod files;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use settings::{LogSettings, ServiceLogLevel};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::{Layer, Registry, fmt, reload};

use crate::lines::LineWriter;

/// Where the log goes.
#[derive(Debug, Clone)]
pub struct ServiceLogSettings {
    /// The file; older ones stand beside it with `.1`, `.2` and so on behind their names.
    pub file: PathBuf,
    /// How large a file grows, in octets.
    pub file_size: u64,
    /// How many older files are kept.
    pub older_files: u32,
    /// How much is said.
    pub level: ServiceLogLevel,
    /// Whether human text goes to the standard error output too.
    pub terminal: bool,
}

impl ServiceLogSettings {
    /// A log in `file` as `log` says.
    pub fn new(file: PathBuf, log: &LogSettings, terminal: bool) -> Self {
        Self {
            file,
            file_size: log.service_log_size.get(),
            older_files: log.service_log_files,
            level: log.service_log_level,
            terminal,
        }
    }
}

/// The service log of this process. Keep it until the end: dropping it writes what still waits.
pub struct ServiceLog {
    lines: Arc<LineWriter>,
    level: reload::Handle<LevelFilter, Registry>,
}

/// Why the service log cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum ServiceLogError {
    /// Its thread cannot be started.
    #[error("cannot start the thread of the service log: {0}")]
    Thread(#[from] io::Error),
    /// There is one already.
    #[error("this process has a service log already")]
    Second(#[from] tracing::subscriber::SetGlobalDefaultError),
}

impl ServiceLog {
    /// Starts the log of this process: from now on `tracing` goes there.
    pub fn start(settings: &ServiceLogSettings) -> Result<Self, ServiceLogError> {
        let (log, subscriber) = Self::build(settings)?;
        tracing::subscriber::set_global_default(subscriber)?;
        Ok(log)
    }

    /// The log and what `tracing` needs to reach it, for whoever sets that up differently.
    pub fn build(
        settings: &ServiceLogSettings,
    ) -> io::Result<(Self, impl tracing::Subscriber + Send + Sync + 'static)> {
        let lines = Arc::new(LineWriter::start("service-log", files::Files::new(settings))?);
        let (filter, handle) = reload::Layer::new(filter(settings.level));
        let file = fmt::layer()
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .with_span_list(false)
            .with_writer(Lines(Arc::clone(&lines)));
        let terminal = settings
            .terminal
            .then(|| fmt::layer().with_target(false).with_ansi(false).with_writer(io::stderr));
        let subscriber = Registry::default().with(filter).with(file.boxed()).with(terminal);
        Ok((Self { lines, level: handle }, subscriber))
    }

    /// From now on as much is said as `level` says.
    pub fn set_level(&self, level: ServiceLogLevel) {
        // Fails only once nothing is logged any more.
        let _ = self.level.reload(filter(level));
    }

    /// How many lines were lost, since the disk was full or did not keep up.
    pub fn dropped(&self) -> u64 {
        self.lines.tally().dropped.load(Relaxed)
    }

    /// Waits until what was said before is in the file, or could not be written. Whether that was in time.
    pub fn flush(&self, within: Duration) -> bool {
        self.lines.flush(within)
    }
}

impl Drop for ServiceLog {
    fn drop(&mut self) {
        // `tracing` holds the lines for ever, so that their own end never comes.
        self.lines.flush(Duration::from_secs(2));
    }
}

fn filter(level: ServiceLogLevel) -> LevelFilter {
    match level {
        ServiceLogLevel::Error => LevelFilter::ERROR,
        ServiceLogLevel::Warn => LevelFilter::WARN,
        ServiceLogLevel::Info => LevelFilter::INFO,
        ServiceLogLevel::Debug => LevelFilter::DEBUG,
        ServiceLogLevel::Trace => LevelFilter::TRACE,
    }
}

/// Gives each event, which is written in one go, to the thread that writes the file.
struct Lines(Arc<LineWriter>);

impl io::Write for &Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.push(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = &'a Lines;

    fn make_writer(&'a self) -> &'a Lines {
        self
    }
}
