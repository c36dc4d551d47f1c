//! Who is at the other end of a connection, as far as sockets and listed proxies tell.
//!
//! Not who is logged in, and not what an XCLIENT command said: that is the session's knowledge.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// Both ends of a connection, seen from the client's side of any listed proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer {
    /// The client. Behind a listed proxy this is what the proxy said, or the proxy itself if it did not know.
    pub client: SocketAddr,
    /// The address the client connected to.
    pub local: SocketAddr,
    /// The listed proxy that stands between, if there is one.
    pub through: Option<SocketAddr>,
}

impl Peer {
    /// The two ends of a socket with no proxy between. IPv4 addresses written as IPv6 become IPv4.
    pub fn direct(client: SocketAddr, local: SocketAddr) -> Self {
        Self { client: canonical(client), local: canonical(local), through: None }
    }

    /// A peer on a Unix socket: some process of this machine, shown as loopback with port 0.
    pub fn unix() -> Self {
        let here = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
        Self::direct(here, here)
    }

    /// Whether the client itself is on this machine. Never true for a client of which a proxy knew nothing, although
    /// the proxy may well be on this machine.
    pub fn is_loopback(&self) -> bool {
        self.client.ip().is_loopback() && self.through != Some(self.client)
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.client.fmt(f)?;
        match self.through {
            Some(proxy) => write!(f, " through {proxy}"),
            None => Ok(()),
        }
    }
}

/// The same address, IPv4 where it is IPv4 in the clothes of IPv6 (`::ffff:192.0.2.1`).
pub(crate) fn canonical(address: SocketAddr) -> SocketAddr {
    match address.ip().to_canonical() {
        IpAddr::V4(v4) => (v4, address.port()).into(),
        IpAddr::V6(_) => address,
    }
}
