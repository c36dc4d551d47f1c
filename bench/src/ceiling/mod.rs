//! Ceilings: servers that do nothing but what the measurement cannot do without. Each runs in a process of its own, as
//! `bench serve KIND`, and says on its first line of output where it listens.

mod nginx_auth;
mod null;
mod relay;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use rustix::process::{Signal, set_parent_process_death_signal};
use tokio::net::TcpListener;

use crate::certificates::Certificates;

#[derive(Clone, Copy, ValueEnum, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Canned POP3 replies from memory, one task a connection.
    Null,
    /// The same behind TLS.
    NullTls,
    /// The same behind TLS that asks for a client certificate.
    NullMutualTls,
    /// Copies bytes between the client and `--upstream`.
    Relay,
    /// The same with resumed mutual TLS to `--upstream`.
    RelayMutualTls,
    /// Tells nginx that every user's server is `--upstream`.
    NginxAuth,
}

#[derive(Args)]
pub(crate) struct Serve {
    kind: Kind,
    #[arg(long)]
    upstream: Option<SocketAddr>,
    #[arg(long, default_value = ".")]
    certificates: PathBuf,
    /// Messages in every mailbox of the null server.
    #[arg(long, default_value_t = 20)]
    messages: u64,
    /// Their size.
    #[arg(long, default_value_t = 12_000)]
    octets: usize,
}

pub(crate) async fn serve(options: Serve) -> Result<()> {
    set_parent_process_death_signal(Some(Signal::TERM))?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    announce(listener.local_addr()?);
    let certificates = Certificates::open(&options.certificates);
    let upstream = || options.upstream.context("--upstream is missing");
    let mailbox = || null::Mailbox::new(options.messages, options.octets);
    match options.kind {
        Kind::Null => null::serve(listener, mailbox(), None).await,
        Kind::NullTls => null::serve(listener, mailbox(), Some(certificates.server(false)?)).await,
        Kind::NullMutualTls => null::serve(listener, mailbox(), Some(certificates.server(true)?)).await,
        Kind::Relay => relay::serve(listener, upstream()?, None).await,
        Kind::RelayMutualTls => relay::serve(listener, upstream()?, Some(&certificates)).await,
        Kind::NginxAuth => nginx_auth::serve(listener, upstream()?).await,
    }
}

#[expect(clippy::print_stdout, reason = "the parent reads the address there")]
fn announce(address: SocketAddr) {
    println!("{address}");
}
