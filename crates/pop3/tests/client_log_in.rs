//! Logging in by each mechanism: the bytes, and both machines against each other.

use pop3::client::{Dialogue, DialogueError, Event, Limits, LogIn, NotSaid, Phase};
use pop3::sasl::Nonce;
use pop3::sasl::scram::ScramClientError;
use pop3::session::{self, Session, Step};
use pop3::{
    Capability, Command, Credentials, Maildrop, Mechanism, Offer, Refusal, ResponseCode, ScramSecret, Secret,
    Xclient,
};

fn greeted() -> Dialogue {
    let mut dialogue = Dialogue::new(Limits::default());
    dialogue.receive(b"+OK ready\r\n");
    assert!(matches!(dialogue.event(), Ok(Some(Event::Greeting(_)))));
    dialogue
}

fn logging_in(log_in: LogIn) -> Dialogue {
    let mut dialogue = greeted();
    dialogue.log_in(log_in).expect("it is our turn");
    dialogue
}

fn said(dialogue: &mut Dialogue) -> String {
    String::from_utf8(std::mem::take(dialogue.output())).expect("commands are text")
}

/// The server says something; what the client says to it.
fn reply(dialogue: &mut Dialogue, line: &str) -> Result<String, DialogueError> {
    dialogue.receive(format!("{line}\r\n").as_bytes());
    while dialogue.event()?.is_some() {}
    Ok(said(dialogue))
}

fn secret() -> Secret {
    Secret::new("tanstaaftanstaaf")
}

fn plain() -> LogIn {
    LogIn::Plain { authzid: None, user: "tim".to_owned(), password: secret() }
}

fn scram() -> LogIn {
    let nonce = Nonce::new("rOprNGfwEbeRWgbNEkqO").expect("a nonce");
    LogIn::ScramSha256 { user: "user".to_owned(), password: Secret::new("pencil"), nonce }
}

#[test]
fn user_and_pass_go_in_one_write() {
    let mut dialogue = logging_in(LogIn::Password { user: "ann".to_owned(), password: Secret::new(" a b ") });
    assert_eq!(said(&mut dialogue), "USER ann\r\nPASS  a b \r\n");
    dialogue.receive(b"+OK\r\n+OK welcome\r\n");
    assert_eq!(dialogue.event(), Ok(Some(Event::User)));
    assert_eq!(dialogue.event(), Ok(Some(Event::LoggedIn("welcome".to_owned()))));
}

#[test]
fn plain_goes_in_one_write() {
    let mut dialogue = logging_in(plain());
    assert_eq!(said(&mut dialogue), "AUTH PLAIN AHRpbQB0YW5zdGFhZnRhbnN0YWFm\r\n");
    assert_eq!(reply(&mut dialogue, "+OK").as_deref(), Ok(""));
}

#[test]
fn plain_names_whom_to_act_as() {
    let log_in =
        LogIn::Plain { authzid: Some("ann".to_owned()), user: "m".to_owned(), password: Secret::new("p") };
    assert_eq!(said(&mut logging_in(log_in)), "AUTH PLAIN YW5uAG0AcA==\r\n");
}

#[test]
fn a_long_first_message_waits_for_the_challenge() {
    let password = "x".repeat(300);
    let log_in =
        LogIn::Plain { authzid: None, user: "tim".to_owned(), password: Secret::new(password.as_str()) };
    let mut dialogue = logging_in(log_in);
    assert_eq!(said(&mut dialogue), "AUTH PLAIN\r\n");
    assert_eq!(dialogue.say(&Command::Stat), Err(NotSaid::OutOfTurn), "it would be taken for the response");
    let response = reply(&mut dialogue, "+ ").expect("the response");
    assert_eq!(response.len(), (5 + password.len()).div_ceil(3) * 4 + 2);
    assert_eq!(dialogue.say(&Command::Stat), Ok(()));
}

#[test]
fn a_nul_within_plain_is_not_said() {
    let log_in = LogIn::Plain { authzid: None, user: "ann\0bob".to_owned(), password: secret() };
    assert!(matches!(greeted().log_in(log_in), Err(NotSaid::Argument(_))));
}

#[test]
fn xclient_and_external_and_more_go_in_one_write() {
    let mut dialogue = greeted();
    let xclient = Xclient { port: Some(4711), ttl: Some(5), ..Xclient::default() };
    dialogue.say(&Command::Xclient(xclient)).expect("it is our turn");
    dialogue.log_in(LogIn::External { authzid: Some("ann".to_owned()) }).expect("it is our turn");
    dialogue.say(&Command::Stat).expect("it is our turn");
    assert_eq!(said(&mut dialogue), "XCLIENT PORT=4711 TTL=5\r\nAUTH EXTERNAL YW5u\r\nSTAT\r\n");
    dialogue.receive(b"+OK\r\n+OK\r\n+OK 0 0\r\n");
    assert_eq!(dialogue.event(), Ok(Some(Event::Forwarded)));
    assert_eq!(dialogue.event(), Ok(Some(Event::LoggedIn(String::new()))));
    assert_eq!(dialogue.event(), Ok(Some(Event::Stat { messages: 0, octets: 0 })));
}

#[test]
fn external_without_a_name_sends_an_empty_response() {
    assert_eq!(said(&mut logging_in(LogIn::External { authzid: None })), "AUTH EXTERNAL =\r\n");
}

#[test]
fn login_answers_two_prompts() {
    let mut dialogue = logging_in(LogIn::Login { user: "ann".to_owned(), password: Secret::new("pw") });
    assert_eq!(said(&mut dialogue), "AUTH LOGIN\r\n");
    assert_eq!(reply(&mut dialogue, "+ VXNlcm5hbWU6").as_deref(), Ok("YW5u\r\n"));
    assert_eq!(reply(&mut dialogue, "+ UGFzc3dvcmQ6").as_deref(), Ok("cHc=\r\n"));
    assert_eq!(dialogue.phase(), Phase::Auth);
    assert_eq!(reply(&mut dialogue, "+OK").as_deref(), Ok(""));
    assert_eq!(dialogue.phase(), Phase::Idle);
}

/// The exchange of RFC 7677 section 3.
#[test]
fn scram_speaks_as_the_standards_example() {
    let mut dialogue = logging_in(scram());
    assert_eq!(said(&mut dialogue), "AUTH SCRAM-SHA-256 biwsbj11c2VyLHI9ck9wck5HZndFYmVSV2diTkVrcU8=\r\n");
    let proof = reply(
        &mut dialogue,
        "+ cj1yT3ByTkdmd0ViZVJXZ2JORWtxTyVodllEcFdVYTJSYVRDQWZ1eEZJbGopaE5sRiRrMCxzPVcyMlphSjBTTlk3c29Fc1VFamI2Z1E9PSxpPTQwOTY=",
    );
    assert_eq!(
        proof.as_deref(),
        Ok(
            "Yz1iaXdzLHI9ck9wck5HZndFYmVSV2diTkVrcU8laHZZRHBXVWEyUmFUQ0FmdXhGSWxqKWhObEYkazAscD1kSHpiWmFwV0lrNGpVaE4rVXRlOXl0YWc5empmTUhnc3FtbWl6N0FuZFZRPQ==\r\n"
        )
    );
    let thanks = reply(&mut dialogue, "+ dj02cnJpVFJCaTIzV3BSUi93dHVwK21NaFVaVW4vZEI1bkxUSlJzamw5NUc0PQ==");
    assert_eq!(thanks.as_deref(), Ok("\r\n"), "nothing is left to say");
    dialogue.receive(b"+OK\r\n");
    assert_eq!(dialogue.event(), Ok(Some(Event::LoggedIn(String::new()))));
}

#[test]
fn a_server_that_cannot_prove_itself_is_not_believed() {
    let mut dialogue = logging_in(scram());
    reply(
        &mut dialogue,
        "+ cj1yT3ByTkdmd0ViZVJXZ2JORWtxTyVodllEcFdVYTJSYVRDQWZ1eEZJbGopaE5sRiRrMCxzPVcyMlphSjBTTlk3c29Fc1VFamI2Z1E9PSxpPTQwOTY=",
    )
    .expect("the first message is good");
    let wrong = reply(&mut dialogue, "+ dj1BQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBPQ==");
    let unproven = DialogueError::Unproven { source: ScramClientError::Signature };
    assert_eq!(wrong, Err(unproven.clone()));
    assert_eq!(reply(&mut dialogue, "+OK come in"), Err(unproven), "nor afterwards");
}

#[test]
fn success_before_the_exchange_is_over_is_a_violation() {
    for log_in in [scram(), LogIn::Login { user: "ann".to_owned(), password: secret() }] {
        let mut dialogue = logging_in(log_in);
        let early = reply(&mut dialogue, "+OK come in");
        assert!(
            matches!(early, Err(DialogueError::ProtocolViolation { phase: Phase::Auth, .. })),
            "{early:?}"
        );
    }
}

#[test]
fn a_challenge_too_many_is_a_violation() {
    let mut dialogue = logging_in(plain());
    let late = reply(&mut dialogue, "+ bW9yZT8=");
    assert!(matches!(late, Err(DialogueError::ProtocolViolation { phase: Phase::Auth, .. })), "{late:?}");
}

#[test]
fn a_challenge_that_is_not_base64_is_a_violation() {
    let mut dialogue = logging_in(LogIn::Login { user: "ann".to_owned(), password: secret() });
    let bad = reply(&mut dialogue, "+ !!!");
    assert!(matches!(bad, Err(DialogueError::ProtocolViolation { phase: Phase::Auth, .. })), "{bad:?}");
}

#[test]
fn a_challenge_may_be_longer_than_other_lines() {
    let mut dialogue = logging_in(LogIn::Login { user: "ann".to_owned(), password: secret() });
    said(&mut dialogue);
    assert_eq!(reply(&mut dialogue, &format!("+ {}", "QUJD".repeat(1000))).as_deref(), Ok("YW5u\r\n"));
    let endless = reply(&mut dialogue, &format!("+ {}", "QUJD".repeat(4000)));
    assert!(matches!(endless, Err(DialogueError::ProtocolViolation { .. })), "{endless:?}");
}

#[test]
fn a_refusal_within_the_exchange_ends_the_exchange_only() {
    let mut dialogue = logging_in(LogIn::Login { user: "ann".to_owned(), password: secret() });
    reply(&mut dialogue, "+ VXNlcm5hbWU6").expect("the name");
    let refused = reply(&mut dialogue, "-ERR [AUTH] no");
    let Err(DialogueError::Rejected { phase: Phase::Auth, code: Some(ResponseCode::Auth), .. }) = refused
    else {
        panic!("{refused:?}");
    };
    said(&mut dialogue);
    assert_eq!(dialogue.say(&Command::Quit), Ok(()));
    assert_eq!(said(&mut dialogue), "QUIT\r\n");
}

#[test]
fn no_secret_is_in_the_debug_output() {
    let with = |password: &str| {
        let (user, password) = ("tim".to_owned(), Secret::new(password));
        let log_in = LogIn::Password { user, password };
        format!("{log_in:?} {:?}", logging_in(log_in.clone()))
    };
    assert_eq!(with("pencil"), with("eraser"));
    assert!(!with("pencil").contains("pencil"));
}

/// Our own server, which knows one password.
fn server_says(session: &mut Session, bytes: &[u8]) -> Vec<u8> {
    session.receive(bytes);
    loop {
        match session.step() {
            Step::Input | Step::Close(_) => return std::mem::take(session.output()),
            Step::LogIn(Credentials::Password { password, .. } | Credentials::Plain { password, .. })
                if password != secret() =>
            {
                session.refused(&Refusal::new(ResponseCode::Auth, "no"));
            }
            Step::LogIn(_) => session.logged_in(Maildrop { messages: 0, octets: 0 }),
            Step::ScramSecret { .. } => session.scram_secret(
                &ScramSecret::derive(&Secret::new("pencil"), b"salt", 4096),
                &Nonce::new("server").expect("a nonce"),
            ),
            Step::ScramRejected { .. } => session.refused(&Refusal::new(ResponseCode::Auth, "no")),
            Step::Forwarded(_) => {
                session.forwarded(offer());
            }
            _ => {}
        }
    }
}

fn offer() -> Offer {
    let offer = Offer::standard().with(Capability::User).with(Capability::Xclient);
    Mechanism::ALL.into_iter().fold(offer, Offer::with_mechanism)
}

/// Plays a log-in between both machines; whether it succeeds.
fn played(log_in: LogIn) -> bool {
    let mut session = Session::new(offer(), session::Limits::default());
    session.greet("hello");
    let mut dialogue = Dialogue::new(Limits::default());
    let mut from_server = server_says(&mut session, b"");
    let mut log_in = Some(log_in);
    for _ in 0..20 {
        for byte in std::mem::take(&mut from_server) {
            dialogue.receive(&[byte]);
            match dialogue.event() {
                Ok(Some(Event::Greeting(greeting))) => {
                    assert!(greeting.xclient);
                    dialogue
                        .say(&Command::Xclient(Xclient { ttl: Some(1), ..Xclient::default() }))
                        .expect("our turn");
                    dialogue.log_in(log_in.take().expect("one greeting")).expect("our turn");
                }
                Ok(Some(Event::LoggedIn(_))) => return true,
                Ok(_) => {}
                Err(DialogueError::Rejected {
                    phase: Phase::Auth, code: Some(ResponseCode::Auth), ..
                }) => return false,
                Err(error) => panic!("{error}"),
            }
        }
        from_server = server_says(&mut session, &std::mem::take(dialogue.output()));
    }
    panic!("the machines do not come to an end");
}

#[test]
fn our_server_and_our_client_understand_each_other() {
    let user = || "tim".to_owned();
    assert!(played(LogIn::Password { user: user(), password: secret() }));
    assert!(played(plain()));
    assert!(played(LogIn::Login { user: user(), password: secret() }));
    assert!(played(LogIn::External { authzid: Some(user()) }));
    assert!(played(LogIn::External { authzid: None }));
    assert!(played(scram()));
}

#[test]
fn our_server_refuses_our_client_with_a_wrong_password() {
    let (user, wrong) = (|| "tim".to_owned(), || Secret::new("guess"));
    assert!(!played(LogIn::Password { user: user(), password: wrong() }));
    assert!(!played(LogIn::Plain { authzid: None, user: user(), password: wrong() }));
    assert!(!played(LogIn::Login { user: user(), password: wrong() }));
    let nonce = Nonce::new("client").expect("a nonce");
    assert!(!played(LogIn::ScramSha256 { user: user(), password: wrong(), nonce }));
}
