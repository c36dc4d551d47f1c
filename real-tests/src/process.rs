//! Processes that were started here, by id.

use std::fs;
use std::net::SocketAddrV4;
use std::path::PathBuf;

use rustix::net::{Shutdown, shutdown};
use rustix::process::{Pid, PidfdFlags, PidfdGetfdFlags, kill_process, pidfd_getfd, pidfd_open};

pub use rustix::process::Signal;

/// Sends a signal. Whoever is gone already does not mind.
pub fn send(pid: u32, signal: Signal) {
    let _ = kill_process(process(pid), signal);
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

/// The process that started a process.
pub fn parent(pid: u32) -> u32 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("PPid:")).unwrap();
    line.trim().parse().unwrap()
}

/// Closes a listener of a process behind its back, and every connection that came in there: nobody can connect any more, and the
/// process is as it was. Needs root.
pub fn close_listener(pid: u32, at: SocketAddrV4) {
    // As the kernel writes it: the octets of the address in the order of this machine.
    let local = format!("{:08X}:{:04X}", u32::from_ne_bytes(at.ip().octets()), at.port());
    let sockets = fs::read_to_string(format!("/proc/{pid}/net/tcp")).unwrap();
    let sockets = sockets.lines().map(|line| line.split_ascii_whitespace().collect::<Vec<_>>());
    let there = sockets.filter(|line| line.get(1) == Some(&local.as_str()));
    let links: Vec<_> = there.map(|line| PathBuf::from(format!("socket:[{}]", line[9]))).collect();
    let process = pidfd_open(process(pid), PidfdFlags::empty()).unwrap();
    let mut closed = 0;
    for open in fs::read_dir(format!("/proc/{pid}/fd")).unwrap().map(Result::unwrap) {
        if fs::read_link(open.path()).is_ok_and(|link| links.contains(&link)) {
            let number = open.file_name().to_str().unwrap().parse().unwrap();
            let socket = pidfd_getfd(&process, number, PidfdGetfdFlags::empty()).unwrap();
            shutdown(socket, Shutdown::Both).unwrap();
            closed += 1;
        }
    }
    assert!(closed > 0, "{pid} does not listen at {at}");
}

fn process(pid: u32) -> Pid {
    Pid::from_raw(pid.try_into().unwrap()).unwrap()
}
