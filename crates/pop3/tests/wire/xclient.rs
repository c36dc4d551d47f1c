//! XCLIENT's attributes.

use proptest::prelude::*;

use pop3::Xclient;
use pop3::xclient::XclientError;

#[test]
fn every_attribute_is_read() {
    let text = "ADDR=192.0.2.1 PORT=4711 SESSION=3f2a-1 LOGIN=ann+20lee+40example.com TTL=5 PROTO=POP3S";
    let expected = Xclient {
        address: Some("192.0.2.1".parse().unwrap()),
        port: Some(4711),
        session: Some("3f2a-1".to_owned()),
        login: Some("ann lee@example.com".to_owned()),
        ttl: Some(5),
        protocol: Some("POP3S".to_owned()),
    };
    assert_eq!(Xclient::parse(text), Ok(expected));
}

#[test]
fn names_are_not_case_sensitive_and_ipv6_may_be_marked() {
    let expected = Xclient { address: Some("2001:db8::1".parse().unwrap()), ..Xclient::default() };
    for text in ["ADDR=2001:db8::1", "addr=IPV6:2001:db8::1", " Addr=2001:DB8::1 "] {
        assert_eq!(Xclient::parse(text), Ok(expected.clone()), "{text}");
    }
}

#[test]
fn every_value_is_checked() {
    let long = "x".repeat(300);
    for (name, values) in [
        ("ADDR", vec!["", "x", "192.0.2.256", "[UNAVAILABLE]", "IPV6:192.0.2.1"]),
        ("PORT", vec!["", "65536", "-1", "+2B1", "x"]),
        ("SESSION", vec!["", "a+20b", "a,b", "a+22b", "+C3+A9", &long]),
        ("LOGIN", vec!["", "a+0Ab", "a+0Db", "a+00b", "a+09b", "+C3", "+", "+4", "+4g", "+c3+a9", &long]),
        ("TTL", vec!["", "256", "-1", "x"]),
        ("PROTO", vec!["", "POP3+20S", "x+2Fy", &long]),
    ] {
        for value in values {
            assert_eq!(
                Xclient::parse(&format!("{name}={value}")),
                Err(XclientError::BadValue(name)),
                "{name}={value}"
            );
        }
    }
}

#[test]
fn nothing_may_be_said_twice_or_be_unknown() {
    assert_eq!(Xclient::parse("TTL=1 ttl=1"), Err(XclientError::Repeated("TTL")));
    assert_eq!(Xclient::parse("HELO=x"), Err(XclientError::UnknownAttribute));
    assert_eq!(Xclient::parse("TTL"), Err(XclientError::NotAnAttribute));
    assert_eq!(Xclient::parse("  "), Err(XclientError::Empty));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn attributes_are_read_back(
        address: Option<std::net::IpAddr>,
        port: Option<u16>,
        session in proptest::option::of("[a-zA-Z0-9_.:/+=-]{1,64}"),
        login in proptest::option::of("\\PC{1,60}"),
        ttl: Option<u8>,
        protocol in proptest::option::of("[A-Z0-9-]{1,16}"),
    ) {
        let xclient = Xclient { address, port, session, login, ttl, protocol };
        prop_assume!(xclient != Xclient::default());
        let arguments = xclient.to_string();
        prop_assert!(arguments.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()));
        prop_assert_eq!(Xclient::parse(&arguments), Ok(xclient));
    }
}
