//! Faults that are really caused, and nobody does anything: the ladder is climbed, users have their mail, and what was done
//! stands in the journal.

#![expect(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod calls;
mod climbs;
mod deaths;
mod people;
mod view;

use real_tests::{Installation, LmtpClient, Preparation, Verdict, until};

/// A user whose database is DB01, served by mbx1, and their password.
const USER: (&str, &str) = ("user1@example.com", "secret");

/// An installation that heals itself, everything in it Healthy, and mail for a user.
fn healthy(preparation: Preparation) -> Installation {
    let installation = preparation.start();
    installation.add_users(&[USER.0], USER.1);
    deliver(&installation, "before");
    view::until_all_healthy(&installation);
    installation
}

/// Delivers a message that says so.
fn deliver(installation: &Installation, word: &str) {
    let message = format!("From: a@example.com\r\nSubject: {word}\r\n\r\n{word}\r\n");
    until("the message to be taken", || {
        let mut client = LmtpClient::connect(installation.lmtp()).ok()?;
        let verdicts = client.deliver(&[USER.0], message.as_bytes());
        verdicts.iter().all(Verdict::is_accepted).then_some(())
    });
}

/// The user has these messages, each once.
#[track_caller]
fn has_mail(installation: &Installation, words: &[&str]) {
    let mut client = until("the user to be let in", || installation.log_in(USER.0, USER.1).ok());
    let listed = client.list().unwrap();
    let mut subjects: Vec<String> = listed
        .iter()
        .map(|it| {
            let text = String::from_utf8(client.retrieve(it.number).unwrap()).unwrap();
            let subject = text.lines().find_map(|line| line.strip_prefix("Subject: ")).unwrap();
            subject.trim().to_owned()
        })
        .collect();
    subjects.sort_unstable();
    let mut words: Vec<_> = words.iter().map(ToString::to_string).collect();
    words.sort_unstable();
    assert_eq!(subjects, words);
}
