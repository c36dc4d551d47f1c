//! The PROXY protocol, versions 1 and 2: who the client of a listed proxy is.
//!
//! The header is the very first thing on a connection, before the greeting and before TLS. A listed proxy must send it;
//! from everybody else not a byte is read here, so their header meets the protocol and is refused as the bad command
//! (or the bad TLS record) that it is. Specification: <https://www.haproxy.org/download/3.2/doc/proxy-protocol.txt>.

use std::io;
use std::net::{IpAddr, SocketAddr};

use ppp::{v1, v2};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

use crate::listeners::Accepted;
use crate::peer::{Peer, canonical};

/// The most that a header of version 2 may be long: addresses and a fair number of extensions, in bytes.
const V2_LIMIT: usize = 2048;

/// The most that a header of version 1 may be long, CRLF included, in bytes (section 2.1).
const V1_LIMIT: usize = 107;

/// A listed proxy did not introduce its client. The connection is of no use.
#[derive(Debug, thiserror::Error)]
pub enum ProxyError {
    /// No complete header before the deadline.
    #[error("no PROXY header in time")]
    TimedOut,
    /// The proxy closed the connection instead.
    #[error("the connection ended within the PROXY header")]
    Closed,
    /// What came first is not a header of either version.
    #[error("what came first is not a PROXY header: {reason}")]
    Malformed {
        /// What is wrong.
        reason: String,
    },
    /// The header is longer than any that makes sense.
    #[error("a PROXY header of {length} bytes is too long")]
    TooLong {
        /// How long it says it is, or how much of it was seen.
        length: usize,
    },
    /// The connection failed.
    #[error("the connection failed within the PROXY header")]
    Failed(#[from] io::Error),
}

impl<K> Accepted<K> {
    /// Learns who the client is if the peer is a listed proxy; resolves at once if not, with nothing read.
    pub async fn identify(
        self,
        is_listed: impl Fn(IpAddr) -> bool,
        deadline: Instant,
    ) -> Result<Self, ProxyError> {
        let Some(stream) = self.connection.as_tcp().filter(|_| is_listed(self.peer.client.ip())) else {
            return Ok(self);
        };
        let peer = timeout_at(deadline, introduction(stream, self.peer)).await;
        let peer = peer.map_err(|_| ProxyError::TimedOut)??;
        Ok(Self { peer, ..self })
    }
}

/// Reads one header, and not a byte more, and says whom it introduces.
async fn introduction(stream: &TcpStream, peer: Peer) -> Result<Peer, ProxyError> {
    // Both versions are longer than the signature of version 2, so nothing behind the header is touched by this.
    let mut header = vec![0; v2::PROTOCOL_PREFIX.len()];
    read_exact(stream, &mut header).await?;
    let told = if header == v2::PROTOCOL_PREFIX {
        read_rest_v2(stream, &mut header).await?;
        addresses_v2(&header)?
    } else {
        read_rest_v1(stream, &mut header).await?;
        addresses_v1(&header)?
    };
    Ok(match told {
        Told::Client { client, local } => {
            Peer { client: canonical(client), local: canonical(local), through: Some(peer.client) }
        }
        Told::Nothing => Peer { through: Some(peer.client), ..peer },
        Told::ProxyItself => peer,
    })
}

/// What a header says.
enum Told {
    /// Who the client is.
    Client { client: SocketAddr, local: SocketAddr },
    /// There is a client, but the proxy does not know its address (`UNKNOWN`, `UNSPEC`).
    Nothing,
    /// There is no client: the proxy speaks for itself, to see whether we are well (`LOCAL`).
    ProxyItself,
}

/// Section 2.2: 16 bytes, of which the last two say how many follow.
async fn read_rest_v2(stream: &TcpStream, header: &mut Vec<u8>) -> Result<(), ProxyError> {
    let signature = header.len();
    header.resize(signature + 4, 0);
    read_exact(stream, &mut header[signature..]).await?;
    let fixed = header.len();
    let rest = usize::from(u16::from_be_bytes([header[fixed - 2], header[fixed - 1]]));
    if fixed + rest > V2_LIMIT {
        return Err(ProxyError::TooLong { length: fixed + rest });
    }
    header.resize(fixed + rest, 0);
    read_exact(stream, &mut header[fixed..]).await
}

/// Section 2.1: one line. What has arrived is looked at first, so that only what belongs to the line is taken.
async fn read_rest_v1(stream: &TcpStream, header: &mut Vec<u8>) -> Result<(), ProxyError> {
    if !header.starts_with(b"PROXY ") {
        return Err(ProxyError::Malformed { reason: "it begins with neither signature".to_owned() });
    }
    let mut arrived = [0; V1_LIMIT];
    while header.last() != Some(&b'\n') {
        let room = V1_LIMIT - header.len();
        if room == 0 {
            return Err(ProxyError::TooLong { length: header.len() });
        }
        let count = stream.peek(&mut arrived[..room]).await?;
        let line_end = arrived[..count].iter().position(|&byte| byte == b'\n');
        let start = header.len();
        header.resize(start + line_end.map_or(count, |at| at + 1), 0);
        if count == 0 {
            return Err(ProxyError::Closed);
        }
        read_exact(stream, &mut header[start..]).await?;
    }
    Ok(())
}

async fn read_exact(stream: &TcpStream, mut buffer: &mut [u8]) -> Result<(), ProxyError> {
    while !buffer.is_empty() {
        stream.readable().await?;
        match stream.try_read(buffer) {
            Ok(0) => return Err(ProxyError::Closed),
            Ok(count) => buffer = &mut buffer[count..],
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

fn addresses_v1(header: &[u8]) -> Result<Told, ProxyError> {
    let parsed = v1::Header::try_from(header).map_err(malformed)?;
    Ok(match parsed.addresses {
        v1::Addresses::Unknown => Told::Nothing,
        v1::Addresses::Tcp4(ip) => Told::Client {
            client: (ip.source_address, ip.source_port).into(),
            local: (ip.destination_address, ip.destination_port).into(),
        },
        v1::Addresses::Tcp6(ip) => Told::Client {
            client: (ip.source_address, ip.source_port).into(),
            local: (ip.destination_address, ip.destination_port).into(),
        },
    })
}

fn addresses_v2(header: &[u8]) -> Result<Told, ProxyError> {
    let parsed = v2::Header::try_from(header).map_err(malformed)?;
    if parsed.command == v2::Command::Local {
        return Ok(Told::ProxyItself);
    }
    if parsed.protocol == v2::Protocol::Datagram {
        return Err(ProxyError::Malformed { reason: "it announces datagrams".to_owned() });
    }
    Ok(match parsed.addresses {
        v2::Addresses::Unspecified | v2::Addresses::Unix(_) => Told::Nothing,
        v2::Addresses::IPv4(ip) => Told::Client {
            client: (ip.source_address, ip.source_port).into(),
            local: (ip.destination_address, ip.destination_port).into(),
        },
        v2::Addresses::IPv6(ip) => Told::Client {
            client: (ip.source_address, ip.source_port).into(),
            local: (ip.destination_address, ip.destination_port).into(),
        },
    })
}

fn malformed(error: impl std::fmt::Display) -> ProxyError {
    ProxyError::Malformed { reason: error.to_string() }
}
