//! SASL dialogues. Input: the mechanism, whether the first message is an initial response, then messages with 0xFF
//! between them. What comes out as credentials is fit for use; the client's side is fed the same messages.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use pop3::sasl::scram::ClientAwaitingServer;
use pop3::sasl::{Dialogue, Nonce, ScramSecret, Turn};
use pop3::{Credentials, Mechanism, Secret};

static SECRET: LazyLock<ScramSecret> = LazyLock::new(|| {
    let salt = b"\x5b\x6d\x99\x68\x9d\x12\x35\x8e\xec\xa0\x4b\x14\x12\x36\xfa\x81";
    ScramSecret::derive(&Secret::new("pencil"), salt, 4096)
});

fuzz_target!(|data: &[u8]| {
    let [mechanism, initial, messages @ ..] = data else { return };
    let mechanism = Mechanism::ALL[usize::from(*mechanism) % Mechanism::ALL.len()];
    let mut messages = messages.split(|byte| *byte == 0xff);
    messages.clone().for_each(client);
    let initial = if initial & 1 == 1 { messages.next() } else { None };
    let mut last = initial.unwrap_or_default();
    let mut turn = Dialogue::start(mechanism, initial.map(Secret::new));
    let mut challenges = Vec::new();
    for _ in 0..8 {
        turn = match turn {
            Turn::Challenge(dialogue, challenge) => {
                challenges.push(challenge);
                let Some(message) = messages.next() else { return };
                last = message;
                dialogue.respond(Secret::new(message))
            }
            Turn::Secret(awaiting) => {
                assert_eq!(mechanism, Mechanism::ScramSha256);
                fit(Some(awaiting.user()));
                awaiting.secret(&SECRET, &Nonce::new("%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0").expect("a nonce"))
            }
            Turn::Complete(credentials) => return complete(mechanism, &credentials, last, &challenges),
            Turn::Rejected { user } => {
                assert_eq!(mechanism, Mechanism::ScramSha256);
                return fit(Some(&user));
            }
            Turn::Failed(_) => return,
        };
    }
    panic!("no mechanism takes that long");
});

fn complete(mechanism: Mechanism, credentials: &Credentials, last: &[u8], challenges: &[Vec<u8>]) {
    match credentials {
        Credentials::Password { user, password } => {
            assert_eq!(mechanism, Mechanism::Login);
            fit(Some(user));
            assert_eq!(password.as_bytes(), last);
            fit_octets(last);
        }
        Credentials::Plain { authzid, user, password } => {
            assert_eq!(mechanism, Mechanism::Plain);
            fit(authzid.as_deref());
            fit(Some(user));
            fit_octets(password.as_bytes());
            let authzid = authzid.as_deref().unwrap_or_default();
            assert_eq!([authzid.as_bytes(), user.as_bytes(), password.as_bytes()].join(&0), last);
        }
        Credentials::Scram { authzid, user } => {
            assert_eq!(mechanism, Mechanism::ScramSha256);
            fit(authzid.as_deref());
            fit(Some(user));
            assert!(challenges.last().is_some_and(|last| last.starts_with(b"v=")), "the proof was verified");
        }
        Credentials::External { authzid } => {
            assert_eq!(mechanism, Mechanism::External);
            fit(authzid.as_deref());
        }
    }
}

/// The client's side hears anything from its server.
fn client(message: &[u8]) {
    let nonce = Nonce::new("rOprNGfwEbeRWgbNEkqO").expect("a nonce");
    let (client, _) = ClientAwaitingServer::start("user", Secret::new("pencil"), nonce);
    // A large iteration count is work, not a fault.
    let costly = message.windows(3).any(|window| window == b",i=") && !message.ends_with(b",i=4096");
    if !costly && let Ok((end, last)) = client.respond(message) {
        assert!(last.starts_with(b"c=biws,r=rOprNGfwEbeRWgbNEkqO"));
        assert!(end.finish(message).is_err(), "the first message cannot be the last");
    }
}

fn fit(name: Option<&str>) {
    if let Some(name) = name {
        fit_octets(name.as_bytes());
        assert!(!name.contains(char::is_control));
    }
}

fn fit_octets(octets: &[u8]) {
    assert!(!octets.is_empty());
    assert!(!octets.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)));
}
