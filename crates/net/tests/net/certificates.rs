use std::fs;

use net::CertificateStore;
use net::tls::{CertificateChange, CertificateError, CertificateFault, CertificateFiles, TlsError};
use net::{ClientTls, ServerTls};

use crate::scene::{Scene, echo, greet, serving_from, shake};

/// Whether the certificate that is shown to a client who asks for `target` is for `target`.
async fn is_shown(server: &ServerTls, scene: &Scene, target: &str) -> bool {
    // A client of its own, for a resumed session shows no certificate.
    let client: ClientTls = scene.client();
    match shake(server, &client, target).await.1 {
        Ok(_) => true,
        Err(TlsError::Certificate(CertificateFault::WrongName { .. })) => false,
        Err(other) => panic!("{other:?}"),
    }
}

fn replace(from: &CertificateFiles, to: &CertificateFiles) {
    fs::rename(&from.key, &to.key).unwrap();
    fs::rename(&from.certificate, &to.certificate).unwrap();
}

#[tokio::test]
async fn the_certificate_is_chosen_by_exact_name_then_wildcard_then_order() {
    let scene = Scene::new();
    let store = CertificateStore::load(&[
        scene.service("first", &["default.example.net", "127.0.0.1"]),
        scene.service("wild", &["*.example.com"]),
        scene.service("exact", &["mail.example.com"]),
    ])
    .unwrap();
    let server = serving_from(&store);
    for shown in
        ["default.example.net", "127.0.0.1", "pop.example.com", "mail.example.com", "MAIL.example.com"]
    {
        assert!(is_shown(&server, &scene, shown).await, "{shown}");
    }
    for other in ["unknown.example.org", "a.b.example.com", "example.com"] {
        assert!(!is_shown(&server, &scene, other).await, "{other}");
    }
    let names: Vec<_> = store.summary().into_iter().flat_map(|summary| summary.names).collect();
    assert_eq!(names, ["default.example.net", "127.0.0.1", "*.example.com", "mail.example.com"]);
}

#[tokio::test]
async fn an_exact_name_wins_over_an_earlier_wildcard() {
    let scene = Scene::new();
    let wild = scene.service("wild", &["*.example.com", "only-in-wild.example.net"]);
    let exact = scene.service("exact", &["mail.example.com", "only-in-exact.example.net"]);
    let store = CertificateStore::load(&[wild, exact]).unwrap();
    let (_, connected) = greet(&serving_from(&store), &scene.client(), "mail.example.com").await;
    drop(connected);
    // Told apart by taking the exact one away: the wildcard takes over.
    let wild = scene.authority.files("wild");
    let changes = store.reconcile(&[wild]);
    assert!(
        matches!(&changes[..], [CertificateChange::Removed(files)] if *files == scene.authority.files("exact"))
    );
    assert!(is_shown(&serving_from(&store), &scene, "mail.example.com").await);
    assert!(!is_shown(&serving_from(&store), &scene, "only-in-exact.example.net").await);
}

#[tokio::test]
async fn a_replaced_file_is_shown_to_new_connections_while_old_sessions_go_on() {
    let scene = Scene::new();
    let files = scene.service("mail", &["old.example.com"]);
    let store = CertificateStore::load(std::slice::from_ref(&files)).unwrap();
    let server = serving_from(&store);
    let (mut accepted, mut connected) = greet(&server, &scene.client(), "old.example.com").await;
    assert!(store.reconcile(std::slice::from_ref(&files)).is_empty());

    replace(&scene.service("next", &["new.example.com"]), &files);
    assert!(is_shown(&server, &scene, "old.example.com").await, "nothing happens before it is asked for");
    let changes = store.reconcile(std::slice::from_ref(&files));
    assert!(matches!(&changes[..], [CertificateChange::Replaced(replaced)] if *replaced == files));
    assert!(is_shown(&server, &scene, "new.example.com").await);
    assert!(!is_shown(&server, &scene, "old.example.com").await);
    echo(&mut accepted, &mut connected, b"+OK still here\r\n").await;
    assert!(store.reconcile(std::slice::from_ref(&files)).is_empty());
}

#[tokio::test]
async fn a_broken_new_file_keeps_the_old_certificate_and_says_so_once() {
    let scene = Scene::new();
    let files = scene.service("mail", &["old.example.com"]);
    let wanted = std::slice::from_ref(&files);
    let store = CertificateStore::load(wanted).unwrap();
    let server = serving_from(&store);

    fs::write(&files.certificate, "-----BEGIN CERTIFICATE-----\nnonsense\n").unwrap();
    let changes = store.reconcile(wanted);
    let [CertificateChange::Broken { kept: true, error, .. }] = &changes[..] else { panic!("{changes:?}") };
    assert!(matches!(error, CertificateError::BadCertificate { .. }), "{error:?}");
    assert!(store.reconcile(wanted).is_empty());
    assert!(is_shown(&server, &scene, "old.example.com").await);

    replace(&scene.service("next", &["new.example.com"]), &files);
    assert!(matches!(&store.reconcile(wanted)[..], [CertificateChange::Replaced(_)]));
    assert!(is_shown(&server, &scene, "new.example.com").await);
}

#[tokio::test]
async fn a_file_that_disappears_keeps_the_old_certificate() {
    let scene = Scene::new();
    let files = scene.service("mail", &["localhost"]);
    let wanted = std::slice::from_ref(&files);
    let store = CertificateStore::load(wanted).unwrap();
    fs::remove_file(&files.key).unwrap();
    let changes = store.reconcile(wanted);
    let [CertificateChange::Broken { kept: true, error, .. }] = &changes[..] else { panic!("{changes:?}") };
    assert!(matches!(error, CertificateError::Unreadable { file, .. } if *file == files.key), "{error:?}");
    assert!(is_shown(&serving_from(&store), &scene, "localhost").await);
}

#[tokio::test]
async fn certificates_come_and_go_while_the_service_runs() {
    let scene = Scene::new();
    let one = scene.service("one", &["one.example.com"]);
    let store = CertificateStore::load(std::slice::from_ref(&one)).unwrap();
    let server = serving_from(&store);
    let two = scene.service("two", &["two.example.com"]);
    let changes = store.reconcile(&[two.clone(), one.clone()]);
    assert!(matches!(&changes[..], [CertificateChange::Loaded(files)] if *files == two));
    assert!(is_shown(&server, &scene, "two.example.com").await);
    let changes = store.reconcile(std::slice::from_ref(&two));
    assert!(matches!(&changes[..], [CertificateChange::Removed(files)] if *files == one));
    assert!(!is_shown(&server, &scene, "one.example.com").await);
}

#[tokio::test]
async fn the_order_alone_can_change_the_default() {
    let scene = Scene::new();
    let one = scene.service("one", &["127.0.0.1"]);
    let two = scene.service("two", &["127.0.0.2"]);
    let store = CertificateStore::load(&[one.clone(), two.clone()]).unwrap();
    let server = serving_from(&store);
    // Addresses are not asked for by name (RFC 6066 §3): the default is shown.
    assert!(is_shown(&server, &scene, "127.0.0.1").await);
    assert!(!is_shown(&server, &scene, "127.0.0.2").await);
    assert!(store.reconcile(&[two, one]).is_empty());
    assert!(is_shown(&server, &scene, "127.0.0.2").await);
}

#[test]
fn at_start_every_kind_of_bad_file_is_a_typed_error() {
    let scene = Scene::new();
    let (good, other) =
        (scene.service("good", &["a.example.com"]), scene.service("other", &["b.example.com"]));
    let empty = scene.path().join("empty.pem");
    fs::write(&empty, "").unwrap();
    let absent = scene.path().join("absent.pem");
    let with = |certificate: &std::path::Path, key: &std::path::Path| {
        let files = CertificateFiles { certificate: certificate.to_owned(), key: key.to_owned() };
        CertificateStore::load(&[files]).unwrap_err()
    };
    let error = with(&good.certificate, &other.key);
    assert!(matches!(error, CertificateError::Mismatch { .. }), "{error:?}");
    let error = with(&good.certificate, &empty);
    assert!(matches!(error, CertificateError::BadKey { .. }), "{error:?}");
    let error = with(&empty, &good.key);
    assert!(matches!(error, CertificateError::BadCertificate { .. }), "{error:?}");
    let error = with(&absent, &good.key);
    assert!(matches!(error, CertificateError::Unreadable { .. }), "{error:?}");
    let error = CertificateStore::load(&[]).unwrap_err();
    assert!(matches!(error, CertificateError::NoneGiven), "{error:?}");
}

#[test]
fn certificate_and_key_may_share_a_file() {
    let scene = Scene::new();
    let files = scene.service("mail", &["localhost"]);
    let both = scene.path().join("both.pem");
    let text = fs::read_to_string(&files.key).unwrap() + &fs::read_to_string(&files.certificate).unwrap();
    fs::write(&both, text).unwrap();
    CertificateStore::load(&[CertificateFiles { certificate: both.clone(), key: both }]).unwrap();
}

#[tokio::test]
async fn a_certificate_that_is_listed_twice_is_one_certificate() {
    let scene = Scene::new();
    let files = scene.service("mail", &["localhost"]);
    let twice = [files.clone(), files];
    let store = CertificateStore::load(&twice).unwrap();
    assert!(store.reconcile(&twice).is_empty());
    assert_eq!(store.summary().len(), 1);
}

#[tokio::test]
async fn the_last_good_certificate_stays_until_another_is_there() {
    let scene = Scene::new();
    let old = scene.service("old", &["old.example.com"]);
    let store = CertificateStore::load(std::slice::from_ref(&old)).unwrap();
    let server = serving_from(&store);
    let new = scene.authority.files("new");
    let wanted = std::slice::from_ref(&new);
    let changes = store.reconcile(wanted);
    assert!(matches!(&changes[..], [CertificateChange::Broken { kept: false, .. }]), "{changes:?}");
    assert!(store.reconcile(wanted).is_empty());
    assert!(store.reconcile(&[]).is_empty());
    assert!(is_shown(&server, &scene, "old.example.com").await);

    scene.service("new", &["new.example.com"]);
    let changes = store.reconcile(wanted);
    let [CertificateChange::Loaded(loaded), CertificateChange::Removed(removed)] = &changes[..] else {
        panic!("{changes:?}")
    };
    assert_eq!((loaded, removed), (&new, &old));
    assert!(is_shown(&server, &scene, "new.example.com").await);
    assert!(!is_shown(&server, &scene, "old.example.com").await);
}
