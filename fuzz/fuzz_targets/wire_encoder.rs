//! The wire form of messages. Input: the size of pieces (0: one piece), then the raw message. The encoder is compared
//! with a plain one that looks at one line after the other.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mailbox::{MemoryMessage, Octets, WireEncoder, WireLengths, WireMessage};

fuzz_target!(|data: &[u8]| {
    let [chunk, raw @ ..] = data else { return };
    let chunk = if *chunk == 0 { raw.len().max(1) } else { usize::from(*chunk) };
    let mut wire = Vec::new();
    let mut encoder = WireEncoder::new();
    for piece in raw.chunks(chunk) {
        encoder.encode(piece, &mut wire);
    }
    let lengths = encoder.finish(&mut wire);
    let (expected, octets, header) = plainly(raw);
    assert_eq!(wire, expected);
    let expected = WireLengths { octets: Octets::new(octets), header, wire: wire.len() as u64 };
    assert_eq!(lengths, expected);
    let message = MemoryMessage::encode(raw);
    assert_eq!((&message.wire()[..], message.lengths()), (&wire[..], lengths));
    assert!(
        !wire.starts_with(b".\r\n") && !wire.windows(5).any(|window| window == b"\r\n.\r\n"),
        "it would end early"
    );
});

/// The wire form, its octets un-stuffed, and how long its header is on the wire.
fn plainly(raw: &[u8]) -> (Vec<u8>, u64, u64) {
    let (mut wire, mut dots, mut header) = (Vec::new(), 0, None);
    for line in raw.split_inclusive(|byte| *byte == b'\n') {
        let line = match line.strip_suffix(b"\n") {
            Some(line) => line.strip_suffix(b"\r").unwrap_or(line),
            // A CR at the very end of the message is not part of a line's end.
            None => line,
        };
        if line.starts_with(b".") {
            wire.push(b'.');
            dots += 1;
        }
        wire.extend_from_slice(line);
        wire.extend_from_slice(b"\r\n");
        if line.is_empty() && header.is_none() {
            header = Some(wire.len() as u64);
        }
    }
    let length = wire.len() as u64;
    (wire, length - dots, header.unwrap_or(length))
}
