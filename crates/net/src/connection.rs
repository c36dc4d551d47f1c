//! A byte stream to one peer: plain TCP, a Unix socket, or TLS over either.
//!
//! Reads and writes, deadlines, the change to TLS and an orderly end. Not for framing: what the bytes mean is the
//! protocol crates' business. An idle connection holds no read buffer of ours: [`Connection::receive`] lends the bytes
//! from a buffer that exists only while they are looked at.

use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncBufRead, AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::{Instant, timeout, timeout_at};

use crate::tls::{ClientTls, Handshake, IdentityError, PeerIdentity, ServerTls, State, TlsError};

/// The most that one [`Connection::receive`] hands over, in bytes.
pub const RECEIVE_LIMIT: usize = 16 * 1024;

/// The most plain text and the most cipher text that TLS holds back for a peer that does not read, in bytes.
const TLS_BUFFER_LIMIT: usize = 64 * 1024;

/// A read or write failed, or did not happen in time.
#[derive(Debug, thiserror::Error)]
pub enum StreamError {
    /// The deadline passed first. After a read that is harmless: a last word can still be said. After a write nobody
    /// knows how much of it has gone.
    #[error("nothing moved before the deadline")]
    Deadline,
    /// The connection failed.
    #[error("the connection failed")]
    Failed(#[from] io::Error),
}

/// No connection could be made.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The deadline passed first.
    #[error("{address} did not answer in time")]
    Deadline {
        /// Where to.
        address: SocketAddr,
    },
    /// The operating system says no.
    #[error("cannot connect to {address}")]
    Failed {
        /// Where to.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
}

/// A byte stream to one peer.
///
/// Bytes that were written are on their way only after a flush: TLS may hold them back when the peer reads slowly.
#[derive(Debug)]
pub struct Connection {
    stream: Stream,
}

#[derive(Debug)]
enum Stream {
    Plain(Plain),
    // Boxed: most of a kilobyte that a plain connection need not carry.
    Server(Box<tokio_rustls::server::TlsStream<Plain>>),
    Client(Box<tokio_rustls::client::TlsStream<Plain>>),
}

/// A socket without TLS.
#[derive(Debug)]
pub(crate) enum Plain {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl From<TcpStream> for Connection {
    fn from(stream: TcpStream) -> Self {
        Self { stream: Stream::Plain(Plain::Tcp(stream)) }
    }
}

impl From<UnixStream> for Connection {
    fn from(stream: UnixStream) -> Self {
        Self { stream: Stream::Plain(Plain::Unix(stream)) }
    }
}

impl Connection {
    /// Connects by TCP, without delaying small writes.
    pub async fn connect(address: SocketAddr, deadline: Instant) -> Result<Self, ConnectError> {
        let failed = |source| ConnectError::Failed { address, source };
        let connected = timeout_at(deadline, TcpStream::connect(address)).await;
        let stream = connected.map_err(|_| ConnectError::Deadline { address })?.map_err(failed)?;
        stream.set_nodelay(true).map_err(failed)?;
        Ok(stream.into())
    }

    /// Connects to a Unix socket.
    pub async fn connect_unix(path: &Path) -> io::Result<Self> {
        Ok(UnixStream::connect(path).await?.into())
    }

    /// Starts TLS as the server: at once on a TLS binding, or after the reply to STLS has been flushed. The caller has
    /// thrown away whatever it had received before; what arrives from here on is the handshake and nothing else.
    pub async fn accept_tls(self, tls: &ServerTls, deadline: Instant) -> Result<Self, TlsError> {
        let Stream::Plain(plain) = self.stream else { return Err(TlsError::AlreadyTls) };
        let acceptor = tokio_rustls::TlsAcceptor::from(tls.config());
        // Boxed, here and below: two kilobytes that a session's future need not carry for all its life.
        let handshake =
            Box::pin(acceptor.accept_with(plain, |tls| tls.set_buffer_limit(Some(TLS_BUFFER_LIMIT))));
        let stream = timeout_at(deadline, handshake).await.map_err(|_| TlsError::TimedOut)??;
        Ok(Self { stream: Stream::Server(Box::new(stream)) })
    }

    /// Starts TLS as the client and verifies that the server's certificate is for `target`, a name or an IP address.
    pub async fn connect_tls(
        self,
        tls: &ClientTls,
        target: &str,
        deadline: Instant,
    ) -> Result<Self, TlsError> {
        let Stream::Plain(plain) = self.stream else { return Err(TlsError::AlreadyTls) };
        let connector = tokio_rustls::TlsConnector::from(tls.config());
        let name = target.to_owned().try_into().map_err(|_| TlsError::TargetName(target.to_owned()))?;
        let handshake =
            Box::pin(connector.connect_with(name, plain, |tls| tls.set_buffer_limit(Some(TLS_BUFFER_LIMIT))));
        let stream = timeout_at(deadline, handshake).await.map_err(|_| TlsError::TimedOut)??;
        Ok(Self { stream: Stream::Client(Box::new(stream)) })
    }

    /// Whether the bytes travel in TLS.
    pub fn is_tls(&self) -> bool {
        !matches!(self.stream, Stream::Plain(_))
    }

    /// What the TLS handshake agreed on; `None` on a plain connection.
    pub fn handshake(&self) -> Option<Handshake> {
        Handshake::of(self.tls_state()?)
    }

    /// The certificate that the peer showed, DER; none if it showed none.
    pub fn peer_certificate(&self) -> Option<&[u8]> {
        let chain = self.tls_state().and_then(State::peer_certificates)?;
        chain.first().map(|leaf| &**leaf)
    }

    /// Our end, if it is a TCP connection.
    pub fn local_address(&self) -> Option<SocketAddr> {
        let plain = match &self.stream {
            Stream::Plain(plain) => plain,
            Stream::Server(stream) => stream.get_ref().0,
            Stream::Client(stream) => stream.get_ref().0,
        };
        match plain {
            Plain::Tcp(stream) => stream.local_addr().ok(),
            Plain::Unix(_) => None,
        }
    }

    /// Who the peer's verified node certificate says it is; `Ok(None)` if it showed none.
    pub fn peer_identity(&self) -> Result<Option<PeerIdentity>, IdentityError> {
        let certificates = self.tls_state().and_then(State::peer_certificates);
        certificates
            .and_then(|chain| chain.first())
            .map(|leaf| PeerIdentity::from_certificate(leaf))
            .transpose()
    }

    /// Waits until there is something to read: bytes, the end, or an error. Needs no buffer.
    pub async fn readable(&mut self) -> io::Result<()> {
        match &mut self.stream {
            Stream::Plain(stream) => stream.readable().await,
            Stream::Server(stream) => poll_fn(|cx| poll_bytes(stream.as_mut(), cx).map_ok(drop)).await,
            Stream::Client(stream) => poll_fn(|cx| poll_bytes(stream.as_mut(), cx).map_ok(drop)).await,
        }
    }

    /// Waits for bytes and lends them, at most [`RECEIVE_LIMIT`] of them, to `take`. An empty slice is the end.
    ///
    /// The buffer is on the stack or inside TLS, and only while bytes are there: a connection that waits has none.
    /// Cancel safe: if it is dropped before it resolves, nothing was received.
    pub async fn receive<T>(&mut self, take: impl FnOnce(&[u8]) -> T) -> io::Result<T> {
        let mut take = Some(take);
        poll_fn(|cx| self.poll_receive(cx, &mut take)).await
    }

    /// [`Connection::receive`] with a deadline.
    pub async fn receive_before<T>(
        &mut self,
        deadline: Instant,
        take: impl FnOnce(&[u8]) -> T,
    ) -> Result<T, StreamError> {
        let received = timeout_at(deadline, self.receive(take)).await;
        Ok(received.map_err(|_| StreamError::Deadline)??)
    }

    /// Writes all of `bytes` and flushes, before the deadline.
    pub async fn send_before(&mut self, deadline: Instant, bytes: &[u8]) -> Result<(), StreamError> {
        let sent = timeout_at(deadline, async {
            self.write_all(bytes).await?;
            self.flush().await
        });
        Ok(sent.await.map_err(|_| StreamError::Deadline)??)
    }

    /// Writes all of `slices`, gathered into as few system calls as may be, and flushes, before the deadline.
    pub async fn send_slices_before(
        &mut self,
        deadline: Instant,
        slices: &mut [IoSlice<'_>],
    ) -> Result<(), StreamError> {
        let sent = timeout_at(deadline, self.send_slices(slices)).await;
        Ok(sent.map_err(|_| StreamError::Deadline)??)
    }

    async fn send_slices(&mut self, mut slices: &mut [IoSlice<'_>]) -> io::Result<()> {
        // Empty ones first: a write of nothing but empty slices would look like a closed connection.
        IoSlice::advance_slices(&mut slices, 0);
        while !slices.is_empty() {
            let written = self.write_vectored(slices).await?;
            if written == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            IoSlice::advance_slices(&mut slices, written);
        }
        self.flush().await
    }

    /// Ends the connection in order: flushes, says goodbye (`close_notify`, FIN), and throws away what the peer had sent
    /// that nobody read, since closing with unread bytes would reset the connection and could destroy our last reply.
    /// All within `limit`; after that the connection is simply dropped.
    pub async fn close(mut self, limit: Duration) {
        // Whether the goodbye reached a peer that is possibly long gone is of no consequence to anybody.
        let _ = timeout(limit, async {
            self.shutdown().await?;
            self.discard_unread().await
        })
        .await;
    }

    async fn discard_unread(&mut self) -> io::Result<()> {
        let mut any = false;
        loop {
            match self.socket().discard() {
                Ok(0) => return Ok(()),
                Ok(_) => any = true,
                // Nothing was waiting: nothing can be lost by closing. Otherwise the peer is still talking: listen to its end.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock && !any => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.socket().readable().await?,
                Err(error) => return Err(error),
            }
        }
    }

    /// The socket underneath, whatever runs over it.
    fn socket(&self) -> &Plain {
        match &self.stream {
            Stream::Plain(plain) => plain,
            Stream::Server(stream) => stream.get_ref().0,
            Stream::Client(stream) => stream.get_ref().0,
        }
    }

    /// The socket, while no TLS runs over it and it is TCP.
    pub(crate) fn as_tcp(&self) -> Option<&TcpStream> {
        match &self.stream {
            Stream::Plain(Plain::Tcp(stream)) => Some(stream),
            _ => None,
        }
    }

    fn tls_state(&self) -> Option<State<'_>> {
        match &self.stream {
            Stream::Plain(_) => None,
            Stream::Server(stream) => Some(State::Server(stream.get_ref().1)),
            Stream::Client(stream) => Some(State::Client(stream.get_ref().1)),
        }
    }

    fn poll_receive<T, F: FnOnce(&[u8]) -> T>(
        &mut self,
        cx: &mut Context<'_>,
        take: &mut Option<F>,
    ) -> Poll<io::Result<T>> {
        let mut lend = |bytes: &[u8]| {
            let take = take.take().expect("polled again only while pending, and pending takes nothing");
            take(bytes)
        };
        match &mut self.stream {
            Stream::Plain(plain) => {
                let mut storage = [MaybeUninit::uninit(); RECEIVE_LIMIT];
                let mut buffer = ReadBuf::uninit(&mut storage);
                ready!(Pin::new(plain).poll_read(cx, &mut buffer))?;
                Poll::Ready(Ok(lend(buffer.filled())))
            }
            Stream::Server(stream) => poll_lend(stream.as_mut(), cx, lend),
            Stream::Client(stream) => poll_lend(stream.as_mut(), cx, lend),
        }
    }
}

/// Lends what TLS has decrypted, without copying it.
fn poll_lend<S: AsyncBufRead + Unpin, T>(
    stream: &mut S,
    cx: &mut Context<'_>,
    lend: impl FnOnce(&[u8]) -> T,
) -> Poll<io::Result<T>> {
    let bytes = ready!(poll_bytes(stream, cx))?;
    let bytes = &bytes[..bytes.len().min(RECEIVE_LIMIT)];
    let count = bytes.len();
    let taken = lend(bytes);
    Pin::new(stream).consume(count);
    Poll::Ready(Ok(taken))
}

/// What TLS has decrypted; nothing at the end.
fn poll_bytes<'a, S: AsyncBufRead + Unpin>(
    stream: &'a mut S,
    cx: &mut Context<'_>,
) -> Poll<io::Result<&'a [u8]>> {
    match Pin::new(stream).poll_fill_buf(cx) {
        Poll::Ready(Err(error)) if is_bare_end(&error) => Poll::Ready(Ok(&[])),
        progress => progress,
    }
}

/// Whether a TLS peer just hung up, without `close_notify`, as many do. To us that is an end like any other: lines,
/// final dots and counts say by themselves whether they are complete.
fn is_bare_end(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::UnexpectedEof
}

/// Any stream that one of ours may stand for.
trait Socket: AsyncRead + AsyncWrite + Unpin {}

impl<S: AsyncRead + AsyncWrite + Unpin> Socket for S {}

impl Connection {
    fn inside(&mut self) -> Pin<&mut dyn Socket> {
        match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream),
            Stream::Server(stream) => Pin::new(stream),
            Stream::Client(stream) => Pin::new(stream),
        }
    }
}

impl Plain {
    /// Takes some of what has arrived and forgets it; says how much.
    fn discard(&self) -> io::Result<usize> {
        let mut scratch = [0; 4096];
        match self {
            Self::Tcp(stream) => stream.try_read(&mut scratch),
            Self::Unix(stream) => stream.try_read(&mut scratch),
        }
    }

    async fn readable(&self) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.readable().await,
            Self::Unix(stream) => stream.readable().await,
        }
    }

    fn inside(&mut self) -> Pin<&mut dyn Socket> {
        match self {
            Self::Tcp(stream) => Pin::new(stream),
            Self::Unix(stream) => Pin::new(stream),
        }
    }
}

/// Reads and writes what is inside.
macro_rules! delegate {
    ($type:ty) => {
        impl AsyncRead for $type {
            fn poll_read(
                mut self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buffer: &mut ReadBuf<'_>,
            ) -> Poll<io::Result<()>> {
                match self.inside().poll_read(cx, buffer) {
                    Poll::Ready(Err(error)) if is_bare_end(&error) => Poll::Ready(Ok(())),
                    progress => progress,
                }
            }
        }

        impl AsyncWrite for $type {
            fn poll_write(
                mut self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bytes: &[u8],
            ) -> Poll<io::Result<usize>> {
                self.inside().poll_write(cx, bytes)
            }

            fn poll_write_vectored(
                mut self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                slices: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                self.inside().poll_write_vectored(cx, slices)
            }

            fn is_write_vectored(&self) -> bool {
                true
            }

            fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                self.inside().poll_flush(cx)
            }

            fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                self.inside().poll_shutdown(cx)
            }
        }
    };
}

delegate!(Connection);
delegate!(Plain);
