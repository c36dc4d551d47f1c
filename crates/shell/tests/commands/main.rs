//! Every command against an agent that answers as the script says: what it asks, what it prints, and its exit code.
//!
//! Golden files in `tests/golden`. To write them again: `UPDATE_FIXTURES=1 cargo test -p shell`, then read the diff.
#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod agent;
mod health;
mod management;
mod rows;

use std::cell::RefCell;
use std::fmt::Write as _;
use std::io;
use std::path::Path;
use std::rc::Rc;

use admin_api::routes::{
    AllowServer, Audit, BeginMaintenance, Components, Copies, Databases, DismountDatabase, DrainServer,
    EndMaintenance, MountDatabase, MoveDatabase, MoveDatabases, MoveUser, RestartServer, RestartService,
    Servers, Services, SetComponent, ShowMove, ShowServer, ShowUserMove, StopService,
};
use admin_api::rows::{MoveState, ServiceState, UserMoveState};
use admin_api::{Kind, Listing, Problem, Unanswered};
use agent::{Agent, Script};
use clap::{Parser, Subcommand};
use settings::DataDirectory;
use shell::{Access, Connection, Failure, Outcome, Screen};

#[derive(Parser)]
#[command(name = "mailmedic")]
struct Line {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Copies(shell::copies::Arguments),
    #[command(subcommand)]
    Database(shell::database::Command),
    Server(shell::server::Arguments),
    Service(shell::service::Arguments),
    Component(shell::component::Arguments),
    Maintenance(shell::maintenance::Arguments),
    Audit(shell::audit::Arguments),
    Health(shell::health::Arguments),
    Probe(shell::probe::Arguments),
    Monitor(shell::monitor::Arguments),
    Override(shell::overrides::Arguments),
    Shell(shell::management::Arguments),
    #[command(subcommand)]
    User(User),
}

#[derive(Subcommand)]
enum User {
    Move(shell::user::Move),
}

impl Command {
    fn run(self, open: &dyn Fn() -> Outcome<Connection>, screen: &Screen) -> Outcome {
        match self {
            Self::Shell(command) => command.run(open, screen),
            Self::Copies(command) => command.run(&open()?, screen),
            Self::Database(command) => command.run(&open()?, screen),
            Self::Server(command) => command.run(&open()?, screen),
            Self::Service(command) => command.run(&open()?, screen),
            Self::Component(command) => command.run(&open()?, screen),
            Self::Maintenance(command) => command.run(&open()?, screen),
            Self::Audit(command) => command.run(&open()?, screen),
            Self::Health(command) => command.run(&open()?, screen),
            Self::Probe(command) => command.run(&open()?, screen),
            Self::Monitor(command) => command.run(&open()?, screen),
            Self::Override(command) => command.run(&open()?, screen),
            Self::User(User::Move(command)) => command.run(&open()?, screen),
        }
    }
}

/// What is printed, kept.
#[derive(Clone, Default)]
struct Paper(Rc<RefCell<Vec<u8>>>);

impl io::Write for Paper {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().write(octets)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Paper {
    fn lines(&self, mark: &str) -> String {
        let text = String::from_utf8(self.0.borrow().clone()).unwrap();
        text.lines().fold(String::new(), |all, line| all + format!("{mark}{line}").trim_end() + "\n")
    }
}

fn parse(line: &[&str]) -> Result<Command, clap::Error> {
    Line::try_parse_from(["mailmedic"].iter().chain(line)).map(|line| line.command)
}

/// Runs a command line; what is asked (`>`), printed, noted (`!`) and how it ends, as one text.
fn told(data: &DataDirectory, agent: Option<&Agent>, line: &[&str]) -> String {
    let mut text = format!("$ mailmedic {}\n", line.join(" "));
    let (results, notes) = (Paper::default(), Paper::default());
    let ended = match parse(line) {
        Err(error) => Err(Failure::bad_input(error.to_string().trim_end())),
        Ok(command) => command.run(
            &|| Connection::open(&Access::default(), data),
            &Screen::written_to(results.clone(), notes.clone()),
        ),
    };
    for asked in agent.into_iter().flat_map(Agent::asked) {
        writeln!(text, "> {asked}").unwrap();
    }
    text += &notes.lines("! ");
    text += &results.lines("");
    let (message, code) = match ended {
        Ok(()) => (String::new(), 0),
        Err(Failure::Failed(message)) => (message, 1),
        Err(Failure::BadInput(message)) => (message, 2),
        Err(Failure::NobodyReads) => ("nobody reads".to_owned(), 1),
    };
    if !message.is_empty() {
        writeln!(text, "mailmedic: {message}").unwrap();
    }
    writeln!(text, "= {code}").unwrap();
    text.replace(&data.root().display().to_string(), "DATA")
}

/// The lines with the agent of the script, each with a fresh one, held against the golden file.
fn golden(name: &str, script: impl Fn() -> Script, lines: &[&[&str]]) {
    let told = lines.iter().map(|line| {
        let folder = tempfile::tempdir().unwrap();
        let data = DataDirectory::new(folder.path());
        let agent = Agent::start(&data.server("mbx1").api_socket(), script());
        told(&data, Some(&agent), line)
    });
    compare(name, &told.collect::<Vec<_>>().join("\n"));
}

fn compare(name: &str, told: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name).with_extension("txt");
    if std::env::var_os("UPDATE_FIXTURES").is_some() {
        std::fs::write(&file, told).unwrap();
    }
    assert_eq!(told, std::fs::read_to_string(&file).unwrap_or_default(), "{name}");
}

#[test]
fn copies_are_shown_as_table_list_and_json() {
    let script = || Script::default().answers::<Copies>(&Listing::complete(rows::copies()));
    golden(
        "copies",
        script,
        &[
            &["copies"],
            &["copies", "--server", "mbx1", "--database", "DB01", "--output", "list"],
            &["copies", "--output", "json"],
        ],
    );
}

#[test]
fn servers_that_did_not_answer_are_named() {
    let unanswered = || vec![Unanswered { server: "mbx2".into(), why: "connection refused".into() }];
    let script = || {
        Script::default()
            .answers::<Copies>(&Listing { rows: rows::copies(), unanswered: unanswered() })
            .answers::<Services>(&Listing { rows: Vec::new(), unanswered: unanswered() })
    };
    golden(
        "unanswered",
        script,
        &[
            &["copies"],
            &["service", "list"],
            &["service", "list", "--output", "json"],
            &["service", "restart", "mbx2/backend"],
        ],
    );
}

#[test]
fn databases_are_listed_mounted_and_dismounted() {
    let script = || {
        Script::default()
            .answers::<Databases>(&Listing::complete(rows::databases()))
            .answers::<MountDatabase>(&rows::databases().remove(0))
            .answers::<DismountDatabase>(&rows::databases().remove(1))
    };
    golden(
        "database",
        script,
        &[
            &["database", "list"],
            &["database", "list", "--output", "list"],
            &["database", "mount", "DB01"],
            &["database", "dismount", "DB02", "--reason", "restore"],
        ],
    );
}

#[test]
fn a_move_is_followed_to_its_end() {
    let script = || {
        Script::default()
            .answers::<MoveDatabase>(&rows::moving("DB01", MoveState::Waiting))
            .answers::<ShowMove>(&rows::moving("DB01", MoveState::HandingOver))
            .answers::<ShowMove>(&rows::moving("DB01", MoveState::HandingOver))
            .answers::<ShowMove>(&rows::moving("DB01", MoveState::Mounting))
            .answers::<ShowMove>(&rows::moving("DB01", MoveState::Succeeded))
    };
    golden(
        "move",
        script,
        &[
            &["database", "move", "DB01", "--to", "mbx2", "--reason", "new disk"],
            &["database", "move", "DB01", "--output", "json"],
            &["database", "move", "DB01", "--no-wait", "--output", "list"],
        ],
    );
}

#[test]
fn several_moves_are_followed_and_one_that_does_not_succeed_is_told() {
    let script = || {
        let both = vec![rows::moving("DB01", MoveState::Succeeded), rows::moving("DB02", MoveState::Waiting)];
        Script::default()
            .answers::<MoveDatabases>(&Listing::complete(both.clone()))
            .answers::<DrainServer>(&Listing::complete(both))
            .answers::<ShowMove>(&rows::moving("DB02", MoveState::Refused))
    };
    golden(
        "moves",
        script,
        &[
            &["database", "move", "--from", "mbx1"],
            &["database", "move", "--preferred", "--reason", "repaired"],
            &["server", "drain", "mbx1", "--reason", "new kernel"],
        ],
    );
}

#[test]
fn a_move_that_takes_too_long_goes_on_without_the_command() {
    let script = || {
        Script::default()
            .answers::<MoveDatabase>(&rows::moving("DB01", MoveState::Waiting))
            .answers::<ShowMove>(&rows::moving("DB01", MoveState::Waiting))
    };
    golden("move-too-long", script, &[&["database", "move", "DB01", "--limit", "0 s"]]);
}

#[test]
fn servers_are_listed_shown_and_allowed() {
    let script = || {
        Script::default()
            .answers::<Servers>(&Listing::complete(rows::servers()))
            .answers::<ShowServer>(&rows::servers().remove(1))
            .answers::<AllowServer>(&rows::allowed())
    };
    golden(
        "server",
        script,
        &[
            &["server", "list"],
            &["server", "show", "mbx1"],
            &["server", "allow", "mbx1"],
            &["server", "allow", "mbx1", "--output", "json"],
        ],
    );
}

#[test]
fn a_restart_is_waited_for_until_the_server_is_another_boot() {
    let script = || {
        let same = rows::servers().remove(1);
        let mut anew = same.clone();
        anew.boot_id = Some("b2".into());
        Script::default()
            .answers::<RestartServer>(&rows::restart())
            .answers::<ShowServer>(&same)
            .refuses::<ShowServer>(&Problem::new(Kind::Unavailable, "mbx1 does not answer"))
            .answers::<ShowServer>(&anew)
    };
    golden(
        "server-restart",
        script,
        &[&["server", "restart", "mbx1", "--reason", "hung", "--force"], &["server", "restart", "mbx1"]],
    );
}

#[test]
fn services_are_listed_stopped_and_restarted() {
    let script = || {
        let backend = |state, pid| Listing::complete(vec![rows::backend(state, pid)]);
        Script::default()
            .answers::<Services>(&backend(ServiceState::Running, Some(100)))
            .answers::<Services>(&backend(ServiceState::Stopping, Some(100)))
            .answers::<Services>(&backend(ServiceState::Running, Some(200)))
            .answers::<RestartService>(&rows::backend(ServiceState::Running, Some(100)))
            .answers::<StopService>(&rows::backend(ServiceState::Stopped, None))
    };
    golden(
        "service",
        script,
        &[
            &["service", "list", "--server", "mbx1"],
            &["service", "stop", "mbx1/backend", "--reason", "restore"],
            &["service", "restart", "mbx1/backend"],
            &["service", "restart", "mbx1/bakend"],
        ],
    );
}

#[test]
fn a_service_that_does_not_start_is_told() {
    let script = || {
        let mut failed = rows::backend(ServiceState::Failed, None);
        failed.failure = Some("it died 3 times within 60 s".into());
        Script::default()
            .answers::<Services>(&Listing::complete(vec![rows::backend(ServiceState::Running, Some(100))]))
            .answers::<RestartService>(&failed)
    };
    golden("service-failed", script, &[&["service", "restart", "mbx1/backend"]]);
}

#[test]
fn components_are_shown_and_set() {
    let script = || {
        Script::default()
            .answers::<Components>(&Listing::complete(rows::components()))
            .answers::<SetComponent>(&rows::components().remove(0))
    };
    golden(
        "component",
        script,
        &[
            &["component", "get"],
            &["component", "get", "--server", "cas1", "--output", "list"],
            &["component", "set", "cas1/PopProxy", "draining", "--requester", "recovery", "--reason", "x"],
        ],
    );
}

#[test]
fn maintenance_begins_and_ends() {
    let script = || {
        let mut over = rows::servers().remove(1);
        over.maintenance = None;
        Script::default()
            .answers::<BeginMaintenance>(&rows::servers().remove(1))
            .answers::<EndMaintenance>(&over)
    };
    golden(
        "maintenance",
        script,
        &[
            &["maintenance", "start", "--server", "mbx1", "--for", "2 h", "--reason", "new disk"],
            &["maintenance", "stop", "--server", "mbx1"],
        ],
    );
}

#[test]
fn the_audit_log_is_shown() {
    let script = || Script::default().answers::<Audit>(&Listing::complete(rows::audit()));
    golden(
        "audit",
        script,
        &[&["audit"], &["audit", "--since", "2026-01-31T08:00:00Z", "--server", "mbx1", "--limit", "5"]],
    );
}

#[test]
fn a_mailbox_moves_and_its_progress_is_told() {
    let script = || {
        Script::default()
            .answers::<MoveUser>(&rows::user_move(UserMoveState::Waiting, 0))
            .answers::<ShowUserMove>(&rows::user_move(UserMoveState::Copying, 40))
            .answers::<ShowUserMove>(&rows::user_move(UserMoveState::Succeeded, 100))
    };
    golden("user-move", script, &[&["user", "move", "user1@example.com", "--to", "DB02"]]);
}

#[test]
fn what_an_agent_refuses_is_told_with_its_reasons_and_exit_code() {
    let script = || {
        let refused = Problem::new(Kind::Refused, "no copy of DB01 is fit")
            .because(vec!["mbx2: blocked by anna".into(), "mbx1: is where it is".into()]);
        Script::default()
            .refuses::<MoveDatabase>(&refused)
            .refuses::<ShowServer>(&Problem::unknown("server", "mbx3", ["cas1", "mbx1"].into_iter()))
            .refuses::<Audit>(&Problem::new(Kind::Forbidden, "GET /v1/audit needs the role viewer"))
    };
    golden("refused", script, &[&["database", "move", "DB01"], &["server", "show", "mbx3"], &["audit"]]);
}

#[test]
fn what_makes_no_sense_is_told_without_asking_anybody() {
    let lines: &[&[&str]] = &[
        &["database", "move"],
        &["database", "move", "DB01", "--from", "mbx1"],
        &["database", "move", "--preferred", "--to", "mbx1"],
        &["service", "restart", "backend"],
        &["component", "set", "cas1/PopProxy", "activ"],
        &["maintenance", "start", "--server", "mbx1", "--for", "2", "--reason", "x"],
        &["maintenance", "start", "--server", "mbx1", "--for", "0 s", "--reason", "x"],
        &["audit", "--since", "yesterday"],
        &["copies", "--sever", "mbx1"],
    ];
    golden("bad-input", Script::default, lines);
}

#[test]
fn without_an_agent_it_is_said_what_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let data = DataDirectory::new(folder.path());
    let never = told(&data, None, &["copies"]);
    let socket = data.server("mbx1").api_socket();
    drop(Agent::start(&socket, Script::default()));
    let gone = told(&data, None, &["copies"]);
    compare("no-agent", &format!("{never}\n{gone}"));
}

#[test]
fn an_agent_that_hangs_does_not_keep_another_from_answering() {
    let folder = tempfile::tempdir().unwrap();
    let data = DataDirectory::new(folder.path());
    let _hangs = Agent::hanging(&data.server("cas1").api_socket());
    let script = Script::default().answers::<Copies>(&Listing::complete(rows::copies()));
    let agent = Agent::start(&data.server("mbx1").api_socket(), script);
    let told = told(&data, Some(&agent), &["copies"]);
    assert!(told.contains("\nDB01"), "{told}");
    assert!(told.ends_with("= 0\n"), "{told}");
}
