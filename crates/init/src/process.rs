//! Processes of ours: starting them and telling them to end.

use std::ffi::{OsStr, OsString};
use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};

use rustix::process::{Pid, PidfdFlags, Signal};
use tokio::process::{Child, Command};

use crate::supervision::Exit;

/// The executable that services and inits are started from.
#[derive(Clone, Debug)]
pub struct Program {
    path: PathBuf,
}

impl Program {
    /// This very executable.
    pub fn this() -> io::Result<Self> {
        std::env::current_exe().map(Self::at)
    }

    /// The executable at `path`.
    pub fn at(path: PathBuf) -> Self {
        Self { path }
    }

    /// A command that starts it with these arguments, away from the terminal: a Ctrl-C there is for the grid alone,
    /// which then stops everything in order.
    pub(crate) fn command<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Command {
        let mut command = Command::new(&self.path);
        command.args(arguments).stdin(Stdio::null()).process_group(0);
        command
    }
}

/// `--parent PID`, by which a child is told whom to die with.
pub(crate) fn parent_argument() -> [OsString; 2] {
    ["--parent".into(), std::process::id().to_string().into()]
}

/// A child process, addressed by a handle that cannot come to mean another process.
#[derive(Debug)]
pub(crate) struct Process {
    pub(crate) pid: u32,
    handle: OwnedFd,
}

impl Process {
    /// Starts the command. The kernel ties a child to the *thread* that started it, so this must be called on one that
    /// lives as long as the child: see [`crate::runtime`].
    pub(crate) fn start(command: &mut Command) -> io::Result<(Self, Child)> {
        let child = command.spawn()?;
        let pid = child.id().ok_or_else(|| io::Error::other("the new process has no id"))?;
        // Nothing has waited for the child yet, so the id still means it even if it is dead already.
        let handle = open(pid)?;
        Ok((Self { pid, handle }, child))
    }

    /// Asks the process to end.
    pub(crate) fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// Ends the process.
    pub(crate) fn kill(&self) {
        self.signal(Signal::KILL);
    }

    fn signal(&self, signal: Signal) {
        // The only failure is that the process is gone, which is what the signal was for.
        let _ = rustix::process::pidfd_send_signal(&self.handle, signal);
    }
}

/// A handle of the process with this id.
pub(crate) fn open(pid: u32) -> io::Result<OwnedFd> {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    let pid = pid.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "not a process id"))?;
    Ok(rustix::process::pidfd_open(pid, PidfdFlags::empty())?)
}

/// How the process ended, from what waiting for it returned.
pub(crate) fn exit(status: &io::Result<ExitStatus>) -> Exit {
    match status {
        Ok(status) => match (status.code(), status.signal()) {
            (Some(code), _) => Exit::Code(code),
            (None, signal) => Exit::Signal(signal.unwrap_or(0)),
        },
        Err(_) => Exit::Code(-1),
    }
}

/// The file that takes what a process prints (start-up errors, panics), begun anew when it has grown large.
pub(crate) fn console(path: &Path) -> io::Result<File> {
    const LARGE: u64 = 1024 * 1024;
    let large = std::fs::metadata(path).is_ok_and(|file| file.len() > LARGE);
    if large {
        std::fs::rename(path, path.with_extension("console.old"))?;
    }
    OpenOptions::new().create(true).append(true).mode(0o600).open(path)
}
