//! One connection, plain or TLS, with a read buffer that finds the ends of lines and of multi-line replies.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use memchr::{memchr, memmem};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, HandshakeKind};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::certificates::SERVER_NAME;

const BUFFER: usize = 64 * 1024;
const TERMINATOR: &[u8] = b"\r\n.\r\n";

enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

pub(crate) struct Wire {
    stream: Stream,
    buffer: Vec<u8>,
    /// What of the buffer has been taken.
    taken: usize,
}

impl Wire {
    pub(crate) async fn connect(address: SocketAddr, tls: Option<Arc<ClientConfig>>) -> Result<Self> {
        let stream = TcpStream::connect(address).await.with_context(|| format!("connecting to {address}"))?;
        stream.set_nodelay(true)?;
        let stream = match tls {
            None => Stream::Plain(stream),
            Some(config) => {
                let name = ServerName::try_from(SERVER_NAME)?;
                let stream =
                    TlsConnector::from(config).connect(name, stream).await.context("TLS handshake")?;
                Stream::Tls(Box::new(stream))
            }
        };
        Ok(Self { stream, buffer: Vec::new(), taken: 0 })
    }

    /// Whether the server took a session up again.
    pub(crate) fn resumed(&self) -> bool {
        match &self.stream {
            Stream::Plain(_) => false,
            Stream::Tls(stream) => stream.get_ref().1.handshake_kind() == Some(HandshakeKind::Resumed),
        }
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) -> Result<()> {
        match &mut self.stream {
            Stream::Plain(stream) => stream.write_all(bytes).await?,
            Stream::Tls(stream) => {
                stream.write_all(bytes).await?;
                stream.flush().await?;
            }
        }
        Ok(())
    }

    async fn fill(&mut self) -> Result<()> {
        self.buffer.drain(..self.taken);
        self.taken = 0;
        self.buffer.reserve(BUFFER.saturating_sub(self.buffer.len()).max(BUFFER / 4));
        let read = match &mut self.stream {
            Stream::Plain(stream) => stream.read_buf(&mut self.buffer).await?,
            Stream::Tls(stream) => stream.read_buf(&mut self.buffer).await?,
        };
        if read == 0 {
            bail!("the server closed the connection");
        }
        Ok(())
    }

    /// The next line, without its CRLF.
    pub(crate) async fn line(&mut self) -> Result<&[u8]> {
        let mut searched = 0;
        loop {
            if let Some(at) = memchr(b'\n', &self.buffer[self.taken + searched..]) {
                let begin = self.taken;
                let end = begin + searched + at;
                self.taken = end + 1;
                return Ok(self.buffer[begin..end].strip_suffix(b"\r").unwrap_or(&self.buffer[begin..end]));
            }
            searched = self.buffer.len() - self.taken;
            self.fill().await?;
        }
    }

    /// The lines of a multi-line reply up to its final dot, as they come, in pieces of any size.
    /// What `sink` is given ends with the CRLF of the last line; the final dot is not part of it.
    pub(crate) async fn multi_line(&mut self, mut sink: impl FnMut(&[u8])) -> Result<()> {
        // The terminator begins with the CRLF of the last line, or of the status line if there is no other.
        self.taken -= 2;
        let mut first = true;
        loop {
            let rest = &self.buffer[self.taken..];
            // The CRLF of the status line is searched, but no part of the body.
            let skip = if first { 2 } else { 0 };
            if let Some(at) = memmem::find(rest, TERMINATOR) {
                sink(&rest[skip.min(at + 2)..at + 2]);
                self.taken += at + TERMINATOR.len();
                return Ok(());
            }
            // The last four octets may be the beginning of a terminator.
            let sure = rest.len().saturating_sub(TERMINATOR.len() - 1);
            if sure > skip {
                sink(&rest[skip..sure]);
                self.taken += sure;
                first = false;
            }
            self.fill().await?;
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    /// What `multi_line` makes of a reply that arrives as these two pieces, and the line after it.
    async fn received(pieces: [&'static [u8]; 2]) -> (Vec<u8>, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.set_nodelay(true).unwrap();
            for piece in pieces {
                stream.write_all(piece).await.unwrap();
                tokio::task::yield_now().await;
            }
        });
        let mut wire = Wire::connect(address, None).await.unwrap();
        assert_eq!(wire.line().await.unwrap(), b"+OK");
        let mut body = Vec::new();
        wire.multi_line(|piece| body.extend_from_slice(piece)).await.unwrap();
        (body, String::from_utf8_lossy(wire.line().await.unwrap()).into_owned())
    }

    #[tokio::test]
    async fn reply_cut_anywhere_is_put_together_again() {
        const REPLY: &[u8] = b"+OK\r\n..\r\n.\rx\r\nlast\r\n.\r\n+OK next\r\n";
        for cut in 0..REPLY.len() {
            let (body, next) = received([&REPLY[..cut], &REPLY[cut..]]).await;
            assert_eq!(body, b"..\r\n.\rx\r\nlast\r\n", "cut at {cut}");
            assert_eq!(next, "+OK next");
        }
    }

    #[tokio::test]
    async fn reply_without_lines_is_empty() {
        const REPLY: &[u8] = b"+OK\r\n.\r\n+OK next\r\n";
        for cut in 0..REPLY.len() {
            let (body, next) = received([&REPLY[..cut], &REPLY[cut..]]).await;
            assert_eq!((body.as_slice(), next.as_str()), (b"".as_slice(), "+OK next"), "cut at {cut}");
        }
    }
}
