//! Replies and what is offered.

use proptest::prelude::*;

use pop3::reply::{MAX_FIRST_LINE, write_err, write_greeting, write_ok};
use pop3::{Capability, Mechanism, Offer, ResponseCode};

fn err(code: Option<ResponseCode>, text: &str) -> String {
    let mut out = Vec::new();
    write_err(code, text, &mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn a_code_stands_before_the_text() {
    assert_eq!(err(Some(ResponseCode::SysTemp), "busy"), "-ERR [SYS/TEMP] busy\r\n");
    assert_eq!(err(Some(ResponseCode::XNotMounted), ""), "-ERR [X-NOT-MOUNTED]\r\n");
    assert_eq!(err(None, ""), "-ERR\r\n");
}

#[test]
fn a_text_from_elsewhere_stays_one_text() {
    assert_eq!(err(None, "a\r\n+OK\0é\t"), "-ERR a??+OK???\r\n");
    assert_eq!(err(None, "[SYS/PERM] not our code"), "-ERR (SYS/PERM] not our code\r\n");
    assert_eq!(err(Some(ResponseCode::Auth), "[x]"), "-ERR [AUTH] [x]\r\n");
}

#[test]
fn a_first_line_has_512_octets_at_most() {
    let line = err(Some(ResponseCode::LoginDelay), &"x".repeat(1000));
    assert_eq!(line.len(), MAX_FIRST_LINE);
    assert!(line.ends_with("x\r\n"));
}

#[test]
fn a_code_is_found_at_the_start_of_a_text() {
    for code in ResponseCode::ALL {
        assert_eq!(ResponseCode::at_start_of(&format!("[{code}] text")), Some(code));
        assert_eq!(ResponseCode::at_start_of(&format!("[{}]", code.as_str().to_lowercase())), Some(code));
        assert_eq!(ResponseCode::at_start_of(&format!("[{code}/MORE] text")), Some(code));
        assert_eq!(ResponseCode::at_start_of(&format!("[{code}X] text")), None);
        assert_eq!(ResponseCode::at_start_of(&format!("text [{code}]")), None);
    }
    assert_eq!(ResponseCode::at_start_of("[SYS/TEMP"), None);
    assert_eq!(ResponseCode::at_start_of("[]"), None);
    assert_eq!(ResponseCode::at_start_of("[é]"), None);
}

#[test]
fn capabilities_follow_the_offer() {
    let offer = Offer::standard()
        .with(Capability::User)
        .with(Capability::Stls)
        .with_mechanism(Mechanism::Plain)
        .with_mechanism(Mechanism::ScramSha256)
        .with_implementation("mailmedic\r\nXCLIENT");
    let mut lines = Vec::new();
    offer.write_lines(&mut lines);
    let expected = "TOP\r\nUIDL\r\nUSER\r\nRESP-CODES\r\nAUTH-RESP-CODE\r\nPIPELINING\r\nEXPIRE NEVER\r\nSTLS\r\n\
        SASL SCRAM-SHA-256 PLAIN\r\nIMPLEMENTATION mailmedicXCLIENT\r\n";
    assert_eq!(String::from_utf8(lines).unwrap(), expected);
    assert!(!offer.clone().without(Capability::Stls).has(Capability::Stls));
    let mut nothing = Vec::new();
    Offer::default().write_lines(&mut nothing);
    assert!(nothing.is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_reply_is_one_printable_line_whatever_the_text(text in any::<String>(), code: bool) {
        for write in [
            (|text: &str, _: bool, out: &mut Vec<u8>| write_ok(text, out)) as fn(&str, bool, &mut Vec<u8>),
            |text, code, out| write_err(code.then_some(ResponseCode::SysPerm), text, out),
            |text, code, out| write_greeting(code, text, out),
        ] {
            let mut out = Vec::new();
            write(&text, code, &mut out);
            let line = out.strip_suffix(b"\r\n").unwrap();
            prop_assert!(line.iter().all(|byte| (b' '..=b'~').contains(byte)));
            prop_assert!(out.len() <= MAX_FIRST_LINE);
        }
    }
}
