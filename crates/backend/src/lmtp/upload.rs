//! A message on its way in, turned into wire form as it comes: in memory while it is small, spooled when it is not.

use std::io;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use mailbox::{CHUNK, WireEncoder, WireLengths, WireMessage};
use service::spool::{Spool, Spooled};

/// Takes a message piece by piece. Dropping it forgets the message, its file included.
pub(super) struct Upload {
    encoder: WireEncoder,
    /// The wire form of the piece in hand.
    piece: Vec<u8>,
    spool: Spool,
    /// How much stays in memory.
    memory: usize,
}

/// The whole of it.
struct Uploaded {
    wire: Spooled,
    lengths: WireLengths,
}

impl Upload {
    /// An empty message, which goes to a file in `folder` when it exceeds `memory` bytes.
    pub(super) fn new(folder: &Path, memory: usize) -> Self {
        Self { encoder: WireEncoder::new(), piece: Vec::new(), spool: Spool::new(folder, memory), memory }
    }

    /// Takes the next raw bytes.
    pub(super) fn append(&mut self, raw: &[u8]) -> io::Result<()> {
        self.encoder.encode(raw, &mut self.piece);
        self.spool_piece()?;
        self.piece.clear();
        Ok(())
    }

    /// Puts the piece in hand to the rest. The runtime is told of the wait only where there is one: a file.
    fn spool_piece(&mut self) -> io::Result<()> {
        let (spool, piece) = (&mut self.spool, &self.piece);
        if spool.len() + piece.len() as u64 <= self.memory as u64 {
            spool.append(piece)
        } else {
            tokio::task::block_in_place(|| spool.append(piece))
        }
    }

    /// The whole message.
    pub(super) fn finish(mut self) -> io::Result<Arc<dyn WireMessage>> {
        let lengths = std::mem::take(&mut self.encoder).finish(&mut self.piece);
        self.spool_piece()?;
        Ok(Arc::new(Uploaded { wire: self.spool.finish(), lengths }))
    }
}

impl WireMessage for Uploaded {
    fn lengths(&self) -> WireLengths {
        self.lengths
    }

    fn chunk(&self, index: u32) -> io::Result<Bytes> {
        let chunk = self.wire.read(u64::from(index) * CHUNK as u64, CHUNK)?;
        if chunk.is_empty() && index > 0 { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(chunk) }
    }
}

#[cfg(test)]
mod tests {
    use mailbox::MemoryMessage;

    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn a_spooled_message_is_the_same_as_one_in_memory() {
        let raw: Vec<u8> = (0..30_000).flat_map(|line| format!(".line {line}\n").into_bytes()).collect();
        let memory = MemoryMessage::encode(&raw);
        let folder = tempfile::tempdir().unwrap();
        let mut upload = Upload::new(folder.path(), CHUNK);
        for piece in raw.chunks(1000) {
            upload.append(piece).unwrap();
        }
        let spooled = upload.finish().unwrap();
        assert!(spooled.chunks() > 4);
        assert_eq!(spooled.lengths(), memory.lengths());
        for chunk in 0..spooled.chunks() {
            assert_eq!(spooled.chunk(chunk).unwrap(), memory.chunk(chunk).unwrap(), "chunk {chunk}");
        }
        assert!(spooled.chunk(spooled.chunks()).is_err());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_spool_that_cannot_be_written_is_an_error() {
        let mut upload = Upload::new(Path::new("/nonexistent/spool"), 0);
        assert!(upload.append(&vec![b'x'; 2 * CHUNK]).is_err());
    }
}
