//! Messages come through whole, once, with a reply for each recipient in the order of RCPT.

use crate::driver::{Driver, Outcomes, inner, to};
use lmtp::DeliveryId;
use lmtp::server::{Limits, Offer};

#[test]
fn a_message_is_delivered_as_it_was_before_it_was_stuffed() {
    let mut driver = Driver::new();
    let codes = driver.codes(to(&["bob@x"]) + "DATA\r\nA: b\r\n\r\n..dot\r\n\n.\n\r\n.\r\n");
    assert_eq!(codes, [220, 250, 250, 250, 354, 250]);
    assert_eq!(driver.delivered[0].content, b"A: b\r\n\r\n.dot\r\n\n.\n\r\n");
    assert_eq!(driver.delivered[0].sender.as_deref(), Some("ann@example.com"));
    assert_eq!(driver.session.client_name(), Some("client"));
}

#[test]
fn each_recipient_has_its_own_reply_in_the_order_of_rcpt() {
    for outcomes in [Outcomes::InOrder, Outcomes::Backwards] {
        let mut driver = Driver::new();
        driver.outcomes = outcomes;
        driver.say(to(&["a@x", "unknown@x", "fails@x", "full@x", "c@x"]));
        let heard = driver.say("DATA\r\nx\r\n.\r\n");
        let replies: Vec<_> = heard.lines().skip(1).collect();
        assert_eq!(
            replies,
            ["250 2.0.0 a@x delivered", "451 4.3.0 fails@x not now", "250 2.0.0 c@x delivered"],
            "{outcomes:?}"
        );
    }
}

#[test]
fn a_reply_is_given_as_soon_as_those_before_it_are() {
    let mut driver = Driver::new();
    driver.outcomes = Outcomes::Later;
    driver.say(to(&["a@x", "b@x", "c@x"]) + "DATA\r\nx\r\n.\r\n");
    driver.deliver(1);
    assert_eq!(driver.heard(), "");
    driver.deliver(0);
    assert_eq!(driver.heard(), "250 2.0.0 a@x delivered\r\n250 2.0.0 b@x delivered\r\n");
    driver.deliver(0);
    assert_eq!(driver.heard(), "", "the first word counts");
    driver.deliver(2);
    assert_eq!(driver.heard(), "250 2.0.0 c@x delivered\r\n");
}

#[test]
fn commands_after_a_message_wait_for_its_replies() {
    let mut driver = Driver::new();
    driver.outcomes = Outcomes::Later;
    driver.say(to(&["a@x"]));
    assert_eq!(driver.codes("DATA\r\nx\r\n.\r\nNOOP\r\n"), [354]);
    assert!(!driver.session.is_at_boundary());
    driver.deliver(0);
    driver.run();
    assert_eq!(driver.heard(), "250 2.0.0 a@x delivered\r\n250 2.0.0 OK\r\n");
}

#[test]
fn several_messages_go_through_one_session() {
    let mut driver = Driver::new();
    driver.say(to(&["a@x"]) + "DATA\r\none\r\n.\r\n");
    let second = "MAIL FROM:<>\r\nRCPT TO:<b@x>\r\nDATA\r\ntwo\r\n.\r\n";
    assert_eq!(driver.codes(second), [250, 250, 354, 250]);
    assert_eq!(driver.delivered.len(), 2);
    assert_eq!((driver.delivered[1].sender.as_deref(), driver.delivered[1].recipients.len()), (None, 1));
    assert_eq!(driver.abandoned, 0);
}

#[test]
fn an_empty_message_is_a_message() {
    let mut driver = Driver::new();
    driver.say(to(&["a@x"]) + "DATA\r\n.\r\n");
    assert_eq!(driver.delivered[0].content, b"");
}

#[test]
fn the_delivery_id_is_taken_on_the_inner_leg_only() {
    let mail = "LHLO fe\r\nMAIL FROM:<> SIZE=3 XDELIVERYID=abc123\r\n";
    let mut driver = Driver::with(inner(), Limits::default());
    let heard = driver.say(mail);
    assert!(heard.contains("250-XDELIVERYID\r\n"), "{heard}");
    driver.say("RCPT TO:<a@x>\r\nDATA\r\nx\r\n.\r\n");
    let parameters = &driver.delivered[0].parameters;
    assert_eq!(parameters.delivery_id.as_ref().map(DeliveryId::as_str), Some("abc123"));
    assert_eq!(parameters.size, Some(3));

    let mut driver = Driver::with(Offer::default(), Limits::default());
    let heard = driver.say(mail);
    assert!(!heard.contains("XDELIVERYID") && heard.contains("\r\n555 5.5.4 "), "{heard}");
}

#[test]
fn every_chunk_size_delivers_alike() {
    let stream = to(&["a@x", "fails@x"])
        + "DATA\r\n.\r.\r\n..a\r\n\r\n.\n.\r\n\r\r\n.\r\nNOOP\r\nMAIL FROM:<>\r\nRCPT TO:<b@x>\r\nDATA\r\n.\r\nQUIT\r\n";
    let mut whole = Driver::new();
    let heard = whole.say(&stream);
    assert_eq!(whole.delivered.len(), 2);
    for size in 1..stream.len() {
        let mut driver = Driver::new();
        assert_eq!(driver.say_in_chunks(stream.as_bytes(), size), heard, "chunks of {size}");
        assert_eq!(driver.delivered, whole.delivered, "chunks of {size}");
        assert!(driver.closed);
    }
}
