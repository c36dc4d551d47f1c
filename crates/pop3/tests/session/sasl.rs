//! AUTH as the session speaks it.

use base64_of::base64;
use pop3::sasl::Nonce;
use pop3::sasl::scram::ClientAwaitingServer;
use pop3::session::Limits;
use pop3::{Credentials, Mechanism, Offer, Secret};

use crate::driver::{Driver, World};

mod base64_of {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    pub(super) fn base64(bytes: impl AsRef<[u8]>) -> String {
        STANDARD.encode(bytes)
    }

    pub(super) fn decoded(challenge: &str) -> Vec<u8> {
        let text =
            challenge.strip_prefix("+ ").and_then(|rest| rest.strip_suffix("\r\n")).expect("a challenge");
        STANDARD.decode(text).expect("base64")
    }
}

fn offering(mechanism: Mechanism) -> Driver {
    Driver::new(Offer::standard().with_mechanism(mechanism), Limits::default(), World::small())
}

#[test]
fn plain_carries_whom_to_act_as() {
    let mut driver = offering(Mechanism::Plain);
    let message = base64("boss\0mrose\0a secret");
    assert_eq!(driver.say(format!("AUTH PLAIN {message}\r\n")), "+OK logged in\r\n");
    let expected = Credentials::Plain {
        authzid: Some("boss".to_owned()),
        user: "mrose".to_owned(),
        password: Secret::new("a secret"),
    };
    assert_eq!(driver.credentials, [expected]);
}

#[test]
fn cr_lf_and_nul_are_refused_in_decoded_sasl_data() {
    let refused: [(Mechanism, &[&[u8]]); 4] = [
        (
            Mechanism::Plain,
            &[
                b"\0mro\rse\0x",
                b"\0mro\nse\0x",
                b"\0mrose\0a\nb",
                b"\0mrose\0a\rb",
                b"\0mrose\0a\0b",
                b"a\rb\0mrose\0x",
            ],
        ),
        (Mechanism::Login, &[b"mro\0se", b"mro\rse", b"mro\nse"]),
        (Mechanism::External, &[b"mro\0se", b"mro\rse", b"mro\nse"]),
        (Mechanism::ScramSha256, &[b"n,,n=us\0er,r=abc", b"n,,n=us\rer,r=abc", b"n,,n=us\ner,r=abc"]),
    ];
    for (mechanism, messages) in refused {
        for message in messages {
            let mut driver = offering(mechanism);
            let reply = driver.say(format!("AUTH {mechanism} {}\r\n", base64(message)));
            let expected = if message == b"\0mrose\0a\0b" {
                "-ERR malformed authentication message\r\n"
            } else {
                "-ERR CR, LF and NUL are not allowed in credentials\r\n"
            };
            assert_eq!(reply, expected, "{mechanism} {message:?}");
            assert!(driver.credentials.is_empty());
        }
    }
}

#[test]
fn a_password_given_to_login_may_not_hold_them_either() {
    for password in ["a\0b", "a\rb", "a\nb", ""] {
        let mut driver = offering(Mechanism::Login);
        driver.say(format!("AUTH LOGIN {}\r\n", base64("mrose")));
        assert!(driver.say(format!("{}\r\n", base64(password))).starts_with("-ERR"), "{password:?}");
        assert!(driver.credentials.is_empty());
    }
}

#[test]
fn names_must_be_utf_8_and_not_empty() {
    for message in
        [&b"\0\xff\xfe\0secret"[..], b"\0a\x1bb\0secret", b"\0\0secret", b"\0mrose\0", b"mrose", b""]
    {
        let mut driver = offering(Mechanism::Plain);
        driver.say("AUTH PLAIN\r\n");
        assert!(driver.say(format!("{}\r\n", base64(message))).starts_with("-ERR"), "{message:?}");
        assert!(driver.credentials.is_empty());
    }
}

#[test]
fn scram_logs_in_with_our_own_client_side() {
    let mut driver = offering(Mechanism::ScramSha256);
    let nonce = Nonce::from_random([7; 24]);
    let (client, first) = ClientAwaitingServer::start("user", Secret::new("pencil"), nonce);
    let server_first = driver.say(format!("AUTH SCRAM-SHA-256 {}\r\n", base64(first)));
    let (client, last) = client.respond(&base64_of::decoded(&server_first)).unwrap();
    let server_final = driver.say(format!("{}\r\n", base64(last)));
    client.finish(&base64_of::decoded(&server_final)).unwrap();
    assert_eq!(driver.say("\r\n"), "+OK logged in\r\n");
    assert_eq!(driver.credentials, [Credentials::Scram { authzid: None, user: "user".to_owned() }]);
}

#[test]
fn a_wrong_scram_proof_cannot_log_in_even_by_mistake() {
    use pop3::session::{Outcome, Session, Step};
    use pop3::{Maildrop, ScramSecret};

    let offer = Offer::standard().with_mechanism(Mechanism::ScramSha256);
    let mut session = Session::new(offer, Limits::default());
    let (client, first) =
        ClientAwaitingServer::start("user", Secret::new("wrong"), Nonce::from_random([7; 24]));
    session.receive(format!("AUTH SCRAM-SHA-256 {}\r\n", base64(first)).as_bytes());
    assert!(matches!(session.step(), Step::ScramSecret { user } if user == "user"));
    session.scram_secret(
        &ScramSecret::derive(&Secret::new("right"), b"salt", 4096),
        &Nonce::from_random([8; 24]),
    );
    assert!(matches!(session.step(), Step::Input));
    let challenge = String::from_utf8(std::mem::take(session.output())).unwrap();
    let (_, last) = client.respond(&base64_of::decoded(&challenge)).unwrap();
    session.receive(format!("{}\r\n", base64(last)).as_bytes());
    assert!(matches!(session.step(), Step::ScramRejected { user } if user == "user"));
    session.logged_in(Maildrop::default());
    assert!(!session.is_logged_in());
    session.refused(&crate::driver::log_in_failed());
    assert!(
        matches!(session.step(), Step::Answered(exchange) if matches!(exchange.outcome, Outcome::Err(_)))
    );
    assert_eq!(session.output(), b"-ERR [AUTH] log-in failed\r\n");
}

#[test]
fn an_exchange_that_is_broken_off_leaves_nothing_behind() {
    let mut driver = offering(Mechanism::Login);
    driver.say("AUTH LOGIN\r\nbXJvc2U=\r\n");
    assert_eq!(driver.say("not base64!\r\n"), "-ERR that is not base64\r\n");
    assert_eq!(driver.say("YSBzZWNyZXQ=\r\n"), "-ERR unknown command\r\n");
    assert!(driver.credentials.is_empty());
}

#[test]
fn base64_has_one_spelling() {
    for response in
        ["AG1yb3NlAGEgc2VjcmV0=", "AG1yb3NlAGEgc2VjcmV", "AG1yb3NlAGEgc2Vj cmV0", "AG1yb3NlAGEgc2VjcmV1!"]
    {
        let mut driver = offering(Mechanism::Plain);
        driver.say("AUTH PLAIN\r\n");
        assert_eq!(driver.say(format!("{response}\r\n")), "-ERR that is not base64\r\n", "{response}");
    }
}
