//! The front end before somebody else's back end: a real Dovecot, reached by a pass-through route, whose users Dovecot
//! judges, and by a master route, whose users are ours.

#![expect(clippy::unwrap_used, reason = "in a test a panic is the report")]

use std::fmt::Write as _;
use std::fs;
use std::process::Command;

use pop3::ResponseCode;
use real_tests::authority::Authority;
use real_tests::dovecot::Dovecot;
use real_tests::program::{debian, run};
use real_tests::random::Random;
use real_tests::{Fault, Installation, Preparation, mail, until};
use tempfile::TempDir;

/// A user of Dovecot whom we do not know, with a password that needs care.
const STRANGER: &str = "anna@partner.example";
const STRANGE_PASSWORD: &str = "grüße an  alle, 안녕 ";
/// A user of ours, whose mail Dovecot keeps, under a password that nobody uses.
const OURS: &str = "user1@example.com";
const PASSWORD: &str = "secret";
const MASTER_PASSWORD: &str = "the master's key";

/// A front end of ours before a Dovecot. The pass-through route goes over STLS, the master route over TLS.
struct Scene {
    dovecot: Dovecot,
    installation: Installation,
}

/// What is wrong between the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flaw {
    None,
    /// Dovecot has a certificate of an authority that we do not trust.
    Impostor,
    /// We have another password for the master user.
    MasterPassword,
}

impl Scene {
    fn new() -> Self {
        Self::with(Flaw::None)
    }

    fn with(flaw: Flaw) -> Self {
        let preparation = Preparation::new().set("log-in", "waiting-window", "\"1 s\"");
        let folder = preparation.folder();
        let authority = Authority::new(folder);
        let ca = authority.certificate().display().to_string();
        let elsewhere = TempDir::new().unwrap();
        let vouches = if flaw == Flaw::Impostor { Authority::new(elsewhere.path()) } else { authority };
        let users = [(STRANGER, STRANGE_PASSWORD), (OURS, "nobody uses this")];
        let dovecot = Dovecot::start(preparation.address(41), &vouches, &users, MASTER_PASSWORD);
        let credentials = folder.join("credentials");
        let known = if flaw == Flaw::MasterPassword { "a guess" } else { MASTER_PASSWORD };
        fs::write(&credentials, format!("master\n{known}\n")).unwrap();
        let credentials = format!("credentials = \"{}\"", credentials.display());

        let mut routes = String::new();
        let mut route = |name, kind, address, tls, more: &str| {
            let head =
                format!("\n[[route]]\nname = \"{name}\"\nkind = \"{kind}\"\naddress = \"{address}\"\n");
            write!(routes, "{head}tls = \"{tls}\"\nca = \"{ca}\"\n{more}\n").unwrap();
        };
        route("partner", "pass-through", dovecot.pop3(), "stls", "domains = [\"partner.example\"]");
        route("archive", "master", dovecot.pop3s(), "implicit", &credentials);
        let plain = "\n[[route]]\nname = \"cellar\"\nkind = \"master\"\ntls = \"none\"\n";
        write!(routes, "{plain}address = \"{}\"\n{credentials}\n", dovecot.pop3()).unwrap();
        let installation = preparation.append(&routes).start();
        Self { dovecot, installation }
    }

    /// Gives our user a mailbox at the end of `route`.
    fn with_ours_on(self, route: &str) -> Self {
        let add = ["user", "add", OURS, "--database", route, "--password-stdin"];
        self.installation.command_with_input(add, format!("{PASSWORD}\n").as_bytes()).succeeded();
        self
    }

    /// Mail is there for `user`; it goes to the client octet by octet, and what the client deletes is gone.
    fn serves(&self, user: &str, password: &str) {
        let mut random = Random::for_test();
        let sent = ["p1", "p2", "p3"].map(|id| mail::message(id, 20_000, &mut random));
        for message in &sent {
            self.dovecot.store(user, message);
        }
        let mut client = self.installation.log_in(user, password).unwrap();
        let list = client.list().unwrap();
        assert_eq!(list.len(), 3);
        let octets: usize = sent.iter().map(Vec::len).sum();
        assert_eq!(client.stat().unwrap(), (3, octets as u64));
        for (entry, sent) in list.iter().zip(&sent) {
            assert!(client.retrieve(entry.number).unwrap() == *sent);
        }
        client.delete(list[0].number).unwrap();
        client.delete(list[2].number).unwrap();
        client.quit().unwrap();
        assert_eq!(self.dovecot.mail_of(user), [mail::as_file(&sent[1])]);
        let again = self.installation.log_in(user, password).unwrap().list().unwrap();
        assert_eq!(again.len(), 1);
        assert_eq!(again[0].uidl, list[1].uidl);
    }

    /// Why a log-in is refused.
    fn refusal(&self, user: &str, password: &str) -> (Option<ResponseCode>, String) {
        match self.installation.log_in(user, password) {
            Err(Fault::Refused { code, text }) => (code, text),
            other => panic!("{:?}", other.map(|_| "logged in")),
        }
    }
}

#[test]
fn a_pass_through_route_serves_users_whom_the_back_end_judges() {
    Scene::new().serves(STRANGER, STRANGE_PASSWORD);
}

#[test]
fn a_master_route_serves_our_users_over_tls() {
    Scene::new().with_ours_on("archive").serves(OURS, PASSWORD);
}

#[test]
fn a_master_route_serves_our_users_in_the_clear() {
    Scene::new().with_ours_on("cellar").serves(OURS, PASSWORD);
}

#[test]
fn a_pass_through_route_serves_our_users_with_the_password_that_the_back_end_knows() {
    let scene = Scene::new().with_ours_on("partner");
    scene.serves(OURS, "nobody uses this");
    assert_eq!(scene.refusal(OURS, PASSWORD).0, Some(ResponseCode::Auth));
}

#[test]
fn a_wrong_password_is_refused_alike_whoever_judges_it() {
    let scene = Scene::new().with_ours_on("archive");
    let by_dovecot = scene.refusal(STRANGER, "wrong");
    assert_eq!(by_dovecot.0, Some(ResponseCode::Auth));
    assert_eq!(scene.refusal("nobody@partner.example", "wrong"), by_dovecot);
    assert_eq!(scene.refusal(OURS, "wrong"), by_dovecot);
}

#[test]
fn a_back_end_that_is_down_is_a_temporary_failure_and_found_again() {
    let mut scene = Scene::new().with_ours_on("archive");
    scene.dovecot.stop();
    for (user, password) in [(STRANGER, STRANGE_PASSWORD), (OURS, PASSWORD)] {
        assert_eq!(scene.refusal(user, password).0, Some(ResponseCode::SysTemp));
    }
    scene.dovecot.start_again();
    for (user, password) in [(STRANGER, STRANGE_PASSWORD), (OURS, PASSWORD)] {
        assert_eq!(scene.installation.mail_of(user, password), Vec::<Vec<u8>>::new());
    }
}

#[test]
fn an_impostor_with_another_authority_s_certificate_gets_no_password() {
    let scene = Scene::with(Flaw::Impostor).with_ours_on("archive");
    for (user, password) in [(STRANGER, STRANGE_PASSWORD), (OURS, PASSWORD)] {
        assert_eq!(scene.refusal(user, password).0, Some(ResponseCode::SysTemp));
    }
    let log = scene.dovecot.log();
    assert!(!log.contains("Login:") && !log.contains("auth failed"), "{log}");
}

#[test]
fn a_master_whom_the_back_end_refuses_is_no_fault_of_the_client_s() {
    let scene = Scene::with(Flaw::MasterPassword).with_ours_on("archive");
    assert_eq!(scene.refusal(OURS, PASSWORD).0, Some(ResponseCode::SysTemp));
    assert_eq!(scene.refusal(OURS, "wrong").0, Some(ResponseCode::Auth));
}

#[test]
fn the_back_end_learns_the_client_s_address_by_xclient() {
    let scene = Scene::new().with_ours_on("archive");
    let client = scene.installation.address(51).to_string();
    let mut curl = Command::new(debian("curl", "curl"));
    curl.args(["--silent", "--show-error", "--interface", &client, "--user"]);
    curl.arg(format!("{OURS}:{PASSWORD}")).arg(format!("pop3://{}/", scene.installation.pop3()));
    run(&mut curl, b"").succeeded();
    let login = format!("Login: user=<{OURS}>, method=PLAIN, rip={client},");
    until(&login, || scene.dovecot.log().contains(&login).then_some(()));
}
