//! What has been received and not been used: lines, and messages between them.

use std::fmt;

use crate::data::Decoder;

/// A buffer of received bytes.
///
/// It holds one unfinished line of at most the limit, and of other input what the driver received before it stopped
/// reading.
#[derive(Default)]
pub(crate) struct Input {
    bytes: Vec<u8>,
    /// How much of `bytes` has been taken.
    taken: usize,
    /// How far the search for the next LF has come.
    searched: usize,
    /// The rest of an over-long line is being thrown away.
    skipping: bool,
}

/// Says how much is held, not what: it may be mail.
impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Input").field("held", &(self.bytes.len() - self.taken)).finish_non_exhaustive()
    }
}

/// What [`Input::line`] found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line<'a> {
    /// A line, without its CRLF.
    Complete(&'a [u8]),
    /// A line longer than the limit has come to its end. Nothing of it is kept.
    TooLong,
    /// A line that ended with LF alone. It is no line of the protocol; it is noticed so that it can be refused at
    /// once, instead of becoming part of the next one.
    BareLineFeed,
}

/// A run of content within the buffer, valid until the next [`Input::receive`].
#[derive(Debug)]
pub(crate) enum Run {
    /// From and to.
    Received(usize, usize),
    /// A CR that was received earlier and held back.
    CarriageReturn,
}

impl Input {
    pub(crate) fn receive(&mut self, bytes: &[u8]) {
        // What was taken makes room once it is at least half, so each byte is moved at most once on average.
        if self.taken >= self.bytes.len() - self.taken {
            self.bytes.drain(..self.taken);
            self.searched -= self.taken;
            self.taken = 0;
        }
        self.bytes.extend_from_slice(bytes);
    }

    /// Whether everything has been taken.
    pub(crate) fn is_empty(&self) -> bool {
        self.taken == self.bytes.len() && !self.skipping
    }

    /// Takes the next line. `limit` counts its octets with the CRLF.
    pub(crate) fn line(&mut self, limit: usize) -> Option<Line<'_>> {
        let Some(index) = memchr::memchr(b'\n', &self.bytes[self.searched..]) else {
            self.searched = self.bytes.len();
            if self.skipping || self.bytes.len() - self.taken >= limit {
                self.skipping = true;
                self.taken = self.searched;
            }
            return None;
        };
        let end = self.searched + index + 1;
        let start = std::mem::replace(&mut self.taken, end);
        self.searched = end;
        if std::mem::take(&mut self.skipping) || end - start > limit {
            return Some(Line::TooLong);
        }
        Some(match &self.bytes[start..end] {
            [line @ .., b'\r', b'\n'] => Line::Complete(line),
            _ => Line::BareLineFeed,
        })
    }

    /// Takes the next run of a message's content; none when more input is needed, or the message has ended.
    pub(crate) fn run(&mut self, decoder: &mut Decoder) -> Option<Run> {
        while self.taken < self.bytes.len() && !decoder.ended() {
            let start = self.taken;
            let step = decoder.decode(&self.bytes[start..]);
            self.taken += step.taken;
            self.searched = self.taken;
            if step.taken == 0 {
                return Some(Run::CarriageReturn);
            }
            if !step.content.is_empty() {
                // Content that was received now stands at the start of what was decoded.
                return Some(Run::Received(start, start + step.content.len()));
            }
        }
        None
    }

    /// The content of a run.
    pub(crate) fn content(&self, run: &Run) -> &[u8] {
        match *run {
            Run::Received(start, end) => &self.bytes[start..end],
            Run::CarriageReturn => b"\r",
        }
    }
}
