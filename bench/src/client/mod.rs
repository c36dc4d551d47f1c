//! The load generator's side of the wire: small clients that check what they are told. Not for production and not
//! forgiving: any unexpected byte ends the run.

mod lmtp;
mod pop3;
mod wire;

pub(crate) use lmtp::Lmtp;
pub(crate) use pop3::{Pop3, Reply};

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Result;
use rustls::ClientConfig;

use crate::certificates::{self, Handshake};

/// Where a POP3 server listens, and how it is spoken to.
#[derive(Clone)]
pub(crate) struct Target {
    pub(crate) address: SocketAddr,
    /// Implicit TLS: the CA file and the kind of handshake.
    pub(crate) tls: Option<(PathBuf, Handshake)>,
    /// Put behind the name of every user: a domain, where the server wants one.
    pub(crate) domain: &'static str,
    /// Whose mail every user is handed, where that is not their own: the null server has one mailbox.
    pub(crate) owner: Option<&'static str>,
}

impl Target {
    pub(crate) fn plain(address: SocketAddr) -> Self {
        Self { address, tls: None, domain: "", owner: None }
    }

    /// The TLS configuration of one connection at a time, with a session store of its own.
    pub(crate) fn tls_client(&self) -> Result<Option<Arc<ClientConfig>>> {
        self.tls
            .as_ref()
            .map(|(authority, handshake)| certificates::client(authority, *handshake))
            .transpose()
    }
}

/// The password of every user of the benchmark.
pub(crate) const PASSWORD: &str = "benchmark";
