//! A service with its process: carries out what [`crate::supervision`] decides.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::notify::NotifySocket;
use crate::process::{self, Process, Program};
use crate::socket_folder::SocketFolder;
use crate::supervision::{Effect, Event, Notice, Policy, Supervision};

/// How a service is started.
#[derive(Clone, Debug)]
pub struct ServiceCommand {
    /// Its name, which is also that of its files: `frontend`, `backend`, `agent`.
    pub name: String,
    /// What it is started with; `--parent PID` is added.
    pub arguments: Vec<OsString>,
}

/// Where the processes of services come from, and where they say that they are ready.
#[derive(Debug)]
pub(crate) struct Origin {
    pub(crate) program: Program,
    pub(crate) sockets: SocketFolder,
}

/// A service, whether it has a process or not.
pub(crate) struct Supervised {
    pub(crate) command: ServiceCommand,
    supervision: Supervision,
    process: Option<Process>,
    /// The file that takes what its processes print.
    console: PathBuf,
    origin: Arc<Origin>,
    happened: Arc<dyn Fn(Event) + Send + Sync>,
}

impl Supervised {
    /// A service that is not wanted yet. `happened` is told what its processes do, which is then to be given to
    /// [`Supervised::take`].
    pub(crate) fn new(
        command: ServiceCommand,
        policy: Policy,
        console: PathBuf,
        origin: Arc<Origin>,
        happened: impl Fn(Event) + Send + Sync + 'static,
    ) -> Self {
        let supervision = Supervision::new(policy);
        Self { command, supervision, process: None, console, origin, happened: Arc::new(happened) }
    }

    /// What supervision knows.
    pub(crate) fn supervision(&self) -> &Supervision {
        &self.supervision
    }

    /// Lets supervision decide about the event, and carries out what it says; that makes events of its own. What is to be
    /// told is returned.
    pub(crate) fn take(&mut self, event: Event, now: Duration) -> Vec<Notice> {
        let (mut events, mut notices) = (vec![event], Vec::new());
        while let Some(event) = events.pop() {
            for effect in self.supervision.on(event, now) {
                match effect {
                    Effect::Spawn => events.push(self.spawn()),
                    Effect::Terminate(_) => self.process.iter().for_each(Process::terminate),
                    Effect::Kill(_) => self.process.iter().for_each(Process::kill),
                    Effect::Tell(notice) => notices.push(notice),
                }
            }
        }
        notices
    }

    fn spawn(&mut self) -> Event {
        match self.start_process() {
            Ok(pid) => Event::Spawned(pid),
            Err(error) => Event::SpawnFailed(error.to_string()),
        }
    }

    fn start_process(&mut self) -> std::io::Result<u32> {
        let Origin { program, sockets } = &*self.origin;
        let notify = NotifySocket::open(sockets, &format!("{}.notify", self.command.name))?;
        let console = process::console(&self.console)?;
        let mut command = program.command(&self.command.arguments);
        command.args(process::parent_argument()).env("NOTIFY_SOCKET", notify.address());
        command.stdout(console.try_clone()?).stderr(console);
        let (process, mut child) = Process::start(&mut command)?;
        let pid = process.pid;
        self.process = Some(process);
        let happened = Arc::clone(&self.happened);
        tokio::spawn(async move {
            let ended = tokio::select! {
                ended = child.wait() => ended,
                () = notify.ready() => {
                    happened(Event::Ready(pid));
                    child.wait().await
                }
            };
            // The next process gets a socket of the same name.
            drop(notify);
            happened(Event::Exited(pid, process::exit(&ended)));
        });
        Ok(pid)
    }
}
