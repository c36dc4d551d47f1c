//! Mail for tests.

use std::{io, sync::Arc};

use bytes::Bytes;

use crate::{
    CHUNK, Delivery, DeliveryId, MailboxId, MemoryMessage, Octets, UnixSeconds, WireLengths, WireMessage,
};

/// The `number`th mailbox of a test.
pub fn mailbox_id(number: u64) -> MailboxId {
    MailboxId::from_bytes((0xbeef_u128 << 64 | u128::from(number)).to_be_bytes())
}

/// The `number`th delivery of a test.
pub fn delivery_id(number: u64) -> DeliveryId {
    DeliveryId::new(1_700_000_000_000 + number, [0x5a; 10])
}

/// A delivery of the raw message `raw`, without quota.
pub fn delivery(number: u64, mailbox: MailboxId, raw: &[u8]) -> Delivery {
    Delivery {
        id: delivery_id(number),
        mailbox,
        name: format!("{mailbox}@example.com"),
        quota: None,
        message: Arc::new(MemoryMessage::encode(raw)),
        uidl: None,
        received: UnixSeconds(1_700_000_000 + number),
    }
}

/// A message of any size that is never in memory as a whole: a header, then lines of 62 letters.
#[derive(Clone, Copy, Debug)]
pub struct Pattern {
    wire: u64,
}

const HEADER: &[u8] = b"Subject: as long as you like, and then some more to fill it up\r\n\r\n";
const LINE: usize = 64;
/// The lines begin with one letter after the other, and then again.
const PERIOD: [u8; 26 * LINE] = period();

const fn period() -> [u8; 26 * LINE] {
    let mut lines = [0; 26 * LINE];
    let mut at = 0;
    while at < lines.len() {
        lines[at] = match at % LINE {
            62 => b'\r',
            63 => b'\n',
            place => b"abcdefghijklmnopqrstuvwxyz"[(at / LINE + place) % 26],
        };
        at += 1;
    }
    lines
}

impl Pattern {
    /// A message of about `wire` bytes, rounded up to whole lines.
    pub const fn new(wire: u64) -> Self {
        let frame = HEADER.len() as u64;
        let lines = wire.saturating_sub(frame).div_ceil(LINE as u64);
        Self { wire: frame + lines * LINE as u64 }
    }
}

impl WireMessage for Pattern {
    fn lengths(&self) -> WireLengths {
        WireLengths { octets: Octets::new(self.wire), header: HEADER.len() as u64, wire: self.wire }
    }

    fn chunk(&self, index: u32) -> io::Result<Bytes> {
        let start = index as usize * CHUNK;
        let length = usize::try_from(self.wire).unwrap_or(usize::MAX).saturating_sub(start).min(CHUNK);
        if length == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let mut chunk = Vec::with_capacity(length + PERIOD.len());
        while chunk.len() < length {
            let at = start + chunk.len();
            match HEADER.get(at..) {
                Some(rest @ [_, ..]) => chunk.extend_from_slice(rest),
                _ => chunk.extend_from_slice(&PERIOD[(at - HEADER.len()) % PERIOD.len()..]),
            }
        }
        chunk.truncate(length);
        Ok(chunk.into())
    }
}
