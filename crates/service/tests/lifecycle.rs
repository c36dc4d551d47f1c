//! The life of a process: signals, parents, exit codes, the service manager.
#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

use std::io::Write;
use std::os::unix::net::UnixDatagram;
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::process::{Signal, getpid, kill_process, set_parent_process_death_signal};
use service::lifecycle::{Asked, Exit, Signals, die_with_parent, notify, raise_descriptor_limit};

const PATIENCE: Duration = Duration::from_secs(20);

#[tokio::test]
async fn signals_ask_to_stop_and_to_reload() {
    let mut signals = Signals::catch().unwrap();
    for (signal, asked) in
        [(Signal::HUP, Asked::Reload), (Signal::TERM, Asked::Stop), (Signal::INT, Asked::Stop)]
    {
        kill_process(getpid(), signal).unwrap();
        assert_eq!(tokio::time::timeout(PATIENCE, signals.next()).await.unwrap(), asked);
    }
}

#[test]
fn an_exit_code_tells_the_parent_whether_starting_again_helps() {
    for exit in [Exit::Done, Exit::Failed, Exit::Occupied, Exit::Misconfigured] {
        assert_eq!(Exit::of(exit.code().into()), exit);
    }
    assert_eq!(Exit::of(101), Exit::Failed, "a panic");
}

#[test]
fn a_parent_that_is_gone_is_told() {
    let mut dead = Command::new("true").spawn().unwrap();
    let gone = dead.id();
    dead.wait().unwrap();
    let told = die_with_parent(gone);
    // Whoever runs these tests may start them from a thread that ends sooner.
    set_parent_process_death_signal(None).unwrap();
    assert!(told.is_err());
}

/// Runs only as the grandchild of the test below, and not by itself.
#[test]
fn grandchild_waits_to_die() {
    let Ok(parent) = std::env::var("SERVICE_TEST_PARENT") else { return };
    die_with_parent(parent.parse().unwrap()).unwrap();
    writeln!(std::io::stdout(), "tied").unwrap();
    std::thread::park();
}

#[test]
fn a_process_dies_with_the_one_that_started_it() {
    // A shell that starts this test binary as its child and waits to be killed.
    let this = std::env::current_exe().unwrap();
    let script = r#"SERVICE_TEST_PARENT=$$ "$0" --exact grandchild_waits_to_die --nocapture & wait"#;
    let mut parent =
        Command::new("sh").args(["-c", script]).arg(&this).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(parent.stdout.take().unwrap()));
    assert!(lines.any(|line| line.unwrap().ends_with("tied")));
    parent.kill().unwrap();
    parent.wait().unwrap();
    // The pipe ends when the last process that holds it has died, and the child, which sleeps, never lets it go otherwise.
    assert!(lines.all(|line| line.is_ok()));
}

#[test]
fn as_many_files_may_be_open_as_the_system_allows() {
    let limit = raise_descriptor_limit().unwrap();
    assert_eq!(
        rustix::process::getrlimit(rustix::process::Resource::Nofile).current.unwrap_or(u64::MAX),
        limit
    );
}

/// Runs only as the child of the test below: the service manager is told where to listen by the environment.
#[test]
fn child_tells_the_service_manager() {
    if std::env::var_os("SERVICE_TEST_NOTIFIES").is_some() {
        notify::ready();
        notify::status("serving");
        notify::stopping();
    }
}

#[test]
fn the_service_manager_is_told_when_the_service_serves_and_stops() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap());
    let ended = child
        .args(["--exact", "child_tells_the_service_manager"])
        .env("SERVICE_TEST_NOTIFIES", "1")
        .env("NOTIFY_SOCKET", &path)
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert!(ended.success());
    let mut told = Vec::new();
    for _ in 0..3 {
        let mut text = [0; 256];
        let length = socket.recv(&mut text).unwrap();
        told.push(String::from_utf8_lossy(&text[..length]).trim_end().to_owned());
    }
    assert_eq!(told, ["READY=1", "STATUS=serving", "STOPPING=1"]);
}

#[tokio::test]
async fn without_a_watchdog_nobody_waits_for_it() {
    tokio::time::timeout(PATIENCE, notify::watchdog()).await.unwrap();
}

/// Runs only as the child of the test below, until it is killed.
#[test]
fn child_tells_the_watchdog_that_it_lives() {
    if std::env::var_os("WATCHDOG_USEC").is_some() {
        tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap()
            .block_on(notify::watchdog());
    }
}

#[test]
fn a_watchdog_hears_of_the_service_again_and_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child_tells_the_watchdog_that_it_lives"])
        .env("WATCHDOG_USEC", "20000")
        .env("NOTIFY_SOCKET", &path)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    for _ in 0..3 {
        let mut text = [0; 256];
        let length = socket.recv(&mut text).unwrap();
        assert_eq!(String::from_utf8_lossy(&text[..length]).trim_end(), "WATCHDOG=1");
    }
    child.kill().unwrap();
    child.wait().unwrap();
}
