//! An installation that runs: the processes of `mailmedic up`, its commands, and its end.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::place::Place;
use crate::pop3::{Fault, Pop3Client};
use crate::process::{Signal, has_argument, has_ended, send};
use crate::program::{Ran, mailmedic, run};
use crate::status::Status;
use crate::wait::{PATIENCE, until, within};

/// How many of its last lines every log contributes to the report of a test that fails.
const LAST_WORDS: usize = 25;

/// An installation of our own executable. `mailmedic up` runs in the foreground, as a child of the test: what ends the
/// test ends it. Everything else ends with this value.
#[derive(Debug)]
pub struct Installation {
    program: PathBuf,
    place: Place,
    folder: TempDir,
    data: PathBuf,
    up: Option<Child>,
    starts: u32,
}

impl Installation {
    /// With the data directory `data`, not started yet.
    pub(crate) fn new(place: Place, folder: TempDir, data: PathBuf) -> Self {
        Self { program: mailmedic(), place, folder, data, up: None, starts: 0 }
    }

    /// Starts `mailmedic up` and waits until everything serves.
    pub fn start(&mut self) {
        assert!(self.up.is_none(), "it runs");
        self.starts += 1;
        let said = self.folder.path().join(format!("up-{}.out", self.starts));
        let out = File::create(&said).unwrap();
        let mut command = Command::new(&self.program);
        command.arg("up").arg("--data").arg(&self.data).env_remove("MAILMEDIC_DATA");
        command.stdin(Stdio::null()).stdout(out.try_clone().unwrap()).stderr(out);
        let up = self.up.insert(command.spawn().unwrap());
        until("mailmedic up to be ready", || {
            let said = fs::read_to_string(&said).unwrap();
            if said.contains("mailmedic is ready") {
                return Some(());
            }
            assert!(up.try_wait().unwrap().is_none(), "mailmedic up ended: {said}");
            None
        });
    }

    /// `mailmedic down`: an orderly end.
    pub fn stop(&mut self) {
        self.command(["down"]).succeeded();
        let mut up = self.up.take().expect("it runs");
        assert!(up.wait().unwrap().success());
    }

    /// Kills everything at once.
    pub fn cut_power(&mut self) {
        let pids = self.status().pids();
        let mut up = self.up.take().expect("it runs");
        up.kill().unwrap();
        up.wait().unwrap();
        until("every process to die with the grid", || pids.iter().all(|pid| has_ended(*pid)).then_some(()));
    }

    /// Runs a command on this installation.
    #[track_caller]
    pub fn command<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Ran {
        self.command_with_input(arguments, b"")
    }

    /// Runs a command on this installation, with something on its standard input.
    #[track_caller]
    pub fn command_with_input<S: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = S>,
        input: &[u8],
    ) -> Ran {
        run(Command::new(&self.program).args(arguments).env("MAILMEDIC_DATA", &self.data), input)
    }

    /// Begins a command on this installation and leaves it to itself; what it says is nobody's.
    pub fn begin<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Child {
        let mut command = Command::new(&self.program);
        command.args(arguments).env("MAILMEDIC_DATA", &self.data);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    /// Adds users, all with the same password.
    #[track_caller]
    pub fn add_users(&self, names: &[&str], password: &str) {
        let lines: Vec<String> = names.iter().map(|name| format!("{name}:{password}\n")).collect();
        self.command_with_input(["user", "import", "-"], lines.concat().as_bytes()).succeeded();
    }

    /// What runs.
    #[track_caller]
    pub fn status(&self) -> Status {
        Status::parse(&self.command(["status", "--output", "json"]).text())
    }

    /// Waits until every service serves.
    #[track_caller]
    pub fn until_serving(&self) -> Status {
        until("every service to serve", || Some(self.status()).filter(Status::all_run))
    }

    /// Where clients connect in the clear.
    pub fn pop3(&self) -> SocketAddr {
        (self.place.address(1), 10110).into()
    }

    /// Where clients connect with TLS.
    pub fn pop3s(&self) -> SocketAddr {
        (self.place.address(1), 10995).into()
    }

    /// Where the back end of `mbx1` or `mbx2` is reached by front ends.
    pub fn back_end(&self, number: u8) -> SocketAddrV4 {
        SocketAddrV4::new(self.place.address(20 + number), 11995)
    }

    /// Where mail servers deliver.
    pub fn lmtp(&self) -> SocketAddr {
        (self.place.address(1), 10224).into()
    }

    /// An address for something beside the installation. Above 30.
    pub fn address(&self, host: u8) -> Ipv4Addr {
        self.place.address(host)
    }

    /// The authority that clients trust.
    pub fn ca(&self) -> PathBuf {
        self.data.join("ca/clients/ca.pem")
    }

    /// The data directory.
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// A folder that lives as long as the installation and is not its data directory.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Logs in over the plain port.
    pub fn log_in(&self, user: &str, password: &str) -> Result<Pop3Client, Fault> {
        let mut client = Pop3Client::connect(self.pop3())?;
        client.log_in(user, password)?;
        Ok(client)
    }

    /// Everything in a user's maildrop, oldest first.
    #[track_caller]
    pub fn mail_of(&self, user: &str, password: &str) -> Vec<Vec<u8>> {
        let mut client = self.log_in(user, password).unwrap();
        let list = client.list().unwrap();
        let mail = list.iter().map(|entry| client.retrieve(entry.number).unwrap()).collect();
        client.quit().unwrap();
        mail
    }

    /// The end of every log.
    fn last_words(&self) -> String {
        let mut files = vec![];
        let servers = fs::read_dir(self.data.join("servers")).into_iter().flatten().flatten();
        for folder in
            servers.map(|server| server.path()).chain([self.data.clone(), self.folder.path().into()])
        {
            let all = fs::read_dir(folder).into_iter().flatten().flatten().map(|file| file.path());
            files.extend(all.filter(|file| {
                file.extension().is_some_and(|extension| extension == "log" || extension == "out")
            }));
        }
        let end = |file: &PathBuf| {
            let text = String::from_utf8_lossy(&fs::read(file).unwrap_or_default()).into_owned();
            let lines: Vec<&str> = text.lines().collect();
            let last = lines[lines.len().saturating_sub(LAST_WORDS)..].join("\n");
            format!("\n== {}\n{last}", file.display())
        };
        files.iter().map(end).collect()
    }
}

impl Drop for Installation {
    #[expect(clippy::print_stdout, reason = "a test's output is shown when it fails")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("{}", self.last_words());
        }
        let mut status = Command::new(&self.program);
        status.args(["status", "--output", "json", "--data"]).arg(&self.data).env_remove("MAILMEDIC_DATA");
        let said = status.output().map(|said| String::from_utf8_lossy(&said.stdout).into_owned());
        let status = said.ok().filter(|said| said.starts_with('{')).map(|said| Status::parse(&said));
        let status = status.unwrap_or_default();
        if let Some(up) = self.up.as_ref().map(Child::id).or(status.up) {
            send(up, Signal::TERM);
            let stopped = within(PATIENCE / 3, || has_ended(up).then_some(()));
            if stopped.is_none() {
                send(up, Signal::KILL);
            }
        }
        if let Some(mut up) = self.up.take() {
            let _ = up.wait();
        }
        // They die with their parents. If one did not, it is not left to the machine.
        let data = self.data.to_string_lossy();
        for pid in status.pids().into_iter().filter(|pid| !has_ended(*pid) && has_argument(*pid, &data)) {
            send(pid, Signal::KILL);
        }
    }
}
