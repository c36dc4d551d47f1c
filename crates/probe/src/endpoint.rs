//! Where an attempt is aimed at.

use std::fmt;
use std::net::SocketAddr;

use health::Part;
use net::ClientTls;

/// An address, or a name that has one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// An address.
    Socket(SocketAddr),
    /// A host's name and a port.
    Host(String, u16),
}

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Self {
        Self::Socket(address)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Socket(address) => address.fmt(f),
            Self::Host(host, port) => write!(f, "{host}:{port}"),
        }
    }
}

/// How the connection is protected, and for which name the certificate must be.
#[derive(Clone, Debug)]
pub enum Security {
    /// Not at all.
    Plain,
    /// By STLS (RFC 2595 section 4).
    StartTls(ClientTls, String),
    /// From the first octet (RFC 8314 section 3).
    Implicit(ClientTls, String),
}

/// Where an attempt is aimed at.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// Where it is.
    pub address: Address,
    /// How it is protected. The handshake is a full one each time: a session that is resumed shows no certificate.
    pub security: Security,
    /// Who is the first suspect if something fails there.
    pub part: Part,
}
