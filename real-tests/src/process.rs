//! Processes that were started here, by id.

use std::fs;

use rustix::process::{Pid, kill_process};

pub use rustix::process::Signal;

/// Sends a signal. Whoever is gone already does not mind.
pub fn send(pid: u32, signal: Signal) {
    let _ = kill_process(Pid::from_raw(pid.try_into().unwrap()).unwrap(), signal);
}

/// Whether the process has ended. A corpse that nobody has buried yet has.
pub fn has_ended(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(") ").next().is_none_or(|rest| rest.is_empty() || rest.starts_with('Z'))
}

/// Whether the process runs with `word` among its arguments: that it is still the one that was meant.
pub fn has_argument(pid: u32, word: &str) -> bool {
    let arguments = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    arguments.split(|byte| *byte == 0).any(|argument| argument == word.as_bytes())
}
