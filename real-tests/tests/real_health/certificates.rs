//! Certificates that nobody can accept.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use net::authority::Subject;
use net::{Authority, Role};
use real_tests::Preparation;

use crate::{Fault, healthy};

/// A certificate with its key, kept to be put back.
struct Kept(Vec<(PathBuf, Vec<u8>)>);

impl Kept {
    /// Takes the files of `stem` away.
    fn take(folder: &Path, stem: &str) -> Self {
        let files = ["key", "pem"].map(|extension| folder.join(stem).with_extension(extension));
        let kept = files.map(|file| (file.clone(), fs::read(&file).unwrap()));
        Self(kept.into())
    }

    fn put_back(self) {
        for (file, octets) in self.0 {
            replace(&file, &octets);
        }
    }
}

fn replace(file: &Path, octets: &[u8]) {
    let beside = file.with_extension("new");
    fs::write(&beside, octets).unwrap();
    fs::rename(&beside, file).unwrap();
}

/// Puts what `authority` issues for `subject` at `now` in the place of the files of `stem` in `folder`.
fn replace_by(folder: &Path, stem: &str, authority: &Path, subject: &Subject, now: SystemTime) {
    let scratch = tempfile::tempdir().unwrap();
    for file in ["ca.pem", "ca.key"] {
        fs::copy(authority.join(file), scratch.path().join(file)).unwrap();
    }
    let issuer = Authority::load_or_create(scratch.path(), "unused", now).unwrap();
    issuer.ensure(stem, subject, now).unwrap();
    for extension in ["key", "pem"] {
        let made = fs::read(scratch.path().join(stem).with_extension(extension)).unwrap();
        replace(&folder.join(stem).with_extension(extension), &made);
    }
}

#[test]
fn what_is_wrong_with_the_certificate_that_clients_see_is_told() {
    let installation = healthy(Preparation::new());
    let folder = installation.data().join("ca/clients");
    let service = |name: &str| Subject::Service {
        names: vec![name.to_owned(), "localhost".to_owned()],
        addresses: vec![installation.address(1).into()],
    };
    let year_ago = SystemTime::now() - Duration::from_hours(24 * 365);
    let kept = Kept::take(&folder, "cas1");
    Fault::new(&installation, "certificate for clients expired")
        .turns(("cas1", "PopProxyTestMonitor", "POP3S"), || {
            replace_by(&folder, "cas1", &folder, &service("cas1"), year_ago);
        })
        .says(&["Certificate at tls", "expired"])
        .while_healthy(("mbx1", "PopDeepTestMonitor", "DB01"))
        .heals(|| kept.put_back());
    let kept = Kept::take(&folder, "cas1");
    Fault::new(&installation, "certificate for clients for another name")
        .turns(("cas1", "PopProxyTestMonitor", "POP3S"), || {
            replace_by(&folder, "cas1", &folder, &service("other.example.com"), SystemTime::now());
        })
        .says(&["Certificate at tls", "is for another name"])
        .heals(|| kept.put_back());
}

#[test]
fn a_front_end_that_back_ends_do_not_trust_is_found_and_blamed_for() {
    let installation = healthy(Preparation::new());
    let folder = installation.data().join("ca/cluster");
    let stranger = tempfile::tempdir().unwrap();
    Authority::load_or_create(stranger.path(), "a stranger", SystemTime::now()).unwrap();
    let node = Subject::Node {
        server: "cas1".to_owned(),
        roles: [Role::ClientAccess, Role::Agent].into(),
        names: Vec::new(),
    };
    let kept = Kept::take(&folder, "cas1");
    Fault::new(&installation, "node certificate of a front end from a wrong inner CA")
        .turns(("cas1", "MailboxServerAuthenticationMonitor", "mbx1"), || {
            replace_by(&folder, "cas1", stranger.path(), &node, SystemTime::now());
        })
        // The connections that the front end has are good until they end.
        .then(|| drop(installation.command(["service", "restart", "mbx1/backend"]).succeeded()))
        .and_blames(("cas1", "PopCTPMonitor", "DB01"), "MailboxServerAuthentication")
        .while_healthy(("cas1", "PopProxyTestMonitor", "POP3S"))
        .heals(|| kept.put_back());
}
