//! Addresses: where to listen, whom to trust, where to connect.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use super::{HostName, Invalid, Value, quoted};

/// Where to listen. Written `127.0.0.1:110`, `[::1]:110`, or `:110` for the server's own address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Binding {
    /// The address; without one, that of the server.
    pub address: Option<IpAddr>,
    /// The port; 0 lets the operating system choose.
    pub port: u16,
}

impl Binding {
    /// The socket address on a server whose own address is `server`.
    pub fn on(self, server: IpAddr) -> SocketAddr {
        SocketAddr::new(self.address.unwrap_or(server), self.port)
    }
}

impl fmt::Display for Binding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.address {
            Some(address) => SocketAddr::new(address, self.port).fmt(f),
            None => write!(f, ":{}", self.port),
        }
    }
}

impl Value for Binding {
    fn example() -> String {
        "an address and port such as \"192.0.2.1:110\", or \":110\" for the server's own address".into()
    }

    fn parse(text: &str) -> Result<Self, Invalid> {
        let trimmed = text.trim();
        let own = || Some(Self { address: None, port: trimmed.strip_prefix(':')?.parse().ok()? });
        let given =
            || trimmed.parse().ok().map(|at: SocketAddr| Self { address: Some(at.ip()), port: at.port() });
        own().or_else(given).ok_or_else(|| {
            Invalid::new(
                format!("{} is not an address and port to listen on", quoted(text)),
                format!("write {}", Self::example()),
            )
        })
    }

    fn text(&self) -> String {
        self.to_string()
    }
}

/// A range of addresses. Written `192.0.2.0/24`, `2001:db8::/32`, or a single address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

impl Network {
    /// Whether `address` lies in this network. An IPv4 address written as IPv6 (`::ffff:192.0.2.1`) counts as IPv4.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                (network.to_bits() ^ address.to_bits()).leading_zeros() >= self.prefix.into()
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                (network.to_bits() ^ address.to_bits()).leading_zeros() >= self.prefix.into()
            }
            _ => false,
        }
    }

    fn widest(address: IpAddr) -> u8 {
        if address.is_ipv4() { 32 } else { 128 }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.address.fmt(f)?;
        if self.prefix == Self::widest(self.address) { Ok(()) } else { write!(f, "/{}", self.prefix) }
    }
}

impl Value for Network {
    fn example() -> String {
        "a network such as \"192.0.2.0/24\" or an address such as \"2001:db8::1\"".into()
    }

    fn parse(text: &str) -> Result<Self, Invalid> {
        let refused = || {
            Invalid::new(format!("{} is not a network", quoted(text)), format!("write {}", Self::example()))
        };
        let (address, prefix) = match text.trim().split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text.trim(), None),
        };
        let address: IpAddr = address.parse().map_err(|_| refused())?;
        let widest = Self::widest(address);
        let prefix = prefix.map_or(Ok(widest), str::parse).map_err(|_| refused())?;
        if prefix > widest {
            return Err(Invalid::new(
                format!("{} has more than {widest} bits before the host", quoted(text)),
                format!("write {}", Self::example()),
            ));
        }
        let network = Self { address, prefix };
        let base = network.base();
        // A network with host bits is nearly always a mistyped one, and trust is granted by it.
        if base != address {
            return Err(Invalid::new(
                format!("{} has bits set behind its prefix", quoted(text)),
                format!("write \"{base}/{prefix}\" for the network or \"{address}\" for the one address"),
            ));
        }
        Ok(network)
    }

    fn text(&self) -> String {
        self.to_string()
    }
}

impl Network {
    fn base(&self) -> IpAddr {
        match self.address {
            IpAddr::V4(v4) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(self.prefix)).unwrap_or(0);
                IpAddr::V4((v4.to_bits() & mask).into())
            }
            IpAddr::V6(v6) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(self.prefix)).unwrap_or(0);
                IpAddr::V6((v6.to_bits() & mask).into())
            }
        }
    }
}

/// Networks that are trusted or exempt together. An empty list contains nobody.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NetworkList(Vec<Network>);

impl NetworkList {
    /// Whether any of the networks contains `address`.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(address))
    }

    /// Whether no network is listed.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The networks, as written.
    pub fn networks(&self) -> &[Network] {
        &self.0
    }
}

impl Value for NetworkList {
    const FORM: super::Form = super::Form::List;

    fn example() -> String {
        Vec::<Network>::example()
    }

    fn parse(text: &str) -> Result<Self, Invalid> {
        Vec::parse(text).map(Self)
    }

    fn text(&self) -> String {
        self.0.text()
    }

    fn toml(&self) -> String {
        self.0.toml()
    }

    fn read(value: &toml::de::DeValue<'_>) -> Result<Self, Vec<Invalid>> {
        Vec::read(value).map(Self)
    }
}

/// The host of a [`Target`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum TargetHost {
    /// A name, resolved when connecting.
    Name(HostName),
    /// An address.
    Address(IpAddr),
}

impl fmt::Display for TargetHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => name.fmt(f),
            Self::Address(address) => address.fmt(f),
        }
    }
}

/// Where to connect. Written `mail.example.com:995`, `192.0.2.1:110` or `[2001:db8::1]:110`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Target {
    /// The host.
    pub host: TargetHost,
    /// The port, never 0.
    pub port: u16,
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            TargetHost::Address(address) => SocketAddr::new(*address, self.port).fmt(f),
            TargetHost::Name(name) => write!(f, "{name}:{}", self.port),
        }
    }
}

impl Value for Target {
    fn example() -> String {
        "a host and port such as \"mail.example.com:995\"".into()
    }

    fn parse(text: &str) -> Result<Self, Invalid> {
        let address = || {
            let at: SocketAddr = text.trim().parse().ok()?;
            Some(Self { host: TargetHost::Address(at.ip()), port: at.port() })
        };
        let name = || {
            let (host, port) = text.trim().rsplit_once(':')?;
            Some(Self { host: TargetHost::Name(HostName::parse(host).ok()?), port: port.parse().ok()? })
        };
        address().or_else(name).filter(|target| target.port != 0).ok_or_else(|| {
            Invalid::new(
                format!("{} is not a host and port", quoted(text)),
                format!("write {}", Self::example()),
            )
        })
    }

    fn text(&self) -> String {
        self.to_string()
    }
}

/// A member of an etcd cluster. Written `https://etcd1.example.com:2379` or `http://127.0.0.1:2379`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct EtcdEndpoint {
    /// Whether the connection is protected by TLS.
    pub tls: bool,
    /// Where it is.
    pub target: Target,
}

impl fmt::Display for EtcdEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", if self.tls { "https" } else { "http" }, self.target)
    }
}

impl Value for EtcdEndpoint {
    fn example() -> String {
        "an address such as \"https://etcd1.example.com:2379\"".into()
    }

    fn parse(text: &str) -> Result<Self, Invalid> {
        let endpoint = || {
            let (scheme, rest) = text.trim().split_once("://")?;
            let tls = match scheme.to_ascii_lowercase().as_str() {
                "https" => true,
                "http" => false,
                _ => return None,
            };
            Some(Self { tls, target: Target::parse(rest.strip_suffix('/').unwrap_or(rest)).ok()? })
        };
        endpoint().ok_or_else(|| {
            Invalid::new(
                format!("{} is not the address of an etcd server", quoted(text)),
                format!("write {}", Self::example()),
            )
        })
    }

    fn text(&self) -> String {
        self.to_string()
    }
}

/// Where something is posted by HTTP. Written `https://alerts.example.com/hook`, with a port if it is another than the usual.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct HttpAddress(String);

impl HttpAddress {
    /// The whole address.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for HttpAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl Value for HttpAddress {
    fn example() -> String {
        "an address such as \"https://alerts.example.com/hook\"".into()
    }

    fn parse(text: &str) -> Result<Self, Invalid> {
        let address = text.trim();
        let rest = address.strip_prefix("https://").or_else(|| address.strip_prefix("http://"));
        let host = rest.and_then(|rest| rest.split(['/', '?']).next()).unwrap_or_default();
        let plain = address.bytes().all(|byte| byte.is_ascii_graphic());
        if host.is_empty() || host.starts_with(':') || host.contains('@') || !plain {
            return Err(Invalid::new(
                format!("{} is not where something can be posted by HTTP", quoted(text)),
                format!("write {}", Self::example()),
            ));
        }
        Ok(Self(address.to_owned()))
    }

    fn text(&self) -> String {
        self.0.clone()
    }
}

/// An address without a port.
impl Value for IpAddr {
    fn example() -> String {
        "an IP address such as \"192.0.2.1\"".into()
    }

    fn parse(text: &str) -> Result<Self, Invalid> {
        text.trim().parse().map_err(|_| {
            Invalid::new(
                format!("{} is not an IP address", quoted(text)),
                format!("write {}", Self::example()),
            )
        })
    }

    fn text(&self) -> String {
        self.to_string()
    }
}
