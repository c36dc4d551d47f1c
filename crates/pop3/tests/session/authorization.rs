//! Before log-in: who is there?

use pop3::session::{Closing, Limits, Outcome, Session, Step};
use pop3::{Capability, Credentials, Keyword, Maildrop, Offer, Refusal, ResponseCode, Secret};

use crate::driver::{Driver, World, full_offer, log_in_failed};

#[test]
fn pass_takes_the_rest_of_the_line_spaces_included() {
    let mut driver = Driver::stranger();
    driver.say("USER mrose\r\nPASS  two leading and one trailing \r\n");
    let expected = Credentials::Password {
        user: "mrose".to_owned(),
        password: Secret::new(" two leading and one trailing "),
    };
    assert_eq!(driver.credentials, [expected]);
}

#[test]
fn a_failed_pass_forgets_the_pending_user() {
    let failures: [&[u8]; 5] =
        [b"PASS wrong\r\n", b"PASS\r\n", b"PASS \r\n", b"PASS a\0b\r\n", b"PASS a\nb\r\n"];
    for failure in failures {
        let mut driver = Driver::stranger();
        driver.say("USER mrose\r\n");
        assert!(driver.say(failure).starts_with("-ERR"));
        assert_eq!(driver.say("PASS a secret\r\n"), "-ERR USER comes first\r\n");
    }
}

#[test]
fn a_pass_that_is_too_long_forgets_the_pending_user() {
    let mut driver = Driver::stranger();
    driver.say("USER mrose\r\n");
    assert_eq!(driver.say(format!("PASS {}\r\n", "x".repeat(600))), "-ERR line too long\r\n");
    assert_eq!(driver.say("PASS a secret\r\n"), "-ERR USER comes first\r\n");
}

#[test]
fn a_password_need_not_be_utf_8() {
    let mut driver = Driver::stranger();
    driver.say(b"USER mrose\r\nPASS \xe9t\xe9\r\n");
    assert!(matches!(&driver.credentials[..], [Credentials::Password { password, .. }]
        if password.as_bytes() == b"\xe9t\xe9"));
}

#[test]
fn user_says_nothing_about_who_exists() {
    let mut driver = Driver::stranger();
    assert_eq!(driver.say("USER mrose\r\n"), driver.say("USER nobody\r\n"));
}

#[test]
fn what_is_not_offered_is_not_accepted() {
    let mut driver = Driver::new(Offer::standard(), Limits::default(), World::small());
    for line in ["USER mrose", "AUTH PLAIN AG1yb3NlAGEgc2VjcmV0", "STLS", "XCLIENT TTL=1"] {
        assert!(driver.say(format!("{line}\r\n")).starts_with("-ERR"), "{line}");
    }
    assert!(driver.credentials.is_empty());
}

#[test]
fn xclient_is_refused_unless_offered() {
    let mut driver = Driver::new(Offer::standard(), Limits::default(), World::small());
    assert_eq!(driver.say("XCLIENT ADDR=192.0.2.1\r\n"), "-ERR not offered\r\n");
    assert!(!driver.say("CAPA\r\n").contains("XCLIENT"));
    assert_eq!(driver.forwarded, None);
}

#[test]
fn xclient_is_accepted_once_whatever_the_driver_offers_next() {
    let mut driver = Driver::stranger();
    assert_eq!(driver.say("XCLIENT ADDR=192.0.2.1\r\n"), "+OK\r\n");
    assert_eq!(driver.say("XCLIENT ADDR=192.0.2.2\r\n"), "-ERR not offered\r\n");
    driver.session.set_offer(full_offer());
    assert_eq!(driver.say("XCLIENT ADDR=192.0.2.3\r\n"), "-ERR not offered\r\n");
    assert_eq!(driver.forwarded.unwrap().address, Some("192.0.2.1".parse().unwrap()));
}

#[test]
fn xclient_forgets_the_pending_user() {
    let mut driver = Driver::stranger();
    driver.say("USER mrose\r\nXCLIENT ADDR=192.0.2.1\r\n");
    assert_eq!(driver.say("PASS a secret\r\n"), "-ERR USER comes first\r\n");
}

#[test]
fn xclient_is_refused_after_log_in() {
    let mut driver = Driver::logged_in();
    assert_eq!(driver.say("XCLIENT ADDR=192.0.2.1\r\n"), "-ERR already logged in\r\n");
}

#[test]
fn a_refused_xclient_changes_nothing() {
    let mut session = Session::new(full_offer(), Limits::default());
    session.receive(b"XCLIENT TTL=0\r\n");
    assert!(matches!(session.step(), Step::Forwarded(_)));
    session.refused(&Refusal::new(None, "this session goes in circles").closing());
    assert!(matches!(session.step(), Step::Answered(exchange) if exchange.outcome == Outcome::Err(None)));
    assert!(matches!(session.step(), Step::Close(_)));
    assert_eq!(session.output(), b"-ERR this session goes in circles\r\n");
}

#[test]
fn a_step_that_waits_for_the_driver_holds_further_commands_back() {
    let mut session = Session::new(full_offer(), Limits::default());
    session.receive(b"USER mrose\r\nPASS a secret\r\nSTAT\r\n");
    assert!(matches!(session.step(), Step::Answered(_)));
    assert!(matches!(session.step(), Step::LogIn(_)));
    session.output().clear();
    for _ in 0..3 {
        assert_eq!(session.command_under_way(), Some(Keyword::Pass));
        assert!(matches!(session.step(), Step::Unanswered));
    }
    assert!(session.output().is_empty());
    session.logged_in(Maildrop { messages: 7, octets: 700 });
    assert!(matches!(session.step(), Step::Answered(_)));
    assert!(matches!(session.step(), Step::Answered(_)));
    assert_eq!(session.output(), b"+OK logged in\r\n+OK 7 700\r\n");
}

#[test]
fn an_answer_that_nobody_asked_for_is_ignored() {
    let mut session = Session::new(full_offer(), Limits::default());
    session.logged_in(Maildrop::default());
    session.committed();
    session.retrieving();
    session.retrieved(10);
    session.forwarded(full_offer());
    session.tls_started(full_offer());
    session.refused(&log_in_failed());
    assert!(!session.is_logged_in());
    assert!(session.output().is_empty());
    assert!(matches!(session.step(), Step::Input));
}

#[test]
fn an_answer_that_nobody_asked_for_does_not_break_a_row_of_errors() {
    let mut driver = Driver::stranger();
    driver.say("a\r\nb\r\nc\r\nd\r\n");
    driver.session.logged_in(Maildrop::default());
    driver.say("e\r\n");
    assert_eq!(driver.closing, Some(Closing::TooManyErrors));
}

#[test]
fn a_session_is_handed_over_with_what_the_client_sent_already() {
    let mut session = Session::new(full_offer(), Limits::default());
    session.receive(b"USER mrose\r\nPASS a secret\r\nSTAT\r\nLI");
    assert!(matches!(session.step(), Step::Answered(_)));
    assert!(matches!(session.step(), Step::LogIn(_)));
    session.output().clear();
    let hand_over = session.hand_over();
    assert_eq!(hand_over.output, b"+OK logged in\r\n");
    assert_eq!(hand_over.input, b"STAT\r\nLI");
    assert_eq!(hand_over.exchange.map(|exchange| exchange.outcome), Some(Outcome::Ok));
}

#[test]
fn a_refusal_may_end_the_session() {
    let mut session = Session::new(full_offer(), Limits::default());
    session.receive(b"USER mrose\r\nPASS a secret\r\nUSER mrose\r\n");
    assert!(matches!(session.step(), Step::Answered(_)));
    assert!(matches!(session.step(), Step::LogIn(_)));
    session.output().clear();
    session.refused(&Refusal::new(ResponseCode::InUse, "maildrop is in use").closing());
    assert!(matches!(session.step(), Step::Answered(_)));
    assert!(matches!(session.step(), Step::Close(_)));
    assert_eq!(session.output(), b"-ERR [IN-USE] maildrop is in use\r\n");
}

#[test]
fn the_greeting_tells_a_listed_peer_about_xclient_and_nobody_about_apop() {
    let mut session = Session::new(Offer::standard().with(Capability::Xclient), Limits::default());
    session.greet("<1896.697170952@mail.example.com>");
    assert_eq!(session.output(), b"+OK [XCLIENT] (1896.697170952@mail.example.com)\r\n");
}

#[test]
fn a_banner_cannot_pass_for_a_response_code() {
    let mut session = Session::new(Offer::standard(), Limits::default());
    session.greet("[XCLIENT] \r\n+OK");
    assert_eq!(session.output(), b"+OK (XCLIENT] ??+OK\r\n");
}
