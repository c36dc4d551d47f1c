//! One run of a command, from its start until it and what it started are gone.

use std::io;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal};
use tokio::net::unix::pipe;
use tokio::process::{Child, Command};

use crate::{ControlError, Operation};

/// So much of what a command says last is kept.
const KEPT_OUTPUT: usize = 2048;

/// Runs the words as a command, for at most `limit`.
pub(super) async fn run(
    words: Vec<String>,
    limit: Duration,
    operation: Operation,
) -> Result<(), ControlError> {
    let program = words.first().cloned().unwrap_or_default();
    let (mut child, output) = match start(&words) {
        Ok(started) => started,
        Err(source) => {
            return Err(ControlError::Unreachable { operation, controller: program, source: source.into() });
        }
    };
    let group = child.id();
    let mut last = Last::default();
    match tokio::time::timeout(limit, wait(&mut child, &output, &mut last)).await {
        Ok(Ok(status)) if status.success() => Ok(()),
        Ok(Ok(status)) => {
            let exit = match status.code() {
                Some(code) => format!("ended with exit code {code}"),
                None => status.to_string(),
            };
            Err(ControlError::CommandFailed { operation, exit, output: last.text() })
        }
        Ok(Err(source)) => Err(ControlError::OutcomeUnknown { operation, source: source.into() }),
        Err(_) => {
            // The child has not been waited for, so its id still means it and its group.
            if let Some(group) = group.and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw) {
                let _ = rustix::process::kill_process_group(group, Signal::KILL);
            }
            let _ = child.wait().await;
            let said = last.text();
            let said = if said.is_empty() { said } else { format!("; it said: {said}") };
            let reason = format!("{program} was not over after {limit:?} and was killed{said}");
            Err(ControlError::OutcomeUnknown { operation, source: reason.into() })
        }
    }
}

/// Starts the command in a process group of its own, with both outputs in one pipe.
fn start(words: &[String]) -> io::Result<(Child, pipe::Receiver)> {
    let (program, arguments) = words.split_first().ok_or(io::ErrorKind::InvalidInput)?;
    let (output, input) = io::pipe()?;
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(input.try_clone()?).stderr(input);
    // It is not for a command to say that this service is ready.
    command.env_remove("NOTIFY_SOCKET").process_group(0).kill_on_drop(true);
    let child = command.spawn()?;
    Ok((child, pipe::Receiver::from_owned_fd(output.into())?))
}

/// Waits for the command alone: what it leaves behind may hold the pipe as long as it likes.
async fn wait(child: &mut Child, output: &pipe::Receiver, last: &mut Last) -> io::Result<ExitStatus> {
    let mut open = true;
    loop {
        tokio::select! {
            status = child.wait() => {
                last.take_from(output)?;
                return status;
            }
            readable = output.readable(), if open => {
                readable?;
                open = last.take_from(output)?;
            }
        }
    }
}

/// The last that was said.
#[derive(Debug, Default)]
struct Last(Vec<u8>);

impl Last {
    /// Takes what there is, and says whether there may be more some time. Never more than a little at once, so that a
    /// command that talks without end meets its limit.
    fn take_from(&mut self, output: &pipe::Receiver) -> io::Result<bool> {
        let mut chunk = [0; 4096];
        for _ in 0..16 {
            match output.try_read(&mut chunk) {
                Ok(0) => return Ok(false),
                Ok(read) => {
                    self.0.extend_from_slice(&chunk[..read]);
                    let surplus = self.0.len().saturating_sub(KEPT_OUTPUT);
                    self.0.drain(..surplus);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(true),
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    /// As one line: it becomes part of an error.
    fn text(&self) -> String {
        let text = String::from_utf8_lossy(&self.0);
        text.split(|sign: char| sign.is_whitespace() || sign.is_control())
            .filter(|word| !word.is_empty())
            .collect::<Vec<_>>()
            .join(" ")
    }
}
