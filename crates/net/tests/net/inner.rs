use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::time::SystemTime;

use net::tls::{CertificateError, CertificateFault, IdentityError, NodeFiles, TlsError};
use net::{InnerTls, PeerIdentity, Role};

use crate::scene::{DAY, Scene, echo, greet, in_time, node, shake};

#[tokio::test]
async fn each_side_of_the_inner_leg_knows_the_other_and_its_roles() {
    let scene = Scene::new();
    let cas = scene.inner("cas1", &[Role::ClientAccess]);
    let mbx = scene.inner("mbx1", &[Role::Mailbox, Role::ClientAccess]);
    let (accepted, connected) = greet(&mbx.server(), &cas.client(), "mbx1").await;

    let front = accepted.peer_identity().unwrap().unwrap();
    assert_eq!((front.server.as_str(), front.has(Role::ClientAccess)), ("cas1", true));
    assert!(!front.has(Role::Mailbox));
    let back = connected.peer_identity().unwrap().unwrap();
    assert_eq!(back, mbx.identity());
    assert_eq!(accepted.handshake().unwrap().cipher, "TLS13_AES_128_GCM_SHA256");
    assert_eq!(back.roles, BTreeSet::from([Role::ClientAccess, Role::Mailbox]));
}

#[tokio::test]
async fn the_second_inner_session_is_resumed_and_still_knows_who_the_client_is() {
    let scene = Scene::new();
    let cas = scene.inner("cas1", &[Role::ClientAccess]);
    let mbx = scene.inner("mbx1", &[Role::Mailbox]);
    for resumed in [false, true, true] {
        let (accepted, connected) = greet(&mbx.server(), &cas.client(), "mbx1").await;
        assert_eq!(accepted.handshake().unwrap().resumed, resumed);
        assert_eq!(connected.handshake().unwrap().resumed, resumed);
        assert_eq!(accepted.peer_identity().unwrap().unwrap(), cas.identity());
        assert_eq!(connected.peer_identity().unwrap().unwrap(), mbx.identity());
    }
}

#[tokio::test]
async fn after_a_few_sessions_there_are_tickets_for_a_burst() {
    let scene = Scene::new();
    let cas = scene.inner("cas1", &[Role::ClientAccess]);
    let mbx = scene.inner("mbx1", &[Role::Mailbox]);
    for _ in 0..12 {
        greet(&mbx.server(), &cas.client(), "mbx1").await;
    }
    // All handshakes before the first greeting: no ticket comes back in between.
    let mut open = Vec::new();
    for _ in 0..12 {
        let (accepted, connected) = shake(&mbx.server(), &cas.client(), "mbx1").await;
        assert!(accepted.as_ref().unwrap().handshake().unwrap().resumed);
        open.push((accepted, connected));
    }
}

#[tokio::test]
async fn a_client_without_a_certificate_is_served_and_is_nobody() {
    let scene = Scene::new();
    let mbx = scene.inner("mbx1", &[Role::Mailbox]);
    let (accepted, _connected) = greet(&mbx.server(), &scene.client(), "mbx1").await;
    assert_eq!(accepted.peer_identity(), Ok(None));
}

#[tokio::test]
async fn a_server_of_another_name_is_not_the_target() {
    let scene = Scene::new();
    let cas = scene.inner("cas1", &[Role::ClientAccess]);
    let mbx2 = scene.inner("mbx2", &[Role::Mailbox]);
    let (_, connected) = shake(&mbx2.server(), &cas.client(), "mbx1").await;
    let wrong = matches!(connected, Err(TlsError::Certificate(CertificateFault::WrongName { .. })));
    assert!(wrong, "{connected:?}");
}

#[tokio::test]
async fn nodes_of_another_cluster_are_strangers_on_either_side() {
    let (scene, other) = (Scene::new(), Scene::new());
    let cas = other.inner("cas1", &[Role::ClientAccess]);
    let mbx = scene.inner("mbx1", &[Role::Mailbox]);
    let (accepted, connected) = shake(&mbx.server(), &cas.client(), "mbx1").await;
    let stranger = |fault: &TlsError| matches!(fault, TlsError::Certificate(CertificateFault::UnknownIssuer));
    assert!(stranger(&connected.unwrap_err()));
    assert!(matches!(accepted, Err(TlsError::RefusedByPeer(_))), "{accepted:?}");

    // This client trusts the right authority but has its own certificate from another.
    let mixed =
        NodeFiles { node: other.authority.files("cas1"), authority: scene.authority.certificate_file() };
    let impostor = InnerTls::load(mixed).unwrap();
    let (accepted, connected) = shake(&mbx.server(), &impostor.client(), "mbx1").await;
    assert!(stranger(&accepted.unwrap_err()));
    // In TLS 1.3 the client hears of it at its first read.
    let refused = connected.unwrap().receive_before(in_time(), <[u8]>::to_vec).await.unwrap_err();
    assert!(
        matches!(refused, net::connection::StreamError::Failed(error) if error.kind() == ErrorKind::InvalidData)
    );
}

#[tokio::test]
async fn an_expired_node_certificate_is_refused_as_such() {
    let scene = Scene::new();
    let now = SystemTime::now();
    let old = node("cas1", &[Role::ClientAccess]);
    scene.authority.issue("cas1", &old, now - 2 * DAY..now - DAY).unwrap();
    let cas = InnerTls::load(scene.node_files("cas1")).unwrap();
    assert!(cas.not_after() < now);
    let mbx = scene.inner("mbx1", &[Role::Mailbox]);
    let (accepted, _) = shake(&mbx.server(), &cas.client(), "mbx1").await;
    let expired = matches!(accepted, Err(TlsError::Certificate(CertificateFault::Expired { .. })));
    assert!(expired, "{accepted:?}");
}

#[tokio::test]
async fn a_certificate_for_clients_does_not_make_a_node() {
    let scene = Scene::new();
    let mbx = scene.inner("mbx1", &[Role::Mailbox]);
    scene.service("mail", &["mail.example.com"]);
    let error = InnerTls::load(scene.node_files("mail")).unwrap_err();
    let CertificateError::NotANode { source, .. } = &error else { panic!("{error:?}") };
    assert_eq!(*source, IdentityError::NoServer);
    drop(mbx);
}

#[tokio::test]
async fn a_renewed_node_certificate_is_used_by_new_sessions_while_old_ones_go_on() {
    let scene = Scene::new();
    let cas = scene.inner("cas1", &[Role::ClientAccess]);
    let mbx = scene.inner("mbx1", &[Role::Mailbox]);
    let (mut accepted, mut connected) = greet(&mbx.server(), &cas.client(), "mbx1").await;
    assert!(!cas.reload().unwrap());

    scene.node("cas1", &[Role::ClientAccess, Role::Mailbox]);
    assert!(cas.reload().unwrap());
    assert!(!cas.reload().unwrap());
    assert!(cas.identity().has(Role::Mailbox));

    let (renewed, _connected) = greet(&mbx.server(), &cas.client(), "mbx1").await;
    assert_eq!(renewed.peer_identity().unwrap().unwrap(), cas.identity());
    echo(&mut accepted, &mut connected, b"+OK still here\r\n").await;
}

#[tokio::test]
async fn a_broken_node_certificate_keeps_the_old_one_and_is_told_once() {
    let scene = Scene::new();
    let cas = scene.inner("cas1", &[Role::ClientAccess]);
    let mbx = scene.inner("mbx1", &[Role::Mailbox]);
    fs::write(scene.path().join("cas1.key"), "not a key").unwrap();
    let error = cas.reload().unwrap_err();
    assert!(matches!(error, CertificateError::BadKey { .. }), "{error:?}");
    assert!(!cas.reload().unwrap());

    let (accepted, _connected) = greet(&mbx.server(), &cas.client(), "mbx1").await;
    assert_eq!(accepted.peer_identity().unwrap().unwrap(), cas.identity());
}

#[tokio::test]
async fn a_session_of_one_authority_is_not_resumed_under_another() {
    let (scene, other) = (Scene::new(), Scene::new());
    let authority = scene.path().join("trusted.pem");
    let trust = |from: &Scene| fs::copy(from.authority.certificate_file(), &authority).unwrap();
    trust(&scene);
    scene.node("mbx1", &[Role::Mailbox]);
    let files = NodeFiles { node: scene.authority.files("mbx1"), authority: authority.clone() };
    let mbx = InnerTls::load(files).unwrap();
    let cas = scene.inner("cas1", &[Role::ClientAccess]);
    greet(&mbx.server(), &cas.client(), "mbx1").await;

    trust(&other);
    assert!(mbx.reload().unwrap());
    let (accepted, _) = shake(&mbx.server(), &cas.client(), "mbx1").await;
    let stranger = matches!(accepted, Err(TlsError::Certificate(CertificateFault::UnknownIssuer)));
    assert!(stranger, "{accepted:?}");
}

/// What a certificate with these URIs says.
fn identity(uris: &[&str]) -> Result<PeerIdentity, IdentityError> {
    let mut params = rcgen::CertificateParams::new(["mbx1".to_owned()]).unwrap();
    params.subject_alt_names.extend(uris.iter().map(|uri| rcgen::SanType::URI((*uri).try_into().unwrap())));
    let certificate = params.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap();
    PeerIdentity::from_certificate(certificate.der())
}

#[test]
fn a_role_that_is_unknown_here_grants_nothing() {
    let node = identity(&[
        "https://example.com/",
        "mailmedic:server/mbx1",
        "mailmedic:role/mailbox",
        "mailmedic:role/sovereign",
        "mailmedic:role/Client-Access",
    ])
    .unwrap();
    assert_eq!((node.server.as_str(), node.roles), ("mbx1", BTreeSet::from([Role::Mailbox])));
}

#[test]
fn a_certificate_that_does_not_name_exactly_one_server_names_none() {
    let role = "mailmedic:role/client-access";
    assert_eq!(identity(&[role]), Err(IdentityError::NoServer));
    let two = ["mailmedic:server/cas1", "mailmedic:server/cas2", role];
    assert_eq!(identity(&two), Err(IdentityError::SeveralServers));
    for odd in ["mailmedic:server/", "mailmedic:server/cas1/role/mailbox", "mailmedic:server/CAS1"] {
        assert_eq!(identity(&[odd, role]), Err(IdentityError::BadServerName), "{odd}");
    }
}

#[test]
fn roles_are_written_as_they_are_read() {
    for role in [Role::ClientAccess, Role::Mailbox] {
        assert_eq!(role.to_string().parse(), Ok(role));
    }
    assert!("administrator".parse::<Role>().is_err());
    assert_eq!(PeerIdentity::from_certificate(&b"garbage".as_slice().into()), Err(IdentityError::Malformed));
}
