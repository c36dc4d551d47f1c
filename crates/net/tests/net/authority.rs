use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, SystemTime};

use net::authority::{AUTHORITY_LIFE, AuthorityError, CERTIFICATE_LIFE, Ensured, Subject};
use net::{Authority, CertificateStore, Role};

use crate::scene::{Scene, greet, node, service, serving};

fn now() -> SystemTime {
    SystemTime::now()
}

#[tokio::test]
async fn an_authority_is_found_again_and_its_certificates_are_still_trusted() {
    let scene = Scene::new();
    let files = scene.service("mail", &["localhost"]);
    let before = fs::read(scene.authority.certificate_file()).unwrap();
    let again = Authority::load_or_create(scene.path(), "another name", now()).unwrap();
    assert_eq!(fs::read(again.certificate_file()).unwrap(), before);
    greet(&serving(&files), &scene.client(), "localhost").await;

    // And what it issues now is trusted by those who knew it before.
    let client = scene.client();
    again.ensure("next", &service(&["next.example.com"]), now()).unwrap();
    greet(&serving(&again.files("next")), &client, "next.example.com").await;
}

#[test]
fn keys_are_readable_by_their_owner_only() {
    let scene = Scene::new();
    let files = scene.service("mail", &["localhost"]);
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&files.key), 0o600);
    assert_eq!(mode(&scene.path().join("ca.key")), 0o600);
    let names: Vec<_> = fs::read_dir(scene.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names.len(), 4, "nothing unfinished is left behind: {names:?}");
}

#[test]
fn a_good_certificate_is_kept_until_less_than_a_third_of_its_life_remains() {
    let scene = Scene::new();
    let subject = service(&["Mail.Example.com", "127.0.0.1", "0:0:0:0:0:0:0:1"]);
    let begin = now();
    let ensure = |at| scene.authority.ensure("mail", &subject, at).unwrap();
    assert_eq!(ensure(begin), Ensured::Issued);
    assert_eq!(ensure(begin), Ensured::Kept);
    assert_eq!(ensure(begin + CERTIFICATE_LIFE / 2), Ensured::Kept);
    assert_eq!(ensure(begin + CERTIFICATE_LIFE / 4 * 3), Ensured::Renewed);
    assert_eq!(ensure(begin + CERTIFICATE_LIFE), Ensured::Kept);
    assert_eq!(ensure(begin + 5 * CERTIFICATE_LIFE), Ensured::Renewed);
}

#[test]
fn a_certificate_for_others_is_renewed() {
    let scene = Scene::new();
    let ensure = |subject: &Subject| scene.authority.ensure("cas1", subject, now()).unwrap();
    assert_eq!(ensure(&node("cas1", &[Role::ClientAccess])), Ensured::Issued);
    assert_eq!(ensure(&node("cas1", &[Role::ClientAccess, Role::Mailbox])), Ensured::Renewed);
    assert_eq!(ensure(&node("cas1", &[Role::Mailbox, Role::ClientAccess])), Ensured::Kept);
    assert_eq!(ensure(&service(&["cas1"])), Ensured::Renewed);
}

#[test]
fn a_certificate_of_another_authority_is_renewed() {
    let (scene, other) = (Scene::new(), Scene::new());
    let subject = service(&["localhost"]);
    let theirs = other.service("mail", &["localhost"]);
    let ours = scene.authority.files("mail");
    fs::copy(theirs.certificate, ours.certificate).unwrap();
    fs::copy(theirs.key, ours.key).unwrap();
    assert_eq!(scene.authority.ensure("mail", &subject, now()).unwrap(), Ensured::Renewed);
    assert_eq!(scene.authority.ensure("mail", &subject, now()).unwrap(), Ensured::Kept);
}

#[test]
fn a_pair_of_files_that_does_not_fit_is_issued_anew() {
    let scene = Scene::new();
    let subject = service(&["localhost"]);
    scene.authority.ensure("mail", &subject, now()).unwrap();
    let other = scene.service("other", &["localhost"]);
    fs::rename(other.key, scene.authority.files("mail").key).unwrap();
    assert_eq!(scene.authority.ensure("mail", &subject, now()).unwrap(), Ensured::Issued);
    CertificateStore::load(&[scene.authority.files("mail")]).unwrap();
}

#[test]
fn an_authority_without_its_key_is_not_replaced_by_another() {
    let scene = Scene::new();
    fs::remove_file(scene.path().join("ca.key")).unwrap();
    let error = Authority::load_or_create(scene.path(), "test", now()).unwrap_err();
    assert!(matches!(error, AuthorityError::KeyMissing { .. }), "{error:?}");
    fs::write(scene.path().join("ca.key"), "rubbish").unwrap();
    let error = Authority::load_or_create(scene.path(), "test", now()).unwrap_err();
    assert!(matches!(error, AuthorityError::Unusable(_)), "{error:?}");
}

#[test]
fn a_beginning_that_was_cut_short_is_begun_again() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("ca.key"), "half a k").unwrap();
    fs::write(folder.path().join("ca.unfinished"), "half a certif").unwrap();
    let authority = Authority::load_or_create(folder.path(), "test", now()).unwrap();
    let life = authority.not_after().duration_since(now()).unwrap();
    assert!(life.abs_diff(AUTHORITY_LIFE) < Duration::from_mins(1));
}

#[test]
fn a_name_that_can_stand_in_no_certificate_is_refused() {
    let scene = Scene::new();
    let refused = |subject: &Subject| {
        let error = scene.authority.ensure("bad", subject, now()).unwrap_err();
        assert!(matches!(error, AuthorityError::Name { .. }), "{error:?}");
    };
    for name in ["", "two words", "müller.example.com", "*.*.example.com"] {
        refused(&service(&[name]));
    }
    refused(&Subject::Service { names: Vec::new(), addresses: Vec::new() });
    for server in ["", "MBX1", "mbx/1", "mbx 1", "-mbx"] {
        refused(&node(server, &[Role::Mailbox]));
    }
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let scene = Scene::new();
    let below_a_file = scene.path().join("ca.pem").join("folder");
    let error = Authority::load_or_create(&below_a_file, "test", now()).unwrap_err();
    assert!(error.to_string().contains("ca.pem/folder"), "{error}");
}
