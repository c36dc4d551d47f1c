//! Messages in the form in which they are kept and sent: lines end with CRLF, and a line that starts with a dot has
//! one more (RFC 1939 §3). Whoever retrieves a message gets these bytes and then `.CRLF`, with nothing to compute.

use std::io;

use bytes::Bytes;
use memchr::memchr_iter;

use crate::{CHUNK, Octets, message::chunks};

/// How long a message is, in the three ways that are asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WireLengths {
    /// The whole message as LIST says it: CRLF at every line's end, dot-stuffing not counted (RFC 1939 §11).
    pub octets: Octets,
    /// Wire bytes of the header, its blank line included; all of them if there is no blank line.
    pub header: u64,
    /// Wire bytes of the whole message, dot-stuffing included, without the final `.CRLF`.
    pub wire: u64,
}

/// A message ready for the wire, wherever it is kept: in memory, in a spool file.
pub trait WireMessage: Send + Sync {
    /// Its lengths. They never change.
    fn lengths(&self) -> WireLengths;

    /// The chunk `index`, from 0: [`CHUNK`] bytes, fewer only in the last. An empty message has one empty chunk.
    /// May block for as long as a local file takes to read.
    fn chunk(&self, index: u32) -> io::Result<Bytes>;

    /// In how many chunks it is read.
    fn chunks(&self) -> u32 {
        chunks(self.lengths().wire)
    }
}

/// A message ready for the wire, in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemoryMessage {
    wire: Bytes,
    lengths: WireLengths,
}

impl MemoryMessage {
    /// Encodes a message from its raw bytes.
    pub fn encode(raw: &[u8]) -> Self {
        let mut encoder = WireEncoder::new();
        let mut wire = Vec::with_capacity(raw.len() + raw.len() / 16 + 4);
        encoder.encode(raw, &mut wire);
        let lengths = encoder.finish(&mut wire);
        Self { wire: wire.into(), lengths }
    }

    /// A message that was encoded piece by piece: all the bytes, and what [`WireEncoder::finish`] said of them.
    pub fn from_wire(wire: impl Into<Bytes>, lengths: WireLengths) -> Self {
        let wire = wire.into();
        debug_assert_eq!(wire.len() as u64, lengths.wire);
        Self { wire, lengths }
    }

    /// All its wire bytes.
    pub const fn wire(&self) -> &Bytes {
        &self.wire
    }
}

impl WireMessage for MemoryMessage {
    fn lengths(&self) -> WireLengths {
        self.lengths
    }

    fn chunk(&self, index: u32) -> io::Result<Bytes> {
        let start = (index as usize).saturating_mul(CHUNK);
        if index > 0 && start >= self.wire.len() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(self.wire.slice(start..self.wire.len().min(start + CHUNK)))
    }
}

/// Turns a raw message into wire form, in pieces of any size.
///
/// A bare LF becomes CRLF; a line's leading dot is doubled; a missing CRLF at the end is added. Everything else stays
/// as it is: bare CR, NUL, bytes above 127. A message of no bytes stays empty.
#[derive(Clone, Debug, Default)]
pub struct WireEncoder {
    place: Place,
    octets: u64,
    wire: u64,
    header: Option<u64>,
}

/// Where in a line the encoder stands: what decides over the next byte.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    #[default]
    Start,
    /// Behind a CR that is the line's first byte: an LF here ends an empty line.
    StartCr,
    Inside,
    /// Behind a CR further on.
    InsideCr,
}

impl WireEncoder {
    /// At the beginning of a message.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next raw bytes and appends their wire form.
    pub fn encode(&mut self, raw: &[u8], wire: &mut Vec<u8>) {
        let before = wire.len();
        let mut dots = 0;
        // `raw[copied..]` is still to be copied; `line` is where the current line's bytes in `raw` begin.
        let (mut copied, mut line) = (0, 0);
        for end in memchr_iter(b'\n', raw).chain([raw.len()]) {
            if line == end && end == raw.len() {
                break;
            }
            if self.place == Place::Start && raw[line] == b'.' {
                wire.extend_from_slice(&raw[copied..line]);
                wire.push(b'.'); // RFC 1939 §3: byte-stuffing
                copied = line;
                dots += 1;
            }
            if end > line {
                self.place = self.place.after(&raw[line..end]);
            }
            if end == raw.len() {
                break;
            }
            if !matches!(self.place, Place::StartCr | Place::InsideCr) {
                wire.extend_from_slice(&raw[copied..end]);
                wire.push(b'\r');
                copied = end;
            }
            if self.header.is_none() && matches!(self.place, Place::Start | Place::StartCr) {
                // The blank line ends here, at the LF that is yet to be copied.
                self.header = Some(self.wire + (wire.len() - before + end + 1 - copied) as u64);
            }
            self.place = Place::Start;
            line = end + 1;
        }
        wire.extend_from_slice(&raw[copied..]);
        let added = (wire.len() - before) as u64;
        self.wire += added;
        self.octets += added - dots;
    }

    /// Ends the message, with a CRLF if it lacks one, and says how long it became.
    pub fn finish(mut self, wire: &mut Vec<u8>) -> WireLengths {
        if self.place != Place::Start {
            wire.extend_from_slice(b"\r\n");
            self.wire += 2;
            self.octets += 2;
        }
        WireLengths {
            octets: Octets::new(self.octets),
            header: self.header.unwrap_or(self.wire),
            wire: self.wire,
        }
    }
}

impl Place {
    /// The place behind `bytes`, which are not empty and have no LF.
    fn after(self, bytes: &[u8]) -> Self {
        match (bytes.last(), self, bytes.len()) {
            (Some(b'\r'), Self::Start, 1) => Self::StartCr,
            (Some(b'\r'), ..) => Self::InsideCr,
            _ => Self::Inside,
        }
    }
}

/// Turns the wire form back into the message, in pieces of any size: what a client makes of it (RFC 1939 §3).
#[derive(Clone, Debug, Default)]
pub struct WireDecoder {
    place: Place,
}

impl WireDecoder {
    /// At the beginning of a message.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next wire bytes and appends the message's.
    pub fn decode(&mut self, wire: &[u8], raw: &mut Vec<u8>) {
        for line in wire.split_inclusive(|byte| *byte == b'\n') {
            let stuffed = self.place == Place::Start && line.starts_with(b".");
            raw.extend_from_slice(&line[usize::from(stuffed)..]);
            self.place = if line.ends_with(b"\n") { Place::Start } else { Place::Inside };
        }
    }
}
