//! What an attacker tries.

use pop3::session::{Limits, Session, Step};
use pop3::{Command, Credentials, Keyword, Secret};

use crate::driver::{Driver, World, full_offer};

#[test]
fn everything_received_before_the_handshake_is_thrown_away() {
    for injected in ["", "CAPA\r\n", "USER attacker\r\nPASS x\r\n", "US", "USER attacker\r", "a\nb", "\0"] {
        let mut driver = Driver::stranger();
        assert_eq!(driver.say(format!("STLS\r\n{injected}")), "+OK begin TLS\r\n", "{injected:?}");
        assert_eq!(driver.handshakes, 1);
        // Neither a half line nor a bad line under way swallows what comes inside TLS.
        assert_eq!(driver.say("USER mrose\r\n"), "+OK\r\n", "{injected:?}");
        assert_eq!(driver.say("PASS a secret\r\n"), "+OK logged in\r\n", "{injected:?}");
        assert_eq!(driver.credentials.len(), 1);
    }
}

#[test]
fn bytes_that_arrive_while_the_handshake_is_awaited_are_thrown_away_too() {
    let mut session = Session::new(full_offer(), Limits::default());
    session.receive(b"STLS\r\n");
    assert!(matches!(session.step(), Step::StartTls));
    session.receive(b"USER attacker\r\nPASS x\r\nUSER");
    session.tls_started(full_offer());
    assert!(matches!(session.step(), Step::Answered(exchange) if exchange.keyword == Some(Keyword::Stls)));
    assert!(matches!(session.step(), Step::Input));
    session.output().clear();
    session.receive(b"CAPA\r\n");
    assert!(matches!(session.step(), Step::Answered(exchange) if exchange.keyword == Some(Keyword::Capa)));
}

#[test]
fn stls_forgets_the_pending_user() {
    let mut driver = Driver::stranger();
    driver.say("USER mrose\r\nSTLS\r\n");
    assert_eq!(driver.say("PASS a secret\r\n"), "-ERR USER comes first\r\n");
}

#[test]
fn stls_is_not_offered_inside_tls_whatever_the_driver_says() {
    let mut driver = Driver::stranger();
    driver.say("STLS\r\n");
    assert!(!driver.say("CAPA\r\n").contains("STLS"));
    driver.session.set_offer(full_offer());
    assert_eq!(driver.say("STLS\r\n"), "-ERR not offered\r\n");
}

#[test]
fn a_failed_handshake_ends_the_session_without_a_word() {
    let mut session = Session::new(full_offer(), Limits::default());
    session.receive(b"STLS\r\n");
    assert!(matches!(session.step(), Step::StartTls));
    session.output().clear();
    session.refused(&pop3::Refusal::new(None, "handshake failed"));
    assert!(matches!(session.step(), Step::Answered(_)));
    assert!(matches!(session.step(), Step::Close(_)));
    assert!(session.output().is_empty());
}

#[test]
fn cr_lf_and_nul_are_refused_in_a_command() {
    for bad in ["STAT\0", "\0", "DELE\r1", "NOOP\nDELE 1", "\nDELE 1", "STAT\r\r", "DELE 1\n\r"] {
        let mut driver = Driver::logged_in();
        let reply = driver.say(format!("{bad}\r\nSTAT\r\n"));
        let expected = "-ERR CR, LF and NUL are not allowed in a line, which ends with CRLF\r\n+OK 3 89\r\n";
        assert_eq!(reply, expected, "{bad:?}");
    }
}

#[test]
fn a_line_feed_alone_is_refused_at_once_so_that_nobody_waits() {
    let mut driver = Driver::stranger();
    assert!(driver.say("CAPA\n").starts_with("-ERR"));
}

#[test]
fn one_text_for_an_unknown_user_and_a_wrong_password() {
    let mut driver = Driver::stranger();
    let unknown = driver.say("USER nobody\r\nPASS a secret\r\n");
    let wrong = driver.say("USER mrose\r\nPASS wrong\r\n");
    assert_eq!(unknown, wrong);
    assert_eq!(unknown, "+OK\r\n-ERR [AUTH] log-in failed\r\n");
}

#[test]
fn no_secret_reaches_the_protocol_log() {
    let mut driver = Driver::new(full_offer(), Limits { errors: 100, ..Limits::default() }, World::small());
    // "hunter2" and its base64, in every place a secret can stand, well-formed or not.
    driver.say(
        "USER mrose\r\nPASS hunter2\r\nPASS hunter2\r\nPASSWORD hunter2\r\nhunter2\r\nLIST hunter2\r\n\
        AUTH PLAIN AG1yb3NlAGh1bnRlcjI=\r\nAUTH PLAIN\r\nAG1yb3NlAGh1bnRlcjI=\r\nAUTH PLAIN hunter2\r\n\
        AUTH LOGIN bXJvc2U=\r\naHVudGVyMg==\r\nAUTH hunter2\r\nXCLIENT hunter2\r\nAUTH LOGIN\r\nhunter2\r\n",
    );
    let log = format!("{:?}", driver.exchanges);
    for secret in ["hunter2", "aHVudGVyMg", "h1bnRlcjI", "Secret"] {
        assert!(!log.contains(secret), "{log}");
    }
    assert!(driver.exchanges.len() > 10);
}

#[test]
fn debugging_shows_no_secret() {
    let mut session = Session::new(full_offer(), Limits::default());
    session.receive(b"USER mrose\r\nPASS hunter2\r\nPASS hun");
    session.step();
    let step = session.step();
    let command = Command::parse(b"PASS hunter2").unwrap();
    let auth = Command::parse(b"AUTH PLAIN AG1yb3NlAGh1bnRlcjI=").unwrap();
    let shown = format!("{session:?} {step:?} {command:?} {auth:?}");
    assert!(!shown.contains("hun"), "{shown}");
    assert!(!shown.contains("104, 117, 110"), "{shown}");
}

#[test]
fn secrets_are_equal_by_their_bytes() {
    assert_eq!(Secret::new("a"), Secret::new("a"));
    assert_ne!(Secret::new("a"), Secret::new("b"));
    assert_ne!(Secret::new("a"), Secret::new("ab"));
}

#[test]
fn credentials_that_are_given_twice_are_judged_twice() {
    let mut driver = Driver::stranger();
    driver.say("USER mrose\r\nPASS wrong\r\nUSER mrose\r\nPASS a secret\r\n");
    assert_eq!(driver.credentials.len(), 2);
    assert!(driver.credentials.iter().all(|given| matches!(given, Credentials::Password { .. })));
}
