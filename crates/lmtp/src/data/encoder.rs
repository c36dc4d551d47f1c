//! Stuffing.

use super::{DOT_AT_LINE_START, Position};

/// Makes the wire form of a message, given in pieces of any size.
#[derive(Clone, Debug, Default)]
pub struct Encoder {
    position: Position,
}

impl Encoder {
    /// An encoder at the start of a message.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends the wire form of the next piece.
    pub fn encode(&mut self, mut piece: &[u8], output: &mut Vec<u8>) {
        output.reserve(piece.len());
        if let (Position::LineStart, [b'.', ..]) = (self.position, piece) {
            output.push(b'.');
        } else if let (Position::CarriageReturn, [b'\n', b'.', ..]) = (self.position, piece) {
            output.extend_from_slice(b"\n.");
            piece = &piece[1..];
        }
        let end = self.position.after(piece);
        while let Some(index) = DOT_AT_LINE_START.find(piece) {
            let dot = index + 2;
            output.extend_from_slice(&piece[..=dot]);
            // The dot itself follows with the next run: stuffed.
            piece = &piece[dot..];
        }
        output.extend_from_slice(piece);
        self.position = end;
    }

    /// Appends the terminator; a message whose last line lacks its CRLF is given one.
    pub fn finish(self, output: &mut Vec<u8>) {
        if self.position != Position::LineStart {
            output.extend_from_slice(b"\r\n");
        }
        output.extend_from_slice(b".\r\n");
    }
}
