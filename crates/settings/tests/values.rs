//! Each kind of value: what it accepts, what it refuses, and that what it writes it reads back.
#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

use std::time::Duration;

use proptest::prelude::*;
use settings::{
    Binding, CertificateName, CommandLine, DatabaseName, EtcdEndpoint, HostName, KeyPrefix, LoginType,
    Network, NetworkList, RecipientDelimiter, ServerName, Size, SizeLimit, Span, Target, Value,
};

fn written<T: Value>(text: &str) -> String {
    T::parse(text).unwrap_or_else(|invalid| panic!("{text}: {invalid}")).text()
}

fn refused<T: Value>(text: &str) -> bool {
    T::parse(text).is_err()
}

#[test]
fn a_duration_is_read_in_units_and_as_a_clock() {
    for (text, seconds) in [
        ("30 min", 1800),
        ("30min", 1800),
        ("1 h 30 min", 5400),
        ("1 day", 86_400),
        ("90 Seconds", 90),
        ("00:30:00", 1800),
        ("1.02:03:04", 93_784),
        ("0 s", 0),
    ] {
        assert_eq!(Span::parse(text).unwrap().duration(), Duration::from_secs(seconds), "{text}");
    }
    assert_eq!(Span::parse("250 ms").unwrap().duration(), Duration::from_millis(250));
}

#[test]
fn a_duration_without_a_unit_or_with_units_out_of_order_is_refused() {
    for text in [
        "",
        "30",
        "min",
        "1 s 1 min",
        "1 min 2 min",
        "1 fortnight",
        "24:00:00",
        "00:60:00",
        "1:2",
        "-1 s",
        "1.5 h",
    ] {
        assert!(refused::<Span>(text), "{text}");
    }
}

#[test]
fn a_duration_too_long_for_the_clock_is_refused() {
    assert!(refused::<Span>("99999999999999999999 d"));
    assert!(refused::<Span>("999999999999 d"));
}

#[test]
fn a_size_is_in_units_of_1024() {
    for (text, octets) in
        [("512", 512), ("512 B", 512), ("64KB", 65_536), ("10 mb", 10 << 20), ("1 GiB", 1 << 30)]
    {
        assert_eq!(Size::parse(text).unwrap().get(), octets, "{text}");
    }
    assert!(refused::<Size>("1.5 MB") && refused::<Size>("MB") && refused::<Size>("99999999 TB"));
}

#[test]
fn no_limit_is_unlimited_or_zero() {
    assert_eq!(SizeLimit::parse("Unlimited").unwrap(), SizeLimit::Unlimited);
    assert_eq!(SizeLimit::parse("0").unwrap(), SizeLimit::Unlimited);
    assert_eq!(SizeLimit::parse("1 KB").unwrap().octets(), Some(1024));
}

#[test]
fn a_binding_without_an_address_is_at_the_address_of_the_server() {
    let server = "192.0.2.7".parse().unwrap();
    assert_eq!(Binding::parse(":110").unwrap().on(server).to_string(), "192.0.2.7:110");
    assert_eq!(Binding::parse("[::1]:110").unwrap().on(server).to_string(), "[::1]:110");
    assert!(refused::<Binding>("110") && refused::<Binding>("localhost:110") && refused::<Binding>(":65536"));
}

#[test]
fn a_network_contains_its_addresses_and_no_others() {
    let network = |text: &str| Network::parse(text).unwrap();
    let within = |text: &str, address: &str| network(text).contains(address.parse().unwrap());
    assert!(within("192.0.2.0/24", "192.0.2.255") && !within("192.0.2.0/24", "192.0.3.0"));
    assert!(within("192.0.2.1", "192.0.2.1") && !within("192.0.2.1", "192.0.2.2"));
    assert!(within("0.0.0.0/0", "255.255.255.255") && !within("0.0.0.0/0", "2001:db8::1"));
    assert!(within("2001:db8::/32", "2001:db8:ffff::1") && !within("2001:db8::/32", "2001:db9::1"));
    assert!(within("::/0", "2001:db8::1"));
}

#[test]
fn an_ipv4_client_on_an_ipv6_socket_is_still_an_ipv4_client() {
    assert!(Network::parse("192.0.2.0/24").unwrap().contains("::ffff:192.0.2.9".parse().unwrap()));
}

#[test]
fn an_empty_list_of_networks_contains_nobody() {
    assert!(!NetworkList::parse("").unwrap().contains("127.0.0.1".parse().unwrap()));
}

#[test]
fn names_that_differ_only_in_case_are_the_same() {
    assert_eq!(ServerName::parse("CAS1").unwrap(), ServerName::parse("cas1").unwrap());
    assert_eq!(DatabaseName::parse("DB01").unwrap().as_str(), "DB01");
}

#[test]
fn a_name_that_is_no_folder_name_is_refused() {
    for text in ["", ".", "..", "a/b", "-a", "a b", "ä", "a\0", &"a".repeat(64)] {
        assert!(refused::<ServerName>(text) && refused::<DatabaseName>(text), "{text}");
    }
}

#[test]
fn a_host_name_is_lower_case_and_no_address() {
    assert_eq!(written::<HostName>("Mail.Example.COM"), "mail.example.com");
    for text in ["", "a..b", "-a.com", "a-.com", "192.0.2.1", "a_b.com", &"a.".repeat(200)] {
        assert!(refused::<HostName>(text), "{text}");
    }
}

#[test]
fn a_certificate_is_a_name_a_file_or_two() {
    assert!(matches!(CertificateName::parse("mail.example.com"), Ok(CertificateName::Own(_))));
    let Ok(CertificateName::Files { certificate, key }) = CertificateName::parse("/a/both.pem") else {
        panic!()
    };
    assert_eq!(certificate, key);
    let Ok(CertificateName::Files { key, .. }) = CertificateName::parse("/a/c.pem:k/k.pem") else { panic!() };
    assert_eq!(key.from_folder("/data".as_ref()).to_str(), Some("/data/k/k.pem"));
}

#[test]
fn a_target_needs_a_port() {
    assert_eq!(written::<Target>("Old.example.com:995"), "old.example.com:995");
    assert_eq!(written::<Target>("[2001:db8::1]:995"), "[2001:db8::1]:995");
    assert!(refused::<Target>("old.example.com") && refused::<Target>("old.example.com:0"));
}

#[test]
fn an_etcd_server_is_reached_by_http_or_https_at_a_port() {
    let endpoint = EtcdEndpoint::parse("HTTPS://Etcd1.example.com:2379/").unwrap();
    assert!(endpoint.tls);
    assert_eq!(endpoint.text(), "https://etcd1.example.com:2379");
    assert_eq!(written::<EtcdEndpoint>("http://[::1]:2379"), "http://[::1]:2379");
    for text in ["etcd1:2379", "https://etcd1", "ftp://etcd1:2379", "https://etcd1:2379/v3", "https://a@b:1"]
    {
        assert!(refused::<EtcdEndpoint>(text), "{text}");
    }
}

#[test]
fn a_prefix_of_keys_has_no_empty_part() {
    assert_eq!(written::<KeyPrefix>("mail/berlin_1"), "mail/berlin_1");
    for text in ["", "/mail", "mail/", "a//b", "a b", "ä", &"a".repeat(201)] {
        assert!(refused::<KeyPrefix>(text), "{text}");
    }
}

#[test]
fn a_command_is_its_words_whatever_is_in_them() {
    let words = |text: &str| CommandLine::parse(text).unwrap().words().to_vec();
    assert_eq!(words("ipmitool  -H {server}"), ["ipmitool", "-H", "{server}"]);
    assert_eq!(words("[\"/opt/my tools/cycle\", \"a,b\", \"\"]"), ["/opt/my tools/cycle", "a,b", ""]);
    assert_eq!(CommandLine::parse(""), Ok(CommandLine::default()));
    assert!(
        refused::<CommandLine>("[1]")
            && refused::<CommandLine>("[\"\"]")
            && refused::<CommandLine>("[\"a\\n\"]")
    );
    let line = CommandLine::parse("[\"a b\", \"c\"]").unwrap();
    assert_eq!(CommandLine::parse(&line.text()), Ok(line));
}

#[test]
fn true_and_false_are_also_written_as_in_powershell() {
    assert_eq!(bool::parse("$TRUE"), Ok(true));
    assert_eq!(bool::parse("$false"), Ok(false));
    assert!(refused::<bool>("yes") && refused::<bool>("1") && refused::<bool>(""));
}

#[test]
fn words_are_read_in_any_case_and_written_as_administrators_know_them() {
    assert_eq!(written::<LoginType>("securelogin"), "SecureLogin");
}

#[test]
fn a_value_that_may_be_absent_is_written_none() {
    assert_eq!(written::<Option<RecipientDelimiter>>("NONE"), "none");
    assert_eq!(written::<Option<RecipientDelimiter>>("-"), "-");
}

proptest! {
    #[test]
    fn every_duration_is_read_back_as_written(millis in 0..u64::MAX / 4) {
        let units = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "min"), (1_000, "s"), (1, "ms")];
        let mut rest = millis;
        let text: Vec<_> = units.iter().map(|(unit, name)| { let n = rest / unit; rest %= unit; format!("{n} {name}") }).collect();
        let span = Span::parse(&text.join(" ")).unwrap();
        prop_assert_eq!(Span::parse(&span.text()).unwrap(), span);
        prop_assert_eq!(span.duration(), Duration::from_millis(millis));
    }

    #[test]
    fn every_size_is_read_back_as_written(octets in any::<u64>()) {
        prop_assert_eq!(Size::parse(&Size::octets(octets).text()).unwrap().get(), octets);
    }

    #[test]
    fn every_network_is_read_back_as_written(address in any::<u32>(), prefix in 0u8..=32) {
        let base = u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0) & address;
        let text = format!("{}/{prefix}", std::net::Ipv4Addr::from(base));
        let network = Network::parse(&text).unwrap();
        prop_assert_eq!(Network::parse(&network.text()).unwrap(), network);
        prop_assert!(network.contains(std::net::Ipv4Addr::from(address).into()));
    }

    #[test]
    fn no_text_makes_a_value_panic(text in ".*") {
        let _ = (Span::parse(&text), Size::parse(&text), Binding::parse(&text), NetworkList::parse(&text));
        let _ = (CommandLine::parse(&text), EtcdEndpoint::parse(&text), KeyPrefix::parse(&text));
        let _ = (Target::parse(&text), CertificateName::parse(&text), HostName::parse(&text), ServerName::parse(&text));
    }

    #[test]
    fn no_text_makes_the_reader_of_a_configuration_panic(text in "([a-z\\[\\]=\".{},0-9é \n#-]|\\[pop\\]|\\[\\[server\\]\\])*") {
        let _ = settings::Configuration::parse(&text, "any");
    }
}
