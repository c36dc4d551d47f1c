//! The dialogue that hands mail on: what is said, what is heard, and both machines against each other.

use lmtp::client::{Dialogue, DialogueError, Event, Limits, OutOfTurn, Phase};
use lmtp::server::{self, Offer, Session, Step};
use lmtp::{Address, EnhancedCode, MailParameters, Reply, Xclient};
use proptest::prelude::*;

fn address(text: &str) -> Address {
    Address::parse(text).expect("an address")
}

fn said(dialogue: &mut Dialogue) -> String {
    String::from_utf8(std::mem::take(dialogue.output())).expect("text")
}

/// Everything heard until there is nothing more.
fn hear(dialogue: &mut Dialogue, bytes: impl AsRef<[u8]>) -> Result<Vec<Event>, DialogueError> {
    dialogue.receive(bytes.as_ref());
    let mut events = Vec::new();
    while let Some(event) = dialogue.event()? {
        events.push(event);
    }
    Ok(events)
}

fn greeted() -> Dialogue {
    let mut dialogue = Dialogue::new(Limits::default());
    assert!(matches!(hear(&mut dialogue, "220 mx ready\r\n").as_deref(), Ok([Event::Greeting(_)])));
    dialogue
}

/// A dialogue that has said a whole transaction up to DATA in one write.
fn transaction(recipients: &[&str]) -> Dialogue {
    let mut dialogue = greeted();
    dialogue.mail(Some(&address("ann@x")), &MailParameters::default());
    for recipient in recipients {
        dialogue.recipient(&address(recipient));
    }
    dialogue.data();
    dialogue
}

fn violation(result: Result<Vec<Event>, DialogueError>) -> (Phase, &'static str) {
    match result {
        Err(DialogueError::ProtocolViolation { phase, expected, .. }) => (phase, expected),
        other => panic!("{other:?}"),
    }
}

#[test]
fn everything_up_to_the_message_goes_in_one_write() {
    let mut dialogue = greeted();
    dialogue.hello("cas1");
    let parameters = MailParameters {
        size: Some(5),
        delivery_id: Some("abc".parse().expect("an id")),
        ..MailParameters::default()
    };
    dialogue.mail(None, &parameters);
    dialogue.recipient(&address(r#""b \"c\""@x"#));
    dialogue.data();
    assert_eq!(
        said(&mut dialogue),
        "LHLO cas1\r\nMAIL FROM:<> SIZE=5 XDELIVERYID=abc\r\nRCPT TO:<\"b \\\"c\\\"\"@x>\r\nDATA\r\n"
    );
}

#[test]
fn the_server_says_what_it_offers() {
    let mut dialogue = greeted();
    dialogue.hello("cas1");
    let events =
        hear(&mut dialogue, "250-mx\r\n250-PIPELINING\r\n250-size 1000\r\n250 XCLIENT ADDR PORT\r\n");
    let Ok([Event::Hello(reply, extensions)]) = events.as_deref() else { panic!("{events:?}") };
    assert_eq!(reply.text().lines().count(), 4);
    assert!(extensions.offers("PIPELINING") && !extensions.offers("XDELIVERYID"));
    assert_eq!(extensions.largest_message(), Some(1000));
    assert_eq!(extensions.parameters("XCLIENT"), Some("ADDR PORT"));
}

#[test]
fn a_size_of_zero_is_no_limit() {
    let mut dialogue = greeted();
    dialogue.hello("cas1");
    let events = hear(&mut dialogue, "250-mx\r\n250 SIZE 0\r\n");
    let Ok([Event::Hello(_, extensions)]) = events.as_deref() else { panic!("{events:?}") };
    assert_eq!((extensions.offers("SIZE"), extensions.largest_message()), (true, None));
}

#[test]
fn each_recipient_is_answered_twice() {
    let mut dialogue = transaction(&["a@x", "b@x", "c@x"]);
    let events =
        hear(&mut dialogue, "250 2.1.0 ok\r\n250 2.1.5 ok\r\n550 5.1.1 no\r\n250 2.1.5 ok\r\n354 go\r\n")
            .expect("well-formed");
    assert!(matches!(&events[2], Event::Recipient(1, reply) if reply.code() == 550));
    assert!(matches!(&events[4], Event::Data(_)));
    said(&mut dialogue);
    dialogue.message(b"x\r\n.y").expect("it is awaited");
    dialogue.end_message().expect("it is awaited");
    assert_eq!(said(&mut dialogue), "x\r\n..y\r\n.\r\n");
    assert_eq!(dialogue.phase(), Phase::Delivery);
    let events = hear(&mut dialogue, "250 2.0.0 ok\r\n451 4.3.0 later\r\n").expect("well-formed");
    assert!(matches!(&events[0], Event::Delivered(0, reply) if reply.is_positive()));
    let Event::Delivered(2, reply) = &events[1] else { panic!("{events:?}") };
    assert_eq!(
        (reply.code(), reply.enhanced(), reply.text()),
        (451, Some(EnhancedCode::new(4, 3, 0)), "later")
    );
    assert_eq!(dialogue.phase(), Phase::Idle);
}

#[test]
fn recipients_are_counted_anew_in_each_transaction() {
    let mut dialogue = transaction(&["a@x"]);
    hear(&mut dialogue, "250 ok\r\n250 ok\r\n354 go\r\n").expect("well-formed");
    dialogue.end_message().expect("it is awaited");
    dialogue.mail(None, &MailParameters::default());
    dialogue.recipient(&address("b@x"));
    let events = hear(&mut dialogue, "250 ok\r\n250 ok\r\n250 ok\r\n").expect("well-formed");
    assert!(
        matches!(events[..], [Event::Delivered(0, _), Event::Sender(_), Event::Recipient(0, _)]),
        "{events:?}"
    );
}

#[test]
fn a_message_is_sent_only_when_it_is_awaited() {
    let mut dialogue = transaction(&["a@x"]);
    said(&mut dialogue);
    assert_eq!(dialogue.message(b"x"), Err(OutOfTurn));
    assert_eq!(dialogue.end_message(), Err(OutOfTurn));
    hear(&mut dialogue, "250 ok\r\n550 no\r\n503 no recipients\r\n").expect("well-formed");
    assert_eq!(dialogue.message(b"x"), Err(OutOfTurn));
    assert_eq!(said(&mut dialogue), "");
}

#[test]
fn a_server_that_wants_a_message_for_nobody_is_wrong() {
    let mut dialogue = transaction(&["a@x"]);
    let heard = hear(&mut dialogue, "250 ok\r\n550 no\r\n354 go\r\n");
    assert_eq!(violation(heard), (Phase::Data, "a reply to the command"));
}

#[test]
fn what_is_no_reply_is_a_violation() {
    for line in ["+OK", "2xx ok", "250ok", "150 wait", "650 no", "25", "", "250\u{e9}"] {
        let mut dialogue = Dialogue::new(Limits::default());
        let heard = hear(&mut dialogue, format!("{line}\r\n"));
        assert_eq!(violation(heard), (Phase::Greeting, "a code of three digits and a text"), "{line:?}");
    }
    let mut dialogue = Dialogue::new(Limits::default());
    assert_eq!(violation(hear(&mut dialogue, "220 ok\n")), (Phase::Greeting, "a line that ends with CRLF"));
    let mut dialogue = Dialogue::new(Limits::default());
    assert_eq!(
        violation(hear(&mut dialogue, "220-a\r\n250 b\r\n")),
        (Phase::Greeting, "the code of the line before")
    );
}

#[test]
fn only_data_is_answered_with_go_on() {
    let mut dialogue = greeted();
    dialogue.noop();
    assert_eq!(violation(hear(&mut dialogue, "354 go\r\n")).0, Phase::Noop);
    let mut dialogue = transaction(&["a@x"]);
    assert_eq!(violation(hear(&mut dialogue, "250 ok\r\n250 ok\r\n250 ok\r\n")).0, Phase::Data);
}

#[test]
fn replies_are_bounded() {
    let limits = Limits { line: 100, lines: 3 };
    let mut dialogue = Dialogue::new(limits);
    let heard = hear(&mut dialogue, "220-x\r\n".repeat(2) + "220 x\r\n");
    assert!(matches!(heard.as_deref(), Ok([Event::Greeting(_)])));
    dialogue.noop();
    assert_eq!(violation(hear(&mut dialogue, "250-x\r\n".repeat(4))), (Phase::Noop, "fewer lines"));
    let mut dialogue = Dialogue::new(limits);
    let heard = hear(&mut dialogue, format!("220 {}\r\n", "x".repeat(95)));
    assert_eq!(violation(heard), (Phase::Greeting, "a shorter line"));
}

#[test]
fn a_server_may_give_up() {
    let mut dialogue = greeted();
    let events = hear(&mut dialogue, "421 4.3.2 draining\r\n");
    assert!(matches!(events.as_deref(), Ok([Event::Closing(reply)]) if reply.text() == "draining"));
    let mut dialogue = transaction(&["a@x"]);
    let events =
        hear(&mut dialogue, "250 ok\r\n250 ok\r\n354 go\r\n452 4.3.1 no room\r\n").expect("well-formed");
    assert!(
        matches!(events.last(), Some(Event::Closing(reply)) if reply.code() == 452),
        "within the message too"
    );
    let mut dialogue = greeted();
    assert_eq!(violation(hear(&mut dialogue, "250 surprise\r\n")), (Phase::Idle, "silence"));
    assert_eq!(violation(hear(&mut dialogue, "421 bye\r\n")), (Phase::Idle, "silence"), "an error stays");
}

#[test]
fn a_closed_connection_is_an_error_only_where_something_is_owed() {
    let mut dialogue = greeted();
    assert_eq!(dialogue.closed(), None);
    dialogue.quit();
    assert_eq!(dialogue.closed(), Some(DialogueError::Closed { phase: Phase::Quit }));
    hear(&mut dialogue, "221 bye\r\n").expect("well-formed");
    assert_eq!(dialogue.closed(), None);
}

#[test]
fn a_connection_that_ends_within_the_message_is_an_error() {
    let mut dialogue = transaction(&["a@x"]);
    hear(&mut dialogue, "250 ok\r\n250 ok\r\n354 go\r\n").expect("well-formed");
    dialogue.message(b"half").expect("it is awaited");
    assert_eq!(dialogue.closed(), Some(DialogueError::Closed { phase: Phase::Delivery }));
}

#[test]
fn enhanced_codes_are_read_where_they_agree_with_the_code() {
    for (line, enhanced, text) in [
        ("250 2.1.5 ok", Some(EnhancedCode::new(2, 1, 5)), "ok"),
        ("250 2.0.0", Some(EnhancedCode::new(2, 0, 0)), ""),
        ("250 5.1.5 odd", None, "5.1.5 odd"),
        ("250 2.1 ok", None, "2.1 ok"),
        ("250 2.1.5.3 ok", None, "2.1.5.3 ok"),
        ("250 2.1234.5 ok", None, "2.1234.5 ok"),
        ("250", None, ""),
    ] {
        let mut dialogue = greeted();
        dialogue.noop();
        let events = hear(&mut dialogue, format!("{line}\r\n")).expect("well-formed");
        let [Event::Noop(reply)] = events.as_slice() else { panic!("{events:?}") };
        assert_eq!((reply.enhanced(), reply.text()), (enhanced, text), "{line:?}");
    }
}

#[test]
fn a_servers_text_is_printable_before_it_is_shown() {
    let mut dialogue = greeted();
    dialogue.noop();
    let events = hear(&mut dialogue, b"250 \x1b[2J\xff\r\n").expect("well-formed");
    assert!(matches!(events.as_slice(), [Event::Noop(reply)] if reply.text() == "?[2J?"), "{events:?}");
}

/// Plays a delivery between both machines in pieces of a size; the content the server got, and the replies.
fn played(message: &[u8], size: usize) -> (Vec<u8>, Vec<(usize, u16)>) {
    let offer = Offer { xclient: true, delivery_id: true };
    let mut session = Session::new("mbx1", offer, server::Limits::default());
    session.greet();
    let mut dialogue = Dialogue::new(Limits::default());
    dialogue.forward(&Xclient { ttl: Some(3), session: Some("a b".to_owned()), ..Xclient::default() });
    dialogue.hello("cas1");
    let delivery_id = Some("id-1".parse().expect("an id"));
    dialogue.mail(Some(&address("ann@x")), &MailParameters { delivery_id, ..MailParameters::default() });
    for recipient in ["a@x", "unknown@x", "c@x"] {
        dialogue.recipient(&address(recipient));
    }
    dialogue.data();

    let (mut content, mut replies, mut closed) = (Vec::new(), Vec::new(), false);
    while !closed {
        let output = std::mem::take(dialogue.output());
        for piece in output.chunks(size) {
            session.receive(piece);
            loop {
                match session.step() {
                    Step::Input => break,
                    Step::Forwarded(xclient) => {
                        assert_eq!(xclient.session.as_deref(), Some("a b"));
                        session.forwarded(Offer { xclient: false, delivery_id: true });
                    }
                    Step::Recipient(address) if address.local() == "unknown" => {
                        session.refuse(&Reply::new(550, 1, 1, "No such user"));
                    }
                    Step::Sender(..) | Step::Recipient(_) => session.accept(),
                    Step::Data(bytes) => content.extend_from_slice(bytes),
                    Step::DataEnd => {
                        session.delivered(1, Reply::new(452, 2, 2, "Mailbox full"));
                        session.delivered(0, Reply::new(250, 0, 0, "OK"));
                    }
                    Step::Close => {
                        closed = true;
                        break;
                    }
                    Step::Answered(_) => {}
                    Step::Answer | Step::Abandoned => panic!("nothing was abandoned"),
                }
            }
        }
        let answers = std::mem::take(session.output());
        assert!(!answers.is_empty() || closed, "the machines do not come to an end");
        for piece in answers.chunks(size) {
            dialogue.receive(piece);
            while let Some(event) = dialogue.event().expect("our server is well-behaved") {
                match event {
                    Event::Data(_) => {
                        for piece in message.chunks(size) {
                            dialogue.message(piece).expect("it is awaited");
                        }
                        dialogue.end_message().expect("it is awaited");
                        dialogue.quit();
                    }
                    Event::Delivered(recipient, reply) => replies.push((recipient, reply.code())),
                    _ => {}
                }
            }
        }
    }
    (content, replies)
}

#[test]
fn our_server_and_our_client_understand_each_other() {
    let message = b"A: b\r\n\r\n.\r\n..\r\n\n.\n\r\r\n";
    for size in 1..60 {
        assert_eq!(played(message, size), (message.to_vec(), vec![(0, 250), (2, 452)]), "chunks of {size}");
    }
}

proptest! {
    #[test]
    fn what_is_handed_on_arrives(message in proptest::collection::vec(
        prop_oneof![Just(b'\r'), Just(b'\n'), Just(b'.'), any::<u8>()], 0..200), size in 1usize..50,
    ) {
        let message = [message, b"\r\n".to_vec()].concat();
        prop_assert_eq!(played(&message, size).0, message);
    }

    #[test]
    fn arbitrary_servers_never_cause_a_panic(
        pieces in proptest::collection::vec(
            prop_oneof![
                proptest::collection::vec(any::<u8>(), 0..30),
                "(250|354|421|550)( |-)[ -~]{0,9}\r\n".prop_map(String::into_bytes),
            ],
            0..20,
        ),
    ) {
        let mut dialogue = transaction(&["a@x", "b@x"]);
        dialogue.quit();
        for piece in pieces {
            let Ok(events) = hear(&mut dialogue, piece) else { return Ok(()) };
            for event in events {
                if let Event::Data(reply) = event {
                    prop_assert_eq!(dialogue.end_message().is_ok(), reply.code() / 100 == 3);
                }
            }
        }
    }
}
