//! A message on its way in: spooled as it comes, with its trace lines in front.

use std::io;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use lmtp::Reply;
use service::spool::{Spool, Spooled};
use tokio::task::block_in_place;

use super::hops::Hops;

/// How much of a message is sent at a time, in octets.
const PIECE: usize = 64 * 1024;

/// A message of which more is to come. Dropping it forgets it, its file included.
pub(super) struct Incoming {
    spool: Spool,
    memory: u64,
    /// What is to be written to the file: gathered, so that nothing waits for the disk at every line.
    pending: Vec<u8>,
    hops: Hops,
    failed: bool,
}

/// A whole message. Clones share it.
#[derive(Clone, Debug)]
pub(super) struct Message {
    spooled: Arc<Spooled>,
    in_memory: bool,
}

impl Incoming {
    /// A message that begins with `trace` and goes to a file in `folder` when it exceeds `memory` octets.
    pub(super) fn new(folder: &Path, memory: u64, trace: &str) -> Self {
        let spool = Spool::new(folder, usize::try_from(memory).unwrap_or(usize::MAX));
        let mut incoming = Self { spool, memory, pending: Vec::new(), hops: Hops::new(), failed: false };
        incoming.append(trace.as_bytes());
        incoming
    }

    /// Takes the next octets as they came. What is not to be delivered is not kept; [`finish`](Self::finish) tells why.
    pub(super) fn take(&mut self, octets: &[u8]) {
        self.hops.take(octets);
        if !self.hops.too_many() {
            self.append(octets);
        }
    }

    fn append(&mut self, octets: &[u8]) {
        if self.failed {
            return;
        }
        if self.pending.is_empty() && self.spool.len() + octets.len() as u64 <= self.memory {
            let appended = self.spool.append(octets);
            self.judge(appended);
        } else {
            self.pending.extend_from_slice(octets);
            if self.pending.len() >= PIECE {
                self.write();
            }
        }
    }

    /// Writes to the file what is pending, which may make everybody on this thread wait.
    fn write(&mut self) {
        let appended = block_in_place(|| self.spool.append(&self.pending));
        self.pending.clear();
        self.judge(appended);
    }

    fn judge(&mut self, appended: io::Result<()>) {
        if let Err(error) = appended {
            tracing::error!(%error, "cannot spool a message");
            self.failed = true;
        }
    }

    /// The whole message, or what every recipient is told instead.
    pub(super) fn finish(mut self) -> Result<Message, Reply> {
        if self.hops.too_many() {
            // RFC 5321 §6.3, RFC 3463 §3.5.
            return Err(Reply::new(554, 4, 6, "The message runs in circles"));
        }
        if !self.pending.is_empty() {
            self.write();
        }
        if self.failed {
            return Err(Reply::new(452, 3, 1, "There is too little space for mail at this moment"));
        }
        let in_memory = self.spool.len() <= self.memory;
        Ok(Message { spooled: Arc::new(self.spool.finish()), in_memory })
    }
}

impl Message {
    /// How many octets it has, trace lines included.
    pub(super) fn len(&self) -> u64 {
        self.spooled.len()
    }

    /// The octets from `offset` on, as many as are sent at a time; none behind the end.
    pub(super) fn piece(&self, offset: u64) -> io::Result<Bytes> {
        if self.in_memory {
            self.spooled.read(offset, PIECE)
        } else {
            block_in_place(|| self.spooled.read(offset, PIECE))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(message: &Message) -> Vec<u8> {
        let mut octets = Vec::new();
        while (octets.len() as u64) < message.len() {
            octets.extend_from_slice(&message.piece(octets.len() as u64).unwrap());
        }
        assert!(message.piece(message.len()).unwrap().is_empty());
        octets
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_message_is_the_same_in_memory_and_in_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let text = b"Subject: x\r\n\r\nline\r\n".repeat(10_000);
        let expected = [b"Trace: y\r\n".as_slice(), &text].concat();
        for memory in [0, 100, 1 << 20] {
            let mut incoming = Incoming::new(folder.path(), memory, "Trace: y\r\n");
            text.chunks(999).for_each(|octets| incoming.take(octets));
            assert_eq!(whole(&incoming.finish().unwrap()), expected, "with {memory} octets of memory");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_spool_that_cannot_be_written_is_told_at_the_end() {
        let mut incoming = Incoming::new(Path::new("/nowhere/at/all"), 20, "Trace: y\r\n");
        incoming.take(b"more than is kept in memory");
        incoming.take(b"and more");
        assert_eq!(
            incoming.finish().unwrap_err().to_string(),
            "452 4.3.1 There is too little space for mail at this moment"
        );
    }

    #[test]
    fn a_message_that_runs_in_circles_is_not_kept() {
        let mut incoming = Incoming::new(Path::new("/nowhere/at/all"), 2000, "");
        incoming.take(&b"Received: x\r\n".repeat(101));
        incoming.take(&[b'x'; 5000]);
        assert_eq!(incoming.finish().unwrap_err().to_string(), "554 5.4.6 The message runs in circles");
    }
}
