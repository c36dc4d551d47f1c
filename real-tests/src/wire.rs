//! A connection of a client: plain, or TLS from the first octet.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::wait::PATIENCE;

/// Octets to and from a server, with a limit on how long it may say nothing.
#[derive(Debug)]
pub enum Wire {
    /// TCP.
    Plain(TcpStream),
    /// TLS over TCP.
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

/// How a client makes sure that a server is who it says: by the authority in a file.
pub fn trust(ca: &Path) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(ca).unwrap() {
        roots.add(certificate.unwrap()).unwrap();
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let versions =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    Arc::new(versions.with_root_certificates(roots).with_no_client_auth())
}

impl Wire {
    /// Connects.
    pub fn plain(at: SocketAddr) -> io::Result<Self> {
        tcp(at).map(Self::Plain)
    }

    /// Connects with TLS; the server's certificate must be for its address.
    pub fn tls(at: SocketAddr, trust: &Arc<ClientConfig>) -> io::Result<Self> {
        let mut stream = tcp(at)?;
        let mut connection =
            ClientConnection::new(Arc::clone(trust), at.ip().into()).map_err(io::Error::other)?;
        while connection.is_handshaking() {
            connection.complete_io(&mut stream)?;
        }
        Ok(Self::Tls(Box::new(StreamOwned::new(connection, stream))))
    }

    /// Reads what there is. Panics if nothing comes for too long: a server has to answer or to hang up.
    pub fn receive(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = match self {
            Self::Plain(stream) => stream.read(into),
            Self::Tls(stream) => stream.read(into),
        };
        match read {
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                panic!("the server said nothing for {PATIENCE:?}")
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => self.receive(into),
            read => read,
        }
    }

    /// Sends everything.
    pub fn send(&mut self, all: &[u8]) -> io::Result<()> {
        match self {
            Self::Plain(stream) => stream.write_all(all),
            Self::Tls(stream) => stream.write_all(all).and_then(|()| stream.flush()),
        }
    }
}

fn tcp(at: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&at, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}
