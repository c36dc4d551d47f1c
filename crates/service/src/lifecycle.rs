//! The life of a process: who starts it, who stops it, what it says when it ends.

use std::io;
use std::process::{ExitCode, Termination};
use std::time::Duration;

use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, setrlimit};
use tokio::signal::unix::{SignalKind, signal};

/// How a service process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// As it was told to.
    Done,
    /// Something broke; starting again may help.
    Failed,
    /// What it needs is taken: a port, a lock, a socket. Starting again helps once that is free.
    Occupied,
    /// The settings are wrong; starting again does not help before they are changed.
    Misconfigured,
}

impl Exit {
    /// The number that the parent sees.
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Occupied => 69,
            Self::Misconfigured => 78,
        }
    }

    /// What the number of a child means; anything else is a failure.
    pub fn of(code: i32) -> Self {
        match code {
            0 => Self::Done,
            69 => Self::Occupied,
            78 => Self::Misconfigured,
            _ => Self::Failed,
        }
    }
}

impl Termination for Exit {
    fn report(self) -> ExitCode {
        self.code().into()
    }
}

/// Has the kernel kill this process when its parent dies, so that a server's services die with its init.
///
/// The kernel means the *thread* that started this process: a parent must start it from one that lives as long as it does
/// itself, and not from a pool. `parent` is the process that started this one, which may be gone already: then this fails.
pub fn die_with_parent(parent: u32) -> io::Result<()> {
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
    let now = rustix::process::getppid().map(Pid::as_raw_nonzero).map(i32::from);
    // Whoever died before the line above sends no signal any more.
    if now.and_then(|pid| u32::try_from(pid).ok()) == Some(parent) {
        return Ok(());
    }
    Err(io::Error::other(format!("the parent, process {parent}, is gone")))
}

/// Raises the number of files and connections this process may have to what the system allows it, and returns that.
///
/// The usual soft limit of 1024 is a courtesy to programs that use `select`; we do not.
pub fn raise_descriptor_limit() -> io::Result<u64> {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum })?;
    Ok(limit.maximum.unwrap_or(u64::MAX))
}

/// Signals, caught from the moment this exists.
#[derive(Debug)]
pub struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
    hangup: tokio::signal::unix::Signal,
}

/// What a signal asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// SIGTERM or SIGINT: stop, in good order. Asked a second time: at once.
    Stop,
    /// SIGHUP: read the settings again.
    Reload,
}

impl Signals {
    /// Catches SIGTERM, SIGINT and SIGHUP. Within a runtime only.
    pub fn catch() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// The next signal.
    pub async fn next(&mut self) -> Asked {
        tokio::select! {
            _ = self.terminate.recv() => Asked::Stop,
            _ = self.interrupt.recv() => Asked::Stop,
            _ = self.hangup.recv() => Asked::Reload,
        }
    }
}

/// What systemd, or an init that speaks as it does, is told. Without one these do nothing.
pub mod notify {
    use super::Duration;
    use sd_notify::NotifyState;

    /// The service serves.
    pub fn ready() {
        tell(&[NotifyState::Ready]);
    }

    /// The service is stopping.
    pub fn stopping() {
        tell(&[NotifyState::Stopping]);
    }

    /// What the service is doing, for people.
    pub fn status(text: &str) {
        tell(&[NotifyState::Status(text)]);
    }

    /// Says that the service lives, as often as the watchdog wants to hear it, for ever; at once over if nobody listens.
    ///
    /// Run it on the runtime that serves clients: if that hangs, so does this, and the watchdog acts.
    pub async fn watchdog() {
        let Some(limit) = sd_notify::watchdog_enabled() else { return };
        let mut ticks = tokio::time::interval((limit / 2).max(Duration::from_millis(1)));
        loop {
            ticks.tick().await;
            tell(&[NotifyState::Watchdog]);
        }
    }

    fn tell(states: &[NotifyState<'_>]) {
        if let Err(error) = sd_notify::notify(states) {
            tracing::debug!(%error, "the service manager cannot be told");
        }
    }
}
