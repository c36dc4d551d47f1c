//! What a session is about to send: replies and bodies in order, gathered so that one system call takes many.

use std::io::IoSlice;

use bytes::Bytes;
use net::Connection;
use net::connection::StreamError;
use tokio::time::Instant;

/// Once this much is waiting, it is sent before more is read, in bytes.
const ENOUGH: usize = 256 * 1024;
/// No more pieces than the kernel takes at once (`IOV_MAX`).
const MOST_PIECES: usize = 1024;

/// Replies and bodies in the order in which they are to be sent. Bodies are shared with the store, never copied.
#[derive(Debug, Default)]
pub(super) struct Outgoing {
    pieces: Vec<Bytes>,
    bytes: usize,
}

impl Outgoing {
    /// Adds a reply, taking its bytes out of the machine's output.
    pub(super) fn reply(&mut self, output: &mut Vec<u8>) {
        if !output.is_empty() {
            self.body(std::mem::take(output).into());
        }
    }

    /// Adds a piece of a body.
    pub(super) fn body(&mut self, piece: Bytes) {
        if !piece.is_empty() {
            self.bytes += piece.len();
            self.pieces.push(piece);
        }
    }

    /// Whether it is time to send.
    pub(super) fn is_enough(&self) -> bool {
        self.bytes >= ENOUGH || self.pieces.len() >= MOST_PIECES
    }

    /// Sends everything and keeps no memory.
    pub(super) async fn send(
        &mut self,
        connection: &mut Connection,
        deadline: Instant,
    ) -> Result<(), StreamError> {
        self.bytes = 0;
        let pieces = std::mem::take(&mut self.pieces);
        match pieces.as_slice() {
            [] => Ok(()),
            [piece] => connection.send_before(deadline, piece).await,
            pieces => {
                let mut slices: Vec<IoSlice<'_>> = pieces.iter().map(|piece| IoSlice::new(piece)).collect();
                connection.send_slices_before(deadline, &mut slices).await
            }
        }
    }
}
