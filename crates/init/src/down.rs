//! `mailmedic down`: asks a running grid to stop, and waits until it has.

use std::io;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::Signal;
use settings::DataDirectory;
use thiserror::Error;

use crate::claim::{self, ClaimError};
use crate::error::InitError;
use crate::process;

/// What was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Down {
    /// Nobody ran the data directory.
    WasDown,
    /// The grid, this process, has stopped.
    Stopped(u32),
}

/// Why a grid could not be stopped.
#[derive(Debug, Error)]
pub enum DownError {
    /// The folder is not one that a grid could run.
    #[error(transparent)]
    Claim(#[from] ClaimError),
    /// The operating system refuses.
    #[error(transparent)]
    Init(#[from] InitError),
    /// It goes on.
    #[error(
        "process {pid} has not stopped within {} s; `kill -KILL {pid}` ends it and everything it runs at once: mail \
         that has been accepted is safe",
        limit.as_secs()
    )]
    TooSlow {
        /// The grid's process.
        pid: u32,
        /// How long it was given.
        limit: Duration,
    },
}

/// Stops the grid that runs the data directory; `begun` is called with its process once there is one.
pub fn take_down(data: &DataDirectory, limit: Duration, begun: impl FnOnce(u32)) -> Result<Down, DownError> {
    claim::check(data)?;
    let Some(pid) = claim::holder(data)? else { return Ok(Down::WasDown) };
    let Ok(handle) = process::open(pid) else { return Ok(Down::WasDown) };
    // The id came from a file: only if the claim still stands now does the handle mean who holds it.
    if claim::holder(data)? != Some(pid) {
        return Ok(Down::WasDown);
    }
    rustix::process::pidfd_send_signal(&handle, Signal::TERM)
        .map_err(|error| InitError::system("ask the running mailmedic to stop")(error.into()))?;
    begun(pid);
    if ends_within(&handle, limit).map_err(InitError::system("wait for the running mailmedic"))? {
        Ok(Down::Stopped(pid))
    } else {
        Err(DownError::TooSlow { pid, limit })
    }
}

/// Waits until the process ends, which makes its handle readable. Whether that was in time.
fn ends_within(handle: &OwnedFd, limit: Duration) -> io::Result<bool> {
    let deadline = Instant::now() + limit;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let left = Timespec::try_from(left).map_err(io::Error::other)?;
        match poll(&mut [PollFd::new(handle, PollFlags::IN)], Some(&left)) {
            Ok(ready) => return Ok(ready > 0),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}
