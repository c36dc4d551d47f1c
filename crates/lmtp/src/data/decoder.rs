//! Un-stuffing, and where a message ends.

use super::{DOT_AT_LINE_START, Position};

/// Un-stuffs one message, given in pieces of any size, without copying it.
#[derive(Clone, Debug, Default)]
pub struct Decoder {
    state: State,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// In the content.
    Content(Position),
    /// After the first dot of a line.
    Dot,
    /// After a line's first dot and a CR.
    DotCarriageReturn,
    /// After the terminator.
    Ended,
}

impl Default for State {
    fn default() -> Self {
        // The CRLF of the DATA command's line can be the first half of the terminator (RFC 5321 §4.1.1.4).
        Self::Content(Position::LineStart)
    }
}

/// What one call of [`Decoder::decode`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decoded<'a> {
    /// How much of the input was used.
    pub taken: usize,
    /// Content, un-stuffed.
    pub content: &'a [u8],
    /// Whether the message ends here. What follows in the input is not part of it.
    pub ended: bool,
}

impl Decoder {
    /// A decoder at the start of a message.
    pub fn new() -> Self {
        Self::default()
    }

    /// The next run of content. Call it again with what it left of the input, until nothing is left or the
    /// message has ended.
    pub fn decode<'a>(&mut self, input: &'a [u8]) -> Decoded<'a> {
        let Some(&first) = input.first() else {
            return Decoded { taken: 0, content: &[], ended: self.ended() };
        };
        match self.state {
            State::Content(position) => self.content(position, input),
            // RFC 5321 §4.5.2: the first dot of a longer line is deleted.
            State::Dot if first == b'\r' => {
                self.state = State::DotCarriageReturn;
                Decoded { taken: 1, content: &[], ended: false }
            }
            State::Dot => self.content(Position::Text, input),
            State::DotCarriageReturn if first == b'\n' => {
                self.state = State::Ended;
                Decoded { taken: 1, content: &[], ended: true }
            }
            // The CR was content after all; the byte after it is looked at again.
            State::DotCarriageReturn => {
                self.state = State::Content(Position::CarriageReturn);
                Decoded { taken: 0, content: b"\r", ended: false }
            }
            State::Ended => Decoded { taken: 0, content: &[], ended: true },
        }
    }

    /// Whether the terminator has been seen.
    pub fn ended(&self) -> bool {
        matches!(self.state, State::Ended)
    }

    /// Content up to the next dot that begins a line.
    fn content<'a>(&mut self, position: Position, input: &'a [u8]) -> Decoded<'a> {
        let run = match (position, input) {
            (Position::LineStart, [b'.', ..]) => Some(0),
            (Position::CarriageReturn, [b'\n', b'.', ..]) => Some(1),
            _ => DOT_AT_LINE_START.find(input).map(|index| index + 2),
        };
        let Some(run) = run else {
            self.state = State::Content(position.after(input));
            return Decoded { taken: input.len(), content: input, ended: false };
        };
        self.state = State::Dot;
        Decoded { taken: run + 1, content: &input[..run], ended: false }
    }
}
