//! A grid that runs: what it waits for, and how it carries out what is decided.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::sync::oneshot;
use tokio::time::Instant;
use tracing::{error, info, warn};

use super::start::Fault;
use super::{Grid, Progress};
use crate::control;
use crate::error::InitError;
use crate::moment::{at, until};
use crate::power::requests::{Fate, Known, Requests};
use crate::power::{Action, Effect, Event, Power, Refusal, State, Then};
use crate::process::{self, Process};
use crate::server::{INIT, console_file};
use crate::signals::EndSignals;
use crate::socket_folder::SocketFolder;
use crate::status::{GridRequest, GridStatus, PowerStatus, Reply, ServiceStatus};
use crate::stopped::replace;
use crate::supervised::{Origin, Supervised};
use crate::supervision::{self, Life, Notice};

/// How often there is upkeep.
const UPKEEP: Duration = Duration::from_hours(6);

/// What woke the grid.
#[derive(PartialEq, Eq)]
pub(super) enum Woken {
    /// By a signal to stop.
    Asked,
    /// Something else, dealt with already.
    Work,
}

/// Something that the grid waits for.
enum Happened {
    /// To a server.
    Power(usize, Event),
    /// To the coordinator.
    Coordinator(supervision::Event),
}

type Asked = control::Asked<GridRequest, GridStatus>;

pub(super) struct Running<'a> {
    pub(super) grid: Grid,
    pub(super) started: Instant,
    started_at: Timestamp,
    pub(super) servers: Vec<(Power, Option<Process>)>,
    pub(super) coordinator: Option<Supervised>,
    send: UnboundedSender<Happened>,
    inbox: UnboundedReceiver<Happened>,
    asked: UnboundedReceiver<Asked>,
    requests: Requests,
    /// Who waits for the end of which request.
    waiting: Vec<(String, oneshot::Sender<Reply<GridStatus>>)>,
    signals: EndSignals,
    next_upkeep: Instant,
    going_down: bool,
    pub(super) tell: &'a mut dyn FnMut(Progress),
    upkeep: &'a mut dyn FnMut(),
}

impl<'a> Running<'a> {
    pub(super) fn start(
        grid: Grid,
        tell: &'a mut dyn FnMut(Progress),
        upkeep: &'a mut dyn FnMut(),
    ) -> Result<Self, InitError> {
        let (send, inbox) = mpsc::unbounded_channel();
        let (ask, asked) = mpsc::unbounded_channel();
        let sockets = SocketFolder::open(grid.socket.parent().unwrap_or(Path::new(".")))?;
        control::listen(&grid.socket, &sockets, ask)?;
        let origin = Arc::new(Origin { program: grid.program.clone(), sockets });
        let coordinator = grid.coordinator.clone().map(|coordinator| {
            let send = send.clone();
            let happened = move |event| {
                // The grid outlives its watchers; while it ends nobody needs to know any more.
                let _ = send.send(Happened::Coordinator(event));
            };
            let super::Coordinator { command, console, policy } = coordinator;
            Supervised::new(command, policy, console, origin, happened)
        });
        let (servers, effects): (Vec<_>, Vec<_>) = grid
            .servers
            .iter()
            .map(|server| Power::new(server.limits))
            .map(|(power, effect)| ((power, None), effect))
            .unzip();
        let mut running = Self {
            requests: earlier_requests(&grid.state_file),
            grid,
            started: Instant::now(),
            started_at: Timestamp::now(),
            servers,
            coordinator,
            send,
            inbox,
            asked,
            waiting: Vec::new(),
            signals: EndSignals::catch()?,
            next_upkeep: Instant::now() + UPKEEP,
            going_down: false,
            tell,
            upkeep,
        };
        running.take_of_coordinator(supervision::Event::Start);
        for (index, effect) in effects.into_iter().enumerate() {
            running.carry_out(index, vec![effect]);
        }
        running.write_state()?;
        Ok(running)
    }

    /// Until somebody asks the grid to stop, or until a start has failed.
    pub(super) async fn until_asked(&mut self) -> Option<Fault> {
        match self.come_up().await {
            Err(fault) => return Some(fault),
            Ok(false) => return None,
            Ok(true) => (self.tell)(Progress::AllReady),
        }
        while self.next().await != Woken::Asked {}
        None
    }

    /// Shuts the servers down, those that face clients first, and then the coordinator. Whether it was in order, not cut
    /// short.
    pub(super) async fn go_down(&mut self) -> bool {
        (self.tell)(Progress::GoingDown);
        self.going_down = true;
        for faces_clients in [true, false] {
            let turn: Vec<usize> = (0..self.servers.len())
                .filter(|index| self.grid.servers[*index].faces_clients == faces_clients)
                .collect();
            for index in &turn {
                self.take(*index, Event::Down);
            }
            while turn.iter().any(|index| !self.servers[*index].0.is_off()) {
                if self.next().await == Woken::Asked {
                    // The services die with their inits, and those with this process.
                    return false;
                }
            }
        }
        self.take_of_coordinator(supervision::Event::PowerOff);
        while self.coordinator.as_ref().is_some_and(|one| *one.supervision().life() != Life::Stopped) {
            if self.next().await == Woken::Asked {
                return false;
            }
        }
        true
    }

    /// Waits for one thing to happen and deals with it. Safe to give up on while it waits.
    pub(super) async fn next(&mut self) -> Woken {
        let of_servers = self.servers.iter().filter_map(|(power, _)| power.wake_at());
        let of_coordinator = self.coordinator.iter().filter_map(|one| one.supervision().wake_at());
        let wake = of_servers.chain(of_coordinator).min().map(|at| self.started + at);
        tokio::select! {
            // Both channels stay open: `self` and the listener hold senders.
            Some(happened) = self.inbox.recv() => match happened {
                Happened::Power(index, event) => self.take(index, event),
                Happened::Coordinator(event) => self.take_of_coordinator(event),
            },
            Some(asked) = self.asked.recv() => self.hear(asked),
            () = until(wake) => {
                (0..self.servers.len()).for_each(|index| self.take(index, Event::Tick));
                self.take_of_coordinator(supervision::Event::Tick);
            }
            () = tokio::time::sleep_until(self.next_upkeep) => {
                self.next_upkeep += UPKEEP;
                (self.upkeep)();
            }
            () = self.signals.next() => return Woken::Asked,
        }
        self.settle();
        self.write_down();
        self.answer();
        Woken::Work
    }

    fn take(&mut self, index: usize, event: Event) {
        let before = self.servers[index].0.state();
        let effects = self.servers[index].0.on(event, self.started.elapsed());
        self.carry_out(index, effects);
        let server = self.grid.servers[index].name.clone();
        let now = self.servers[index].0.state();
        let progress = match (before, now) {
            (State::Out { .. }, State::On { .. }) => Progress::PowerReturned { server },
            (State::ShuttingDown { then: Then::Boot, .. }, State::On { .. }) => {
                Progress::Restarted { server }
            }
            (State::Off { .. }, State::On { .. }) => Progress::SwitchedOn { server },
            (State::Off { .. }, State::Off { .. }) => return,
            (_, State::Off { by_hand: true }) => Progress::SwitchedOff { server },
            (_, State::Off { by_hand: false }) => Progress::Down { server },
            _ => return,
        };
        (self.tell)(progress);
    }

    fn carry_out(&mut self, index: usize, effects: Vec<Effect>) {
        for effect in effects {
            let server = self.grid.servers[index].name.clone();
            let delay = self.grid.servers[index].limits.power_on_delay;
            let milliseconds = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
            let (_, process) = &mut self.servers[index];
            match effect {
                Effect::Boot => {
                    let event = self.boot(index);
                    self.take(index, event);
                }
                Effect::ShutDown(_) => process.iter().for_each(Process::terminate),
                Effect::Cut(_) => process.iter().for_each(Process::kill),
                Effect::TellLoss => {
                    warn!(server, "power loss; power returns in {} s", delay.as_secs_f64());
                    (self.tell)(Progress::PowerLoss { server, milliseconds });
                }
                Effect::TellCut => {
                    warn!(server, "power cut as asked; power returns in {} s", delay.as_secs_f64());
                    (self.tell)(Progress::PowerCut { server, milliseconds });
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
            let _ = send.send(Happened::Power(index, Event::Died(pid)));
        });
        Ok(pid)
    }

    fn take_of_coordinator(&mut self, event: supervision::Event) {
        let now = self.started.elapsed();
        let notices = self.coordinator.as_mut().map(|coordinator| coordinator.take(event, now));
        for notice in notices.into_iter().flatten() {
            match notice {
                Notice::Ready => {
                    info!("coordinator {notice}");
                    (self.tell)(Progress::CoordinatorReady);
                }
                Notice::Stopped => info!("coordinator {notice}"),
                Notice::Restarting { .. } | Notice::Killed | Notice::Overdue => {
                    warn!("coordinator {notice}");
                }
                Notice::Failed(_) | Notice::Retrying { .. } => {
                    error!("coordinator {notice}");
                    (self.tell)(Progress::CoordinatorTrouble { what: notice.to_string() });
                }
            }
        }
    }

    /// Begins what is asked, unless it was asked before. Answered when it is over: see [`Running::answer`].
    fn hear(&mut self, Asked { request, answer }: Asked) {
        let reply = match request {
            GridRequest::Status => Reply::Done(self.status()),
            GridRequest::Power { action, server, id } => match self.begin(action, &server, &id) {
                Ok(()) => return self.waiting.push((id, answer)),
                Err(reason) => Reply::Refused(reason),
            },
        };
        // Whoever asked may have gone away; that is theirs to notice.
        let _ = answer.send(reply);
    }

    /// Begins what is asked, unless it was asked before; the error is why it is not begun.
    fn begin(&mut self, action: Action, server: &str, id: &str) -> Result<(), String> {
        let index = self.grid.servers.iter().position(|one| one.name == server).ok_or_else(|| {
            let known: Vec<&str> = self.grid.servers.iter().map(|one| one.name.as_str()).collect();
            format!("there is no server {server} on this power grid; there is {}", known.join(", "))
        })?;
        let power = &self.servers[index].0;
        if self.requests.fate(id).is_none() {
            let going_down = self.going_down.then_some(Refusal::GoingDown);
            // Not remembered: nothing was done, and the same request may be possible later.
            if let Some(refusal) = going_down.or(power.refusal(action)) {
                return Err(format!("{action} {server}: {refusal}"));
            }
        }
        match self.requests.take(id, server, action, power.boots()) {
            Known::Another(what) => Err(format!("the id {id} belongs to another request: {what}")),
            Known::Before(_) => Ok(()),
            Known::New => {
                info!(server, id, "asked for: {action}");
                // Before it is done, so that a grid that ends meanwhile leaves word.
                self.write_down();
                self.take(index, Event::Asked(action));
                Ok(())
            }
        }
    }

    /// Finds out how far the requests are.
    fn settle(&mut self) {
        for (server, (power, _)) in self.grid.servers.iter().zip(&self.servers) {
            self.requests.settle(&server.name, power);
        }
    }

    /// Tells those who wait for the end of a request, if it is over.
    fn answer(&mut self) {
        let requests = &self.requests;
        let over = |(id, _): &mut (String, _)| !matches!(requests.fate(id), Some(Fate::UnderWay { .. }));
        let over: Vec<_> = self.waiting.extract_if(.., over).collect();
        for (id, answer) in over {
            let reply = match self.requests.fate(&id) {
                Some(Fate::Failed(reason)) => Reply::Refused(reason.clone()),
                _ => Reply::Done(self.status()),
            };
            let _ = answer.send(reply);
        }
    }

    fn status(&self) -> GridStatus {
        let coordinator = self
            .coordinator
            .as_ref()
            .map(|one| ServiceStatus::of(&one.command.name, one.supervision(), self.started_at, false));
        let servers = self.grid.servers.iter().zip(&self.servers).map(|(server, (power, _))| PowerStatus {
            server: server.name.clone(),
            pid: power.pid(),
            returns: match power.state() {
                State::Out { returns } => Some(at(self.started_at, returns)),
                _ => None,
            },
            losses: power.losses(),
            switched_off: matches!(
                power.state(),
                State::Off { by_hand: true } | State::ShuttingDown { then: Then::Off { by_hand: true }, .. }
            ),
        });
        GridStatus {
            pid: std::process::id(),
            since: self.started_at,
            coordinator,
            servers: servers.collect(),
            requests: self.requests.all().to_vec(),
        }
    }

    fn write_state(&self) -> Result<(), InitError> {
        let path = &self.grid.state_file;
        let text = serde_json::to_string(&self.status())
            .map_err(|error| InitError::file("write", path)(error.into()))?;
        replace(path, &text).map_err(InitError::file("write", path))
    }

    /// A full disk must not turn the servers off: what is written down is only for those who look.
    fn write_down(&self) {
        if let Err(error) = self.write_state() {
            warn!("{error}");
        }
    }
}

/// What an earlier grid was asked. A state file that nobody can read is as good as none.
fn earlier_requests(state_file: &Path) -> Requests {
    match GridStatus::read(state_file) {
        Ok(status) => Requests::of_earlier_grid(status.map(|status| status.requests).unwrap_or_default()),
        Err(error) => {
            warn!("what the last power grid was asked is forgotten: {}: {error}", state_file.display());
            Requests::default()
        }
    }
}
