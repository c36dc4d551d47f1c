//! Whatever the packet boundaries.

use pop3::session::{Closing, Limits};

use crate::driver::{Driver, World, full_offer};

const CONVERSATION: &[u8] = b"CAPA\r\nXCLIENT ADDR=2001:db8::1 LOGIN=m+2Brose\r\nUSER mrose\r\nPASS wrong\r\n\
    AUTH LOGIN\r\nbXJvc2U=\r\nYSBzZWNyZXQ=\r\nSTAT\r\nLIST\r\nUIDL\r\nRETR 2\r\nTOP 1 1\r\nDELE 1\r\nLIST 1\r\n\
    nonsense\r\na\rb\r\na\nb\r\nSTAT\r\nDELE 3\r\nRETR 0\r\nQUIT\r\nSTAT\r\n";

#[test]
fn pipelined_commands_are_answered_in_order_at_every_chunk_size() {
    let mut whole = Driver::stranger();
    whole.say(CONVERSATION);
    assert_eq!(whole.closing, Some(Closing::Quit));
    for chunk in 1..CONVERSATION.len() {
        let mut driver = Driver::stranger();
        driver.say_in_chunks(CONVERSATION, chunk);
        assert_eq!(driver.sent, whole.sent, "{chunk} octets at a time");
        assert_eq!(driver.exchanges, whole.exchanges, "{chunk} octets at a time");
        assert_eq!(driver.deleted, [0, 2]);
    }
}

#[test]
fn a_client_that_waits_for_each_answer_gets_the_same_answers() {
    let mut whole = Driver::stranger();
    whole.say(CONVERSATION);
    let mut patient = Driver::stranger();
    for line in CONVERSATION.split_inclusive(|byte| *byte == b'\n') {
        patient.say(line);
    }
    assert_eq!(patient.sent, whole.sent);
}

#[test]
fn a_client_that_closes_its_sending_side_still_gets_its_answers() {
    let mut driver = Driver::stranger();
    driver.session.receive(b"USER mrose\r\nPASS a secret\r\nSTAT\r\nRETR 3\r\nLIS");
    driver.hang_up();
    let heard = driver.heard();
    assert!(heard.ends_with("+OK 3 89\r\n+OK 18 octets\r\nSubject: empty\r\n\r\n.\r\n"), "{heard}");
    assert_eq!(driver.closing, Some(Closing::InputClosed));
}

#[test]
fn a_client_that_says_quit_and_closes_has_quit() {
    let mut driver = Driver::logged_in();
    driver.session.receive(b"DELE 2\r\nQUIT\r\n");
    driver.hang_up();
    assert_eq!((driver.closing, &driver.deleted[..]), (Some(Closing::Quit), &[1][..]));
}

#[test]
fn nothing_after_quit_is_answered() {
    let mut driver = Driver::logged_in();
    assert_eq!(driver.say("QUIT\r\nNOOP\r\nQUIT\r\n"), "+OK bye\r\n");
}

#[test]
fn many_pipelined_commands_do_not_pile_their_answers_up() {
    // The driver panics when too much output waits.
    let mut driver = Driver::new(full_offer(), Limits::default(), World::small());
    let reply = driver.say("CAPA\r\n".repeat(10_000));
    assert_eq!(reply.matches("+OK").count(), 10_000);
}
