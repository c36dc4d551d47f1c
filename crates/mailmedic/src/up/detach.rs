//! `up --detach`: a process is left behind, and the command returns when everything is ready.
//!
//! The process left behind says what it does in lines of JSON on a pipe. Until everything is ready it stops if the
//! command is interrupted; from then on nothing ties it to the command, the terminal or the session of the log-in.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader};
use std::os::unix::fs::OpenOptionsExt;
use std::process::{Command, Stdio};

use init::grid::Progress;
use rustix::process::{Signal, set_parent_process_death_signal, setsid};
use serde::{Deserialize, Serialize};
use settings::{DataDirectory, Value};
use shell::{Failure, Outcome};

use super::{Arguments, line, welcome};
use crate::founding::Alias;
use crate::screen::say;
use crate::site::Site;

/// What the process left behind says.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Report {
    Progress(Progress),
    Failed(String),
    BadInput(String),
}

/// Starts the process that is left behind, and waits until everything is ready.
pub(super) fn start(arguments: &Arguments, data: &DataDirectory) -> Outcome {
    let cannot =
        |error: io::Error| Failure::failed(format!("cannot start the process to leave behind: {error}"));
    let mut command = Command::new(std::env::current_exe().map_err(cannot)?);
    command.arg("up").arg("--detached").arg("--data").arg(data.root());
    if let Some(domain) = &arguments.domain {
        command.arg("--domain").arg(domain.as_str());
    }
    for Alias { alias, server } in &arguments.aliases {
        command.arg("--alias").arg(format!("{alias}={server}"));
    }
    if let Some(delay) = arguments.power_on_delay {
        command.arg("--power-on-delay").arg(delay.text());
    }
    if arguments.no_restart {
        command.arg("--no-restart");
    }
    // Nothing of where it was started from is kept busy.
    command.current_dir("/");
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().map_err(cannot)?;
    let reports = child.stdout.take().map(BufReader::new);
    for report in reports.into_iter().flat_map(BufRead::lines) {
        let report = report.map_err(cannot)?;
        match serde_json::from_str(&report) {
            Ok(Report::Progress(Progress::AllReady)) => {
                return say(welcome::text(&Site::open(data)?, child.id())?);
            }
            Ok(Report::Progress(progress)) => say(progress)?,
            Ok(Report::Failed(text)) => return Err(Failure::Failed(text)),
            Ok(Report::BadInput(text)) => return Err(Failure::BadInput(text)),
            Err(error) => {
                return Err(Failure::failed(format!("the process left behind said {report:?}: {error}")));
            }
        }
    }
    let ended = child.wait().map_err(cannot)?;
    Err(Failure::failed(format!("the process to leave behind ended before everything was ready ({ended})")))
}

/// The process that is left behind.
pub(super) fn leave_behind(arguments: &Arguments, data: &DataDirectory) -> Outcome {
    let system = |error: rustix::io::Errno| Failure::failed(format!("cannot leave the session: {error}"));
    setsid().map_err(system)?;
    set_parent_process_death_signal(Some(Signal::TERM)).map_err(system)?;
    let mut show = |_: &Site, progress: &Progress| {
        if *progress == Progress::AllReady {
            // Fails for no reason that is known; the worst that follows is a grid that goes down with the command.
            let _ = set_parent_process_death_signal(None);
        }
        tell(&Report::Progress(progress.clone()));
        if *progress == Progress::AllReady {
            // Nobody reads any more.
            let _ = File::options().write(true).open("/dev/null").map(rustix::stdio::dup2_stdout);
        }
    };
    let outcome = arguments.serve(data, &errors_to_file, &mut show);
    match &outcome {
        Err(Failure::Failed(text)) => tell(&Report::Failed(text.clone())),
        Err(Failure::BadInput(text)) => tell(&Report::BadInput(text.clone())),
        Err(Failure::NobodyReads) | Ok(()) => {}
    }
    // Told already, to whoever was there to hear it.
    outcome.map_err(|_| Failure::NobodyReads)
}

fn tell(report: &Report) {
    if let Ok(text) = serde_json::to_string(report) {
        // The command may be gone; then there is nobody to tell.
        let _ = line(&text);
    }
}

/// The terminal is not ours to keep: from here on errors that nobody expected, a panic, go to a file.
fn errors_to_file(data: &DataDirectory) -> io::Result<()> {
    let path = data.root().join("up.console");
    let file = OpenOptions::new().create(true).append(true).mode(0o600).open(path)?;
    Ok(rustix::stdio::dup2_stderr(file)?)
}
