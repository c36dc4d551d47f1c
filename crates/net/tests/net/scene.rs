//! What the tests play with: authorities in a folder of their own, pairs of connections, and an echo.

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use net::authority::Subject;
use net::tls::{CertificateFiles, NodeFiles, TlsError};
use net::{Authority, CertificateStore, ClientTls, Connection, InnerTls, Role, ServerTls};
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

/// A deadline that no test is meant to reach.
pub(crate) fn in_time() -> Instant {
    Instant::now() + Duration::from_secs(30)
}

/// A day of wall time.
pub(crate) const DAY: Duration = Duration::from_hours(24);

/// Two ends of one TCP connection: the accepted one first.
pub(crate) async fn pair() -> (Connection, Connection) {
    let (accepted, connected) = sockets().await;
    (accepted.into(), connected.into())
}

pub(crate) async fn sockets() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let connected = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    (listener.accept().await.unwrap().0, connected)
}

/// An authority in a folder that goes with it.
pub(crate) struct Scene {
    pub(crate) folder: TempDir,
    pub(crate) authority: Authority,
}

impl Scene {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let authority =
            Authority::load_or_create(folder.path(), "test authority", SystemTime::now()).unwrap();
        Self { folder, authority }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Files of a valid certificate for clients.
    pub(crate) fn service(&self, stem: &str, names: &[&str]) -> CertificateFiles {
        let now = SystemTime::now();
        self.authority.issue(stem, &service(names), now - DAY..now + DAY).unwrap()
    }

    /// Files of a node with a valid certificate.
    pub(crate) fn node(&self, server: &str, roles: &[Role]) -> NodeFiles {
        let now = SystemTime::now();
        self.authority.issue(server, &node(server, roles), now - DAY..now + DAY).unwrap();
        self.node_files(server)
    }

    pub(crate) fn node_files(&self, server: &str) -> NodeFiles {
        NodeFiles { node: self.authority.files(server), authority: self.authority.certificate_file() }
    }

    pub(crate) fn inner(&self, server: &str, roles: &[Role]) -> InnerTls {
        InnerTls::load(self.node(server, roles)).unwrap()
    }

    /// A client that trusts this authority.
    pub(crate) fn client(&self) -> ClientTls {
        ClientTls::verified_by(&self.authority.certificate_file()).unwrap()
    }
}

pub(crate) fn service(names: &[&str]) -> Subject {
    let (addresses, names): (Vec<_>, Vec<_>) = names.iter().partition(|name| name.parse::<IpAddr>().is_ok());
    Subject::Service {
        names: names.into_iter().map(str::to_owned).collect(),
        addresses: addresses.into_iter().map(|address| address.parse().unwrap()).collect(),
    }
}

pub(crate) fn node(server: &str, roles: &[Role]) -> Subject {
    Subject::Node { server: server.to_owned(), roles: roles.iter().copied().collect(), names: Vec::new() }
}

/// A server for clients with one certificate.
pub(crate) fn serving(files: &CertificateFiles) -> ServerTls {
    serving_from(&CertificateStore::load(std::slice::from_ref(files)).unwrap())
}

pub(crate) fn serving_from(store: &Arc<CertificateStore>) -> ServerTls {
    ServerTls::for_clients(Arc::clone(store), &[net::tls::ALPN_POP3]).unwrap()
}

/// Both sides of a handshake, each with its own view of it: the server's first.
pub(crate) async fn shake(
    server: &ServerTls,
    client: &ClientTls,
    target: &str,
) -> (Result<Connection, TlsError>, Result<Connection, TlsError>) {
    let (accepted, connected) = pair().await;
    shake_on(accepted, connected, server, client, target).await
}

pub(crate) async fn shake_on(
    accepted: Connection,
    connected: Connection,
    server: &ServerTls,
    client: &ClientTls,
    target: &str,
) -> (Result<Connection, TlsError>, Result<Connection, TlsError>) {
    tokio::join!(accepted.accept_tls(server, in_time()), connected.connect_tls(client, target, in_time()))
}

/// A handshake that succeeds, and a greeting, after which the client has the session's tickets.
pub(crate) async fn greet(server: &ServerTls, client: &ClientTls, target: &str) -> (Connection, Connection) {
    let (accepted, connected) = shake(server, client, target).await;
    let (mut accepted, mut connected) = (accepted.unwrap(), connected.unwrap());
    echo(&mut accepted, &mut connected, b"+OK ready\r\n").await;
    (accepted, connected)
}

/// Sends a text from one to the other, and sees to it that it arrives.
pub(crate) async fn echo(from: &mut Connection, to: &mut Connection, text: &[u8]) {
    from.send_before(in_time(), text).await.unwrap();
    assert_eq!(hear(to, text.len()).await, text);
}

/// Receives exactly so many bytes.
pub(crate) async fn hear(connection: &mut Connection, count: usize) -> Vec<u8> {
    let mut heard = Vec::new();
    while heard.len() < count {
        let more = connection.receive_before(in_time(), <[u8]>::to_vec).await.unwrap();
        assert!(!more.is_empty(), "ended after {:?}", String::from_utf8_lossy(&heard));
        heard.extend(more);
    }
    heard
}

/// Receives until the end.
pub(crate) async fn hear_out(connection: &mut Connection) -> Vec<u8> {
    let mut heard = Vec::new();
    loop {
        let more = connection.receive_before(in_time(), <[u8]>::to_vec).await.unwrap();
        if more.is_empty() {
            return heard;
        }
        heard.extend(more);
    }
}
