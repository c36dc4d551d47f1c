//! Where an agent listens.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use settings::DataDirectory;
use zeroize::Zeroizing;

/// Where an agent listens, and what it takes to be let in.
#[derive(Clone)]
pub enum Door {
    /// A Unix socket: whoever may open it is let in.
    Socket(PathBuf),
    /// A port of this machine, without TLS.
    Loopback {
        /// Address and port.
        address: SocketAddr,
        /// Who asks.
        token: Option<BearerToken>,
    },
    /// A port with TLS.
    Tls {
        /// Name or address, and port.
        authority: String,
        /// The name that must stand in the agent's certificate.
        name: ServerName<'static>,
        /// Whom to trust, and the certificate to show: see [`TlsIdentity`](crate::TlsIdentity).
        config: Arc<ClientConfig>,
        /// Who asks, if no certificate says so.
        token: Option<BearerToken>,
    },
}

/// A secret that says who asks (RFC 6750). Never shown.
#[derive(Clone)]
pub struct BearerToken(Zeroizing<String>);

impl BearerToken {
    /// The token in the text of a file; the end of the line is no part of it.
    pub fn new(text: &str) -> Self {
        Self(Zeroizing::new(text.trim().to_owned()))
    }

    /// The value of the Authorization header.
    pub(crate) fn authorization(&self) -> Zeroizing<String> {
        Zeroizing::new(format!("Bearer {}", &*self.0))
    }
}

impl fmt::Debug for BearerToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BearerToken(…)")
    }
}

/// An address that no agent can have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no address of an agent: {why}; write {}", Door::EXAMPLES)]
pub struct BadDoor {
    /// What was written.
    pub text: String,
    /// What is wrong with it.
    pub why: &'static str,
}

impl Door {
    /// What addresses look like.
    pub const EXAMPLES: &str =
        "unix:/path/of/api.sock, http://127.0.0.1:1880, or https://mbx1.example.com:1880";

    /// Reads an address. `config` is asked for whom to trust if the address is one with TLS.
    pub fn parse<E: From<BadDoor>>(
        text: &str,
        token: Option<BearerToken>,
        config: impl FnOnce() -> Result<Arc<ClientConfig>, E>,
    ) -> Result<Self, E> {
        let bad = |why| E::from(BadDoor { text: text.to_owned(), why });
        if let Some(path) = text.strip_prefix("unix:") {
            return if path.starts_with('/') {
                Ok(Self::Socket(path.into()))
            } else {
                Err(bad("the path must begin with a slash"))
            };
        }
        if let Some(authority) = text.strip_prefix("http://") {
            let address: SocketAddr = authority
                .trim_end_matches('/')
                .parse()
                .map_err(|_| bad("an address and a port must follow http://"))?;
            if !address.ip().is_loopback() {
                return Err(bad("only an address of this machine may be used without TLS"));
            }
            return Ok(Self::Loopback { address, token });
        }
        let authority =
            text.strip_prefix("https://").ok_or_else(|| bad("it does not say how"))?.trim_end_matches('/');
        let (host, port) = authority.rsplit_once(':').ok_or_else(|| bad("the port is missing"))?;
        port.parse::<u16>().map_err(|_| bad("the port is not a number up to 65535"))?;
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let name = ServerName::try_from(host).map_err(|_| bad("there is no host that can be called so"))?;
        Ok(Self::Tls { authority: authority.to_owned(), name, config: config()?, token })
    }

    /// What the Host header says (RFC 9110 §7.2).
    pub(crate) fn host(&self) -> String {
        match self {
            Self::Socket(_) => "localhost".to_owned(),
            Self::Loopback { address, .. } => address.to_string(),
            Self::Tls { authority, .. } => authority.clone(),
        }
    }

    /// Who asks.
    pub(crate) fn token(&self) -> Option<&BearerToken> {
        match self {
            Self::Socket(_) => None,
            Self::Loopback { token, .. } | Self::Tls { token, .. } => token.as_ref(),
        }
    }
}

impl fmt::Display for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Socket(path) => write!(f, "{}", path.display()),
            Self::Loopback { address, .. } => write!(f, "http://{address}"),
            Self::Tls { authority, .. } => write!(f, "https://{authority}"),
        }
    }
}

impl fmt::Debug for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Door({self})")
    }
}

/// The sockets of the agents of an installation, by the names of their servers; whether anybody listens is not looked at.
pub fn doors_of(data: &DataDirectory) -> io::Result<Vec<Door>> {
    let mut sockets = Vec::new();
    let servers = match std::fs::read_dir(data.servers()) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        servers => servers?,
    };
    for server in servers {
        if let Some(name) = server?.file_name().to_str() {
            sockets.push(data.server(name).api_socket());
        }
    }
    sockets.retain(|socket: &PathBuf| Path::exists(socket));
    sockets.sort();
    Ok(sockets.into_iter().map(Door::Socket).collect())
}
