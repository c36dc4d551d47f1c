//! Processes that the benchmark starts: ended by their id when their value is dropped, and by the kernel when the
//! benchmark dies without a word.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

/// A running server, or the first of its processes.
pub(crate) struct Process {
    name: String,
    command: Command,
    /// Where its output goes, if we do not read it.
    log: Option<PathBuf>,
    child: Child,
    id: Arc<AtomicU32>,
}

/// How long a server may take to end when asked to.
const PATIENCE: Duration = Duration::from_secs(10);

impl Process {
    /// Starts a program in the foreground with its output in `log`. It gets SIGTERM when this thread, the main one, is
    /// gone.
    pub(crate) fn start(name: &str, program: &str, arguments: &[&str], log: &Path) -> Result<Self> {
        let output = File::create(log)?;
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "TERM", "--", program]).args(arguments);
        command.stdout(output.try_clone()?).stderr(output);
        let mut process = Self::spawn(name, command)?;
        process.log = Some(log.to_owned());
        Ok(process)
    }

    /// Starts this program as `bench serve …` and reads the address it listens on.
    pub(crate) fn start_ceiling(name: &str, arguments: &[&str]) -> Result<(Self, SocketAddr)> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("serve").args(arguments).stdout(Stdio::piped());
        let mut process = Self::spawn(name, command)?;
        let mut line = String::new();
        let output = process.child.stdout.take().context("a child without output")?;
        BufReader::new(output).read_line(&mut line)?;
        let address = line.trim().parse().with_context(|| format!("{name} does not say where it listens"))?;
        Ok((process, address))
    }

    /// In a process group of its own, so that Ctrl-C reaches the benchmark alone, which then ends its servers in order.
    fn spawn(name: &str, mut command: Command) -> Result<Self> {
        command.stdin(Stdio::null()).process_group(0);
        let child = command.spawn().with_context(|| format!("starting {name}"))?;
        let id = Arc::new(AtomicU32::new(child.id()));
        Ok(Self { name: name.to_owned(), command, log: None, child, id })
    }

    /// Ends the process and starts it again.
    pub(crate) fn restart(&mut self) -> Result<()> {
        self.stop();
        self.child = self.command.spawn().with_context(|| format!("starting {} again", self.name))?;
        self.id.store(self.child.id(), Ordering::Relaxed);
        Ok(())
    }

    /// Fails if the process has ended.
    pub(crate) fn ensure_running(&mut self) -> Result<()> {
        if let Some(status) = self.child.try_wait()? {
            bail!("{} ended: {status}: {}", self.name, self.last_words());
        }
        Ok(())
    }

    /// What it printed.
    pub(crate) fn last_words(&self) -> String {
        self.log.as_ref().and_then(|log| fs::read_to_string(log).ok()).unwrap_or_default()
    }

    /// The id of the process, also after a restart.
    pub(crate) fn id(&self) -> Arc<AtomicU32> {
        Arc::clone(&self.id)
    }

    fn stop(&mut self) {
        let tree = tree(&[self.child.id()]);
        if matches!(self.child.try_wait(), Ok(None)) {
            signal(self.child.id(), Signal::TERM);
            let deadline = Instant::now() + PATIENCE;
            while matches!(self.child.try_wait(), Ok(None)) && Instant::now() < deadline {
                sleep(Duration::from_millis(10));
            }
            if matches!(self.child.try_wait(), Ok(None)) {
                // Nothing more can be done about a process that cannot be killed.
                let _ = self.child.kill();
                let _ = self.child.wait();
            }
        }
        // Of its descendants only those are ended by us that have outlived it.
        for pid in tree.into_iter().skip(1).filter(|&pid| parent(pid) == Some(1)) {
            signal(pid, Signal::KILL);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.stop();
    }
}

/// A process that is gone already is as good as ended.
fn signal(pid: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        let _ = kill_process(pid, signal);
    }
}

/// These processes and all that descend from them.
pub(crate) fn tree(roots: &[u32]) -> Vec<u32> {
    let mut tree = roots.to_vec();
    let mut at = 0;
    while at < tree.len() {
        tree.extend(children(tree[at]));
        at += 1;
    }
    tree
}

fn children(pid: u32) -> Vec<u32> {
    let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else { return Vec::new() };
    threads
        .filter_map(|thread| fs::read_to_string(thread.ok()?.path().join("children")).ok())
        .flat_map(|text| text.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>())
        .collect()
}

/// The processor time that a process has used, of all its threads.
pub(crate) fn processor_time(pid: u32) -> Result<Duration> {
    /// Of the clock in which /proc counts; fixed by the ABI of Linux.
    const TICKS_PER_SECOND: u64 = 100;
    let file = format!("/proc/{pid}/stat");
    let stat = fs::read_to_string(&file).with_context(|| file.clone())?;
    let after_name = stat.rsplit(") ").next().unwrap_or_default();
    let mut fields = after_name.split_ascii_whitespace().skip(11).map(str::parse::<u64>);
    let (Some(Ok(user)), Some(Ok(system))) = (fields.next(), fields.next()) else {
        bail!("{file} has no times");
    };
    Ok(Duration::from_millis((user + system) * 1000 / TICKS_PER_SECOND))
}

fn parent(pid: u32) -> Option<u32> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix("PPid:"))?.trim().parse().ok()
}
