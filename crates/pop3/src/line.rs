//! Lines out of whatever the network delivers: resumes at any byte and stays bounded.

use std::fmt;

use thiserror::Error;
use zeroize::Zeroize;

/// How many octets of one bad line are thrown away before its sender is given up.
const MAX_DISCARD: usize = 64 * 1024;

/// Splits received bytes into lines that end with CRLF.
///
/// A line that is too long or holds CR, LF or NUL is reported once, at the octet that spoils it, and then thrown away
/// up to its CRLF. What was consumed is wiped, since lines hold passwords.
#[derive(Default)]
pub struct LineReader {
    buffer: Vec<u8>,
    /// Where the line that is not yet consumed starts.
    start: usize,
    /// How much of that line was looked at.
    scanned: usize,
    consumed: u64,
    discarding: Option<Discarding>,
}

#[derive(Clone, Copy)]
struct Discarding {
    octets: usize,
    after_cr: bool,
}

/// Why a line is not a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum LineError {
    /// No CRLF within the limit.
    #[error("line too long")]
    TooLong,
    /// A CR or LF that is not part of CRLF, or a NUL.
    #[error("CR, LF and NUL are not allowed in a line, which ends with CRLF")]
    ForbiddenOctet,
    /// A bad line without end. Its error was reported before; nothing good follows.
    #[error("line without end")]
    Endless,
}

/// A line with its CRLF removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line<'a>(&'a [u8]);

impl<'a> Line<'a> {
    /// The octets of the line, without CRLF.
    pub fn content(self) -> &'a [u8] {
        self.0
    }

    /// The octets the line took, CRLF included.
    pub fn octets(self) -> u64 {
        self.0.len() as u64 + 2
    }
}

impl LineReader {
    /// A reader that has received nothing.
    pub fn new() -> LineReader {
        LineReader::default()
    }

    /// Takes received bytes.
    pub fn receive(&mut self, bytes: &[u8]) {
        self.forget_consumed();
        self.buffer.extend_from_slice(bytes);
    }

    /// The next line, if it is complete or spoilt; `limit` is the longest line allowed, CRLF included.
    pub fn next_line(&mut self, limit: usize) -> Option<Result<Line<'_>, LineError>> {
        if let Err(error) = self.discard() {
            return Some(Err(error));
        }
        if self.discarding.is_some() {
            return None;
        }
        let line = &self.buffer[self.start..];
        let end = line.len().min(limit);
        for index in self.scanned..end {
            let after_cr = index > 0 && line[index - 1] == b'\r';
            match line[index] {
                b'\n' if after_cr => {
                    let start = self.start;
                    self.consume(index + 1);
                    return Some(Ok(Line(&self.buffer[start..start + index - 1])));
                }
                b'\r' if !after_cr => {}
                0 | b'\n' => return Some(Err(self.spoil(index + 1, LineError::ForbiddenOctet))),
                _ if after_cr => return Some(Err(self.spoil(index + 1, LineError::ForbiddenOctet))),
                _ => {}
            }
        }
        self.scanned = end;
        if end == limit {
            return Some(Err(self.spoil(end, LineError::TooLong)));
        }
        None
    }

    /// Throws everything away that was received, half a line and a bad line under way too.
    pub fn clear(&mut self) {
        self.buffer.zeroize();
        self.buffer = Vec::new();
        self.start = 0;
        self.scanned = 0;
        self.discarding = None;
    }

    /// What was received and not consumed; the reader is empty afterwards.
    pub fn take_rest(&mut self) -> Vec<u8> {
        let rest = self.buffer[self.start..].to_vec();
        self.clear();
        rest
    }

    /// Octets of lines taken so far, thrown away ones included. [`clear`](LineReader::clear) does not count.
    pub fn consumed(&self) -> u64 {
        self.consumed
    }

    /// Gives memory back that holds nothing.
    pub fn release_memory(&mut self) {
        self.forget_consumed();
        self.buffer.shrink_to_fit();
    }

    /// Wipes consumed lines and closes the gap they leave.
    fn forget_consumed(&mut self) {
        if self.start == 0 {
            return;
        }
        let rest = self.buffer.len() - self.start;
        self.buffer.copy_within(self.start.., 0);
        self.buffer[rest..].zeroize();
        self.buffer.truncate(rest);
        self.start = 0;
    }

    fn consume(&mut self, octets: usize) {
        self.start += octets;
        self.consumed += octets as u64;
        self.scanned = 0;
    }

    fn spoil(&mut self, octets: usize, error: LineError) -> LineError {
        let after_cr = octets > 0 && self.buffer[self.start + octets - 1] == b'\r';
        self.consume(octets);
        self.discarding = Some(Discarding { octets: 0, after_cr });
        error
    }

    /// Throws away what belongs to a bad line, up to and with its CRLF.
    fn discard(&mut self) -> Result<(), LineError> {
        let Some(Discarding { mut octets, mut after_cr }) = self.discarding else {
            return Ok(());
        };
        while let Some(&byte) = self.buffer.get(self.start) {
            if octets == MAX_DISCARD {
                self.start = self.buffer.len();
                return Err(LineError::Endless);
            }
            self.start += 1;
            self.consumed += 1;
            octets += 1;
            if after_cr && byte == b'\n' {
                self.discarding = None;
                return Ok(());
            }
            after_cr = byte == b'\r';
        }
        self.discarding = Some(Discarding { octets, after_cr });
        Ok(())
    }
}

impl Drop for LineReader {
    fn drop(&mut self) {
        self.buffer.zeroize();
    }
}

/// Says how much is held, not what.
impl fmt::Debug for LineReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LineReader").field("held", &(self.buffer.len() - self.start)).finish_non_exhaustive()
    }
}
