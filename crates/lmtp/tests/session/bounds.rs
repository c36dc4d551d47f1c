//! Every state has a bound.

use crate::driver::{Driver, to};
use lmtp::server::{Limits, Offer};

fn with(limits: Limits) -> Driver {
    Driver::with(Offer::default(), limits)
}

#[test]
fn a_line_has_no_more_octets_than_the_limit() {
    let mut driver = with(Limits { line: 100, ..Limits::default() });
    driver.heard();
    let longest = format!("NOOP {}\r\n", "x".repeat(100 - 7));
    let longer = format!("NOOP {}\r\n", "x".repeat(100 - 6));
    for size in [1, 7, usize::MAX] {
        let heard = driver.say_in_chunks(format!("{longest}{longer}{longest}").as_bytes(), size);
        assert_eq!(heard, "250 2.0.0 OK\r\n500 5.5.2 Line too long\r\n250 2.0.0 OK\r\n", "chunks of {size}");
    }
}

#[test]
fn an_over_long_line_is_one_error_however_long_it_is() {
    let mut driver = with(Limits { line: 100, ..Limits::default() });
    driver.heard();
    for _ in 0..1000 {
        assert_eq!(driver.say([b'x'; 100]), "");
    }
    assert_eq!(driver.codes("\r\nNOOP\r\n"), [500, 250]);
}

#[test]
fn parameters_find_room_beyond_the_512_octets_of_a_command() {
    let mut driver = Driver::new();
    driver.say("LHLO c\r\n");
    let spaces = " ".repeat(1000);
    assert_eq!(driver.codes(format!("MAIL FROM:<ann@example.com>{spaces}SIZE=100\r\n")), [250]);
}

#[test]
fn too_many_recipients_are_refused_for_now() {
    let mut driver = with(Limits { recipients: 2, ..Limits::default() });
    driver.say(to(&[]));
    let codes = driver.codes("RCPT TO:<a@x>\r\n".repeat(30));
    assert_eq!(codes[..3], [250, 250, 452]);
    assert_eq!((codes.len(), driver.closed), (30, false), "the sender does nothing wrong");
    assert_eq!(driver.codes("DATA\r\nx\r\n.\r\n"), [354, 250, 250]);
}

#[test]
fn a_message_as_large_as_the_limit_is_taken_and_no_larger() {
    let limits = Limits { message: 10, ..Limits::default() };
    let mut driver = with(limits.clone());
    driver.say(to(&["a@x"]));
    assert_eq!(driver.codes("DATA\r\n..345678\r\n.\r\n"), [354, 250], "ten octets un-stuffed");
    let mut driver = with(limits);
    driver.say(to(&["a@x", "b@x"]));
    let heard = driver.say("DATA\r\n123456789\r\n.\r\nNOOP\r\n");
    let refusal = "552 5.3.4 Message exceeds 10 octets\r\n";
    assert_eq!(
        heard.split_once("\r\n").map(|(_, rest)| rest),
        Some(format!("{refusal}{refusal}250 2.0.0 OK\r\n").as_str())
    );
    assert!(driver.delivered.is_empty());
    assert_eq!(driver.abandoned, 1);
}

#[test]
fn what_follows_the_limit_is_thrown_away_unseen() {
    let mut driver = with(Limits { message: 1000, ..Limits::default() });
    driver.say(to(&["a@x"]) + "DATA\r\n");
    for _ in 0..1000 {
        assert_eq!(driver.say([b'x'; 1000]), "");
    }
    assert_eq!(driver.abandoned, 1);
    assert_eq!(driver.codes("\r\n.\r\nMAIL FROM:<>\r\n"), [552, 250]);
    assert_eq!(driver.abandoned, 1, "told once");
}

#[test]
fn a_connection_that_ends_within_a_message_too_large_is_abandoned_once() {
    let mut driver = with(Limits { message: 10, ..Limits::default() });
    driver.say(to(&["a@x"]) + "DATA\r\nfar more than ten octets");
    driver.close_input();
    assert!(driver.closed);
    assert_eq!(driver.abandoned, 1);
}

#[test]
fn a_declared_size_over_the_limit_is_refused_at_once() {
    let mut driver = with(Limits { message: 1000, ..Limits::default() });
    let heard = driver.say("LHLO c\r\nMAIL FROM:<> SIZE=1001\r\n");
    assert!(heard.contains("250-SIZE 1000\r\n") || heard.contains("250 SIZE 1000\r\n"), "{heard}");
    assert!(heard.ends_with("552 5.3.4 Message exceeds 1000 octets\r\n"), "{heard}");
    assert_eq!(driver.codes("MAIL FROM:<> SIZE=1000\r\n"), [250]);
}

#[test]
fn many_lines_that_are_no_command_end_the_session() {
    let mut driver = with(Limits { errors: 3, ..Limits::default() });
    assert_eq!(
        driver.codes("A\r\nB\r\nNOOP\r\nA\r\nB\r\nC\r\nNOOP\r\n"),
        [220, 500, 500, 250, 500, 500, 500, 421]
    );
    assert!(driver.closed);
}

#[test]
fn a_pipelined_transaction_that_fails_at_its_start_does_not_end_the_session() {
    let mut driver = Driver::new();
    let rcpt = "RCPT TO:<a@x>\r\n".repeat(50);
    let codes = driver.codes(format!("LHLO c\r\nMAIL FROM:<refused@x>\r\n{rcpt}DATA\r\nQUIT\r\n"));
    assert_eq!(codes.len(), 1 + 1 + 1 + 50 + 1 + 1);
    assert_eq!(codes.last(), Some(&221));
}

#[test]
fn many_malformed_recipients_do_not_end_the_session() {
    let mut driver = Driver::new();
    driver.say(to(&[]));
    let codes = driver.codes("RCPT TO:<a b@x>\r\n".repeat(50));
    assert_eq!(codes, [501; 50]);
    assert!(!driver.closed);
}

#[test]
fn a_name_that_says_much_is_cut() {
    let mut driver = Driver::new();
    driver.say("LHLO c\r\n");
    driver.session.close_with(&lmtp::Reply::new(421, 3, 2, "x\r\n250 ok\0".to_owned() + &"y".repeat(1000)));
    let heard = driver.heard();
    assert!(heard.len() <= 512 && heard.lines().count() == 1, "{heard}");
    assert!(heard.starts_with("421 4.3.2 x  250 ok y"), "{heard}");
}
