//! A server that says what a script says, and a certificate authority of its own.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::ops::Range;
use std::time::{Duration, SystemTime};

use health::Part;
use net::authority::Subject;
use net::{Authority, CertificateStore, ClientTls, Connection, ServerTls};
use probe::{Endpoint, Security};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::time::Instant;

/// A deadline that no test is meant to reach.
fn in_time() -> Instant {
    Instant::now() + Duration::from_secs(30)
}

/// What a server does, step by step.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// Says this.
    Say(Vec<u8>),
    /// Waits for a line that begins so.
    Hear(&'static str),
    /// Shakes hands.
    Tls,
    /// Says nothing any more, and keeps the connection.
    Hang,
}

pub(crate) fn say(text: &str) -> Step {
    Step::Say(text.as_bytes().to_vec())
}

/// A POP3 server up to the end of CAPA.
pub(crate) fn greeting() -> Vec<Step> {
    vec![say("+OK hello\r\n"), Step::Hear("CAPA"), say("+OK\r\nUSER\r\nTOP\r\nUIDL\r\n.\r\n")]
}

/// The same, up to the end of a log-in.
pub(crate) fn logged_in() -> Vec<Step> {
    let log_in = [Step::Hear("USER user"), say("+OK\r\n"), Step::Hear("PASS secret"), say("+OK welcome\r\n")];
    greeting().into_iter().chain(log_in).collect()
}

/// An authority in a folder that goes with it.
pub(crate) struct Scene {
    folder: TempDir,
    authority: Authority,
}

impl Scene {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::load_or_create(folder.path(), "test", SystemTime::now()).unwrap();
        Self { folder, authority }
    }

    pub(crate) fn client(&self) -> ClientTls {
        ClientTls::verified_by(&self.authority.certificate_file()).unwrap()
    }

    /// TLS with a certificate for these names, valid for so long.
    pub(crate) fn serving(&self, name: &str, validity: Range<SystemTime>) -> ServerTls {
        let addresses: Vec<IpAddr> = name.parse().into_iter().collect();
        let names = if addresses.is_empty() { vec![name.to_owned()] } else { Vec::new() };
        let files = self.authority.issue("server", &Subject::Service { names, addresses }, validity).unwrap();
        let store = CertificateStore::load(&[files]).unwrap();
        assert!(self.folder.path().exists());
        ServerTls::for_clients(store, &[]).unwrap()
    }
}

/// Starts a server that follows these scripts, one for each connection.
pub(crate) async fn serve(scripts: Vec<Vec<Step>>, tls: Option<ServerTls>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        for script in scripts {
            let (stream, _) = listener.accept().await.unwrap();
            follow(stream.into(), script, tls.clone()).await;
        }
        // Nobody else is taken in.
    });
    address
}

async fn follow(mut connection: Connection, script: Vec<Step>, tls: Option<ServerTls>) {
    let mut heard = VecDeque::new();
    for step in script {
        match step {
            Step::Say(octets) => {
                // A client that has gone hears nothing.
                if connection.send_before(in_time(), &octets).await.is_err() {
                    return;
                }
            }
            Step::Tls => match connection.accept_tls(tls.as_ref().unwrap(), in_time()).await {
                Ok(secured) => connection = secured,
                Err(_) => return,
            },
            Step::Hang => std::future::pending().await,
            Step::Hear(wanted) => {
                let line = loop {
                    if let Some(end) = heard.iter().position(|octet| *octet == b'\n') {
                        break heard.drain(..=end).collect::<Vec<u8>>();
                    }
                    match connection.receive(|octets| heard.extend(octets)).await {
                        Ok(()) if !heard.is_empty() => {}
                        _ => return,
                    }
                };
                let line = String::from_utf8_lossy(&line).into_owned();
                assert!(line.starts_with(wanted), "{line:?} instead of {wanted}");
            }
        }
    }
}

pub(crate) fn plain(address: SocketAddr) -> Endpoint {
    Endpoint { address: address.into(), security: Security::Plain, part: Part::BackEnd }
}
