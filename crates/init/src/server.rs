//! One server's init: the parent of its services. Carries out what [`crate::supervision`] decides.
//!
//! Its death, however it comes, is the server's power loss: the services die with it. Asked to end (SIGTERM), it
//! drains them first. On real hosts systemd is init and this module is not used.

use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;
use settings::ServerFolder;
use tokio::sync::mpsc::{self, UnboundedReceiver};
use tokio::sync::oneshot;
use tokio::time::Instant;
use tracing::{error, info, warn};

use crate::control;
use crate::error::InitError;
use crate::moment::until;
use crate::process::Program;
use crate::signals::EndSignals;
use crate::socket_folder::SocketFolder;
use crate::status::{Reply, ServerRequest, ServerStatus, ServiceStatus};
use crate::stopped::StoppedByHand;
use crate::supervised::{Origin, Supervised};
use crate::supervision::{Event, Life, Notice, Policy};

pub use crate::supervised::ServiceCommand;

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

type Asked = control::Asked<ServerRequest, ServerStatus>;

/// Somebody who waits for a process to be gone.
struct Killing {
    service: usize,
    pid: u32,
    answer: oneshot::Sender<Reply<ServerStatus>>,
}

struct Server {
    init: ServerInit,
    boot_id: String,
    started: Instant,
    started_at: Timestamp,
    stopped: StoppedByHand,
    services: Vec<Supervised>,
    /// From those who watch the processes, who never all go: every service may have more.
    inbox: UnboundedReceiver<(usize, Event)>,
    asked: UnboundedReceiver<Asked>,
    killings: Vec<Killing>,
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
        let origin = Arc::new(Origin { program: init.program.clone(), sockets });
        let services = init.services.iter().enumerate().map(|(index, command)| {
            let console = console_file(&init.folder, &command.name);
            let send = send.clone();
            let happened = move |event| {
                // The loop outlives the watchers; while it ends nobody needs to know any more.
                let _ = send.send((index, event));
            };
            Supervised::new(command.clone(), init.policy, console, Arc::clone(&origin), happened)
        });
        let mut server = Self {
            boot_id: boot_id()?,
            started: Instant::now(),
            started_at: Timestamp::now(),
            stopped: StoppedByHand::read(init.folder.root())?,
            services: services.collect(),
            inbox,
            asked,
            killings: Vec::new(),
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
            let wake = self.services.iter().filter_map(|service| service.supervision().wake_at()).min();
            let wake = wake.map(|at| self.started + at);
            tokio::select! {
                // Both channels stay open: the services and the listener hold senders.
                Some((index, event)) = self.inbox.recv() => self.take(index, event),
                Some(asked) = self.asked.recv() => self.hear(asked),
                () = until(wake) => self.take_all(&Event::Tick),
                () = self.signals.next() => self.go_down(),
            }
            self.answer_killings();
        }
        info!(server = self.init.server, "the server is down");
    }

    fn go_down(&mut self) {
        info!(server = self.init.server, "asked to go down: the services are drained");
        self.going_down = true;
        self.take_all(&Event::PowerOff);
    }

    fn is_down(&self) -> bool {
        self.going_down && self.services.iter().all(|service| *service.supervision().life() == Life::Stopped)
    }

    fn take_all(&mut self, event: &Event) {
        for index in 0..self.services.len() {
            self.take(index, event.clone());
        }
    }

    fn take(&mut self, index: usize, event: Event) {
        let notices = self.services[index].take(event, self.started.elapsed());
        for notice in notices {
            self.tell(index, &notice);
        }
    }

    fn tell(&self, index: usize, notice: &Notice) {
        let (server, service) = (&self.init.server, &self.services[index].command.name);
        match notice {
            Notice::Ready | Notice::Stopped => info!(server, service, "{service} {notice}"),
            Notice::Restarting { .. } | Notice::Killed | Notice::Overdue => {
                warn!(server, service, "{service} {notice}");
            }
            Notice::Failed(_) | Notice::Retrying { .. } => error!(server, service, "{service} {notice}"),
        }
    }

    fn hear(&mut self, Asked { request, answer }: Asked) {
        let reply = match &request {
            ServerRequest::Status => Reply::Done(self.status()),
            ServerRequest::Start { service } => self.obey(service, Event::Start, false),
            ServerRequest::Stop { service } => self.obey(service, Event::Stop, true),
            ServerRequest::Restart { service } => self.obey(service, Event::Restart, false),
            ServerRequest::Kill { service } => return self.kill(service, answer),
        };
        // Whoever asked may have gone away; that is theirs to notice.
        let _ = answer.send(reply);
    }

    /// Kills the process of a service, and answers when it is gone.
    fn kill(&mut self, service: &str, answer: oneshot::Sender<Reply<ServerStatus>>) {
        let found = self.find(service);
        let process = found.map(|index| (index, self.services[index].supervision().pid()));
        let reply = match process {
            Ok((index, Some(pid))) => {
                warn!(server = self.init.server, service, pid, "to be killed, as asked");
                self.killings.push(Killing { service: index, pid, answer });
                return self.take(index, Event::Kill);
            }
            Ok((_, None)) => Reply::Done(self.status()),
            Err(refused) => refused,
        };
        let _ = answer.send(reply);
    }

    /// Tells those who wait for a process to be gone, if it is.
    fn answer_killings(&mut self) {
        let services = &self.services;
        let gone = |killing: &mut Killing| services[killing.service].supervision().pid() != Some(killing.pid);
        let over: Vec<Killing> = self.killings.extract_if(.., gone).collect();
        for killing in over {
            let _ = killing.answer.send(Reply::Done(self.status()));
        }
    }

    /// The service of that name.
    fn find(&self, service: &str) -> Result<usize, Reply<ServerStatus>> {
        let names = || self.services.iter().map(|one| one.command.name.as_str());
        names().position(|name| name == service).ok_or_else(|| {
            Reply::Refused(format!(
                "server {} has no service {service}; it has {}",
                self.init.server,
                names().collect::<Vec<_>>().join(" and ")
            ))
        })
    }

    /// Does what a human wants of a service. `stopped`: whether it is to stay stopped.
    fn obey(&mut self, service: &str, event: Event, stopped: bool) -> Reply<ServerStatus> {
        let index = match self.find(service) {
            Ok(index) => index,
            Err(refused) => return refused,
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
        let services = self.services.iter().map(|service| {
            let name = &service.command.name;
            let stopped = self.stopped.contains(name);
            ServiceStatus::of(name, service.supervision(), self.started_at, stopped)
        });
        ServerStatus {
            server: self.init.server.clone(),
            boot_id: self.boot_id.clone(),
            pid: std::process::id(),
            since: self.started_at,
            services: services.collect(),
        }
    }
}

/// A new one at each start: 32 hex digits, as the kernel's own boot id has without its hyphens.
fn boot_id() -> Result<String, InitError> {
    const SOURCE: &str = "/proc/sys/kernel/random/uuid";
    let uuid = std::fs::read_to_string(SOURCE).map_err(InitError::file("read", SOURCE))?;
    Ok(uuid.chars().filter(char::is_ascii_hexdigit).collect())
}
