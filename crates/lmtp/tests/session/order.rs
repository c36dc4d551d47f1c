//! What may be said when.

use crate::driver::{Driver, to};
use lmtp::Reply;

#[test]
fn mail_wants_lhlo_first() {
    let mut driver = Driver::new();
    assert_eq!(driver.codes("MAIL FROM:<>\r\nNOOP\r\nLHLO c\r\nMAIL FROM:<>\r\n"), [220, 503, 250, 250, 250]);
}

#[test]
fn helo_and_ehlo_are_refused() {
    let mut driver = Driver::new();
    assert_eq!(driver.codes("HELO c\r\nEHLO c\r\nMAIL FROM:<>\r\n"), [220, 500, 500, 503]);
}

#[test]
fn a_transaction_has_one_sender() {
    let mut driver = Driver::new();
    driver.say(to(&[]));
    assert_eq!(driver.codes("MAIL FROM:<x@y>\r\n"), [503]);
}

#[test]
fn rcpt_wants_mail_first() {
    let mut driver = Driver::new();
    assert_eq!(driver.codes("LHLO c\r\nRCPT TO:<a@x>\r\n"), [220, 250, 503]);
}

#[test]
fn data_without_a_valid_recipient_is_503() {
    let mut driver = Driver::new();
    driver.say(to(&["unknown@x", "full@x"]));
    assert_eq!(driver.codes("DATA\r\nNOOP\r\n"), [503, 250], "the next line is a command");
    assert_eq!(driver.codes("RCPT TO:<a@x>\r\nDATA\r\n"), [250, 354], "the transaction lives");
}

#[test]
fn a_refused_sender_leaves_no_transaction() {
    let mut driver = Driver::new();
    let pipelined = "LHLO c\r\nMAIL FROM:<refused@x>\r\nRCPT TO:<a@x>\r\nDATA\r\nMAIL FROM:<b@x>\r\n";
    assert_eq!(driver.codes(pipelined), [220, 250, 550, 503, 503, 250]);
}

#[test]
fn rset_and_lhlo_end_a_transaction() {
    for (word, code) in [("RSET\r\n", 250), ("LHLO again\r\n", 250)] {
        let mut driver = Driver::new();
        driver.say(to(&["a@x"]));
        assert_eq!(driver.codes(word), [code]);
        assert_eq!(driver.abandoned, 1);
        assert_eq!(driver.codes("DATA\r\nMAIL FROM:<>\r\n"), [503, 250]);
    }
    let mut driver = Driver::new();
    driver.say("RSET\r\nLHLO c\r\nRSET\r\n");
    assert_eq!(driver.abandoned, 0, "there was none");
}

#[test]
fn vrfy_neither_confirms_nor_denies() {
    let mut driver = Driver::new();
    assert_eq!(driver.codes("LHLO c\r\nVRFY a@x\r\nVRFY unknown@x\r\n"), [220, 250, 252, 252]);
}

#[test]
fn nothing_is_answered_after_quit() {
    let mut driver = Driver::new();
    assert_eq!(driver.codes("LHLO c\r\nQUIT\r\nNOOP\r\n"), [220, 250, 221]);
    assert!(driver.closed);
    assert_eq!(driver.say("NOOP\r\n"), "");
}

#[test]
fn a_client_that_closes_its_sending_side_still_gets_its_answers() {
    let mut driver = Driver::new();
    driver.session.receive((to(&["a@x"]) + "DATA\r\nx\r\n.\r\nNOOP\r\nNOO").as_bytes());
    let heard = driver.close_input();
    assert!(heard.ends_with("250 2.0.0 a@x delivered\r\n250 2.0.0 OK\r\n"), "{heard}");
    assert!(driver.closed);
    assert_eq!((driver.delivered.len(), driver.abandoned), (1, 0));
}

#[test]
fn a_connection_that_ends_within_a_message_delivers_nothing() {
    for half in ["DATA\r\n", "DATA\r\nhalf a mess", "DATA\r\nx\r\n.", "DATA\r\nx\r\n.\r"] {
        let mut driver = Driver::new();
        driver.say(to(&["a@x"]) + half);
        assert_eq!(driver.close_input(), "", "{half:?}");
        assert!(driver.closed && driver.delivered.is_empty());
        assert_eq!(driver.abandoned, 1);
    }
}

#[test]
fn draining_waits_for_the_boundary() {
    let mut driver = Driver::new();
    assert!(driver.session.is_at_boundary());
    driver.say("LHLO c\r\n");
    assert!(driver.session.is_at_boundary());
    driver.say("NOO");
    assert!(!driver.session.is_at_boundary(), "half a command");
    driver.say("P\r\nMAIL FROM:<>\r\n");
    assert!(!driver.session.is_at_boundary());
    driver.say("RCPT TO:<a@x>\r\nDATA\r\nx\r\n");
    assert!(!driver.session.is_at_boundary());
    driver.say(".\r\n");
    assert!(driver.session.is_at_boundary());
    driver.session.close_with(&Reply::new(421, 3, 2, "Draining"));
    driver.run();
    assert_eq!(driver.heard(), "421 4.3.2 Draining\r\n");
    assert!(driver.closed && driver.abandoned == 0);
}

#[test]
fn a_session_can_be_ended_within_a_message() {
    let mut driver = Driver::new();
    driver.say(to(&["a@x"]) + "DATA\r\nhalf");
    driver.session.close_with(&Reply::new(421, 3, 2, "Draining"));
    driver.run();
    assert!(driver.closed && driver.abandoned == 1);
}

#[test]
fn answers_nobody_asked_for_change_nothing() {
    let mut driver = Driver::new();
    driver.say("LHLO c\r\n");
    driver.session.accept();
    driver.session.refuse(&Reply::new(550, 0, 0, "no"));
    driver.session.delivered(0, Reply::new(250, 0, 0, "yes"));
    assert_eq!(driver.heard(), "");
    assert_eq!(driver.codes("MAIL FROM:<>\r\n"), [250]);
}

#[test]
fn what_the_session_answers_by_itself_is_told_once_and_the_rest_is_the_drivers() {
    let mut driver = Driver::new();
    let said = "LHLO c\r\nNOOP\r\nRCPT TO:<a@x>\r\nNONSENSE\r\nDATA\r\nMAIL FROM:<>\r\nRCPT TO:<a@x>\r\n\
                DATA\r\nNOOP\r\n.\r\nVRFY a\r\nRSET\r\nQUIT\r\n";
    driver.say(said);
    let told: Vec<_> = driver.answered.iter().map(|told| (told.command.unwrap_or("none"), told.ok)).collect();
    assert_eq!(
        told,
        [
            ("LHLO", true),
            ("NOOP", true),
            ("RCPT", false),
            ("none", false),
            ("DATA", false),
            ("VRFY", true),
            ("RSET", true),
            ("QUIT", true)
        ]
    );
    let quit = driver.answered.last().unwrap();
    assert_eq!((quit.request, quit.reply), (6, "221 2.0.0 Goodbye\r\n".len() as u64));
}
