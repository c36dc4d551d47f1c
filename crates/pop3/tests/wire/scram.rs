//! SCRAM-SHA-256, message by message.

use pop3::sasl::scram::{ClientAwaitingServer, ScramClientError};
use pop3::sasl::{Dialogue, Nonce, SaslError, Turn};
use pop3::{Credentials, Mechanism, ScramSecret, Secret};

/// The exchange of RFC 7677 section 3.
mod rfc_7677 {
    pub(super) const CLIENT_NONCE: &str = "rOprNGfwEbeRWgbNEkqO";
    pub(super) const SERVER_NONCE: &str = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
    pub(super) const SALT: &[u8] = b"\x5b\x6d\x99\x68\x9d\x12\x35\x8e\xec\xa0\x4b\x14\x12\x36\xfa\x81";
    pub(super) const CLIENT_FIRST: &str = "n,,n=user,r=rOprNGfwEbeRWgbNEkqO";
    pub(super) const SERVER_FIRST: &str =
        "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
    pub(super) const CLIENT_FINAL: &str = "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
        p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
    pub(super) const SERVER_FINAL: &str = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";
}
use rfc_7677::{CLIENT_FINAL, CLIENT_FIRST, CLIENT_NONCE, SALT, SERVER_FINAL, SERVER_FIRST, SERVER_NONCE};

fn start(first: &str) -> Turn {
    Dialogue::start(Mechanism::ScramSha256, Some(Secret::new(first)))
}

/// The server after its first message.
fn server_first(first: &str) -> (Dialogue, String) {
    let Turn::Secret(awaiting) = start(first) else { panic!("{first} is well-formed") };
    let secret = ScramSecret::derive(&Secret::new("pencil"), SALT, 4096);
    match awaiting.secret(&secret, &Nonce::new(SERVER_NONCE).unwrap()) {
        Turn::Challenge(dialogue, message) => (dialogue, String::from_utf8(message).unwrap()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_server_speaks_as_in_rfc_7677() {
    let (dialogue, message) = server_first(CLIENT_FIRST);
    assert_eq!(message, SERVER_FIRST);
    let Turn::Challenge(dialogue, message) = dialogue.respond(Secret::new(CLIENT_FINAL)) else {
        panic!("the proof is right")
    };
    assert_eq!(message, SERVER_FINAL.as_bytes());
    let Turn::Complete(credentials) = dialogue.respond(Secret::default()) else { panic!("it is complete") };
    assert_eq!(credentials, Credentials::Scram { authzid: None, user: "user".to_owned() });
}

#[test]
fn the_client_speaks_as_in_rfc_7677() {
    let nonce = Nonce::new(CLIENT_NONCE).unwrap();
    let (client, message) = ClientAwaitingServer::start("user", Secret::new("pencil"), nonce);
    assert_eq!(message, CLIENT_FIRST.as_bytes());
    let (client, message) = client.respond(SERVER_FIRST.as_bytes()).unwrap();
    assert_eq!(message, CLIENT_FINAL.as_bytes());
    assert_eq!(client.finish(SERVER_FINAL.as_bytes()), Ok(()));
}

#[test]
fn the_client_does_not_believe_a_server_that_does_not_know_the_password() {
    let client =
        || ClientAwaitingServer::start("user", Secret::new("pencil"), Nonce::new(CLIENT_NONCE).unwrap()).0;
    let respond = |message: &str| client().respond(message.as_bytes()).map(|_| ());
    assert_eq!(respond("r=rOprNGfwEbeRWgbNEkqO,s=AAAA,i=4096"), Err(ScramClientError::Nonce));
    assert_eq!(respond("r=somebody else,s=AAAA,i=4096"), Err(ScramClientError::Nonce));
    assert_eq!(respond("r=rOprNGfwEbeRWgbNEkqOx,s=AAAA,i=1"), Err(ScramClientError::Iterations));
    assert_eq!(respond("r=rOprNGfwEbeRWgbNEkqOx,s=AAAA,i=4000000000"), Err(ScramClientError::Iterations));
    assert_eq!(respond("e=other-error"), Err(ScramClientError::Malformed));
    let (end, _) = client().respond(SERVER_FIRST.as_bytes()).unwrap();
    assert_eq!(end.finish(b"v=AAAA"), Err(ScramClientError::Signature));
    let (end, _) = client().respond(SERVER_FIRST.as_bytes()).unwrap();
    assert_eq!(end.finish(b"e=invalid-proof"), Err(ScramClientError::Malformed));
}

#[test]
fn channel_binding_is_refused_when_insisted_on_and_otherwise_not_needed() {
    assert!(matches!(start("p=tls-unique,,n=user,r=abc"), Turn::Failed(SaslError::ChannelBinding)));
    assert!(matches!(start("y,,n=user,r=abc"), Turn::Secret(_)));
    assert!(matches!(start("n,,n=user,r=abc"), Turn::Secret(_)));
    for flag in ["", "x", "p", "nn", "N"] {
        assert!(
            matches!(start(&format!("{flag},,n=user,r=abc")), Turn::Failed(SaslError::Malformed)),
            "{flag}"
        );
    }
}

#[test]
fn the_channel_flag_of_the_final_message_must_be_that_of_the_first() {
    // The client said `y` first; `biws` repeats `n,,`: somebody changed it on the way.
    let (dialogue, _) = server_first("y,,n=user,r=rOprNGfwEbeRWgbNEkqO");
    assert!(matches!(dialogue.respond(Secret::new(CLIENT_FINAL)), Turn::Failed(SaslError::Malformed)));
}

#[test]
fn the_name_is_decoded_and_whom_to_act_as_is_told() {
    let Turn::Secret(awaiting) = start("n,a=the=2Cboss,n=a=3Db=2Cc,r=abc") else { panic!("well-formed") };
    assert_eq!(awaiting.user(), "a=b,c");
    for name in ["", "a=b", "a=2c", "=", "=2"] {
        assert!(matches!(start(&format!("n,,n={name},r=abc")), Turn::Failed(SaslError::Malformed)), "{name}");
    }
    let (dialogue, _) = server_first("n,a=boss,n=user,r=rOprNGfwEbeRWgbNEkqO");
    assert!(matches!(dialogue.respond(Secret::new(CLIENT_FINAL)), Turn::Failed(_)), "biws names nobody");
}

#[test]
fn a_malformed_first_message_is_refused() {
    for message in [
        "",
        "n",
        "n,",
        "n,,",
        "n,,n=user",
        "n,,n=user,",
        "n,,n=user,r=",
        "n,,r=abc,n=user",
        "n,,m=x,n=user,r=abc",
        "n,b=x,n=user,r=abc",
        "n,,n=user,r=a b",
    ] {
        assert!(matches!(start(message), Turn::Failed(SaslError::Malformed)), "{message}");
    }
}

#[test]
fn a_proof_that_is_wrong_names_whose_it_would_have_been() {
    let wrong = CLIENT_FINAL.replace("p=dHzb", "p=eHzb");
    let (dialogue, _) = server_first(CLIENT_FIRST);
    assert!(matches!(dialogue.respond(Secret::new(wrong)), Turn::Rejected { user } if user == "user"));
}

#[test]
fn a_final_message_for_another_exchange_is_refused() {
    let (dialogue, _) = server_first(CLIENT_FIRST);
    let replayed = CLIENT_FINAL.replace("%hvY", "%hvX");
    assert!(matches!(dialogue.respond(Secret::new(replayed)), Turn::Failed(SaslError::Malformed)));
    for message in ["", "c=biws", "p=AAAA", "c=biws,r=x,p=AAAA", "c=,r=,p=", ",p="] {
        let (dialogue, _) = server_first(CLIENT_FIRST);
        assert!(
            matches!(dialogue.respond(Secret::new(message)), Turn::Failed(SaslError::Malformed)),
            "{message}"
        );
    }
}

#[test]
fn nonces_are_printable_and_without_comma() {
    for text in ["", "a,b", "a b", "é", "a\n"] {
        assert_eq!(Nonce::new(text), None, "{text:?}");
    }
    let nonce = Nonce::from_random([0xff; 24]);
    assert_eq!(Nonce::new(nonce.as_str()), Some(nonce));
}

#[test]
fn debugging_shows_no_key() {
    let secret = ScramSecret::derive(&Secret::new("pencil"), SALT, 1);
    assert_eq!(format!("{secret:?}"), "ScramSecret { iterations: 1, .. }");
}
