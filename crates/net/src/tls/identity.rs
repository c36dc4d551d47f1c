//! Who a node certificate says its holder is.
//!
//! A node certificate is issued by the cluster's authority and carries, as URIs among its subject alternative names,
//! one `mailmedic:server/<name>` and one `mailmedic:role/<role>` for each role. Whether the certificate is genuine is
//! the handshake's business, and settled before anybody asks here.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use rustls::pki_types::CertificateDer;

use super::Leaf;

const SERVER: &str = "mailmedic:server/";
const ROLE: &str = "mailmedic:role/";

/// What a server is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// Accepts clients and routes them: may introduce users to mailbox servers.
    ClientAccess,
    /// Has mailbox databases.
    Mailbox,
    /// Has an agent, which other agents believe for whom it asks.
    Agent,
}

impl Role {
    const ALL: [Self; 3] = [Self::ClientAccess, Self::Mailbox, Self::Agent];
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ClientAccess => "client-access",
            Self::Mailbox => "mailbox",
            Self::Agent => "agent",
        })
    }
}

/// The text names no role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a role: write client-access, mailbox or agent")]
pub struct NotARole;

impl FromStr for Role {
    type Err = NotARole;

    fn from_str(text: &str) -> Result<Self, NotARole> {
        Self::ALL.into_iter().find(|role| role.to_string() == text).ok_or(NotARole)
    }
}

/// Why a certificate identifies no node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// It cannot be parsed.
    #[error("the certificate cannot be parsed")]
    Malformed,
    /// It names no server.
    #[error("the certificate names no server")]
    NoServer,
    /// It names several.
    #[error("the certificate names more than one server")]
    SeveralServers,
    /// The server's name has characters that no server's name has.
    #[error("the certificate has an impossible server name")]
    BadServerName,
}

/// A node, as its certificate says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerIdentity {
    /// The server's name.
    pub server: String,
    /// What it is for. Roles of later versions that are unknown here grant nothing.
    pub roles: BTreeSet<Role>,
}

impl PeerIdentity {
    /// Reads the names of a certificate. It must have been verified.
    pub fn from_certificate(certificate: &CertificateDer<'_>) -> Result<Self, IdentityError> {
        Self::from_uris(&Leaf::parse(certificate).ok_or(IdentityError::Malformed)?.uris)
    }

    pub(super) fn from_uris(uris: &[String]) -> Result<Self, IdentityError> {
        let mut server = None;
        let mut roles = BTreeSet::new();
        for uri in uris {
            if let Some(name) = uri.strip_prefix(SERVER) {
                if server.replace(name).is_some() {
                    return Err(IdentityError::SeveralServers);
                }
            } else if let Some(role) = uri.strip_prefix(ROLE) {
                roles.extend(role.parse::<Role>());
            }
        }
        let server = server.ok_or(IdentityError::NoServer)?;
        if !is_server_name(server) {
            return Err(IdentityError::BadServerName);
        }
        Ok(Self { server: server.to_owned(), roles })
    }

    /// Whether the node has this role.
    pub fn has(&self, role: Role) -> bool {
        self.roles.contains(&role)
    }

    /// The URIs that say this, for a certificate to carry.
    pub(crate) fn uris(&self) -> impl Iterator<Item = String> {
        std::iter::once(format!("{SERVER}{}", self.server))
            .chain(self.roles.iter().map(|role| format!("{ROLE}{role}")))
    }
}

/// Whether a server can have this name: it stands in logs and paths, and is verified as a host name.
pub(crate) fn is_server_name(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'.';
    (1..=63).contains(&name.len()) && name.bytes().all(fits) && name.as_bytes()[0].is_ascii_alphanumeric()
}
