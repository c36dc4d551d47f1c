//! After log-in: the maildrop, and what QUIT does to it.

use std::sync::Arc;

use pop3::session::{Closing, Session, Step};
use pop3::{Maildrop, MessageNumber, Refusal, ResponseCode};

use crate::driver::{Driver, Fails, MOST_OUTPUT, World, full_offer, stuffed};

#[test]
fn stat_is_answered_before_the_number_list_is_needed() {
    let mut driver = Driver::logged_in();
    driver.say("STAT\r\nNOOP\r\nRSET\r\nCAPA\r\n");
    assert_eq!(driver.listings, 0);
}

#[test]
fn the_number_list_is_asked_for_once_so_mail_that_arrives_later_does_not_appear() {
    let mut driver = Driver::logged_in();
    let before = driver.say("UIDL\r\n");
    driver.world.messages.push("Subject: new\r\n\r\n".to_owned());
    assert_eq!(driver.say("UIDL\r\n"), before);
    assert_eq!(driver.say("RETR 4\r\n"), "-ERR no such message\r\n");
    driver.say("RSET\r\n");
    assert_eq!(driver.say("UIDL\r\n"), before);
    assert_eq!(driver.listings, 1);
}

#[test]
fn octets_of_stat_and_list_are_those_that_retr_sends_unstuffed() {
    let mut driver = Driver::logged_in();
    let mut total = 0;
    for number in 1..=3 {
        let reply = driver.say(format!("RETR {number}\r\n"));
        let (first_line, body) = reply.split_once("\r\n").unwrap();
        let unstuffed: usize = body
            .strip_suffix(".\r\n")
            .unwrap()
            .split_inclusive("\r\n")
            .map(|line| line.strip_prefix('.').unwrap_or(line).len())
            .sum();
        assert_eq!(first_line, format!("+OK {unstuffed} octets"));
        assert_eq!(driver.say(format!("LIST {number}\r\n")), format!("+OK {number} {unstuffed}\r\n"));
        total += unstuffed;
    }
    assert_eq!(driver.say("STAT\r\n"), format!("+OK 3 {total}\r\n"));
}

#[test]
fn lines_that_start_with_a_dot_arrive_stuffed() {
    let mut driver = Driver::logged_in();
    let reply = driver.say("RETR 2\r\n");
    assert_eq!(reply, format!("+OK 33 octets\r\n{}.\r\n", stuffed(&driver.world.messages[1], None)));
    assert!(reply.contains("\r\n..\r\n...\r\n..hidden\r\n.\r\n"));
}

#[test]
fn top_asks_for_lines_of_the_body_and_top_zero_for_none() {
    let mut session = Session::new(full_offer(), pop3::session::Limits::default());
    session.receive(b"USER mrose\r\nPASS a secret\r\nTOP 2 0\r\nTOP 2 9\r\nRETR 2\r\n");
    let mut asked = Vec::new();
    loop {
        match session.step() {
            Step::LogIn(_) => session.logged_in(Maildrop { messages: 3, octets: 89 }),
            Step::Listing => session.listing(Arc::new(World::small())),
            Step::Retrieve { number, index, lines } => {
                assert_eq!((Some(number), index), (MessageNumber::new(2), 1));
                asked.push(lines);
                session.retrieving();
                session.retrieved(0);
            }
            Step::Input => break,
            _ => {}
        }
    }
    assert_eq!(asked, [Some(0), Some(9), None]);
}

#[test]
fn top_zero_returns_headers_and_the_blank_line_only() {
    let mut driver = Driver::logged_in();
    assert_eq!(driver.say("TOP 1 0\r\n"), "+OK top of message follows\r\nSubject: one\r\n\r\n.\r\n");
}

#[test]
fn a_message_marked_deleted_disappears_until_rset() {
    let mut driver = Driver::logged_in();
    driver.say("DELE 2\r\n");
    assert_eq!(driver.say("STAT\r\n"), "+OK 2 56\r\n");
    assert!(!driver.say("LIST\r\n").contains("\r\n2 "));
    assert!(!driver.say("UIDL\r\n").contains("uid2"));
    for command in ["LIST 2", "UIDL 2", "TOP 2 1", "RETR 2", "DELE 2"] {
        assert_eq!(driver.say(format!("{command}\r\n")), "-ERR message is marked deleted\r\n");
    }
    driver.say("RSET\r\n");
    assert_eq!(driver.say("STAT\r\n"), "+OK 3 89\r\n");
    assert!(driver.say("RETR 2\r\n").starts_with("+OK"));
}

#[test]
fn message_numbers_do_not_shift() {
    let mut driver = Driver::logged_in();
    driver.say("DELE 1\r\n");
    assert_eq!(driver.say("UIDL 2\r\n"), "+OK 2 uid2\r\n");
    assert_eq!(driver.say("LIST\r\n"), "+OK 2 messages (51 octets)\r\n2 33\r\n3 18\r\n.\r\n");
}

#[test]
fn only_quit_in_the_transaction_state_deletes() {
    let mut driver = Driver::logged_in();
    driver.say("DELE 1\r\nDELE 3\r\nRSET\r\nDELE 3\r\nQUIT\r\n");
    assert_eq!((driver.closing, &driver.deleted[..]), (Some(Closing::Quit), &[2][..]));
}

#[test]
fn a_dropped_connection_deletes_nothing() {
    let mut driver = Driver::logged_in();
    driver.say("DELE 1\r\nQUIT");
    driver.hang_up();
    assert_eq!(driver.closing, Some(Closing::InputClosed));
    assert!(driver.deleted.is_empty());
}

#[test]
fn too_many_errors_delete_nothing() {
    let mut driver = Driver::logged_in();
    driver.say("DELE 1\r\n\r\n\r\n\r\n\r\n\r\nQUIT\r\n");
    assert_eq!(driver.closing, Some(Closing::TooManyErrors));
    assert!(driver.deleted.is_empty());
}

#[test]
fn quit_without_marks_needs_no_commit() {
    let mut driver = Driver::logged_in_to(World::failing(Fails::Commit));
    assert_eq!(driver.say("DELE 1\r\nRSET\r\nQUIT\r\n").lines().last(), Some("+OK bye"));
    assert_eq!(driver.closing, Some(Closing::Quit));
}

#[test]
fn a_failed_commit_is_an_error_and_loses_nothing() {
    let mut driver = Driver::logged_in_to(World::failing(Fails::Commit));
    driver.say("DELE 1\r\n");
    assert_eq!(driver.say("QUIT\r\n"), "-ERR [SYS/TEMP] nothing was deleted\r\n");
    assert_eq!(driver.closing, Some(Closing::Refused));
    assert!(driver.deleted.is_empty());
}

#[test]
fn the_list_is_the_truth_where_the_log_in_was_mistaken() {
    let mut session = Session::new(full_offer(), pop3::session::Limits::default());
    session.receive(b"USER mrose\r\nPASS a secret\r\nSTAT\r\nLIST 3\r\nSTAT\r\n");
    loop {
        match session.step() {
            Step::LogIn(_) => session.logged_in(Maildrop { messages: 1, octets: 1 }),
            Step::Listing => session.listing(Arc::new(World::small())),
            Step::Input => break,
            _ => {}
        }
    }
    assert!(session.output().ends_with(b"+OK 1 1\r\n+OK 3 18\r\n+OK 3 89\r\n"));
}

#[test]
fn a_body_is_only_announced_when_its_beginning_is_there() {
    let mut session = Session::new(full_offer(), pop3::session::Limits::default());
    session.receive(b"USER mrose\r\nPASS a secret\r\nRETR 1\r\n");
    loop {
        match session.step() {
            Step::LogIn(_) => session.logged_in(Maildrop { messages: 3, octets: 89 }),
            Step::Listing => session.listing(Arc::new(World::small())),
            Step::Retrieve { .. } => break,
            _ => {}
        }
    }
    session.output().clear();
    session.retrieved(5);
    assert!(session.output().is_empty(), "nothing ends that did not begin");
    session.refused(&Refusal::new(ResponseCode::SysPerm, "that message is damaged"));
    assert_eq!(session.output(), b"-ERR [SYS/PERM] that message is damaged\r\n");
    assert!(session.is_logged_in());
}

#[test]
fn a_listing_of_100_000_messages_is_written_in_bounded_slices() {
    let world = World { messages: vec!["x\r\n".to_owned(); 100_000], fails: Vec::new() };
    let mut driver = Driver::logged_in_to(world);
    driver.say("DELE 500\r\n");
    for (command, expected) in [("UIDL", "100000 uid100000"), ("LIST", "100000 3")] {
        // The driver panics when more than MOST_OUTPUT octets wait.
        let reply = driver.say(format!("{command}\r\nNOOP\r\n"));
        assert!(reply.len() > 10 * MOST_OUTPUT);
        let mut lines = reply.lines().rev();
        assert_eq!(lines.next(), Some("+OK"), "the NOOP after it");
        assert_eq!(lines.next(), Some("."));
        assert_eq!(lines.next(), Some(expected));
        assert_eq!(lines.count(), 1 + 99_998, "one is marked deleted");
    }
}
