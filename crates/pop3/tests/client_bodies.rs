//! Messages as the client hears them: un-stuffed or as sent, at every chunk size.

use pop3::client::{BodyForm, Dialogue, DialogueError, Event, Limits};
use pop3::{Command, MessageNumber};
use proptest::prelude::*;

fn retrieving(form: BodyForm) -> Dialogue {
    let mut dialogue = Dialogue::new(Limits::default());
    dialogue.receive(b"+OK\r\n");
    assert!(matches!(dialogue.event(), Ok(Some(Event::Greeting(_)))));
    dialogue.set_body_form(form);
    dialogue.say(&Command::Retr(MessageNumber::new(1).expect("not 0"))).expect("it is our turn");
    dialogue.say(&Command::Noop).expect("it is our turn");
    dialogue
}

/// The message within a reply, and whether the reply to NOOP after it was heard.
fn heard<'a>(form: BodyForm, pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<u8>, bool) {
    let mut dialogue = retrieving(form);
    let mut message = Vec::new();
    let (mut begun, mut ended, mut noop) = (false, false, false);
    for piece in pieces {
        dialogue.receive(piece);
        while let Some(event) = dialogue.event().expect("well-formed") {
            match event {
                Event::Retrieving => begun = true,
                Event::Body(bytes) => {
                    assert!(begun && !ended && !bytes.is_empty());
                    message.extend_from_slice(bytes);
                }
                Event::Retrieved => ended = true,
                Event::Noop => noop = ended,
                other => panic!("{other:?}"),
            }
        }
    }
    (message, noop)
}

/// A whole reply with the wire form of a message, and the reply to NOOP.
fn reply(wire: &[u8]) -> Vec<u8> {
    [b"+OK 9 octets\r\n".as_slice(), wire, b".\r\n+OK\r\n"].concat()
}

const CASES: &[(&[u8], &[u8])] = &[
    // Wire form without the final line, and the message.
    (b"", b""),
    (b"a\r\n", b"a\r\n"),
    (b"..\r\n", b".\r\n"),
    (b"...\r\n", b"..\r\n"),
    (b"a\r\n..b\r\n..\r\n\r\n", b"a\r\n.b\r\n.\r\n\r\n"),
    (b"a.\r\nb\r\n", b"a.\r\nb\r\n"),
    // Bare CR and LF neither begin a line nor end the message.
    (b"\n.\n\r\n", b"\n.\n\r\n"),
    (b"\r.\r\r\n", b"\r.\r\r\n"),
    (b"\n.\r\n", b"\n.\r\n"),
    (b"\r\r\n\n\r\n", b"\r\r\n\n\r\n"),
    // A server that does not double its dots, where it can still be understood.
    (b".a\r\n", b"a\r\n"),
    (b".\ra\r\n", b"\ra\r\n"),
    (b".\r\r\n", b"\r\r\n"),
    (b".\n.\r\n", b"\n.\r\n"),
    (b"\0\xff\r\n", b"\0\xff\r\n"),
];

#[test]
fn messages_are_unstuffed_at_every_chunk_size() {
    for (wire, message) in CASES {
        let reply = reply(wire);
        for size in 1..=reply.len() {
            let heard = heard(BodyForm::Message, reply.chunks(size));
            assert_eq!(
                heard,
                (message.to_vec(), true),
                "{:?} in chunks of {size}",
                wire.escape_ascii().to_string()
            );
        }
    }
}

#[test]
fn messages_are_handed_out_as_sent_at_every_chunk_size() {
    for (wire, _) in CASES {
        let reply = reply(wire);
        for size in 1..=reply.len() {
            let heard = heard(BodyForm::Wire, reply.chunks(size));
            assert_eq!(
                heard,
                (wire.to_vec(), true),
                "{:?} in chunks of {size}",
                wire.escape_ascii().to_string()
            );
        }
    }
}

#[test]
fn a_large_message_is_handed_out_in_large_pieces() {
    let line = [b'x'; 76];
    let body = [line.as_slice(), b"\r\n"].concat().repeat(800);
    let mut dialogue = retrieving(BodyForm::Message);
    dialogue.receive(b"+OK\r\n");
    assert_eq!(dialogue.event(), Ok(Some(Event::Retrieving)));
    dialogue.receive(&body);
    assert_eq!(dialogue.event(), Ok(Some(Event::Body(&body))), "in one piece, though it has 800 lines");
    assert_eq!(dialogue.event(), Ok(None));
}

#[test]
fn a_refused_message_has_no_body() {
    let mut dialogue = retrieving(BodyForm::Message);
    dialogue.receive(b"-ERR no such message\r\n+OK\r\n");
    assert!(matches!(dialogue.event(), Err(DialogueError::Rejected { .. })));
    assert_eq!(dialogue.event(), Ok(Some(Event::Noop)));
}

#[test]
fn top_is_read_like_a_message() {
    let mut dialogue = Dialogue::new(Limits::default());
    dialogue.receive(b"+OK\r\n+OK\r\nA: b\r\n\r\n.\r\n");
    assert!(matches!(dialogue.event(), Ok(Some(Event::Greeting(_)))));
    dialogue.say(&Command::Top(MessageNumber::new(1).expect("not 0"), 0)).expect("it is our turn");
    assert_eq!(dialogue.event(), Ok(Some(Event::Retrieving)));
    assert_eq!(dialogue.event(), Ok(Some(Event::Body(b"A: b\r\n\r\n"))));
    assert_eq!(dialogue.event(), Ok(Some(Event::Retrieved)));
}

/// Stuffing by the book, line by line.
fn stuffed(message: &[u8]) -> Vec<u8> {
    let mut wire = Vec::new();
    let mut line_start = true;
    for (index, byte) in message.iter().enumerate() {
        if line_start && *byte == b'.' {
            wire.push(b'.');
        }
        wire.push(*byte);
        line_start = *byte == b'\n' && index > 0 && message[index - 1] == b'\r';
    }
    wire
}

fn message() -> impl Strategy<Value = Vec<u8>> {
    let bit = prop_oneof![
        Just(b"\r\n".to_vec()),
        Just(b".".to_vec()),
        Just(b"\r".to_vec()),
        Just(b"\n".to_vec()),
        Just(b"\r\n.".to_vec()),
        proptest::collection::vec(any::<u8>(), 0..20),
    ];
    proptest::collection::vec(bit, 0..20).prop_map(|bits| [bits.concat(), b"\r\n".to_vec()].concat())
}

proptest! {
    #[test]
    fn what_was_stuffed_is_heard_as_it_was(message in message(), size in 1usize..40) {
        let wire = stuffed(&message);
        let reply = reply(&wire);
        prop_assert_eq!(heard(BodyForm::Message, reply.chunks(size)), (message, true));
        prop_assert_eq!(heard(BodyForm::Wire, reply.chunks(size)), (wire, true));
    }
}
