//! The power grid of a small data centre: one init per server. Carries out what [`crate::power`] decides.
//!
//! A grid first waits until every service serves; one that is left dead by then, or a server that loses power, means
//! that the start failed and everything is stopped again. From then on nothing but a signal ends it, and it
//! stops the servers in order: those that face clients first, so that no session outlives what it needs.

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use settings::ServerFolder;
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::time::Instant;
use tracing::{info, warn};

use crate::control;
use crate::error::InitError;
use crate::moment::{at, until};
use crate::power::{Effect, Event, Limits, Power, State};
use crate::process::{self, Process, Program};
use crate::server::{INIT, console_file};
use crate::signals::EndSignals;
use crate::status::{GridStatus, PowerStatus, Reply, ServerRequest, ServerStatus, ServiceState};
use crate::stopped::replace;

/// A server on the grid.
#[derive(Clone, Debug)]
pub struct GridServer {
    /// Its name.
    pub name: String,
    /// Its folder in the data directory.
    pub folder: ServerFolder,
    /// What its init is started with; `--parent PID` is added.
    pub arguments: Vec<OsString>,
    /// Whether clients connect to it. Such servers are shut down before the others.
    pub faces_clients: bool,
    /// How long things take.
    pub limits: Limits,
}

/// What a grid needs to know.
#[derive(Clone, Debug)]
pub struct Grid {
    /// The file where the grid writes down which servers have power.
    pub state_file: PathBuf,
    /// What inits are started from.
    pub program: Program,
    /// The servers.
    pub servers: Vec<GridServer>,
    /// How long all services together may take until they serve.
    pub start_limit: Duration,
}

/// What a grid has to say while it starts, runs and stops.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case")]
pub enum Progress {
    /// A service serves.
    Ready {
        /// Of this server.
        server: String,
        /// Its name.
        service: String,
    },
    /// A service was stopped by a human earlier and stays so.
    StoppedByHand {
        /// Of this server.
        server: String,
        /// Its name.
        service: String,
    },
    /// Everything that is wanted serves.
    AllReady,
    /// A server lost power, which returns after so many milliseconds.
    PowerLoss {
        /// Its name.
        server: String,
        /// Until the power returns.
        milliseconds: u64,
    },
    /// A server is starting again.
    PowerReturned {
        /// Its name.
        server: String,
    },
    /// Asked to stop.
    GoingDown,
    /// A server is down.
    Down {
        /// Its name.
        server: String,
    },
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ready { server, service } => write!(f, "{server}: {service} is ready"),
            Self::StoppedByHand { server, service } => {
                write!(f, "{server}: {service} was stopped by hand and stays stopped")
            }
            Self::AllReady => f.write_str("all services are ready"),
            Self::PowerLoss { server, milliseconds } => {
                let seconds = Duration::from_millis(*milliseconds).as_secs_f64();
                write!(f, "{server}: its init died, which is a power loss; power returns in {seconds} s")
            }
            Self::PowerReturned { server } => write!(f, "{server}: power is back"),
            Self::GoingDown => {
                f.write_str("stopping: sessions have a few seconds to finish; once more ends them")
            }
            Self::Down { server } => write!(f, "{server}: down"),
        }
    }
}

/// How a grid ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case")]
pub enum Outcome {
    /// As asked, everything in order.
    Stopped,
    /// Asked a second time: everything was ended at once.
    Cut,
    /// A service did not come to serve.
    NotStarted {
        /// On this server.
        server: String,
        /// Its name, unless the server itself did not start.
        service: Option<String>,
        /// What is the matter.
        reason: String,
    },
}

/// A service or a server that did not come up.
#[derive(Debug)]
struct Fault {
    server: String,
    service: Option<String>,
    reason: String,
}

/// What woke the grid.
#[derive(PartialEq, Eq)]
enum Woken {
    /// By a signal to stop.
    Asked,
    /// Something about a server's power, dealt with already.
    Power,
}

/// How often the services are asked whether they serve, until they do.
const START_POLL: Duration = Duration::from_millis(50);

/// How often there is upkeep.
const UPKEEP: Duration = Duration::from_hours(6);

impl Grid {
    /// Runs the data centre until it is asked to stop, and says what happens through `tell`. `upkeep` is called a few
    /// times a day, for what must be renewed now and then.
    ///
    /// # Errors
    /// The state file cannot be written, or the operating system refuses something.
    pub fn run(self, tell: &mut dyn FnMut(Progress), upkeep: &mut dyn FnMut()) -> Result<Outcome, InitError> {
        crate::runtime()?.block_on(async {
            let mut running = Running::start(self, tell, upkeep)?;
            let fault = running.until_asked().await;
            let in_order = running.go_down().await;
            Ok(match fault {
                Some(Fault { server, service, reason }) => Outcome::NotStarted { server, service, reason },
                None if in_order => Outcome::Stopped,
                None => Outcome::Cut,
            })
        })
    }
}

struct Running<'a> {
    grid: Grid,
    started: Instant,
    started_at: Timestamp,
    servers: Vec<(Power, Option<Process>)>,
    send: UnboundedSender<(usize, Event)>,
    inbox: UnboundedReceiver<(usize, Event)>,
    signals: EndSignals,
    next_upkeep: Instant,
    tell: &'a mut dyn FnMut(Progress),
    upkeep: &'a mut dyn FnMut(),
}

impl<'a> Running<'a> {
    fn start(
        grid: Grid,
        tell: &'a mut dyn FnMut(Progress),
        upkeep: &'a mut dyn FnMut(),
    ) -> Result<Self, InitError> {
        let (send, inbox) = mpsc::unbounded_channel();
        let (servers, effects): (Vec<_>, Vec<_>) = grid
            .servers
            .iter()
            .map(|server| Power::new(server.limits))
            .map(|(power, effect)| ((power, None), effect))
            .unzip();
        let mut running = Self {
            grid,
            started: Instant::now(),
            started_at: Timestamp::now(),
            servers,
            send,
            inbox,
            signals: EndSignals::catch()?,
            next_upkeep: Instant::now() + UPKEEP,
            tell,
            upkeep,
        };
        for (index, effect) in effects.into_iter().enumerate() {
            running.carry_out(index, vec![effect]);
        }
        running.write_state()?;
        Ok(running)
    }

    /// Until somebody asks the grid to stop, or until a start has failed.
    async fn until_asked(&mut self) -> Option<Fault> {
        let deadline = self.started + self.grid.start_limit;
        let mut told = Vec::new();
        loop {
            let missing = match self.look(&mut told).await {
                Err(fault) => return Some(fault),
                Ok(missing) => missing,
            };
            let Some(missing) = missing else { break };
            if Instant::now() >= deadline {
                return Some(missing);
            }
            if let Ok(woken) = tokio::time::timeout(START_POLL, self.next()).await
                && woken == Woken::Asked
            {
                return None;
            }
        }
        (self.tell)(Progress::AllReady);
        while self.next().await != Woken::Asked {}
        None
    }

    /// Shuts the servers down, those that face clients first. Whether it was in order, not cut short.
    async fn go_down(&mut self) -> bool {
        (self.tell)(Progress::GoingDown);
        for faces_clients in [true, false] {
            let turn: Vec<usize> = (0..self.servers.len())
                .filter(|index| self.grid.servers[*index].faces_clients == faces_clients)
                .collect();
            for index in &turn {
                self.take(*index, Event::Down);
            }
            while turn.iter().any(|index| self.servers[*index].0.state() != State::Off) {
                if self.next().await == Woken::Asked {
                    // The services die with their inits, and those with this process.
                    return false;
                }
            }
        }
        true
    }

    /// Waits for one thing to happen and deals with it. Safe to give up on while it waits.
    async fn next(&mut self) -> Woken {
        let wake = self.servers.iter().filter_map(|(power, _)| power.wake_at()).min();
        let wake = wake.map(|at| self.started + at);
        tokio::select! {
            // The channel stays open: `self` holds a sender.
            Some((index, event)) = self.inbox.recv() => self.take(index, event),
            () = until(wake) => (0..self.servers.len()).for_each(|index| self.take(index, Event::Tick)),
            () = tokio::time::sleep_until(self.next_upkeep) => {
                self.next_upkeep += UPKEEP;
                (self.upkeep)();
            }
            () = self.signals.next() => return Woken::Asked,
        }
        // A full disk must not turn the servers off: what is written down is only for those who look.
        if let Err(error) = self.write_state() {
            warn!("{error}");
        }
        Woken::Power
    }

    fn take(&mut self, index: usize, event: Event) {
        let before = self.servers[index].0.state();
        let effects = self.servers[index].0.on(event, self.started.elapsed());
        self.carry_out(index, effects);
        let server = &self.grid.servers[index].name;
        match (before, self.servers[index].0.state()) {
            (State::Out { .. }, State::On { .. }) => {
                (self.tell)(Progress::PowerReturned { server: server.clone() });
            }
            (before, State::Off) if before != State::Off => {
                (self.tell)(Progress::Down { server: server.clone() });
            }
            _ => {}
        }
    }

    fn carry_out(&mut self, index: usize, effects: Vec<Effect>) {
        for effect in effects {
            let (_, process) = &mut self.servers[index];
            match effect {
                Effect::Boot => {
                    let event = self.boot(index);
                    self.take(index, event);
                }
                Effect::ShutDown(_) => process.iter().for_each(Process::terminate),
                Effect::Cut(_) => process.iter().for_each(Process::kill),
                Effect::TellLoss => {
                    let server = self.grid.servers[index].name.clone();
                    let delay = self.grid.servers[index].limits.power_on_delay;
                    warn!(server, "power loss; power returns in {} s", delay.as_secs_f64());
                    let milliseconds = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
                    (self.tell)(Progress::PowerLoss { server, milliseconds });
                }
            }
        }
    }

    fn boot(&mut self, index: usize) -> Event {
        match self.start_init(index) {
            Ok(pid) => {
                info!(server = self.grid.servers[index].name, pid, "power on");
                Event::Booted(pid)
            }
            Err(error) => {
                warn!(server = self.grid.servers[index].name, "the init cannot be started: {error}");
                Event::BootFailed
            }
        }
    }

    fn start_init(&mut self, index: usize) -> std::io::Result<u32> {
        let server = &self.grid.servers[index];
        std::fs::create_dir_all(server.folder.root())?;
        let console = process::console(&console_file(&server.folder, INIT))?;
        let mut command = self.grid.program.command(&server.arguments);
        command.args(process::parent_argument()).stdout(console.try_clone()?).stderr(console);
        let (process, mut child) = Process::start(&mut command)?;
        let pid = process.pid;
        self.servers[index].1 = Some(process);
        let send = self.send.clone();
        tokio::spawn(async move {
            // However it ended, the power is out.
            let _ = child.wait().await;
            // The grid outlives its watchers; while it ends nobody needs to know any more.
            let _ = send.send((index, Event::Died(pid)));
        });
        Ok(pid)
    }

    /// Looks at every service. `Ok(None)`: all that are wanted serve. `Ok(Some(…))`: one that does not yet.
    async fn look(&mut self, told: &mut Vec<(usize, String)>) -> Result<Option<Fault>, Fault> {
        let mut missing = None;
        for index in 0..self.servers.len() {
            let server = self.grid.servers[index].name.clone();
            let fault = |service: Option<&str>, reason: String| Fault {
                server: server.clone(),
                service: service.map(str::to_owned),
                reason,
            };
            if self.servers[index].0.losses() > 0 {
                return Err(fault(None, "its init died".to_owned()));
            }
            let status = match self.ask(index).await {
                Ok(status) => status,
                Err(error) => {
                    missing = Some(fault(None, format!("its init does not answer: {error}")));
                    continue;
                }
            };
            for one in status.services {
                let service = one.service.clone();
                let known = told.contains(&(index, service.clone()));
                match (one.state, one.failure) {
                    (_, Some(failure)) => return Err(fault(Some(&service), failure.to_string())),
                    (ServiceState::Running, _) if known => {}
                    (ServiceState::Running, _) => {
                        (self.tell)(Progress::Ready { server: server.clone(), service: service.clone() });
                        told.push((index, service));
                    }
                    _ if one.stopped_by_hand && known => {}
                    _ if one.stopped_by_hand => {
                        let (server, service) = (server.clone(), service.clone());
                        (self.tell)(Progress::StoppedByHand { server, service: service.clone() });
                        told.push((index, service));
                    }
                    _ => missing = Some(fault(Some(&service), "it is not ready in time".to_owned())),
                }
            }
        }
        Ok(missing)
    }

    async fn ask(&self, index: usize) -> std::io::Result<ServerStatus> {
        let path = self.grid.servers[index].folder.admin_socket(INIT);
        let status = match control::request_at(&path, &ServerRequest::Status).await? {
            Reply::Done(status) => status,
            Reply::Refused(reason) => return Err(std::io::Error::other(reason)),
        };
        // An earlier grid's init may still be on its way out.
        let ours = self.servers[index].1.as_ref().map(|process| process.pid);
        if ours == Some(status.pid) {
            Ok(status)
        } else {
            Err(std::io::Error::other("another process answers in its place"))
        }
    }

    fn write_state(&self) -> Result<(), InitError> {
        let servers = self.grid.servers.iter().zip(&self.servers).map(|(server, (power, _))| PowerStatus {
            server: server.name.clone(),
            pid: match power.state() {
                State::On { pid } | State::ShuttingDown { pid, .. } => Some(pid),
                State::Booting | State::Out { .. } | State::Off => None,
            },
            returns: match power.state() {
                State::Out { returns } => Some(at(self.started_at, returns)),
                _ => None,
            },
            losses: power.losses(),
        });
        let status =
            GridStatus { pid: std::process::id(), since: self.started_at, servers: servers.collect() };
        let path = &self.grid.state_file;
        let text =
            serde_json::to_string(&status).map_err(|error| InitError::file("write", path)(error.into()))?;
        replace(path, &text).map_err(InitError::file("write", path))
    }
}
