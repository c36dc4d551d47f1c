//! Attempts against servers that do what a script says: each way to fail, told as what it is.

#![expect(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod lmtp;
mod reading;
mod server;
mod tls;

use std::time::Duration;

use health::{FailureReason, Outcome, Phase};
use pop3::Secret;
use probe::{Account, Attempt, Scenario};

use server::{Step, greeting, logged_in, plain, say, serve};

/// A limit that no test is meant to reach.
const LIMIT: Duration = Duration::from_secs(20);
/// A limit that is meant to be reached.
const SHORT: Duration = Duration::from_millis(300);

fn account() -> Account {
    Account { user: "user".into(), secret: Secret::new("secret") }
}

/// What became of an attempt: how it ended, why, and where.
#[track_caller]
fn failed(attempt: &Attempt, reason: FailureReason, phase: Phase) {
    let failure = attempt.finding.failure.as_ref().unwrap_or_else(|| panic!("it succeeded: {attempt:?}"));
    assert_eq!((failure.reason, failure.phase), (reason, phase), "{failure}");
    assert_eq!(attempt.finding.phases.last().unwrap().phase, phase, "the last phase is where it failed");
}

async fn greet(script: Vec<Step>) -> Attempt {
    Attempt::pop3(&plain(serve(vec![script], None).await), &Scenario::Greet, LIMIT).await
}

async fn log_in(script: Vec<Step>) -> Attempt {
    Attempt::pop3(&plain(serve(vec![script], None).await), &Scenario::LogIn(&account()), LIMIT).await
}

#[tokio::test]
async fn a_server_that_greets_is_well_and_every_phase_is_timed() {
    let attempt = greet([greeting(), vec![Step::Hear("QUIT"), say("+OK bye\r\n")]].concat()).await;
    assert_eq!(attempt.finding.outcome, Outcome::Succeeded, "{attempt:?}");
    let phases: Vec<_> = attempt.finding.phases.iter().map(|time| time.phase).collect();
    assert_eq!(phases, [Phase::Resolve, Phase::Connect, Phase::Greeting, Phase::Capabilities, Phase::Quit]);
    assert!(attempt.local.is_some());
}

#[tokio::test]
async fn a_name_without_an_address_is_told_as_such() {
    let endpoint = probe::Endpoint {
        address: probe::Address::Host("nobody.invalid".into(), 110),
        ..plain(([127, 0, 0, 1], 1).into())
    };
    failed(
        &Attempt::pop3(&endpoint, &Scenario::Greet, LIMIT).await,
        FailureReason::NameResolution,
        Phase::Resolve,
    );
}

#[tokio::test]
async fn a_port_where_nobody_listens_is_told_as_such() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let attempt = Attempt::connect(&plain(address), LIMIT).await;
    failed(&attempt, FailureReason::Connect, Phase::Connect);
}

#[tokio::test]
async fn a_server_that_turns_us_away_or_hangs_up_is_told_apart() {
    failed(&greet(vec![say("-ERR too busy\r\n")]).await, FailureReason::Greeting, Phase::Greeting);
    failed(&greet(vec![]).await, FailureReason::ConnectionLost, Phase::Greeting);
    failed(&greet(vec![say("hello\r\n")]).await, FailureReason::ProtocolViolation, Phase::Greeting);
    let half = greet(vec![say("+OK he")]).await;
    failed(&half, FailureReason::ConnectionLost, Phase::Greeting);
}

#[tokio::test]
async fn a_server_without_capa_is_well_all_the_same() {
    let script = vec![
        say("+OK hello\r\n"),
        Step::Hear("CAPA"),
        say("-ERR what?\r\n"),
        Step::Hear("QUIT"),
        say("+OK\r\n"),
    ];
    assert_eq!(greet(script).await.finding.outcome, Outcome::Succeeded);
}

#[tokio::test]
async fn a_refused_log_in_tells_the_account_from_the_mailbox() {
    let refusing = |text: &str| {
        let refused =
            vec![Step::Hear("USER"), say("+OK\r\n"), Step::Hear("PASS"), say(&format!("-ERR {text}\r\n"))];
        [greeting(), refused].concat()
    };
    for (text, reason) in [
        ("wrong", FailureReason::Authentication),
        ("[AUTH] wrong", FailureReason::Authentication),
        ("[SYS/TEMP] later", FailureReason::MailboxUnavailable),
        ("[SYS/PERM] broken", FailureReason::MailboxUnavailable),
        ("[IN-USE] locked", FailureReason::MailboxUnavailable),
        ("[X-NOT-MOUNTED] elsewhere", FailureReason::MailboxUnavailable),
    ] {
        failed(&log_in(refusing(text)).await, reason, Phase::Auth);
    }
}

#[tokio::test]
async fn a_server_that_hangs_is_told_by_the_phase_in_which_it_hangs() {
    let stat = vec![Step::Hear("STAT"), say("+OK 0 0\r\n")];
    let hangs = [
        (vec![Step::Hang], Phase::Greeting),
        (vec![say("+OK hello\r\n"), Step::Hang], Phase::Capabilities),
        ([greeting(), vec![Step::Hang]].concat(), Phase::Auth),
        ([logged_in(), vec![Step::Hang]].concat(), Phase::Stat),
        ([logged_in(), stat, vec![Step::Hang]].concat(), Phase::Quit),
    ];
    for (script, phase) in hangs {
        let endpoint = plain(serve(vec![script], None).await);
        let attempt = Attempt::pop3(&endpoint, &Scenario::LogIn(&account()), SHORT).await;
        failed(&attempt, FailureReason::ScenarioTimeout, phase);
        assert_eq!(attempt.finding.outcome, Outcome::TimedOut);
    }
}

#[tokio::test]
async fn no_secret_gets_into_the_transcript() {
    let attempt = log_in([logged_in(), vec![Step::Hear("STAT"), say("-ERR secret no\r\n")]].concat()).await;
    let said: Vec<_> = attempt.finding.transcript.iter().map(|line| line.text.clone()).collect();
    assert!(said.iter().any(|line| line == "log in as user with a password"), "{said:#?}");
    let by_probe = attempt.finding.transcript.iter().filter(|line| line.by == health::Speaker::Probe);
    assert!(by_probe.clone().count() > 0 && by_probe.into_iter().all(|line| !line.text.contains("secret")));
    assert!(!format!("{:?}", account()).contains("secret\""), "{:?}", account());
}

#[tokio::test]
async fn a_transcript_stays_within_its_size_whatever_a_server_says() {
    let long = format!("+OK {}\r\n", "x".repeat(400));
    let script = vec![say(&long), Step::Hear("CAPA"), say("-ERR \u{1b}[31mred\r\n"), Step::Hear("QUIT")];
    let attempt = greet(script).await;
    for line in &attempt.finding.transcript {
        assert!(line.text.chars().count() <= 200 && !line.text.chars().any(char::is_control), "{line:?}");
    }
}
