//! Power by a configured command: small shell scripts play the tool.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::time::Duration;

use server_control::{CommandLine, CommandPower, ControlError, Fault, PowerCommands, ServerPower as _};
use tempfile::TempDir;

use crate::{id, server};

/// A folder with a script, and where the script writes down that it ran.
struct Tool {
    folder: TempDir,
}

const PATIENT: Duration = Duration::from_secs(20);
/// Long enough to start on a busy machine.
const IMPATIENT: Duration = Duration::from_secs(2);

impl Tool {
    /// A tool that writes down its arguments and then does this.
    fn new(script: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("tool");
        fs::write(&program, format!("echo \"$@\" >>{0}/ran\ncd {0}\n{script}\n", folder.path().display()))
            .unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o700)).unwrap();
        Self { folder }
    }

    fn line(&self) -> CommandLine {
        let script = self.folder.path().join("tool").to_str().unwrap().to_owned();
        let words = ["/bin/sh", &script, "--host={server}-bmc", "{id}", "; $HOME"];
        CommandLine::parse(&words.map(str::to_owned)).unwrap()
    }

    /// The power by this tool, as a process has it that has just started.
    fn power(&self, limit: Duration) -> CommandPower {
        let commands = PowerCommands { cycle: Some(self.line()), restart: None, limit };
        CommandPower::new(commands, self.ledger())
    }

    fn ledger(&self) -> PathBuf {
        self.folder.path().join("power")
    }

    /// What each run was given.
    fn runs(&self) -> Vec<String> {
        let text = fs::read_to_string(self.folder.path().join("ran")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }
}

#[tokio::test]
async fn the_command_gets_server_and_id_and_no_shell_reads_it() {
    let tool = Tool::new("exit 0");
    tool.power(PATIENT).cycle(&server("mbx1"), &id("r1")).await.unwrap();
    assert_eq!(tool.runs(), ["--host=mbx1-bmc r1 ; $HOME"]);
}

#[tokio::test]
async fn a_request_runs_once_for_its_server_even_after_a_restart_of_the_agent() {
    let tool = Tool::new("exit 0");
    for power in [tool.power(PATIENT), tool.power(PATIENT)] {
        power.cycle(&server("mbx1"), &id("r1")).await.unwrap();
        power.cycle(&server("MBX1"), &id("r1")).await.unwrap();
    }
    assert_eq!(tool.runs().len(), 1);
    tool.power(PATIENT).cycle(&server("mbx2"), &id("r1")).await.unwrap();
    tool.power(PATIENT).cycle(&server("mbx1"), &id("r2")).await.unwrap();
    assert_eq!(tool.runs().len(), 3);
}

#[tokio::test]
async fn a_request_made_twice_at_once_runs_once() {
    let tool = Tool::new("exit 0");
    let power = tool.power(PATIENT);
    let (mbx1, r1) = (server("mbx1"), id("r1"));
    let (one, other) = tokio::join!(power.cycle(&mbx1, &r1), power.cycle(&mbx1, &r1));
    one.unwrap();
    other.unwrap();
    assert_eq!(tool.runs().len(), 1);
}

#[tokio::test]
async fn a_command_that_fails_is_quoted_and_answered_the_same_again() {
    let tool = Tool::new("echo no route to; echo the chassis >&2; exit 3");
    let mut errors = Vec::new();
    for power in [tool.power(PATIENT), tool.power(PATIENT)] {
        errors.push(power.cycle(&server("mbx1"), &id("r1")).await.unwrap_err());
    }
    for error in errors {
        assert_eq!(
            error.to_string(),
            "cannot power-cycle server mbx1: the configured command ended with exit code 3 and says: no route to the chassis"
        );
        assert_eq!(error.fault(), Fault::Controller);
    }
    assert_eq!(tool.runs().len(), 1);
}

#[tokio::test]
async fn only_the_last_of_much_output_is_kept() {
    let tool = Tool::new("seq 100000; exit 1");
    let error = tool.power(PATIENT).cycle(&server("mbx1"), &id("r1")).await.unwrap_err();
    let ControlError::CommandFailed { output, .. } = error else { panic!("{error:?}") };
    assert!(output.ends_with("99999 100000") && output.len() <= 2048, "{} octets", output.len());
}

#[tokio::test]
async fn a_command_that_does_not_end_is_killed_with_all_it_started_and_its_outcome_is_unknown() {
    let tool = Tool::new("sleep 600 & echo $! >child; echo waiting; exec sleep 600");
    let error = tool.power(IMPATIENT).cycle(&server("mbx1"), &id("r1")).await.unwrap_err();
    assert!(matches!(error, ControlError::OutcomeUnknown { .. }), "{error:?}");
    assert!(error.to_string().contains("was killed; it said: waiting"), "{error}");
    let child = fs::read_to_string(tool.folder.path().join("child")).unwrap();
    let gone = async {
        while lives(child.trim()) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENT, gone).await.expect("what the command started is killed too");
    // Later as well, however long it may take then.
    let error = tool.power(PATIENT).cycle(&server("mbx1"), &id("r1")).await.unwrap_err();
    assert!(matches!(error, ControlError::OutcomeUnknown { .. }), "{error:?}");
    assert_eq!(tool.runs().len(), 1);
}

/// Whether the process runs; one that has ended may wait for its parent to notice.
fn lives(pid: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(')').next().is_some_and(|rest| !rest.is_empty() && !rest.starts_with(" Z"))
}

#[tokio::test]
async fn what_a_command_leaves_behind_does_not_keep_it_from_being_done() {
    let tool = Tool::new("sleep 600 & echo $! >child; exit 0");
    tool.power(PATIENT).cycle(&server("mbx1"), &id("r1")).await.unwrap();
    let child = fs::read_to_string(tool.folder.path().join("child")).unwrap();
    let ended = std::process::Command::new("kill").arg(child.trim()).status().unwrap();
    assert!(ended.success(), "it still ran");
}

#[tokio::test]
async fn a_request_that_was_cut_off_is_not_made_again() {
    let tool = Tool::new("exit 0");
    fs::create_dir(tool.ledger()).unwrap();
    let begun = r#"[{"id":"r1","deed":"cycle","begun":"2026-01-01T00:00:00Z","outcome":null}]"#;
    fs::write(tool.ledger().join("mbx1.json"), begun).unwrap();
    let error = tool.power(PATIENT).cycle(&server("mbx1"), &id("r1")).await.unwrap_err();
    assert!(matches!(error, ControlError::OutcomeUnknown { .. }), "{error:?}");
    assert!(error.to_string().contains("begun at 2026-01-01T00:00:00Z and cut off"), "{error}");
    assert!(tool.runs().is_empty());
}

#[tokio::test]
async fn a_caller_that_loses_interest_does_not_cut_the_request_off() {
    let tool = Tool::new("exit 0");
    let power = tool.power(PATIENT);
    let (mbx1, r1) = (server("mbx1"), id("r1"));
    let mut first = power.cycle(&mbx1, &r1);
    let begun = std::future::poll_fn(|context| std::task::Poll::Ready(first.as_mut().poll(context))).await;
    assert!(begun.is_pending());
    drop(first);
    power.cycle(&mbx1, &r1).await.unwrap();
    assert_eq!(tool.runs().len(), 1);
}

#[tokio::test]
async fn a_program_that_is_not_there_did_nothing_and_may_be_tried_again() {
    let tool = Tool::new("exit 0");
    let missing = CommandLine::parse(&["/nowhere/at/all".to_owned(), "{server}".to_owned()]).unwrap();
    let commands = PowerCommands { cycle: Some(missing), restart: None, limit: PATIENT };
    let error =
        CommandPower::new(commands, tool.ledger()).cycle(&server("mbx1"), &id("r1")).await.unwrap_err();
    assert!(matches!(error, ControlError::Unreachable { .. }), "{error:?}");
    tool.power(PATIENT).cycle(&server("mbx1"), &id("r1")).await.unwrap();
    assert_eq!(tool.runs().len(), 1);
}

#[tokio::test]
async fn without_a_place_to_write_down_the_request_nothing_runs() {
    let tool = Tool::new("exit 0");
    fs::write(tool.ledger(), "not a folder").unwrap();
    let error = tool.power(PATIENT).cycle(&server("mbx1"), &id("r1")).await.unwrap_err();
    assert!(matches!(error, ControlError::NotRecorded { .. }), "{error:?}");
    assert!(tool.runs().is_empty());
}

#[tokio::test]
async fn a_damaged_ledger_stops_everything_for_its_server_alone() {
    let tool = Tool::new("exit 0");
    fs::create_dir(tool.ledger()).unwrap();
    fs::write(tool.ledger().join("mbx1.json"), "[{\"id\":").unwrap();
    let error = tool.power(PATIENT).cycle(&server("mbx1"), &id("r1")).await.unwrap_err();
    assert!(matches!(error, ControlError::NotRecorded { .. }), "{error:?}");
    assert!(error.to_string().contains("mbx1.json"), "{error}");
    tool.power(PATIENT).cycle(&server("mbx2"), &id("r1")).await.unwrap();
}

#[tokio::test]
async fn an_id_means_one_kind_of_request() {
    let tool = Tool::new("exit 0");
    let commands = PowerCommands { cycle: Some(tool.line()), restart: Some(tool.line()), limit: PATIENT };
    let power = CommandPower::new(commands, tool.ledger());
    power.cycle(&server("mbx1"), &id("r1")).await.unwrap();
    let error = power.restart(&server("mbx1"), &id("r1")).await.unwrap_err();
    assert!(matches!(error, ControlError::Refused { .. }), "{error:?}");
    assert_eq!(tool.runs().len(), 1);
}

#[tokio::test]
async fn what_no_command_is_configured_for_is_not_supported() {
    let tool = Tool::new("exit 0");
    let power = tool.power(PATIENT);
    for error in [
        power.restart(&server("mbx1"), &id("r1")).await.unwrap_err(),
        power.power(&server("mbx1")).await.unwrap_err(),
    ] {
        assert!(matches!(error, ControlError::Unsupported { .. }), "{error:?}");
    }
}
