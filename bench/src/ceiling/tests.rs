//! The ceilings and the load generator against each other.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;

use super::*;
use crate::certificates::Handshake;
use crate::client::{Pop3, Target};
use crate::load::{Session, Span, sessions};

const MESSAGES: usize = 3;
const OCTETS: usize = 2000;

/// A null server in this process.
async fn null(certificates: Option<(&Certificates, bool)>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let tls = certificates.map(|(certificates, mutual)| certificates.server(mutual).unwrap());
    tokio::spawn(null::serve(listener, null::Mailbox::new(MESSAGES as u64, OCTETS), tls));
    address
}

fn target(address: SocketAddr) -> Target {
    Target { owner: Some("anyone"), ..Target::plain(address) }
}

/// One whole session whose mail is compared with what was sent; says whether TLS was resumed.
async fn fetch(target: &Target, tls: Option<Arc<ClientConfig>>) -> bool {
    let mut pop3 = Pop3::log_in(target, tls, "reader").await.unwrap();
    let resumed = pop3.resumed();
    let sizes = pop3.sizes().await.unwrap();
    assert_eq!(sizes, [OCTETS as u64; MESSAGES]);
    assert_eq!(pop3.stat().await.unwrap(), (MESSAGES as u64, sizes.iter().sum()));
    for pipelined in [false, true] {
        pop3.retrieve(&sizes, pipelined, Some(1)).await.unwrap();
    }
    pop3.quit().await.unwrap();
    resumed
}

#[tokio::test]
async fn null_server_serves_sessions_that_verify() {
    fetch(&target(null(None).await), None).await;
}

#[tokio::test]
async fn client_resumes_tls_only_when_asked_to() {
    let folder = tempfile::tempdir().unwrap();
    let certificates = Certificates::create(folder.path()).unwrap();
    let address = null(Some((&certificates, false))).await;
    for (handshake, resumes) in [(Handshake::Full, false), (Handshake::Resumed, true)] {
        let target = Target { tls: Some((certificates.file("ca.pem"), handshake)), ..target(address) };
        let tls = target.tls_client().unwrap();
        assert!(!fetch(&target, tls.clone()).await, "there is nothing to resume yet");
        assert_eq!(fetch(&target, tls).await, resumes, "{handshake:?}");
    }
}

#[tokio::test]
async fn relay_reaches_a_server_that_wants_a_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let certificates = Certificates::create(folder.path()).unwrap();
    let upstream = null(Some((&certificates, true))).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { relay::serve(listener, upstream, Some(&certificates)).await });
    fetch(&target(address), None).await;
}

#[tokio::test]
async fn server_that_hands_out_other_mail_fails_the_load() {
    let target = Target { owner: Some("somebody else"), ..target(null(None).await) };
    let span = Span { warm_up: Duration::from_secs(5), measured: Duration::from_secs(5) };
    let failure = sessions(&target, Session::Fetch, 1, 1, span).await.err().unwrap();
    assert!(failure.to_string().contains("handed a message of anyone"), "{failure}");
}
