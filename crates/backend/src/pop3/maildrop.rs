//! The maildrop of one logged-in session: its snapshot, its number list, and the way bodies are read.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use mailbox::{CHUNK, MailboxError, MessageEntry, Snapshot};
use net::drain::{Phase, SessionToken};
use pop3::MessageList;

use crate::mounts::Store;
use crate::occupancy::Place;

/// How much is read ahead of a client that downloads one message after the other, in wire bytes. It is kept only as long
/// as the client keeps going.
const READ_AHEAD: usize = 128 * 1024;

/// What one session sees of its mailbox.
pub(super) struct Maildrop {
    store: Store,
    snapshot: Snapshot,
    list: OnceLock<Arc<List>>,
    ahead: ReadAhead,
    /// The session's place in the mailbox, given back when it ends.
    place: Place,
    /// The session's part in the mount, through which it learns that the database leaves.
    token: SessionToken,
}

/// The number list as the session machine asks for it.
#[derive(Debug)]
pub(super) struct List(Vec<MessageEntry>);

/// Bodies that are probably asked for next.
#[derive(Debug, Default)]
struct ReadAhead {
    /// The place in the list of the first body.
    next: usize,
    bodies: std::vec::IntoIter<Bytes>,
    /// The place that was read last.
    last: Option<usize>,
}

impl Maildrop {
    pub(super) fn new(store: Store, snapshot: Snapshot, place: Place, token: SessionToken) -> Self {
        Self { store, snapshot, list: OnceLock::new(), ahead: ReadAhead::default(), place, token }
    }

    /// The session's place in the mailbox.
    pub(super) fn place(&mut self) -> &mut Place {
        &mut self.place
    }

    /// Whether the database or the mailbox is on its way elsewhere, so that the session ends at this boundary.
    pub(super) fn is_leaving(&self) -> bool {
        self.token.phase() != Phase::Admitting || self.place.is_closing()
    }

    /// Resolves once it is.
    pub(super) async fn leaving(&mut self) {
        tokio::select! {
            () = self.token.draining() => {}
            () = self.place.closing() => {}
        }
    }

    /// What STAT says before the number list is there.
    pub(super) fn summary(&self) -> pop3::Maildrop {
        pop3::Maildrop { messages: self.snapshot.messages(), octets: self.snapshot.octets().get() }
    }

    /// The number list, read once.
    pub(super) async fn list(&mut self) -> Result<Arc<List>, MailboxError> {
        if let Some(list) = self.list.get() {
            return Ok(Arc::clone(list));
        }
        let entries = self.store.list(&self.snapshot).await?;
        Ok(Arc::clone(self.list.get_or_init(|| Arc::new(List(entries)))))
    }

    /// The message at `index` of the number list, which has been read.
    pub(super) fn entry(&self, index: usize) -> Option<&MessageEntry> {
        self.list.get()?.0.get(index)
    }

    /// One piece of a body, checked.
    pub(super) async fn chunk(&mut self, index: usize, chunk: u32) -> Result<Bytes, MailboxError> {
        if chunk == 0
            && let Some(body) = self.ahead.take(index)
        {
            return Ok(body);
        }
        let entries = self.list.get().map_or(&[][..], |list| &list.0);
        let Some(entry) = entries.get(index) else {
            return Err(MailboxError::NoSuchMessage { uid: mailbox::Uid::BEFORE_FIRST });
        };
        let goes_on = self.ahead.last.is_some_and(|last| last + 1 == index);
        self.ahead.last = Some(index);
        if goes_on && entry.chunks() == 1 {
            let wanted: Vec<_> = sequence(&entries[index..]).map(|entry| entry.uid).collect();
            let bodies = self.store.read_ahead(&self.snapshot, &wanted, READ_AHEAD).await?;
            self.ahead.fill(index, bodies);
            if let Some(body) = self.ahead.take(index) {
                return Ok(body);
            }
        }
        self.store.read_chunk(&self.snapshot, entry.uid, chunk).await
    }

    /// Deletes the messages at these places, all or none.
    pub(super) async fn delete(&self, indexes: &[usize]) -> Result<(), MailboxError> {
        let entries = self.list.get().map_or(&[][..], |list| &list.0);
        let uids: Vec<_> =
            indexes.iter().filter_map(|index| entries.get(*index)).map(|entry| entry.uid).collect();
        self.store.delete(&self.snapshot, &uids).await
    }

    /// Gives back what was read ahead of a client that went quiet.
    pub(super) fn release_memory(&mut self) {
        self.ahead.bodies = Vec::new().into_iter();
    }
}

/// The messages that one read ahead may take.
fn sequence(entries: &[MessageEntry]) -> impl Iterator<Item = &MessageEntry> {
    let mut budget = READ_AHEAD as u64;
    entries.iter().take_while(move |entry| match budget.checked_sub(entry.wire) {
        Some(left) => {
            budget = left;
            entry.chunks() == 1
        }
        None => false,
    })
}

impl ReadAhead {
    fn fill(&mut self, index: usize, bodies: Vec<Bytes>) {
        self.next = index;
        self.bodies = bodies.into_iter();
    }

    /// The body of the message at `index`, if it was read ahead and the client did not skip anything.
    fn take(&mut self, index: usize) -> Option<Bytes> {
        if index != self.next {
            return None;
        }
        let body = self.bodies.next()?;
        self.next += 1;
        self.last = Some(index);
        Some(body)
    }
}

impl MessageList for List {
    fn messages(&self) -> usize {
        self.0.len()
    }

    fn octets(&self, index: usize) -> u64 {
        self.0.get(index).map_or(0, |entry| entry.octets.get())
    }

    fn write_uidl(&self, index: usize, out: &mut Vec<u8>) {
        if let Some(entry) = self.0.get(index) {
            entry.uidl.write_to(out);
        }
    }
}

/// How much of a message TOP sends: the header with its blank line, and so many lines of the body (RFC 1939 section 7).
#[derive(Debug)]
pub(super) struct Top {
    /// Wire bytes of the header that are still to come.
    header: u64,
    /// Lines of the body that are still to come.
    lines: u64,
}

impl Top {
    pub(super) fn new(header: u64, lines: u64) -> Self {
        Self { header, lines }
    }

    /// How much of the next piece is sent, and whether that was all.
    pub(super) fn cut(&mut self, piece: &[u8]) -> (usize, bool) {
        let header = usize::try_from(self.header).map_or(piece.len(), |header| header.min(piece.len()));
        self.header -= header as u64;
        if self.header > 0 {
            return (header, false);
        }
        let mut sent = header;
        while self.lines > 0 {
            let Some(line) = piece[sent..].iter().position(|byte| *byte == b'\n') else {
                return (piece.len(), false);
            };
            sent += line + 1;
            self.lines -= 1;
        }
        (sent, true)
    }
}

const _: () = assert!(READ_AHEAD >= CHUNK, "a message of one chunk can always be read ahead");

#[cfg(test)]
mod tests {
    use super::Top;

    const MESSAGE: &[u8] = b"A: b\r\n\r\none\r\n..two\r\nthree\r\n";

    /// What TOP sends of `MESSAGE` when it comes in pieces of `size`.
    fn top(lines: u64, size: usize) -> Vec<u8> {
        let mut top = Top::new(8, lines);
        let mut sent = Vec::new();
        for piece in MESSAGE.chunks(size) {
            let (length, over) = top.cut(piece);
            sent.extend_from_slice(&piece[..length]);
            if over {
                break;
            }
        }
        sent
    }

    #[test]
    fn top_sends_the_header_and_that_many_lines_whatever_the_pieces() {
        for size in 1..=MESSAGE.len() {
            assert_eq!(top(0, size), b"A: b\r\n\r\n", "pieces of {size}");
            assert_eq!(top(1, size), b"A: b\r\n\r\none\r\n", "pieces of {size}");
            assert_eq!(top(2, size), b"A: b\r\n\r\none\r\n..two\r\n", "pieces of {size}");
            assert_eq!(top(3, size), MESSAGE, "pieces of {size}");
            assert_eq!(top(u64::MAX, size), MESSAGE, "pieces of {size}");
        }
    }
}
