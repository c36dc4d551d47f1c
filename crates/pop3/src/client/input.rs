//! What was received and not understood yet.

/// A buffer of received bytes.
#[derive(Default)]
pub(super) struct Input {
    bytes: Vec<u8>,
    /// How much of `bytes` was taken.
    taken: usize,
    /// How far the search for the next LF has come.
    searched: usize,
}

/// Why bytes are no line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BadLine {
    TooLong,
    Character,
}

impl Input {
    pub(super) fn receive(&mut self, bytes: &[u8]) {
        // What was taken makes room once it is at least half, so each byte is moved at most once on average.
        if self.taken >= self.bytes.len() - self.taken {
            self.bytes.drain(..self.taken);
            self.searched -= self.taken;
            self.taken = 0;
        }
        self.bytes.extend_from_slice(bytes);
    }

    pub(super) fn rest(&self) -> &[u8] {
        &self.bytes[self.taken..]
    }

    pub(super) fn into_rest(mut self) -> Vec<u8> {
        self.bytes.drain(..self.taken);
        self.bytes
    }

    /// Takes bytes from the start of the rest; gives their place.
    pub(super) fn take(&mut self, length: usize) -> std::ops::Range<usize> {
        let start = self.taken;
        self.taken = self.bytes.len().min(start + length);
        self.searched = self.taken;
        start..self.taken
    }

    /// Bytes taken before, until the next [`receive`](Input::receive).
    pub(super) fn at(&self, place: std::ops::Range<usize>) -> &[u8] {
        &self.bytes[place]
    }

    /// Takes the next line; `limit` counts its octets with the CRLF.
    pub(super) fn line(&mut self, limit: usize) -> Result<Option<&[u8]>, BadLine> {
        let Some(index) = memchr::memchr(b'\n', &self.bytes[self.searched..]) else {
            self.searched = self.bytes.len();
            return if self.rest().len() < limit { Ok(None) } else { Err(BadLine::TooLong) };
        };
        let end = self.searched + index + 1;
        let start = std::mem::replace(&mut self.taken, end);
        self.searched = end;
        if end - start > limit {
            return Err(BadLine::TooLong);
        }
        match &self.bytes[start..end] {
            [line @ .., b'\r', b'\n'] if memchr::memchr2(b'\r', 0, line).is_none() => Ok(Some(line)),
            _ => Err(BadLine::Character),
        }
    }
}
