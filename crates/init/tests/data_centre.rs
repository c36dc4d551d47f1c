//! Real processes: inits, services and whole grids that are killed, stopped and started again.
//!
//! The executable they are started from is this very test binary (through a script that turns arguments into a variable):
//! the test [`stand_in`] is then the init, the grid, or a service that behaves as a file tells it to.

#![expect(clippy::unwrap_used, reason = "in a test a panic is the report")]

use std::fs::{self, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use init::Program;
use init::claim::{self, Claim};
use init::control::{self, AskError};
use init::down::{Down, take_down};
use init::grid::{Coordinator, Grid, GridServer, Outcome, Progress};
use init::power::requests::Fate;
use init::power::{Action, Limits};
use init::power_control;
use init::server::{ServerInit, ServiceCommand};
use init::status::{GridRequest, GridStatus, ServerRequest, ServerStatus, ServiceState, ServiceStatus};
use init::supervision::{Failure, Policy, Retry};
use rustix::process::{Pid, Signal, kill_process};
use settings::DataDirectory;
use tempfile::TempDir;

const ARGUMENTS: &str = "INIT_TEST_ARGUMENTS";
const POWER_ON_DELAY: Duration = Duration::from_millis(400);
/// Services that do not end by themselves are killed after this.
const STOP_LIMIT: Duration = Duration::from_millis(400);

/// Not a test of its own: what the other tests start. Called by nobody it does nothing.
#[test]
fn stand_in() {
    let Ok(arguments) = std::env::var(ARGUMENTS) else { return };
    let arguments: Vec<&str> = arguments.split(' ').collect();
    let after = |name: &str| {
        let at = arguments.iter().position(|argument| *argument == name).unwrap();
        arguments[at + 1]
    };
    if arguments.contains(&"--parent") {
        service::lifecycle::die_with_parent(after("--parent").parse().unwrap()).unwrap();
    }
    let data = &DataDirectory::new(after("--data"));
    match arguments[..] {
        ["up", ..] => up(data),
        ["run", "server", name, ..] => server(data, name).run().unwrap(),
        ["run", service, ..] => serve(data.root(), service),
        _ => panic!("{arguments:?}"),
    }
}

fn up(data: &DataDirectory) {
    let claim = Claim::take(data).unwrap();
    let grid_server = |name: &str, faces_clients| GridServer {
        name: name.to_owned(),
        folder: data.server(name),
        arguments: ["run", "server", name, "--data"]
            .map(Into::into)
            .into_iter()
            .chain([data.root().into()])
            .collect(),
        faces_clients,
        limits: Limits { power_on_delay: POWER_ON_DELAY, shut_down: Duration::from_secs(5) },
    };
    let coordinator = Coordinator {
        command: service_command(data, "coordinator"),
        console: data.root().join("coordinator.console"),
        policy: Policy {
            stop_limit: STOP_LIMIT,
            retry: Some(Retry { first: Duration::from_millis(10), most: Duration::from_millis(100) }),
            ..Policy::default()
        },
    };
    let grid = Grid {
        state_file: data.root().join("grid.json"),
        socket: data.grid_socket(),
        program: program(data.root()),
        coordinator: Some(coordinator),
        servers: vec![grid_server("mbx1", false), grid_server("cas1", true)],
        start_limit: Duration::from_secs(20),
    };
    let mut tell = |progress: Progress| {
        append(&data.root().join("progress"), &serde_json::to_string(&progress).unwrap());
    };
    let outcome = grid.run(&mut tell, &mut || {});
    append(&data.root().join("outcome"), &serde_json::to_string(&outcome.unwrap()).unwrap());
    drop(claim);
}

fn server(data: &DataDirectory, name: &str) -> ServerInit {
    let service = if name == "cas1" { "frontend" } else { "backend" };
    ServerInit {
        server: name.to_owned(),
        folder: data.server(name),
        program: program(data.root()),
        services: vec![service_command(data, service)],
        policy: Policy {
            restart: !data.root().join("no-restart").exists(),
            stop_limit: STOP_LIMIT,
            ..Policy::default()
        },
    }
}

fn service_command(data: &DataDirectory, service: &str) -> ServiceCommand {
    let arguments = ["run", service, "--data"].map(Into::into).into_iter().chain([data.root().into()]);
    ServiceCommand { name: service.to_owned(), arguments: arguments.collect() }
}

/// A service: says that it is ready, then serves until SIGTERM, unless the file named after it says otherwise.
fn serve(data: &Path, service: &str) {
    append(&data.join(format!("starts-{service}")), &std::process::id().to_string());
    let behaviour = fs::read_to_string(data.join(format!("behave-{service}"))).unwrap_or_default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let kind = tokio::signal::unix::SignalKind::terminate();
        let mut terminate = tokio::signal::unix::signal(kind).unwrap();
        if behaviour == "crash" {
            std::process::exit(7);
        }
        if behaviour != "never ready" {
            let socket = UnixDatagram::unbound().unwrap();
            socket.send_to(b"STATUS=serving\nREADY=1\n", std::env::var_os("NOTIFY_SOCKET").unwrap()).unwrap();
        }
        terminate.recv().await;
        if behaviour == "deaf" {
            std::future::pending::<()>().await;
        }
        append(&data.join("ends"), service);
    });
}

fn append(file: &Path, line: &str) {
    let mut file = OpenOptions::new().create(true).append(true).open(file).unwrap();
    file.write_all(format!("{line}\n").as_bytes()).unwrap();
}

fn program(data: &Path) -> Program {
    Program::at(data.with_extension("sh"))
}

/// A data directory, and what runs on it; everything is killed at the end.
struct Site {
    _folder: TempDir,
    data: PathBuf,
    running: Vec<Child>,
}

impl Site {
    fn new() -> Self {
        Self::below("")
    }

    fn below(path: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let above = folder.path().join(path);
        fs::create_dir_all(&above).unwrap();
        let site = Self { _folder: folder, data: above.join("data"), running: Vec::new() };
        let this = std::env::current_exe().unwrap();
        let script =
            format!("#!/bin/sh\n{ARGUMENTS}=\"$*\" exec {} --exact stand_in --nocapture\n", this.display());
        let path = site.data().with_extension("sh");
        let mut file = OpenOptions::new().create_new(true).write(true).mode(0o700).open(path).unwrap();
        file.write_all(script.as_bytes()).unwrap();
        site
    }

    fn data(&self) -> PathBuf {
        self.data.clone()
    }

    fn directory(&self) -> DataDirectory {
        DataDirectory::new(self.data())
    }

    fn behave(&self, service: &str, behaviour: &str) {
        fs::create_dir_all(self.data()).unwrap();
        fs::write(self.data().join(format!("behave-{service}")), behaviour).unwrap();
    }

    fn start(&mut self, arguments: &str) -> u32 {
        let child = Command::new(self.data().with_extension("sh"))
            .args(arguments.split(' '))
            .arg("--data")
            .arg(self.data())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let pid = child.id();
        self.running.push(child);
        pid
    }

    /// One server with one service, without a grid.
    fn start_server(&mut self, name: &str) -> u32 {
        fs::create_dir_all(self.data()).unwrap();
        self.start(&format!("run server {name}"))
    }

    /// A whole grid, once everything serves.
    fn start_grid(&mut self) -> u32 {
        let before = self.progress().iter().filter(|progress| **progress == Progress::AllReady).count();
        let pid = self.start("up");
        wait_for("everything to be ready", || {
            self.progress().iter().filter(|progress| **progress == Progress::AllReady).count() > before
        });
        pid
    }

    fn ended(&mut self, pid: u32) -> (ExitStatus, String) {
        let at = self.running.iter().position(|child| child.id() == pid).unwrap();
        let mut child = self.running.remove(at);
        let mut errors = String::new();
        child.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
        (child.wait().unwrap(), errors)
    }

    fn ask(&self, server: &str, request: &ServerRequest) -> Result<ServerStatus, AskError> {
        control::ask(server, &self.directory().server(server), request)
    }

    /// As the agents do: from an asynchronous runtime, with a deadline.
    fn kill(&self, server: &str, service: &str) -> Result<ServerStatus, AskError> {
        let request = ServerRequest::Kill { service: service.to_owned() };
        let folder = self.directory().server(server);
        within_runtime(control::ask_async(server, &folder, &request, DEADLINE))
    }

    fn power(&self, action: Action, server: &str, id: &str) -> Result<GridStatus, AskError> {
        self.power_within(DEADLINE, action, server, id)
    }

    fn power_within(
        &self,
        deadline: Duration,
        action: Action,
        server: &str,
        id: &str,
    ) -> Result<GridStatus, AskError> {
        let request = GridRequest::Power { action, server: server.to_owned(), id: id.to_owned() };
        within_runtime(power_control::ask(&self.directory(), &request, deadline))
    }

    fn grid(&self) -> GridStatus {
        within_runtime(power_control::ask(&self.directory(), &GridRequest::Status, DEADLINE)).unwrap()
    }

    /// The coordinator, once it is as wanted.
    fn coordinator(&self, wanted: impl Fn(&ServiceStatus) -> bool) -> ServiceStatus {
        wait_for("the coordinator", || self.grid().coordinator.filter(|coordinator| wanted(coordinator)))
    }

    fn status(&self, server: &str) -> Option<ServerStatus> {
        self.ask(server, &ServerRequest::Status).ok()
    }

    /// The one service of the server, once it is as wanted.
    fn service(&self, server: &str, wanted: impl Fn(&ServiceStatus) -> bool) -> ServiceStatus {
        wait_for("the service", || {
            self.status(server).map(|status| status.services[0].clone()).filter(|service| wanted(service))
        })
    }

    fn serving(&self, server: &str) -> ServiceStatus {
        self.service(server, |service| service.state == ServiceState::Running)
    }

    fn lines(&self, file: &str) -> Vec<String> {
        let text = fs::read_to_string(self.data().join(file)).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    fn progress(&self) -> Vec<Progress> {
        self.lines("progress").iter().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn outcome(&self) -> Outcome {
        serde_json::from_str(&self.lines("outcome")[0]).unwrap()
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        for child in &mut self.running {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// What counts as an answer to wait for.
trait Found {
    type Value;
    fn found(self) -> Option<Self::Value>;
}

impl Found for bool {
    type Value = ();
    fn found(self) -> Option<()> {
        self.then_some(())
    }
}

impl<T> Found for Option<T> {
    type Value = T;
    fn found(self) -> Option<T> {
        self
    }
}

#[track_caller]
fn wait_for<F: Found>(what: &str, mut look: impl FnMut() -> F) -> F::Value {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        if let Some(value) = look().found() {
            return value;
        }
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Longer than anything here takes.
const DEADLINE: Duration = Duration::from_secs(20);

fn within_runtime<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

fn send(pid: u32, signal: Signal) {
    kill_process(Pid::from_raw(pid.try_into().unwrap()).unwrap(), signal).unwrap();
}

/// Dead, or a corpse that its adoptive parent has not buried yet.
fn is_dead(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.is_empty() || stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('Z'))
}

/// Whether the process has come to a halt, which takes a moment after the signal.
fn is_halted(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('T'))
}

/// When the process started, in ticks since the kernel did: the 22nd field of its line, the 20th behind its name.
fn started(pid: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    stat.rsplit(") ").next().and_then(|rest| rest.split(' ').nth(19)).unwrap().parse().unwrap()
}

#[test]
fn a_service_that_is_killed_is_restarted_at_once() {
    let mut site = Site::new();
    site.start_server("mbx1");
    let first = site.serving("mbx1");
    send(first.pid.unwrap(), Signal::KILL);
    let second =
        site.service("mbx1", |service| service.restarts == 1 && service.state == ServiceState::Running);
    assert_ne!(second.pid, first.pid);
}

#[test]
fn a_service_that_keeps_crashing_is_failed_and_left_dead() {
    let mut site = Site::new();
    site.behave("backend", "crash");
    site.start_server("mbx1");
    let service = site.service("mbx1", |service| service.state == ServiceState::Failed);
    let last = "ended with exit code 7".to_owned();
    assert_eq!(service.failure, Some(Failure::CrashLoop { deaths: 3, window: 60, last }));
    assert_eq!(service.pid, None);
    assert_eq!(site.lines("starts-backend").len(), 3);
    // A human may still start it.
    site.behave("backend", "");
    site.ask("mbx1", &ServerRequest::Start { service: "backend".to_owned() }).unwrap();
    site.serving("mbx1");
}

#[test]
fn with_restarts_switched_off_a_dead_service_stays_dead() {
    let mut site = Site::new();
    site.behave("backend", "");
    fs::write(site.data().join("no-restart"), "").unwrap();
    site.start_server("mbx1");
    send(site.serving("mbx1").pid.unwrap(), Signal::KILL);
    let service = site.service("mbx1", |service| service.state == ServiceState::Failed);
    assert_eq!(service.failure, Some(Failure::RestartsOff { last: "was ended by signal 9".to_owned() }));
}

#[test]
fn services_die_with_an_init_that_is_killed() {
    let mut site = Site::new();
    let init = site.start_server("mbx1");
    let service = site.serving("mbx1").pid.unwrap();
    send(init, Signal::KILL);
    wait_for("the service to die", || is_dead(service));
    assert!(site.lines("ends").is_empty(), "it was to be killed, not asked to end");
}

#[test]
fn an_init_that_is_asked_to_end_drains_its_services_first() {
    let mut site = Site::new();
    let init = site.start_server("mbx1");
    let service = site.serving("mbx1").pid.unwrap();
    send(init, Signal::TERM);
    assert!(site.ended(init).0.success());
    assert!(is_dead(service));
    assert_eq!(site.lines("ends"), ["backend"]);
}

#[test]
fn a_service_that_does_not_end_in_time_is_killed() {
    let mut site = Site::new();
    site.behave("backend", "deaf");
    let init = site.start_server("mbx1");
    let service = site.serving("mbx1").pid.unwrap();
    send(init, Signal::TERM);
    assert!(site.ended(init).0.success());
    assert!(is_dead(service));
}

#[test]
fn a_service_that_a_human_stopped_stays_stopped_over_a_power_loss() {
    let mut site = Site::new();
    let init = site.start_server("mbx1");
    site.serving("mbx1");
    site.ask("mbx1", &ServerRequest::Stop { service: "backend".to_owned() }).unwrap();
    let stopped = site.service("mbx1", |service| service.state == ServiceState::Stopped);
    assert!(stopped.stopped_by_hand);
    let boot_id = site.status("mbx1").unwrap().boot_id;
    send(init, Signal::KILL);
    site.ended(init);
    site.start_server("mbx1");
    let status = wait_for("the next boot", || site.status("mbx1").filter(|status| status.boot_id != boot_id));
    assert_eq!(status.services[0].state, ServiceState::Stopped);
    assert!(status.services[0].stopped_by_hand);
    site.ask("mbx1", &ServerRequest::Start { service: "backend".to_owned() }).unwrap();
    assert!(!site.serving("mbx1").stopped_by_hand);
    assert_eq!(site.lines("starts-backend").len(), 2);
}

#[test]
fn a_restart_by_hand_drains_and_is_no_crash() {
    let mut site = Site::new();
    site.start_server("mbx1");
    let first = site.serving("mbx1");
    site.ask("mbx1", &ServerRequest::Restart { service: "backend".to_owned() }).unwrap();
    let second =
        site.service("mbx1", |service| service.state == ServiceState::Running && service.pid != first.pid);
    assert_eq!(second.restarts, 0);
    assert_eq!(site.lines("ends"), ["backend"]);
}

#[test]
fn a_service_that_a_server_does_not_have_is_refused_by_name() {
    let mut site = Site::new();
    site.start_server("mbx1");
    site.serving("mbx1");
    let error = site.ask("mbx1", &ServerRequest::Stop { service: "frontend".to_owned() }).unwrap_err();
    assert_eq!(error.to_string(), "server mbx1 has no service frontend; it has backend");
}

#[test]
fn a_data_directory_may_lie_deeper_than_the_path_of_a_socket_is_long() {
    let mut site = Site::below(&"folder/".repeat(30));
    site.start_server("mbx1");
    site.serving("mbx1");
}

#[test]
fn power_returns_after_the_delay_with_a_new_boot_id() {
    let mut site = Site::new();
    site.start_grid();
    let before = site.status("mbx1").unwrap();
    let service = before.services[0].pid.unwrap();
    let lost = Instant::now();
    send(before.pid, Signal::KILL);
    wait_for("the service to die", || is_dead(service));
    let outage = wait_for("the grid to write down the outage", || {
        let grid = GridStatus::read(&site.data().join("grid.json")).unwrap().unwrap();
        Some(grid.servers[0].clone()).filter(|server| server.returns.is_some())
    });
    assert_eq!((outage.server.as_str(), outage.pid, outage.losses), ("mbx1", None, 1));
    let after = wait_for("power", || site.status("mbx1").filter(|status| status.boot_id != before.boot_id));
    assert!(lost.elapsed() >= POWER_ON_DELAY);
    assert_ne!(after.pid, before.pid);
    site.serving("mbx1");
    assert!(site.progress().contains(&Progress::PowerReturned { server: "mbx1".to_owned() }));
}

#[test]
fn ctrl_c_stops_those_that_face_clients_first() {
    let mut site = Site::new();
    let grid = site.start_grid();
    send(grid, Signal::INT);
    assert!(site.ended(grid).0.success());
    assert_eq!(site.lines("ends"), ["frontend", "backend", "coordinator"]);
    assert_eq!(site.outcome(), Outcome::Stopped);
    assert_eq!(claim::holder(&site.directory()).unwrap(), None);
}

#[test]
fn a_second_ctrl_c_ends_everything_at_once() {
    let mut site = Site::new();
    site.behave("frontend", "deaf");
    fs::write(site.data().join("format"), "mailmedic data 1\n").unwrap();
    let grid = site.start_grid();
    let service = site.serving("cas1").pid.unwrap();
    send(grid, Signal::INT);
    wait_for("it to begin", || site.progress().contains(&Progress::GoingDown));
    send(grid, Signal::INT);
    site.ended(grid);
    assert_eq!(site.outcome(), Outcome::Cut);
    wait_for("the service to die", || is_dead(service));
}

#[test]
fn everything_dies_with_a_grid_that_is_killed_and_the_next_one_finds_its_way() {
    let mut site = Site::new();
    let grid = site.start_grid();
    let service = site.serving("cas1").pid.unwrap();
    send(grid, Signal::KILL);
    site.ended(grid);
    wait_for("the service to die", || is_dead(service));
    site.start_grid();
}

#[test]
fn a_second_grid_on_one_data_directory_is_refused() {
    let mut site = Site::new();
    let first = site.start_grid();
    let second = site.start("up");
    let (status, errors) = site.ended(second);
    assert!(!status.success());
    assert!(errors.contains("InUse") && errors.contains(&first.to_string()), "{errors}");
    assert_eq!(site.serving("cas1").restarts, 0);
}

#[test]
fn down_stops_a_grid_and_waits_until_it_has() {
    let mut site = Site::new();
    let grid = site.start_grid();
    let mut begun = None;
    let down = take_down(&site.directory(), Duration::from_secs(20), |pid| begun = Some(pid)).unwrap();
    assert_eq!(down, Down::Stopped(grid));
    assert_eq!(begun, Some(grid));
    assert_eq!(site.lines("ends"), ["frontend", "backend", "coordinator"]);
    let again = take_down(&site.directory(), Duration::from_secs(20), |_| {}).unwrap();
    assert_eq!(again, Down::WasDown);
}

#[test]
fn a_start_whose_service_keeps_crashing_fails_and_stops_the_rest() {
    let mut site = Site::new();
    site.behave("backend", "crash");
    fs::write(site.data().join("format"), "mailmedic data 1\n").unwrap();
    let grid = site.start("up");
    site.ended(grid);
    let reason = "it died 3 times within 60 s; last it ended with exit code 7".to_owned();
    let service = Some("backend".to_owned());
    assert_eq!(site.outcome(), Outcome::NotStarted { server: "mbx1".to_owned(), service, reason });
    let starts = site.lines("starts-frontend");
    assert!(starts.iter().all(|pid| is_dead(pid.parse().unwrap())));
}

#[test]
fn a_kill_is_answered_when_the_process_is_gone_and_the_service_is_started_again() {
    let mut site = Site::new();
    site.start_server("mbx1");
    // More often than a service may crash: whoever fences wants no service left dead.
    for restarts in 1..=4 {
        let before = site.serving("mbx1");
        // Not even a process that is stopped outlives it.
        send(before.pid.unwrap(), Signal::STOP);
        wait_for("the service to halt", || is_halted(before.pid.unwrap()));
        let after = site.kill("mbx1", "backend").unwrap();
        assert!(is_dead(before.pid.unwrap()));
        assert_ne!(after.services[0].pid, before.pid);
        assert_eq!(after.services[0].restarts, restarts);
    }
    site.serving("mbx1");
}

#[test]
fn a_kill_of_what_is_stopped_is_done_at_once_and_starts_nothing() {
    let mut site = Site::new();
    site.start_server("mbx1");
    site.serving("mbx1");
    site.ask("mbx1", &ServerRequest::Stop { service: "backend".to_owned() }).unwrap();
    site.service("mbx1", |service| service.state == ServiceState::Stopped);
    let status = site.kill("mbx1", "backend").unwrap();
    assert_eq!((status.services[0].pid, status.services[0].state), (None, ServiceState::Stopped));
    let error = site.kill("mbx1", "frontend").unwrap_err();
    assert_eq!(error.to_string(), "server mbx1 has no service frontend; it has backend");
}

#[test]
fn an_init_that_does_not_answer_is_given_up_after_the_deadline_and_its_power_can_still_be_cut() {
    let mut site = Site::new();
    site.start_grid();
    let before = site.status("mbx1").unwrap();
    send(before.pid, Signal::STOP);
    wait_for("the init to halt", || is_halted(before.pid));
    let (folder, request) = (site.directory().server("mbx1"), ServerRequest::Status);
    let asking = control::ask_async("mbx1", &folder, &request, Duration::from_millis(50));
    let error = within_runtime(asking).unwrap_err();
    assert!(error.to_string().contains("no answer within 0.05 s"), "{error}");
    site.power(Action::Cycle, "mbx1", "1").unwrap();
    assert!(is_dead(before.pid) && is_dead(before.services[0].pid.unwrap()));
    site.serving("mbx1");
}

#[test]
fn a_cycle_is_answered_when_the_power_is_back_and_the_same_id_does_nothing_more() {
    let mut site = Site::new();
    site.start_grid();
    let before = site.serving("mbx1");
    let boot_id = site.status("mbx1").unwrap().boot_id;
    let cut = Instant::now();
    let hasty = site.power_within(Duration::from_millis(1), Action::Cycle, "mbx1", "recovery-17");
    assert!(matches!(hasty, Err(AskError::NoGrid { .. })), "{hasty:?}");
    let grid = site.power(Action::Cycle, "mbx1", "recovery-17").unwrap();
    assert!(cut.elapsed() >= POWER_ON_DELAY);
    assert!(is_dead(before.pid.unwrap()));
    assert!(site.lines("ends").is_empty(), "its services were to be killed, not asked to end");
    assert_eq!((grid.servers[0].losses, grid.requests[0].fate.clone()), (0, Fate::Done));
    let status = wait_for("the next boot", || site.status("mbx1").filter(|status| status.boot_id != boot_id));
    site.power(Action::Cycle, "mbx1", "recovery-17").unwrap();
    assert_eq!(site.status("mbx1").unwrap().boot_id, status.boot_id);
    assert_eq!(site.grid().requests.len(), 1);
    let cuts = site.progress().iter().filter(|one| matches!(one, Progress::PowerCut { .. })).count();
    assert_eq!(cuts, 1);
}

#[test]
fn an_id_belongs_to_one_request_even_for_the_next_grid() {
    let mut site = Site::new();
    let grid = site.start_grid();
    site.power(Action::Restart, "mbx1", "1").unwrap();
    let error = site.power(Action::Restart, "cas1", "1").unwrap_err();
    assert_eq!(error.to_string(), "the id 1 belongs to another request: restart mbx1");
    send(grid, Signal::TERM);
    site.ended(grid);
    site.start_grid();
    let boot_id = site.status("mbx1").unwrap().boot_id;
    site.power(Action::Restart, "mbx1", "1").unwrap();
    assert_eq!(site.status("mbx1").unwrap().boot_id, boot_id);
}

#[test]
fn a_restart_drains_the_services_and_boots_without_an_outage() {
    let mut site = Site::new();
    site.start_grid();
    let before = site.status("mbx1").unwrap();
    let grid = site.power(Action::Restart, "mbx1", "1").unwrap();
    assert_eq!(site.lines("ends"), ["backend"]);
    assert!(is_dead(before.pid));
    assert_eq!(grid.servers[0].losses, 0);
    let after = wait_for("the next boot", || site.status("mbx1").filter(|after| after.pid != before.pid));
    assert_ne!(after.boot_id, before.boot_id);
    assert!(site.progress().contains(&Progress::Restarted { server: "mbx1".to_owned() }));
}

#[test]
fn a_server_that_is_switched_off_stays_off_until_it_is_switched_on() {
    let mut site = Site::new();
    site.start_grid();
    let grid = site.power(Action::Off, "mbx1", "1").unwrap();
    assert_eq!(site.lines("ends"), ["backend"]);
    assert_eq!((grid.servers[0].switched_off, grid.servers[0].pid), (true, None));
    let written = GridStatus::read(&site.data().join("grid.json")).unwrap().unwrap();
    assert!(written.servers[0].switched_off);
    let error = site.power(Action::Cycle, "mbx1", "2").unwrap_err();
    assert_eq!(
        error.to_string(),
        "cycle mbx1: it was switched off by hand, and only switching it on changes that"
    );
    site.power(Action::Off, "mbx1", "3").unwrap();
    let grid = site.power(Action::On, "mbx1", "4").unwrap();
    assert!(!grid.servers[0].switched_off);
    site.serving("mbx1");
    // What was refused was not done, so the same request may be made again.
    site.power(Action::Cycle, "mbx1", "2").unwrap();
}

#[test]
fn a_server_that_was_switched_off_is_on_again_at_the_next_start() {
    let mut site = Site::new();
    let grid = site.start_grid();
    site.power(Action::Off, "mbx1", "1").unwrap();
    send(grid, Signal::TERM);
    assert!(site.ended(grid).0.success());
    site.start_grid();
    site.serving("mbx1");
}

#[test]
fn a_server_that_is_not_on_the_grid_is_refused_by_name() {
    let mut site = Site::new();
    site.start_grid();
    let error = site.power(Action::Cycle, "mbx9", "1").unwrap_err();
    assert_eq!(error.to_string(), "there is no server mbx9 on this power grid; there is mbx1, cas1");
}

#[test]
fn without_a_grid_it_is_said_that_there_is_none() {
    let site = Site::new();
    let error = site.power(Action::Cycle, "mbx1", "1").unwrap_err();
    assert!(error.to_string().starts_with("the power grid does not answer on "), "{error}");
}

#[test]
fn a_coordinator_that_is_killed_is_restarted_and_no_server_loses_its_power() {
    let mut site = Site::new();
    site.start_grid();
    let servers = ["mbx1", "cas1"].map(|server| site.status(server).unwrap().boot_id);
    let first = site.coordinator(|coordinator| coordinator.state == ServiceState::Running);
    send(first.pid.unwrap(), Signal::KILL);
    let second = site.coordinator(|one| one.restarts == 1 && one.state == ServiceState::Running);
    assert_ne!(second.pid, first.pid);
    assert_eq!(["mbx1", "cas1"].map(|server| site.status(server).unwrap().boot_id), servers);
    assert!(site.progress().contains(&Progress::CoordinatorReady));
}

#[test]
fn a_coordinator_that_keeps_crashing_is_told_and_tried_again_and_keeps_nobody_from_mail() {
    let mut site = Site::new();
    site.behave("coordinator", "crash");
    fs::write(site.data().join("format"), "mailmedic data 1\n").unwrap();
    site.start_grid();
    site.serving("mbx1");
    let trouble = |progress: &Progress| matches!(progress, Progress::CoordinatorTrouble { .. });
    wait_for("it to be told", || site.progress().iter().any(trouble));
    wait_for("it to be tried again", || site.lines("starts-coordinator").len() > 5);
    // Mended, it comes back without being asked to.
    site.behave("coordinator", "");
    site.coordinator(|coordinator| coordinator.state == ServiceState::Running);
}

#[test]
fn a_coordinator_starts_before_the_servers_and_dies_with_its_grid() {
    let mut site = Site::new();
    let grid = site.start_grid();
    let coordinator = site.coordinator(|coordinator| coordinator.state == ServiceState::Running);
    let pid = coordinator.pid.unwrap();
    for server in ["mbx1", "cas1"] {
        assert!(started(pid) <= started(site.status(server).unwrap().pid));
    }
    send(grid, Signal::KILL);
    site.ended(grid);
    wait_for("the coordinator to die", || is_dead(pid));
}
