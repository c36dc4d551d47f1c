//! Dot-stuffing and un-stuffing: what ends a message, what does not, and that nothing is lost between.

use lmtp::data::{Decoder, Encoder};
use proptest::prelude::*;

/// The content of a message in pieces, whether it ended, and how many bytes were left over.
fn decode<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<u8>, bool, usize) {
    let mut decoder = Decoder::new();
    let mut content = Vec::new();
    let mut left = 0;
    for mut piece in pieces {
        while !piece.is_empty() && !decoder.ended() {
            let run = decoder.decode(piece);
            content.extend_from_slice(run.content);
            piece = &piece[run.taken..];
            assert_eq!(run.ended, decoder.ended());
        }
        left += piece.len();
    }
    (content, decoder.ended(), left)
}

fn encode<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut encoder = Encoder::new();
    let mut wire = Vec::new();
    for piece in pieces {
        encoder.encode(piece, &mut wire);
    }
    encoder.finish(&mut wire);
    wire
}

fn text(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}

/// Wire form, and content.
const CASES: &[(&[u8], &[u8])] = &[
    (b".\r\n", b""),
    (b"\r\n.\r\n", b"\r\n"),
    (b"a\r\n.\r\n", b"a\r\n"),
    (b"..\r\n.\r\n", b".\r\n"),
    (b"a\r\n..\r\n.\r\n", b"a\r\n.\r\n"),
    (b"a\r\n..b\r\n...\r\n.\r\n", b"a\r\n.b\r\n..\r\n"),
    (b"a\r\n.b\r\n.\r\n", b"a\r\nb\r\n"),
    (b"a\r\n.\rb\r\n.\r\n", b"a\r\n\rb\r\n"),
    (b"a\r\n.\r\r\n.\r\n", b"a\r\n\r\r\n"),
    (b"\0\xff\r\n.\r\n", b"\0\xff\r\n"),
    (b"a\r\r\n.\r\n", b"a\r\r\n"),
];

/// What a lenient server would take for the end of a message: the second message of a smuggler.
const SMUGGLED: &[&[u8]] = &[
    b"a\n.\nMAIL FROM:<x>\r\n",
    b"a\n.\r\nMAIL FROM:<x>\r\n",
    b"a\r\n.\nMAIL FROM:<x>\r\n",
    b"a\r.\rMAIL FROM:<x>\r\n",
    b"a\r.\r\nMAIL FROM:<x>\r\n",
    b"a\r\n.\rMAIL FROM:<x>\r\n",
    b"a\n\r.\n\rMAIL FROM:<x>\r\n",
    b"a\r\n\x00.\r\nMAIL FROM:<x>\r\n",
    b"a\r\n.\x00\r\nMAIL FROM:<x>\r\n",
    b"a\r\r\n.\r\r\nMAIL FROM:<x>\r\n",
];

#[test]
fn messages_are_unstuffed_at_every_chunk_size() {
    for (wire, content) in CASES {
        let stream = [wire, b"NOOP\r\n".as_slice()].concat();
        for size in 1..=stream.len() {
            let decoded = decode(stream.chunks(size));
            assert_eq!(decoded, (content.to_vec(), true, 6), "{} in chunks of {size}", text(wire));
        }
    }
}

#[test]
fn only_crlf_dot_crlf_ends_a_message() {
    for lure in SMUGGLED {
        for size in 1..=lure.len() {
            let (content, ended, _) = decode(lure.chunks(size));
            assert!(!ended, "{} in chunks of {size}", text(lure));
            let mail = b"MAIL FROM:<x>\r\n";
            assert!(content.ends_with(mail), "it is content: {}", text(&content));
        }
    }
}

#[test]
fn a_smugglers_message_is_handed_on_as_one_message() {
    for lure in SMUGGLED {
        let wire = encode([*lure]);
        assert_eq!(decode([wire.as_slice()]), (lure.to_vec(), true, 0), "{}", text(lure));
    }
}

#[test]
fn the_crlf_before_the_final_dot_is_content() {
    assert_eq!(decode([b"a\r\n".as_slice(), b".\r\n"]).0, b"a\r\n");
}

#[test]
fn nothing_is_taken_after_the_end() {
    let mut decoder = Decoder::new();
    assert_eq!(decoder.decode(b".\r\n").taken, 1);
    assert_eq!(decoder.decode(b"\r\n").taken, 1);
    assert!(decoder.decode(b"\nQUIT").ended);
    let after = decoder.decode(b"QUIT");
    assert_eq!((after.taken, after.content, after.ended), (0, b"".as_slice(), true));
}

#[test]
fn content_is_handed_out_in_runs_as_large_as_they_come() {
    let body = [[b'x'; 70].as_slice(), b"\r\n"].concat().repeat(900);
    let mut decoder = Decoder::new();
    let run = decoder.decode(&body);
    assert_eq!((run.taken, run.content.len()), (body.len(), body.len()));
}

#[test]
fn a_last_line_without_crlf_is_given_one() {
    assert_eq!(encode([b"a".as_slice()]), b"a\r\n.\r\n");
    assert_eq!(encode([b"a\n".as_slice()]), b"a\n\r\n.\r\n");
    assert_eq!(encode([b"a\r".as_slice()]), b"a\r\r\n.\r\n");
    assert_eq!(encode([b"a\r\n".as_slice()]), b"a\r\n.\r\n");
}

#[test]
fn an_empty_message_is_a_dot() {
    assert_eq!(encode([]), b".\r\n");
    assert_eq!(encode([b"".as_slice()]), b".\r\n");
}

#[test]
fn dots_are_doubled_at_the_start_of_lines_only() {
    assert_eq!(encode([b".a.\r\n.\r\nb\n.c\r.d\r\n".as_slice()]), b"..a.\r\n..\r\nb\n.c\r.d\r\n.\r\n");
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
    proptest::collection::vec(bit, 0..20).prop_map(|bits| bits.concat())
}

/// Un-stuffing by the book: lines of the whole stream.
fn decode_naively(wire: &[u8]) -> Option<(Vec<u8>, usize)> {
    let mut content = Vec::new();
    let mut start = 0;
    loop {
        let end = start + wire[start..].windows(2).position(|window| window == b"\r\n")? + 2;
        let line = &wire[start..end];
        if line == b".\r\n" {
            return Some((content, wire.len() - end));
        }
        content.extend_from_slice(line.strip_prefix(b".").unwrap_or(line));
        start = end;
    }
}

proptest! {
    #[test]
    fn decoding_undoes_encoding(message in message(), encoded_by in 1usize..30, decoded_by in 1usize..30) {
        let wire = encode(message.chunks(encoded_by));
        let (content, ended, left) = decode(wire.chunks(decoded_by));
        prop_assert!(ended);
        prop_assert_eq!(left, 0);
        if message.is_empty() || message.ends_with(b"\r\n") {
            prop_assert_eq!(content, message);
        } else {
            prop_assert_eq!(content, [message, b"\r\n".to_vec()].concat());
        }
    }

    #[test]
    fn the_decoder_agrees_with_the_naive_one(wire in message(), size in 1usize..30) {
        let (content, ended, left) = decode(wire.chunks(size));
        match decode_naively(&wire) {
            Some((expected, rest)) => prop_assert_eq!((content, ended, left), (expected, true, rest)),
            None => prop_assert!(!ended && left == 0),
        }
    }

    #[test]
    fn the_pieces_of_a_message_do_not_matter_to_its_wire_form(message in message(), size in 1usize..30) {
        prop_assert_eq!(encode(message.chunks(size)), encode([message.as_slice()]));
    }
}
