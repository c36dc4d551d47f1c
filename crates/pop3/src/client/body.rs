//! The body of a multi-line reply (RFC 1939 section 3): where it ends, and what it says.

use std::sync::LazyLock;

use memchr::memmem::Finder;

/// In which form a message is handed out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BodyForm {
    /// As it was before it was sent: a dot at the start of a line was doubled, and is single again.
    #[default]
    Message,
    /// As it was sent, dots doubled, without the final line.
    Wire,
}

/// Reads one body, given in pieces of any size, without copying it.
#[derive(Clone, Copy, Debug)]
pub(super) struct BodyReader {
    form: BodyForm,
    position: Position,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Position {
    /// At the start of a line.
    LineStart,
    /// Inside a line.
    Text,
    /// Inside a line, after a CR.
    AfterCr,
    /// After a dot that begins a line. It is held back.
    Dot,
    /// After a dot that begins a line and a CR. Both are held back.
    DotCr,
    /// After the final line.
    Ended,
}

/// What the next bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// So many bytes of the message.
    Content(usize),
    /// So many bytes that are not handed out: held back, or a doubled dot, or the final line.
    Hidden(usize),
    /// Bytes that were held back and are of the message after all; nothing is taken from the input.
    HeldBack(&'static [u8]),
    /// The body has ended; nothing is taken from the input.
    End,
}

static DOT_AT_LINE_START: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\r\n."));

impl BodyReader {
    pub(super) fn new(form: BodyForm) -> BodyReader {
        BodyReader { form, position: Position::LineStart }
    }

    /// What `input` begins with; none when it is empty and the body goes on.
    pub(super) fn next(&mut self, input: &[u8]) -> Option<Piece> {
        let (piece, position) = match (self.position, input) {
            (Position::Ended, _) => (Piece::End, Position::Ended),
            (_, []) => return None,
            (Position::LineStart, [b'.', ..]) => (Piece::Hidden(1), Position::Dot),
            (Position::Dot, [b'\r', ..]) => (Piece::Hidden(1), Position::DotCr),
            (Position::DotCr, [b'\n', ..]) => (Piece::Hidden(1), Position::Ended),
            (Position::Dot, _) if self.form == BodyForm::Wire => (Piece::HeldBack(b"."), Position::Text),
            (Position::DotCr, _) if self.form == BodyForm::Wire => {
                (Piece::HeldBack(b".\r"), Position::AfterCr)
            }
            (Position::DotCr, _) => (Piece::HeldBack(b"\r"), Position::AfterCr),
            (Position::AfterCr, [b'\n', ..]) => (Piece::Content(1), Position::LineStart),
            (Position::LineStart | Position::Text | Position::AfterCr | Position::Dot, _) => text(input),
        };
        self.position = position;
        Some(piece)
    }
}

/// Bytes inside a line and whole lines after it, up to one that begins with a dot.
fn text(input: &[u8]) -> (Piece, Position) {
    if let Some(index) = DOT_AT_LINE_START.find(input) {
        return (Piece::Content(index + 2), Position::LineStart);
    }
    let position = match input {
        [.., b'\r', b'\n'] => Position::LineStart,
        [.., b'\r'] => Position::AfterCr,
        _ => Position::Text,
    };
    (Piece::Content(input.len()), position)
}
