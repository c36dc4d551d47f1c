//! Where a member of etcd listens for clients.

use std::fmt;
use std::str::FromStr;

use rustls::pki_types::ServerName;

/// The address of a member: `http://HOST:PORT` or `https://HOST:PORT`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    host: String,
    port: u16,
    name: Option<ServerName<'static>>,
}

/// A text that is no endpoint.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no endpoint; write https://HOST:PORT")]
pub struct EndpointError {
    /// The text.
    pub text: String,
}

impl Endpoint {
    /// Checks a text.
    pub fn new(text: &str) -> Result<Self, EndpointError> {
        Self::parse(text).ok_or_else(|| EndpointError { text: text.into() })
    }

    fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        let (host, port) = rest.strip_suffix('/').unwrap_or(rest).rsplit_once(':')?;
        let host = host.strip_prefix('[').map_or(Some(host), |rest| rest.strip_suffix(']'))?;
        let name = ServerName::try_from(host.to_owned()).ok()?;
        let name = match scheme {
            "http" => None,
            "https" => Some(name),
            _ => return None,
        };
        Some(Self { host: host.into(), port: port.parse().ok()?, name })
    }

    pub(super) fn address(&self) -> (&str, u16) {
        (&self.host, self.port)
    }

    /// Whom its certificate must name; none if it has none.
    pub(super) const fn certified(&self) -> Option<&ServerName<'static>> {
        self.name.as_ref()
    }

    /// As HTTP names it.
    pub(super) fn authority(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, EndpointError> {
        Self::new(text)
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.name.is_some() { "https" } else { "http" };
        write!(f, "{scheme}://{}", self.authority())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_are_hosts_with_a_port() {
        for good in ["http://127.0.0.1:2379", "https://etcd-1.example:2379", "https://[::1]:2379"] {
            assert_eq!(Endpoint::new(good).unwrap().to_string(), good);
        }
        for bad in
            ["", "127.0.0.1:2379", "ftp://h:1", "http://h", "http://h:port", "http://h:1/v3", "http://:1"]
        {
            assert!(Endpoint::new(bad).is_err(), "{bad:?} passed");
        }
    }
}
