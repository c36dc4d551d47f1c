//! Real mail servers deliver: swaks, and Postfix with its own way of retrying, bouncing and speaking over sockets.

#![expect(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod postfix;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use real_tests::program::{Ran, debian, run};
use real_tests::random::Random;
use real_tests::{Installation, Preparation, mail, until};
use tempfile::TempDir;

use postfix::Postfix;

const PASSWORD: &str = "secret";
const USER: &str = "user1@example.com";
const SENDER: &str = "user2@example.com";

/// Two users; what an administrator has set besides comes from `edit`.
fn installation(edit: impl FnOnce(Preparation) -> Preparation) -> Installation {
    let installation = edit(Preparation::new()).start();
    installation.add_users(&[USER, SENDER], PASSWORD);
    installation
}

/// A message in a file, ready for the wire: swaks is to change nothing.
struct Letter {
    message: Vec<u8>,
    folder: TempDir,
}

impl Letter {
    fn write(octets: usize) -> Self {
        let message = mail::message("letter", octets, &mut Random::for_test());
        let letter = Self { message, folder: TempDir::new().unwrap() };
        let mut wire = Vec::new();
        for line in letter.message.split_inclusive(|octet| *octet == b'\n') {
            wire.extend_from_slice(if line.starts_with(b".") { b"." } else { b"" });
            wire.extend_from_slice(line);
        }
        wire.extend_from_slice(b".");
        fs::write(letter.file(), wire).unwrap();
        letter
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("letter")
    }
}

/// Sends a letter with swaks.
fn swaks(to: &[&str], recipients: &str, letter: &Letter) -> Ran {
    let mut swaks = Command::new(debian("swaks", "swaks"));
    swaks.args(to).args(["--from", SENDER, "--to", recipients, "--helo", "mx.example.com"]);
    run(swaks.arg("--no-data-fixup").arg("--data").arg(format!("@{}", letter.file().display())), b"")
}

/// Waits for mail of a user.
fn until_arrived(installation: &Installation, user: &str, count: usize) -> Vec<Vec<u8>> {
    until("mail to arrive", || Some(installation.mail_of(user, PASSWORD)).filter(|mail| mail.len() >= count))
}

/// Makes sure that the only mail of the user is the letter, behind what mail servers put in front of it.
fn is_the_only_mail(installation: &Installation, letter: &Letter) {
    let mail = until_arrived(installation, USER, 1);
    let [mail] = &mail[..] else { panic!("it is there {} times", mail.len()) };
    assert!(mail.starts_with(b"Return-Path: <user2@example.com>\r\nReceived: from mx.example.com "));
    assert!(mail.ends_with(&letter.message), "{}", String::from_utf8_lossy(mail));
}

#[test]
fn swaks_delivers_over_tcp() {
    let installation = installation(|preparation| preparation);
    let letter = Letter::write(400_000);
    let server = installation.lmtp().to_string();
    swaks(&["--protocol", "LMTP", "--server", &server], USER, &letter).succeeded();
    is_the_only_mail(&installation, &letter);
}

#[test]
fn swaks_delivers_over_a_unix_socket() {
    let folder = TempDir::new().unwrap();
    let socket = folder.path().join("lmtp");
    let installation = installation(|preparation| with_socket(preparation, &socket));
    let letter = Letter::write(3_000);
    swaks(&["--protocol", "LMTP", "--socket", socket.to_str().unwrap()], USER, &letter).succeeded();
    is_the_only_mail(&installation, &letter);
}

#[test]
fn swaks_is_told_who_is_unknown_and_delivers_to_the_others() {
    let installation = installation(|preparation| preparation);
    let letter = Letter::write(3_000);
    let server = installation.lmtp().to_string();
    let to = ["--protocol", "LMTP", "--server", &server];
    let said = swaks(&to, &format!("nobody@example.com,{USER}"), &letter).everything();
    assert!(said.contains("<** 550 5.1.1 "), "{said}");
    is_the_only_mail(&installation, &letter);
    swaks(&to, "nobody@example.com", &letter).failed_with(24);
}

#[test]
fn postfix_delivers_over_tcp_and_bounces_for_unknown_users() {
    let installation = installation(|preparation| preparation);
    let postfix = Postfix::start(installation.address(31), &format!("inet:{}", installation.lmtp()));
    let letter = Letter::write(40_000);
    let to = ["--server", &postfix.smtp().to_string()];
    swaks(&to, USER, &letter).succeeded();
    is_the_only_mail(&installation, &letter);

    swaks(&to, "nobody@example.com", &letter).succeeded();
    let bounces = until_arrived(&installation, SENDER, 1);
    let bounce = String::from_utf8_lossy(&bounces[0]);
    assert!(bounce.starts_with("Return-Path: <>\r\n"), "{bounce}");
    assert!(bounce.contains("Final-Recipient: rfc822; nobody@example.com"), "{bounce}");
    assert!(bounce.contains("Status: 5.1.1"), "{bounce}");
    postfix.until_empty();
    assert_eq!(installation.mail_of(SENDER, PASSWORD).len(), 1);
}

#[test]
fn postfix_delivers_over_a_unix_socket() {
    let postfix = Postfix::prepare();
    let socket = postfix.folder().join("lmtp");
    let installation = installation(|preparation| with_socket(preparation, &socket));
    let postfix = postfix.start_at(installation.address(31), &format!("unix:{}", socket.display()));
    let letter = Letter::write(40_000);
    swaks(&["--server", &postfix.smtp().to_string()], USER, &letter).succeeded();
    is_the_only_mail(&installation, &letter);
}

#[test]
fn postfix_keeps_mail_while_the_back_end_is_stopped_and_delivers_it_afterwards() {
    let installation = installation(|preparation| preparation.set("delivery", "hold", "\"1 s\""));
    let postfix = Postfix::start(installation.address(31), &format!("inet:{}", installation.lmtp()));
    let letter = Letter::write(40_000);
    installation.command(["service", "stop", "mbx1/backend"]).succeeded();
    swaks(&["--server", &postfix.smtp().to_string()], USER, &letter).succeeded();
    postfix.until_logged("status=deferred");
    installation.command(["service", "start", "mbx1/backend"]).succeeded();
    postfix.flush();
    is_the_only_mail(&installation, &letter);
    postfix.until_empty();
    assert_eq!(installation.mail_of(SENDER, PASSWORD).len(), 0, "nobody was to get a bounce");
}

fn with_socket(preparation: Preparation, socket: &Path) -> Preparation {
    preparation.set("delivery", "lmtp-socket", &format!("{:?}", socket.to_str().unwrap()))
}
