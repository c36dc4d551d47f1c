//! The message after `DATA`: dot-stuffed on the wire, plain inside (RFC 5321 §4.5.2).
//!
//! Lines begin after CRLF and nowhere else, in both directions, and only `CRLF . CRLF` ends a message. A CR or LF
//! by itself is content. Two servers that disagree about this can be made to see two messages where one was
//! sent; so nothing here is lenient.

mod decoder;
mod encoder;

pub use decoder::{Decoded, Decoder};
pub use encoder::Encoder;

use std::sync::LazyLock;

use memchr::memmem::Finder;

/// The only place where un-stuffing and stuffing have to look closer.
static DOT_AT_LINE_START: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\r\n."));

/// How much of a line's end some bytes end with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Position {
    /// At the start of a line.
    #[default]
    LineStart,
    /// Inside a line.
    Text,
    /// Inside a line, after a CR.
    CarriageReturn,
}

impl Position {
    /// Where one is after `bytes`, having been at `self`.
    fn after(self, bytes: &[u8]) -> Self {
        match bytes {
            [] => self,
            [.., b'\r', b'\n'] => Self::LineStart,
            [b'\n'] if self == Self::CarriageReturn => Self::LineStart,
            [.., b'\r'] => Self::CarriageReturn,
            _ => Self::Text,
        }
    }
}
