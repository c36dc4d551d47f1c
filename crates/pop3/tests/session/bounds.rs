//! Every bound: lines, errors, memory.

use pop3::session::{Closing, Limits, Session, Step};
use pop3::{Maildrop, Refusal, ResponseCode};

use crate::driver::{Driver, World, full_offer};

#[test]
fn a_line_of_512_octets_is_accepted_and_one_of_513_refused() {
    let mut driver = Driver::stranger();
    let user = |octets: usize| format!("USER {}\r\n", "x".repeat(octets - 7));
    assert_eq!(driver.say(user(512)), "+OK\r\n");
    assert_eq!(driver.say(user(513)), "-ERR line too long\r\n");
    assert_eq!(driver.say(user(512)), "+OK\r\n");
}

#[test]
fn the_longest_line_is_a_setting() {
    let mut driver = Driver::new(full_offer(), Limits { line: 40, ..Limits::default() }, World::small());
    let user = |octets: usize| format!("USER {}\r\n", "x".repeat(octets - 7));
    assert_eq!(driver.say(user(40)), "+OK\r\n");
    assert_eq!(driver.say(user(41)), "-ERR line too long\r\n");
    driver.session.set_limits(Limits { line: 41, ..Limits::default() });
    assert_eq!(driver.say(user(41)), "+OK\r\n");
}

#[test]
fn a_sasl_response_has_12_kib_and_no_more() {
    let mut driver = Driver::stranger();
    // 12 KiB with CRLF is not a multiple of 4, so the longest base64 that fits is 12,284 octets.
    driver.say("AUTH PLAIN\r\n");
    assert_eq!(
        driver.say(format!("{}\r\n", "A".repeat(12_284))),
        "-ERR malformed authentication message\r\n"
    );
    driver.say("AUTH PLAIN\r\n");
    assert_eq!(driver.say(format!("{}\r\n", "A".repeat(12_288))), "-ERR line too long\r\n");
    // The line was thrown away to its end.
    assert_eq!(driver.say("USER mrose\r\n"), "+OK\r\n");
}

#[test]
fn the_12_kib_are_for_responses_only() {
    let mut driver = Driver::stranger();
    assert_eq!(driver.say(format!("AUTH PLAIN {}\r\n", "A".repeat(12_000))), "-ERR line too long\r\n");
}

#[test]
fn an_over_long_line_has_one_answer_and_takes_no_memory() {
    let mut driver = Driver::stranger();
    let mut heard = String::new();
    for _ in 0..60 {
        heard += &driver.say(vec![b'x'; 1000]);
        driver.session.release_memory();
    }
    assert_eq!(heard, "-ERR line too long\r\n");
    assert_eq!(driver.say("\r\nUSER mrose\r\n"), "+OK\r\n");
}

#[test]
fn a_line_without_end_ends_the_session() {
    let mut driver = Driver::stranger();
    driver.say_in_chunks(&vec![b'x'; 100_000], 1000);
    assert_eq!(driver.closing, Some(Closing::Flooded));
    assert_eq!(driver.heard(), "+OK [XCLIENT] POP3 ready\r\n-ERR line too long\r\n");
}

#[test]
fn a_few_errors_in_a_row_end_the_session() {
    let mut driver = Driver::stranger();
    assert_eq!(driver.say("A\r\n".repeat(10)), "-ERR unknown command\r\n".repeat(5));
    assert_eq!(driver.closing, Some(Closing::TooManyErrors));
}

#[test]
fn before_log_in_no_success_breaks_the_row() {
    let mut driver = Driver::stranger();
    driver.say("USER mrose\r\nPASS wrong\r\nCAPA\r\n".repeat(5));
    assert_eq!(driver.credentials.len(), 5);
    assert_eq!(driver.closing, Some(Closing::TooManyErrors));
}

#[test]
fn after_log_in_a_success_breaks_the_row() {
    let mut driver = Driver::logged_in();
    driver.say("A\r\nB\r\nC\r\nD\r\nNOOP\r\n".repeat(5));
    assert_eq!(driver.closing, None);
}

#[test]
fn messages_that_are_not_there_are_no_errors_of_that_kind() {
    let mut driver = Driver::logged_in();
    driver.say("RETR 9\r\n".repeat(50));
    assert_eq!(driver.closing, None);
}

#[test]
fn the_servers_own_failures_do_not_count() {
    let mut session = Session::new(full_offer(), Limits::default());
    for _ in 0..20 {
        session.receive(b"USER mrose\r\nPASS a secret\r\n");
        while !matches!(session.step(), Step::LogIn(_)) {}
        session.refused(&Refusal::new(ResponseCode::SysTemp, "too busy"));
        while !matches!(session.step(), Step::Input) {}
    }
}

#[test]
fn an_idle_session_is_small_and_holds_no_buffers() {
    assert!(size_of::<Session>() <= 640, "{}", size_of::<Session>());
    let mut session = Session::new(full_offer(), Limits::default());
    session.greet("ready");
    session.receive(b"USER mrose\r\nPASS a secret\r\nSTAT\r\n");
    loop {
        match session.step() {
            Step::LogIn(_) => session.logged_in(Maildrop { messages: 3, octets: 89 }),
            Step::Input => break,
            _ => {}
        }
    }
    session.output().clear();
    session.release_memory();
    assert_eq!(session.output().capacity(), 0);
}

#[test]
fn a_session_is_ended_at_a_command_boundary() {
    let mut driver = Driver::logged_in();
    assert!(driver.session.at_command_boundary());
    driver.session.close_with(ResponseCode::SysTemp, "going down");
    driver.run();
    assert!(driver.sent.ends_with(b"-ERR [SYS/TEMP] going down\r\n"));
    assert_eq!(driver.closing, Some(Closing::Ended));
}

#[test]
fn a_command_under_way_is_answered_before_the_session_is_ended() {
    let mut session = Session::new(full_offer(), Limits::default());
    session.receive(b"USER mrose\r\nPASS a secret\r\nSTAT\r\n");
    while !matches!(session.step(), Step::LogIn(_)) {}
    session.output().clear();
    assert!(!session.at_command_boundary());
    session.close_with(ResponseCode::SysTemp, "going down");
    assert!(matches!(session.step(), Step::Unanswered));
    session.logged_in(Maildrop::default());
    while !matches!(session.step(), Step::Close(Closing::Ended)) {}
    assert_eq!(session.output(), b"+OK logged in\r\n-ERR [SYS/TEMP] going down\r\n");
}

#[test]
fn a_sasl_exchange_under_way_is_answered_by_the_end() {
    let mut driver = Driver::stranger();
    driver.say("AUTH LOGIN\r\n");
    driver.session.close_with(ResponseCode::SysTemp, "going down");
    driver.run();
    assert!(driver.sent.ends_with(b"-ERR [SYS/TEMP] going down\r\n"));
    assert_eq!(driver.exchanges.len(), 1);
    assert_eq!(driver.closing, Some(Closing::Ended));
}

#[test]
fn a_quit_under_way_deletes_although_the_session_is_ended() {
    let mut driver = Driver::logged_in();
    driver.say("DELE 1\r\n");
    driver.session.receive(b"QUIT\r\n");
    assert!(matches!(driver.session.step(), Step::Commit(indices) if indices == [0]));
    driver.session.close_with(ResponseCode::SysTemp, "going down");
    driver.session.committed();
    driver.run();
    assert!(driver.sent.ends_with(b"+OK bye\r\n"));
    assert_eq!(driver.closing, Some(Closing::Quit));
}

#[test]
fn a_listing_under_way_is_finished_before_the_session_is_ended() {
    let world = World { messages: vec!["x\r\n".to_owned(); 20_000], fails: Vec::new() };
    let mut driver = Driver::logged_in_to(world);
    driver.say("STAT\r\n");
    driver.session.receive(b"UIDL\r\n");
    assert!(matches!(driver.session.step(), Step::Listing));
    driver.session.listing(std::sync::Arc::new(driver.world.clone()));
    assert!(!driver.session.at_command_boundary());
    driver.session.close_with(ResponseCode::SysTemp, "going down");
    driver.run();
    assert!(driver.sent.ends_with(b"20000 uid20000\r\n.\r\n-ERR [SYS/TEMP] going down\r\n"));
}
