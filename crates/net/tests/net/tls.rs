use std::io;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use net::tls::{CertificateFault, TlsError};
use net::{ClientTls, Connection, ServerTls};
use rustls::client::{Resumption, Tls12Resumption};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, HandshakeKind, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::Instant;

use crate::scene::{
    DAY, Scene, echo, greet, hear, hear_out, in_time, pair, service, serving, shake, shake_on, sockets,
};

#[tokio::test]
async fn a_client_that_trusts_the_authority_talks_to_the_name_it_asked_for() {
    let scene = Scene::new();
    let server = serving(&scene.service("mail", &["mail.example.com"]));
    let (mut accepted, mut connected) = greet(&server, &scene.client(), "mail.example.com").await;
    echo(&mut connected, &mut accepted, b"QUIT\r\n").await;

    let seen = accepted.handshake().unwrap();
    assert_eq!(seen.server_name.as_deref(), Some("mail.example.com"));
    assert_eq!((seen.version.as_str(), seen.resumed), ("TLSv1_3", false));
    assert!(accepted.is_tls() && connected.is_tls());
    assert_eq!(accepted.peer_identity(), Ok(None));
}

#[tokio::test]
async fn a_client_can_ask_for_an_address() {
    let scene = Scene::new();
    let server = serving(&scene.service("mail", &["127.0.0.1", "::1"]));
    greet(&server, &scene.client(), "127.0.0.1").await;
    greet(&server, &scene.client(), "::1").await;
}

#[tokio::test]
async fn stls_changes_one_connection_from_plain_text_to_tls() {
    let scene = Scene::new();
    let server = serving(&scene.service("mail", &["localhost"]));
    let (mut accepted, mut connected) = pair().await;
    echo(&mut accepted, &mut connected, b"+OK hello\r\n").await;
    echo(&mut connected, &mut accepted, b"STLS\r\n").await;
    echo(&mut accepted, &mut connected, b"+OK begin\r\n").await;
    assert!(accepted.handshake().is_none());

    let (accepted, connected) = shake_on(accepted, connected, &server, &scene.client(), "localhost").await;
    let (mut accepted, mut connected) = (accepted.unwrap(), connected.unwrap());
    echo(&mut connected, &mut accepted, b"CAPA\r\n").await;
    echo(&mut accepted, &mut connected, b"+OK\r\n.\r\n").await;
}

#[tokio::test]
async fn plain_text_slipped_in_before_the_handshake_never_comes_out_of_tls() {
    let scene = Scene::new();
    let server = serving(&scene.service("mail", &["localhost"]));
    let (mut accepted, mut connected) = pair().await;
    echo(&mut connected, &mut accepted, b"STLS\r\n").await;
    connected.write_all(b"USER victim\r\n").await.unwrap();
    let (accepted, _) = shake_on(accepted, connected, &server, &scene.client(), "localhost").await;
    assert!(matches!(accepted, Err(TlsError::NotTls)), "{accepted:?}");
}

#[tokio::test]
async fn tls_is_started_once_only() {
    let scene = Scene::new();
    let server = serving(&scene.service("mail", &["localhost"]));
    let (accepted, connected) = greet(&server, &scene.client(), "localhost").await;
    let (accepted, connected) = shake_on(accepted, connected, &server, &scene.client(), "localhost").await;
    assert!(matches!(accepted, Err(TlsError::AlreadyTls)));
    assert!(matches!(connected, Err(TlsError::AlreadyTls)));
}

#[tokio::test]
async fn the_second_connection_of_a_client_resumes_the_session_of_the_first() {
    let scene = Scene::new();
    let server = serving(&scene.service("mail", &["localhost"]));
    let client = scene.client();
    for resumed in [false, true, true] {
        let (accepted, connected) = greet(&server, &client, "localhost").await;
        assert_eq!(accepted.handshake().unwrap().resumed, resumed);
        assert_eq!(connected.handshake().unwrap().resumed, resumed);
    }
}

#[tokio::test]
async fn a_certificate_that_has_expired_is_refused_as_such() {
    let scene = Scene::new();
    let now = SystemTime::now();
    let life = now - 2 * DAY..now - DAY;
    let files = scene.authority.issue("mail", &service(&["localhost"]), life).unwrap();
    let (accepted, connected) = shake(&serving(&files), &scene.client(), "localhost").await;
    let Err(TlsError::Certificate(CertificateFault::Expired { not_after: Some(end) })) = connected else {
        panic!("{connected:?}")
    };
    assert!(now.duration_since(end).unwrap().abs_diff(DAY) < Duration::from_secs(2));
    assert!(matches!(accepted, Err(TlsError::RefusedByPeer(_))), "{accepted:?}");
}

#[tokio::test]
async fn a_certificate_that_is_not_valid_yet_is_refused_as_such() {
    let scene = Scene::new();
    let now = SystemTime::now();
    let files = scene.authority.issue("mail", &service(&["localhost"]), now + DAY..now + 2 * DAY).unwrap();
    let (_, connected) = shake(&serving(&files), &scene.client(), "localhost").await;
    let expected = matches!(connected, Err(TlsError::Certificate(CertificateFault::NotYetValid { .. })));
    assert!(expected, "{connected:?}");
}

#[tokio::test]
async fn a_certificate_for_another_name_is_refused_and_its_names_are_told() {
    let scene = Scene::new();
    let server = serving(&scene.service("mail", &["mail.example.com", "192.0.2.1"]));
    let (_, connected) = shake(&server, &scene.client(), "pop.example.com").await;
    let Err(TlsError::Certificate(CertificateFault::WrongName { presented })) = connected else {
        panic!("{connected:?}")
    };
    assert!(presented.iter().any(|name| name.contains("mail.example.com")), "{presented:?}");
}

#[tokio::test]
async fn a_certificate_of_another_authority_is_refused_though_the_authorities_were_made_alike() {
    let (scene, other) = (Scene::new(), Scene::new());
    let server = serving(&scene.service("mail", &["localhost"]));
    let (accepted, connected) = shake(&server, &other.client(), "localhost").await;
    assert!(
        matches!(connected, Err(TlsError::Certificate(CertificateFault::UnknownIssuer))),
        "{connected:?}"
    );
    assert!(matches!(accepted, Err(TlsError::RefusedByPeer(_))), "{accepted:?}");
}

#[tokio::test]
async fn a_target_that_can_stand_in_no_certificate_is_refused_before_anything_is_sent() {
    let scene = Scene::new();
    let (_accepted, connected) = pair().await;
    let refused = connected.connect_tls(&scene.client(), "not a name", in_time()).await;
    assert!(matches!(&refused, Err(TlsError::TargetName(name)) if name == "not a name"), "{refused:?}");
}

#[tokio::test(start_paused = true)]
async fn a_handshake_that_dawdles_is_cut_off_at_the_deadline_on_either_side() {
    let scene = Scene::new();
    let server = serving(&scene.service("mail", &["localhost"]));
    let deadline = || Instant::now() + Duration::from_secs(10);

    let (accepted, mut silent) = pair().await;
    silent.write_all(b"\x16\x03\x01").await.unwrap();
    let late = accepted.accept_tls(&server, deadline()).await;
    assert!(matches!(late, Err(TlsError::TimedOut)), "{late:?}");

    let (_silent, connected) = pair().await;
    let late = connected.connect_tls(&scene.client(), "localhost", deadline()).await;
    assert!(matches!(late, Err(TlsError::TimedOut)), "{late:?}");
}

#[tokio::test]
async fn a_peer_that_hangs_up_or_does_not_speak_tls_is_told_from_one_that_fails() {
    let scene = Scene::new();
    let server = serving(&scene.service("mail", &["localhost"]));
    let (accepted, connected) = pair().await;
    drop(connected);
    let gone = accepted.accept_tls(&server, in_time()).await;
    assert!(matches!(gone, Err(TlsError::Closed)), "{gone:?}");

    let (accepted, mut connected) = pair().await;
    connected.write_all(b"USER somebody\r\n").await.unwrap();
    let stranger = accepted.accept_tls(&server, in_time()).await;
    assert!(matches!(stranger, Err(TlsError::NotTls)), "{stranger:?}");
}

#[tokio::test]
async fn a_message_of_many_records_arrives_whole_though_the_reader_is_slow_to_begin() {
    let scene = Scene::new();
    let server = serving(&scene.service("mail", &["localhost"]));
    let (mut accepted, mut connected) = greet(&server, &scene.client(), "localhost").await;
    let message: Vec<u8> = (0..3_000_000_u32).map(|at| (at % 251).to_le_bytes()[0]).collect();
    let write = async {
        let (head, tail) = message.split_at(1_000_001);
        let mut slices = [head, b"", tail].map(std::io::IoSlice::new);
        accepted.send_slices_before(in_time(), &mut slices).await.unwrap();
        accepted.close(Duration::from_secs(30)).await;
    };
    let ((), heard) = tokio::join!(write, hear_out(&mut connected));
    assert!(heard == message);
}

#[tokio::test]
async fn a_tls_peer_that_hangs_up_without_a_word_has_ended_like_any_other() {
    let scene = Scene::new();
    let server = serving(&scene.service("mail", &["localhost"]));
    let (mut accepted, connected) = greet(&server, &scene.client(), "localhost").await;
    drop::<Connection>(connected);
    accepted.readable().await.unwrap();
    assert_eq!(hear_out(&mut accepted).await, b"");
}

#[tokio::test]
async fn a_client_without_authorities_cannot_be_made() {
    let scene = Scene::new();
    let empty = scene.path().join("empty.pem");
    std::fs::write(&empty, "").unwrap();
    let error = ClientTls::verified_by(&empty).unwrap_err();
    assert_eq!(error.to_string(), format!("{} holds no usable certificate", empty.display()));
    let error = ClientTls::verified_by(&scene.path().join("absent.pem")).unwrap_err();
    assert!(error.to_string().starts_with("cannot read "), "{error}");
}

#[tokio::test]
async fn what_arrives_together_with_the_end_of_the_handshake_is_not_lost() {
    let scene = Scene::new();
    let server = serving(&scene.service("mail", &["localhost"]));
    let (accepted, connected) = pair().await;
    let client = async {
        let mut connected = connected.connect_tls(&scene.client(), "localhost", in_time()).await.unwrap();
        connected.send_before(in_time(), b"CAPA\r\nQUIT\r\n").await.unwrap();
        connected
    };
    let (accepted, _connected) = tokio::join!(accepted.accept_tls(&server, in_time()), client);
    assert_eq!(hear(&mut accepted.unwrap(), 12).await, b"CAPA\r\nQUIT\r\n");
}

/// A client that is not ours: the versions and the way of resuming are as given.
fn foreign(scene: &Scene, versions: &[&'static rustls::SupportedProtocolVersion]) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(scene.authority.certificate_file()).unwrap()).unwrap();
    ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth()
}

/// One session of such a client: how its handshake went, and the application protocol.
async fn visit(
    server: &ServerTls,
    client: &Arc<ClientConfig>,
) -> io::Result<(Option<HandshakeKind>, Option<Vec<u8>>)> {
    let (accepted, connected) = sockets().await;
    let serve = async {
        let mut accepted = Connection::from(accepted).accept_tls(server, in_time()).await?;
        accepted.send_before(in_time(), b"+OK\r\n").await.unwrap();
        Ok::<_, TlsError>(accepted)
    };
    let call = async {
        let connector = tokio_rustls::TlsConnector::from(Arc::clone(client));
        let mut stream = connector.connect("localhost".try_into().unwrap(), connected).await?;
        stream.read_exact(&mut [0; 5]).await?;
        let tls = stream.get_ref().1;
        Ok((tls.handshake_kind(), tls.alpn_protocol().map(<[u8]>::to_vec)))
    };
    let (_served, called) = tokio::join!(serve, call);
    called
}

#[tokio::test]
async fn clients_of_tls_1_2_resume_by_ticket_and_without_tickets_from_memory() {
    let scene = Scene::new();
    let server = serving(&scene.service("mail", &["localhost"]));
    for way in [Tls12Resumption::SessionIdOrTickets, Tls12Resumption::SessionIdOnly] {
        let mut client = foreign(&scene, &[&rustls::version::TLS12]);
        client.resumption = Resumption::in_memory_sessions(8).tls12_resumption(way);
        let client = Arc::new(client);
        for expected in [HandshakeKind::Full, HandshakeKind::Resumed] {
            let (kind, _) = visit(&server, &client).await.unwrap();
            assert_eq!(kind, Some(expected), "{way:?}");
        }
    }
}

#[tokio::test]
async fn a_client_may_ask_for_pop3_or_for_nothing_but_not_for_another_protocol() {
    let scene = Scene::new();
    let server = serving(&scene.service("mail", &["localhost"]));
    let mut client = foreign(&scene, rustls::ALL_VERSIONS);
    assert_eq!(visit(&server, &Arc::new(client.clone())).await.unwrap().1, None);
    client.alpn_protocols = vec![b"imap".to_vec(), b"pop3".to_vec()];
    assert_eq!(visit(&server, &Arc::new(client.clone())).await.unwrap().1, Some(b"pop3".to_vec()));
    client.alpn_protocols = vec![b"http/1.1".to_vec()];
    let refused = visit(&server, &Arc::new(client)).await.unwrap_err();
    assert!(refused.to_string().contains("NoApplicationProtocol"), "{refused}");
}
