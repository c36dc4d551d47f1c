//! One server's init: the parent of its services. Carries out what [`crate::supervision`] decides.
//!
//! Its death, however it comes, is the server's power loss: the services die with it. Asked to end (SIGTERM), it
//! drains them first. On real hosts systemd is init and this module is not used.

use std::ffi::OsString;
use std::path::PathBuf;

use jiff::Timestamp;
use settings::ServerFolder;
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::time::Instant;
use tracing::{error, info, warn};

use crate::control::{self, Asked};
use crate::error::InitError;
use crate::moment::{at, until};
use crate::notify::NotifySocket;
use crate::process::{self, Process, Program};
use crate::signals::EndSignals;
use crate::socket_folder::SocketFolder;
use crate::status::{Reply, ServerRequest, ServerStatus, ServiceState, ServiceStatus};
use crate::stopped::StoppedByHand;
use crate::supervision::{Effect, Event, Life, Notice, Policy, Supervision};

/// A service that an init looks after.
#[derive(Clone, Debug)]
pub struct ServiceCommand {
    /// Its name, which is also that of its files: `frontend`, `backend`.
    pub name: String,
    /// What it is started with; `--parent PID` is added.
    pub arguments: Vec<OsString>,
}

/// What an init needs to know.
#[derive(Clone, Debug)]
pub struct ServerInit {
    /// The server's name.
    pub server: String,
    /// The folder of the server in the data directory.
    pub folder: ServerFolder,
    /// What services are started from.
    pub program: Program,
    /// The services, in the order in which they are started.
    pub services: Vec<ServiceCommand>,
    /// How they are supervised.
    pub policy: Policy,
}

impl ServerInit {
    /// Runs the server until it is asked to end (SIGTERM, SIGINT) and all services have.
    ///
    /// # Errors
    /// The server's folder cannot be written.
    pub fn run(self) -> Result<(), InitError> {
        crate::runtime()?.block_on(async {
            Server::boot(self)?.serve().await;
            Ok(())
        })
    }
}

/// The name of an init among the processes of a server: its socket and log bear it.
pub const INIT: &str = "init";

/// The file that takes what a process of the server prints: start-up errors, panics.
pub fn console_file(folder: &ServerFolder, name: &str) -> PathBuf {
    folder.root().join(format!("{name}.console"))
}

struct Service {
    command: ServiceCommand,
    supervision: Supervision,
    process: Option<Process>,
}

struct Server {
    init: ServerInit,
    boot_id: String,
    started: Instant,
    started_at: Timestamp,
    stopped: StoppedByHand,
    services: Vec<Service>,
    /// From those who watch the processes.
    send: UnboundedSender<(usize, Event)>,
    inbox: UnboundedReceiver<(usize, Event)>,
    asked: UnboundedReceiver<Asked>,
    sockets: SocketFolder,
    signals: EndSignals,
    going_down: bool,
}

impl Server {
    /// Makes the server's folders and sockets and starts every service that no human stopped.
    fn boot(init: ServerInit) -> Result<Self, InitError> {
        let sockets = SocketFolder::open(&init.folder.root().join("run"))?;
        let (send, inbox) = mpsc::unbounded_channel();
        let (ask, asked) = mpsc::unbounded_channel();
        control::listen(&init.folder.admin_socket(INIT), &sockets, ask)?;
        let services = init
            .services
            .iter()
            .map(|command| Service {
                command: command.clone(),
                supervision: Supervision::new(init.policy),
                process: None,
            })
            .collect();
        let mut server = Self {
            boot_id: boot_id()?,
            started: Instant::now(),
            started_at: Timestamp::now(),
            stopped: StoppedByHand::read(init.folder.root())?,
            services,
            send,
            inbox,
            asked,
            sockets,
            signals: EndSignals::catch()?,
            going_down: false,
            init,
        };
        info!(server = server.init.server, boot_id = server.boot_id, "the server starts");
        for index in 0..server.services.len() {
            let name = &server.services[index].command.name;
            if server.stopped.contains(name) {
                warn!(service = name, "the service was stopped by hand and stays stopped");
            } else {
                server.take(index, Event::Start);
            }
        }
        Ok(server)
    }

    async fn serve(mut self) {
        while !self.is_down() {
            let wake = self.services.iter().filter_map(|service| service.supervision.wake_at()).min();
            let wake = wake.map(|at| self.started + at);
            tokio::select! {
                // Both channels stay open: `self` and the listener hold senders.
                Some((index, event)) = self.inbox.recv() => self.take(index, event),
                Some(Asked { request, answer }) = self.asked.recv() => {
                    // Whoever asked may have gone away; that is theirs to notice.
                    let _ = answer.send(self.answer(&request));
                }
                () = until(wake) => self.take_all(&Event::Tick),
                () = self.signals.next() => self.go_down(),
            }
        }
        info!(server = self.init.server, "the server is down");
    }

    fn go_down(&mut self) {
        info!(server = self.init.server, "asked to go down: the services are drained");
        self.going_down = true;
        self.take_all(&Event::PowerOff);
    }

    fn is_down(&self) -> bool {
        self.going_down && self.services.iter().all(|service| *service.supervision.life() == Life::Stopped)
    }

    fn take_all(&mut self, event: &Event) {
        for index in 0..self.services.len() {
            self.take(index, event.clone());
        }
    }

    /// Lets supervision decide about the event, and carries out what it says; that makes events of its own.
    fn take(&mut self, index: usize, event: Event) {
        let mut events = vec![event];
        while let Some(event) = events.pop() {
            let now = self.started.elapsed();
            let service = &mut self.services[index];
            for effect in service.supervision.on(event, now) {
                match effect {
                    Effect::Spawn => events.push(self.spawn(index)),
                    Effect::Terminate(_) => self.services[index].process.iter().for_each(Process::terminate),
                    Effect::Kill(_) => self.services[index].process.iter().for_each(Process::kill),
                    Effect::Tell(notice) => self.tell(index, &notice),
                }
            }
        }
    }

    fn tell(&self, index: usize, notice: &Notice) {
        let (server, service) = (&self.init.server, &self.services[index].command.name);
        match notice {
            Notice::Ready | Notice::Stopped => info!(server, service, "{service} {notice}"),
            Notice::Restarting { .. } | Notice::Overdue => warn!(server, service, "{service} {notice}"),
            Notice::Failed(_) => error!(server, service, "{service} {notice}"),
        }
    }

    fn spawn(&mut self, index: usize) -> Event {
        match self.start_process(index) {
            Ok(pid) => Event::Spawned(pid),
            Err(error) => Event::SpawnFailed(error.to_string()),
        }
    }

    fn start_process(&mut self, index: usize) -> std::io::Result<u32> {
        let service = &mut self.services[index];
        let name = &service.command.name;
        let notify = NotifySocket::open(&self.sockets, &format!("{name}.notify"))?;
        let console = process::console(&console_file(&self.init.folder, name))?;
        let mut command = self.init.program.command(&service.command.arguments);
        command.args(process::parent_argument()).env("NOTIFY_SOCKET", notify.address());
        command.stdout(console.try_clone()?).stderr(console);
        let (process, mut child) = Process::start(&mut command)?;
        let pid = process.pid;
        service.process = Some(process);
        let send = self.send.clone();
        // The loop outlives its watchers; while it ends nobody needs to know any more.
        tokio::spawn(async move {
            let ended = tokio::select! {
                ended = child.wait() => ended,
                () = notify.ready() => {
                    let _ = send.send((index, Event::Ready(pid)));
                    child.wait().await
                }
            };
            // The next process gets a socket of the same name.
            drop(notify);
            let _ = send.send((index, Event::Exited(pid, process::exit(&ended))));
        });
        Ok(pid)
    }

    fn answer(&mut self, request: &ServerRequest) -> Reply<ServerStatus> {
        let (service, event, stopped) = match request {
            ServerRequest::Status => return Reply::Done(self.status()),
            ServerRequest::Start { service } => (service, Event::Start, false),
            ServerRequest::Stop { service } => (service, Event::Stop, true),
            ServerRequest::Restart { service } => (service, Event::Restart, false),
        };
        let Some(index) = self.services.iter().position(|one| one.command.name == *service) else {
            let known: Vec<&str> = self.services.iter().map(|one| one.command.name.as_str()).collect();
            return Reply::Refused(format!(
                "server {} has no service {service}; it has {}",
                self.init.server,
                known.join(" and ")
            ));
        };
        if self.going_down {
            return Reply::Refused(format!("server {} is going down", self.init.server));
        }
        if let Err(error) = self.stopped.set(service, stopped) {
            return Reply::Refused(format!(
                "cannot write down in {} that {service} is {}: {error}",
                self.init.folder.root().display(),
                if stopped { "stopped by hand" } else { "wanted" }
            ));
        }
        info!(server = self.init.server, service, "by hand: {event:?}");
        self.take(index, event);
        Reply::Done(self.status())
    }

    fn status(&self) -> ServerStatus {
        ServerStatus {
            server: self.init.server.clone(),
            boot_id: self.boot_id.clone(),
            pid: std::process::id(),
            since: self.started_at,
            services: self.services.iter().map(|service| self.service_status(service)).collect(),
        }
    }

    fn service_status(&self, service: &Service) -> ServiceStatus {
        let supervision = &service.supervision;
        ServiceStatus {
            service: service.command.name.clone(),
            state: ServiceState::from(supervision.life()),
            pid: supervision.pid(),
            since: at(self.started_at, supervision.since()),
            restarts: supervision.restarts(),
            stopped_by_hand: self.stopped.contains(&service.command.name),
            failure: match supervision.life() {
                Life::Failed(failure) => Some(failure.clone()),
                _ => None,
            },
        }
    }
}

/// A new one at each start: 32 hex digits, as the kernel's own boot id has without its hyphens.
fn boot_id() -> Result<String, InitError> {
    const SOURCE: &str = "/proc/sys/kernel/random/uuid";
    let uuid = std::fs::read_to_string(SOURCE).map_err(InitError::file("read", SOURCE))?;
    Ok(uuid.chars().filter(char::is_ascii_hexdigit).collect())
}
