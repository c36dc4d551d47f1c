//! The encoder against a plain restatement of its rules, and the decoder against the encoder, at every split.

use mailbox::{MemoryMessage, WireDecoder, WireEncoder, WireLengths, WireMessage};
use proptest::{collection::vec, prelude::*, sample::select};

/// The rules, said in the simplest way: one byte after the other, then line by line.
fn restated(raw: &[u8]) -> (Vec<u8>, WireLengths) {
    let mut normal = Vec::new();
    for byte in raw {
        if *byte == b'\n' && normal.last() != Some(&b'\r') {
            normal.push(b'\r');
        }
        normal.push(*byte);
    }
    if !normal.is_empty() && !normal.ends_with(b"\r\n") {
        normal.extend(b"\r\n");
    }
    let mut wire = Vec::new();
    let mut header = None;
    for line in normal.split_inclusive(|byte| *byte == b'\n') {
        if line.starts_with(b".") {
            wire.push(b'.');
        }
        wire.extend(line);
        if line == b"\r\n" && header.is_none() {
            header = Some(wire.len());
        }
    }
    let lengths = WireLengths {
        octets: mailbox::Octets::new(normal.len() as u64),
        header: header.unwrap_or(wire.len()) as u64,
        wire: wire.len() as u64,
    };
    (wire, lengths)
}

fn encoded(pieces: &[&[u8]]) -> (Vec<u8>, WireLengths) {
    let mut encoder = WireEncoder::new();
    let mut wire = Vec::new();
    for piece in pieces {
        encoder.encode(piece, &mut wire);
    }
    let lengths = encoder.finish(&mut wire);
    (wire, lengths)
}

#[track_caller]
fn assert_encodes_at_every_split(raw: &[u8]) {
    let expected = restated(raw);
    assert_eq!(encoded(&[raw]), expected, "{:?}", raw.escape_ascii().to_string());
    for first in 0..=raw.len() {
        for second in first..=raw.len() {
            let pieces = [&raw[..first], &raw[first..second], &raw[second..]];
            assert_eq!(
                encoded(&pieces),
                expected,
                "{:?} split at {first}, {second}",
                raw.escape_ascii().to_string()
            );
        }
    }
    let bytes: Vec<&[u8]> = raw.chunks(1).collect();
    assert_eq!(encoded(&bytes), expected);
}

#[track_caller]
fn assert_encodes(raw: &[u8], wire: &[u8]) {
    assert_eq!(encoded(&[raw]).0, wire);
    assert_encodes_at_every_split(raw);
}

#[test]
fn a_bare_lf_becomes_crlf() {
    assert_encodes(b"a\nb\n\nc\n", b"a\r\nb\r\n\r\nc\r\n");
}

#[test]
fn crlf_stays() {
    assert_encodes(b"a\r\n\r\nb\r\n", b"a\r\n\r\nb\r\n");
}

#[test]
fn bare_cr_nul_and_bytes_above_127_stay() {
    assert_encodes(b"a\rb\0\xff\r\r\nc\r\n", b"a\rb\0\xff\r\r\nc\r\n");
}

#[test]
fn a_dot_at_the_start_of_a_line_is_doubled() {
    assert_encodes(b".\r\n..\r\na.\r\n.b", b"..\r\n...\r\na.\r\n..b\r\n");
}

#[test]
fn a_dot_behind_a_bare_lf_is_doubled() {
    assert_encodes(b"a\n.b\n.\n", b"a\r\n..b\r\n..\r\n");
}

#[test]
fn a_dot_behind_a_bare_cr_stays() {
    assert_encodes(b"a\r.b\r\n", b"a\r.b\r\n");
}

#[test]
fn a_missing_crlf_at_the_end_is_added() {
    assert_encodes(b"a", b"a\r\n");
    assert_encodes(b"a\r", b"a\r\r\n");
    assert_encodes(b"a\n\r", b"a\r\n\r\r\n");
}

#[test]
fn a_message_of_no_bytes_stays_empty() {
    assert_encodes(b"", b"");
    assert_eq!(encoded(&[b"", b""]).1, WireLengths::default());
}

#[test]
fn the_header_ends_behind_the_first_empty_line() {
    for (raw, header) in [
        (&b"A: b\r\n\r\nc\r\n\r\n"[..], 8),
        (b"A: b\n\nc", 8),
        (b".A: b\n\nc", 10),
        (b"\nc", 2),
        (b"\r\nc", 2),
        (b"A: b\r\nno blank line", 21),
        (b"A: b\r\n\r\r\nstill no blank line\r\n", 30),
    ] {
        assert_eq!(encoded(&[raw]).1.header, header, "{}", raw.escape_ascii());
        assert_encodes_at_every_split(raw);
    }
}

#[test]
fn any_mixture_is_encoded_by_the_same_rules_however_it_is_split() {
    let awkward = select(&b"\r\n.a\0\xff"[..]);
    proptest!(|(raw in vec(awkward, 0..24))| assert_encodes_at_every_split(&raw));
}

#[test]
fn a_message_is_decoded_to_what_it_was_with_its_line_ends_put_right() {
    let awkward = select(&b"\r\n.a"[..]);
    proptest!(|(raw in vec(awkward, 0..40), piece in 1..10_usize)| {
        let (wire, lengths) = restated(&raw);
        let mut decoder = WireDecoder::new();
        let mut message = Vec::new();
        for piece in wire.chunks(piece) {
            decoder.decode(piece, &mut message);
        }
        prop_assert_eq!(message.len() as u64, lengths.octets.get());
        // Nothing is left to put right, so that encoding it gives the same again.
        prop_assert_eq!(encoded(&[&message]), (wire, lengths));
        let without_cr = |bytes: &[u8]| bytes.iter().copied().filter(|byte| *byte != b'\r').collect::<Vec<u8>>();
        let mut expected = without_cr(&raw);
        if !raw.is_empty() && raw.last() != Some(&b'\n') {
            expected.push(b'\n');
        }
        prop_assert_eq!(without_cr(&message), expected);
    });
}

#[test]
fn a_long_message_is_encoded_by_the_same_rules() {
    let line = select(
        &["\r\n", "\n", ".\r\n", "..x\n", "a line of text that is neither long nor short\r\n", "\r"][..],
    );
    proptest!(|(lines in vec(line, 0..2000), piece in 1..5000_usize)| {
        let raw = lines.concat().into_bytes();
        let pieces: Vec<&[u8]> = raw.chunks(piece).collect();
        prop_assert_eq!(encoded(&pieces), restated(&raw));
    });
}

#[test]
fn a_message_in_memory_is_read_in_full_chunks_and_a_rest() {
    let raw = vec![b'x'; 2 * mailbox::CHUNK];
    let message = MemoryMessage::encode(&raw);
    assert_eq!(message.lengths().wire, 2 * mailbox::CHUNK as u64 + 2);
    assert_eq!(message.chunks(), 3);
    let lengths: Vec<usize> = (0..3).map(|index| message.chunk(index).unwrap().len()).collect();
    assert_eq!(lengths, [mailbox::CHUNK, mailbox::CHUNK, 2]);
    assert!(message.chunk(3).is_err());
    assert!(message.chunk(u32::MAX).is_err());
}
