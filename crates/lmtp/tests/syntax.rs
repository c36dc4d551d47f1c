//! Commands, paths, parameters and XCLIENT: what is read and what is refused.

use lmtp::{
    Address, AddressError, Body, Command, CommandError, DeliveryId, MailParameters, Xclient, XclientError,
};
use proptest::prelude::*;

fn sender(line: &str) -> Result<Option<String>, CommandError> {
    match Command::parse(line.as_bytes())? {
        Command::Mail(address, _) => Ok(address.map(|address| address.to_string())),
        other => panic!("{other:?}"),
    }
}

fn recipient(path: &str) -> Result<String, AddressError> {
    match Command::parse(format!("RCPT TO:{path}").as_bytes()) {
        Ok(Command::Rcpt(address)) => Ok(address.to_string()),
        Err(CommandError::Recipient(error)) => Err(error),
        other => panic!("{path}: {other:?}"),
    }
}

fn parameters(text: &str) -> Result<MailParameters, CommandError> {
    match Command::parse(format!("MAIL FROM:<> {text}").as_bytes())? {
        Command::Mail(None, parameters) => Ok(parameters),
        other => panic!("{other:?}"),
    }
}

#[test]
fn commands_are_read_in_any_case() {
    assert_eq!(Command::parse(b"lhlo mx.example.com"), Ok(Command::Lhlo("mx.example.com".to_owned())));
    assert_eq!(Command::parse(b"Data"), Ok(Command::Data));
    assert_eq!(Command::parse(b"rset "), Ok(Command::Rset));
    assert_eq!(Command::parse(b"NOOP whatever"), Ok(Command::Noop));
    assert_eq!(Command::parse(b"VRFY ann"), Ok(Command::Vrfy));
    assert_eq!(Command::parse(b"QUIT"), Ok(Command::Quit));
    assert_eq!(sender("mail from:<ann@example.com>"), Ok(Some("ann@example.com".to_owned())));
}

#[test]
fn smtp_is_told_that_this_is_lmtp() {
    assert_eq!(Command::parse(b"EHLO mx"), Err(CommandError::NotSmtp));
    assert_eq!(Command::parse(b"HELO mx"), Err(CommandError::NotSmtp));
}

#[test]
fn what_is_no_command_is_unknown() {
    for line in ["", " ", "LHLOX", "MAILFROM:<a@b>", "STARTTLS", "BDAT 3", "EXPN x", "TURN", "GET / HTTP/1.1"]
    {
        assert_eq!(Command::parse(line.as_bytes()), Err(CommandError::Unknown), "{line:?}");
    }
}

#[test]
fn arguments_are_neither_missing_nor_too_many() {
    for line in
        ["LHLO", "LHLO a b", "DATA now", "RSET x", "QUIT x", "VRFY", "MAIL", "MAIL TO:<a@b>", "RCPT <a@b>"]
    {
        assert_eq!(Command::parse(line.as_bytes()), Err(CommandError::Syntax), "{line:?}");
    }
}

#[test]
fn characters_that_no_command_has_are_refused() {
    for line in
        [b"NOOP \0".as_slice(), b"NOOP \r", b"NO\nOP", b"RCPT TO:<\xc3\xa9@x>", b"NOOP \x7f", b"NOOP \x1b"]
    {
        assert_eq!(Command::parse(line), Err(CommandError::Character), "{line:?}");
    }
}

#[test]
fn the_null_path_is_a_sender_and_no_recipient() {
    assert_eq!(sender("MAIL FROM:<>"), Ok(None));
    assert_eq!(recipient("<>"), Err(AddressError::NotAPath));
}

#[test]
fn spaces_before_the_path_are_forgiven() {
    assert_eq!(sender("MAIL FROM: <ann@example.com>"), Ok(Some("ann@example.com".to_owned())));
}

#[test]
fn paths_have_brackets() {
    for path in ["ann@example.com", "<ann@example.com", "", "ann@example.com>", "\"<ann>\"@example.com"] {
        assert_eq!(recipient(path), Err(AddressError::NotAPath), "{path:?}");
    }
}

#[test]
fn a_local_part_alone_is_a_local_address() {
    assert_eq!(recipient("<Postmaster>"), Ok("Postmaster".to_owned()));
    let address = Address::parse("postmaster").expect("an address");
    assert_eq!((address.local(), address.domain()), ("postmaster", None));
}

#[test]
fn local_parts_hold_what_mailboxes_have() {
    for path in ["<a+b@x>", "<o'brien@x>", "<a.b.c@x>", "<a..b@x>", "<.a@x>", "<{a}|b~#$%&*/=?^_`@x>"] {
        assert_eq!(recipient(path), Ok(path[1..path.len() - 1].to_owned()), "{path:?}");
    }
}

#[test]
fn malformed_local_parts_are_refused() {
    for path in [
        "<@>",
        "<a b@x>",
        "<a\"b@x>",
        "<\"a@x>",
        "<\"\"@x>",
        "<\"a\"b@x>",
        "<a,b@x>",
        "<(a)@x>",
        "<a\\b@x>",
        "< a@x>",
    ] {
        assert!(recipient(path).is_err(), "{path:?}");
    }
}

#[test]
fn quotes_are_not_part_of_the_local_part() {
    assert_eq!(recipient("<\"ann\"@x>"), Ok("ann@x".to_owned()), "they were not needed");
    let address = Address::parse(r#""ann \"the\" \\ smith>"@example.com"#).expect("an address");
    assert_eq!(address.local(), r#"ann "the" \ smith>"#);
    assert_eq!(address.domain(), Some("example.com"));
    assert_eq!(address.to_string(), r#""ann \"the\" \\ smith>"@example.com"#);
    assert_eq!(recipient(r#"<"a@b"@c>"#), Ok(r#""a@b"@c"#.to_owned()));
}

#[test]
fn a_bracket_in_quotes_does_not_end_the_path() {
    assert_eq!(recipient(r#"<"a>b"@x>"#), Ok(r#""a>b"@x"#.to_owned()));
    assert_eq!(recipient(r#"<"a\">b"@x>"#), Ok(r#""a\">b"@x"#.to_owned()));
}

#[test]
fn source_routes_are_ignored() {
    assert_eq!(recipient("<@one.example,@two.example:ann@example.com>"), Ok("ann@example.com".to_owned()));
    assert_eq!(sender("MAIL FROM:<@relay:ann@example.com>"), Ok(Some("ann@example.com".to_owned())));
    for path in ["<@one,two:ann@x>", "<@:ann@x>", "<@one>", "<@one,:ann@x>"] {
        assert_eq!(recipient(path), Err(AddressError::Domain), "{path:?}");
    }
}

#[test]
fn domains_are_names_or_literals() {
    for domain in ["x", "example.com", "a-b.c_d", "[192.0.2.1]", "[IPv6:2001:db8::1]"] {
        assert_eq!(recipient(&format!("<a@{domain}>")), Ok(format!("a@{domain}")), "{domain:?}");
    }
    let long = "a.".repeat(127) + "aa";
    for domain in ["", ".", "a.", ".a", "a..b", "a b", "a@b", "[]", "[a", "a]", "[a]b]", "ex*mple", &long] {
        assert!(recipient(&format!("<a@{domain}>")).is_err(), "{domain:?}");
    }
}

#[test]
fn parameters_of_mail_are_read() {
    let read = parameters("SIZE=1000 BODY=8BITMIME XDELIVERYID=0123abcd").expect("parameters");
    assert_eq!(read.size, Some(1000));
    assert_eq!(read.body, Some(Body::EightBitMime));
    assert_eq!(read.delivery_id.as_ref().map(DeliveryId::as_str), Some("0123abcd"));
    assert_eq!(read.to_string(), " SIZE=1000 BODY=8BITMIME XDELIVERYID=0123abcd");
    assert_eq!(parameters("body=7bit").map(|read| read.body), Ok(Some(Body::SevenBit)));
}

#[test]
fn bad_parameters_are_refused() {
    let long = format!("XDELIVERYID={}", "a".repeat(65));
    for text in [
        "SIZE",
        "SIZE=",
        "SIZE=x",
        "SIZE=-1",
        "SIZE=+1",
        "SIZE=000000000000000000001",
        "SIZE=1 SIZE=1",
        "BODY=",
        "BODY=BINARYMIME",
        "XDELIVERYID=",
        "XDELIVERYID=a/b",
        "XDELIVERYID=a+0Ab",
        &long,
    ] {
        assert_eq!(parameters(text), Err(CommandError::Parameter), "{text:?}");
    }
}

#[test]
fn a_size_beyond_counting_is_the_largest_size() {
    assert_eq!(parameters("SIZE=99999999999999999999").map(|read| read.size), Ok(Some(u64::MAX)));
}

#[test]
fn parameters_that_were_not_announced_are_refused() {
    for line in
        ["MAIL FROM:<> SMTPUTF8", "MAIL FROM:<> RET=HDRS", "RCPT TO:<a@x> NOTIFY=NEVER", "MAIL FROM:<> ="]
    {
        assert_eq!(Command::parse(line.as_bytes()), Err(CommandError::UnknownParameter), "{line:?}");
    }
}

#[test]
fn parameters_stand_apart_from_the_path() {
    assert_eq!(Command::parse(b"MAIL FROM:<>SIZE=1"), Err(CommandError::Syntax));
    assert_eq!(Command::parse(b"RCPT TO:<a@x>x"), Err(CommandError::Syntax));
}

#[test]
fn xclient_says_for_whom_a_peer_speaks() {
    let xclient =
        Xclient::parse("ADDR=192.0.2.1 port=25 HELO=mx+2Bone SESSION=0f TTL=3").expect("attributes");
    assert_eq!(xclient.address, Some("192.0.2.1".parse().expect("an address")));
    assert_eq!((xclient.port, xclient.ttl), (Some(25), Some(3)));
    assert_eq!((xclient.helo.as_deref(), xclient.session.as_deref()), (Some("mx+one"), Some("0f")));
    assert_eq!(xclient.to_string(), " ADDR=192.0.2.1 PORT=25 HELO=mx+2Bone SESSION=0f TTL=3");
}

#[test]
fn xclient_addresses_are_of_either_family() {
    let address = Some("2001:db8::1".parse().expect("an address"));
    assert_eq!(Xclient::parse("ADDR=IPV6:2001:db8::1").map(|read| read.address), Ok(address));
    assert_eq!(Xclient::parse("ADDR=2001:db8::1").map(|read| read.address), Ok(address));
    assert_eq!(Xclient::parse("ADDR=[UNAVAILABLE]").map(|read| read.address), Ok(None));
}

#[test]
fn bad_xclient_attributes_are_refused() {
    for (text, error) in [
        ("", XclientError::Syntax),
        ("ADDR", XclientError::Syntax),
        ("PORT=1 PORT=2", XclientError::Syntax),
        ("NAME=x", XclientError::UnknownAttribute),
        ("ADDR=localhost", XclientError::Value),
        ("ADDR=IPV6:192.0.2.1", XclientError::Value),
        ("PORT=65536", XclientError::Value),
        ("PORT=+2B1", XclientError::Value),
        ("PORT=", XclientError::Value),
        ("TTL=256", XclientError::Value),
        ("HELO=", XclientError::Value),
        ("HELO=a+0D+0Ab", XclientError::Value),
        ("HELO=a+0", XclientError::Value),
        ("HELO=a+GG", XclientError::Value),
        ("SESSION=+FF", XclientError::Value),
    ] {
        assert_eq!(Xclient::parse(text), Err(error), "{text:?}");
    }
}

#[test]
fn delivery_ids_are_short_words() {
    assert!("0123-abc_D.e".parse::<DeliveryId>().is_ok());
    for text in ["", " ", "a b", "a=b", "a\r\nb", &"a".repeat(65)] {
        assert!(text.parse::<DeliveryId>().is_err(), "{text:?}");
    }
}

proptest! {
    #[test]
    fn an_address_is_read_as_it_was_written(
        local in "[ -~]{1,40}",
        domain in proptest::option::of("[a-z0-9]{1,9}(\\.[a-z0-9-]{1,9}){0,3}"),
    ) {
        let quoted = local.replace('\\', "\\\\").replace('"', "\\\"");
        let written = match &domain {
            Some(domain) => format!("\"{quoted}\"@{domain}"),
            None => format!("\"{quoted}\""),
        };
        let address = Address::parse(&written).expect("well-formed");
        prop_assert_eq!(address.local(), local);
        prop_assert_eq!(address.domain(), domain.as_deref());
        prop_assert_eq!(Address::parse(&address.to_string()), Ok(address.clone()));
        prop_assert_eq!(recipient(&format!("<{address}>")), Ok(address.to_string()));
    }

    #[test]
    fn an_xclient_is_read_as_it_was_written(
        address in proptest::option::of(any::<std::net::IpAddr>()),
        port in proptest::option::of(any::<u16>()),
        helo in proptest::option::of("[ -~]{1,20}"),
        ttl in any::<u8>(),
    ) {
        let written = Xclient { address, port, helo, session: None, ttl: Some(ttl) };
        prop_assert_eq!(Xclient::parse(&written.to_string()), Ok(written));
    }

    #[test]
    fn arbitrary_lines_never_panic(line in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = Command::parse(&line);
    }

    #[test]
    fn arbitrary_text_after_known_words_never_panics(
        start in prop_oneof![Just("MAIL FROM:"), Just("RCPT TO:<"), Just("XCLIENT ADDR="), Just("MAIL FROM:<> ")],
        rest in "[ -~]{0,60}",
    ) {
        if let Ok(Command::Mail(Some(address), _) | Command::Rcpt(address)) =
            Command::parse(format!("{start}{rest}").as_bytes())
        {
            prop_assert_eq!(Address::parse(&address.to_string()), Ok(address.clone()));
            prop_assert!(!address.to_string().contains(['\r', '\n', '\0']));
        }
    }
}
