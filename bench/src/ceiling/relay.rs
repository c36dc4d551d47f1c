//! The blind relay: copies bytes between a client and one upstream, and looks at none of them.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Result;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::copy_bidirectional_with_sizes;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;

use crate::certificates::{Certificates, SERVER_NAME};

/// Upwards go commands, downwards mail.
const UP: usize = 1024;
const DOWN: usize = 16 * 1024;

/// A session store keeps a few tickets of a server; with fifty connections at a time several stores are needed for
/// every inner leg to find one.
const SESSION_STORES: usize = 16;

pub(crate) async fn serve(
    listener: TcpListener,
    upstream: SocketAddr,
    certificates: Option<&Certificates>,
) -> Result<()> {
    let tls: Vec<Arc<ClientConfig>> = match certificates {
        Some(certificates) => {
            (0..SESSION_STORES).map(|_| certificates.mutual_client()).collect::<Result<_>>()?
        }
        None => Vec::new(),
    };
    let turn = AtomicUsize::new(0);
    loop {
        let (client, _) = listener.accept().await?;
        let tls = tls.get(turn.fetch_add(1, Ordering::Relaxed) % SESSION_STORES).cloned();
        // A client that goes away is its own affair: the load generator reports what it misses.
        tokio::spawn(relay(client, upstream, tls));
    }
}

async fn relay(
    mut client: TcpStream,
    upstream: SocketAddr,
    tls: Option<Arc<ClientConfig>>,
) -> io::Result<()> {
    client.set_nodelay(true)?;
    let mut server = TcpStream::connect(upstream).await?;
    server.set_nodelay(true)?;
    match tls {
        Some(tls) => {
            let name = ServerName::try_from(SERVER_NAME).map_err(io::Error::other)?;
            let mut server = TlsConnector::from(tls).connect(name, server).await?;
            copy_bidirectional_with_sizes(&mut client, &mut server, UP, DOWN).await?;
        }
        None => {
            copy_bidirectional_with_sizes(&mut client, &mut server, UP, DOWN).await?;
        }
    }
    Ok(())
}
