//! The configuration file: presets, references, layers.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

use settings::{CertificateName, Configuration, HostName, Layer, LoopbackPorts, OneMachine, Value};

#[test]
fn the_loopback_configuration_parses_back_to_itself() {
    let configuration = Configuration::for_loopback(LoopbackPorts::default()).unwrap();
    let text = configuration.to_toml();
    assert_eq!(
        Configuration::parse(&text, "mailmedic.toml").map_err(|p| p.to_string()),
        Ok(configuration),
        "{text}"
    );
}

#[test]
fn a_server_without_settings_of_its_own_has_those_of_all_servers() {
    let configuration = Configuration::for_loopback(LoopbackPorts::default()).unwrap();
    let server = configuration.server("MBX1").unwrap();
    let settings = configuration.settings_of(server, &Layer::default());
    assert_eq!(settings.inner_pop3_address().to_string(), "127.0.0.21:11995");
    assert_eq!(settings.pop3_addresses()[0].to_string(), "127.0.0.21:10110");
}

#[test]
fn the_configuration_of_one_machine_parses_back_to_itself() {
    let machine = OneMachine {
        domain: HostName::parse("example.org").unwrap(),
        host_name: HostName::parse("mail.example.org").unwrap(),
        address: "0.0.0.0".parse().unwrap(),
        certificate: Some(CertificateName::parse("/etc/ssl/mail.pem:/etc/ssl/mail.key").unwrap()),
    };
    let configuration = Configuration::for_one_machine(&machine).unwrap();
    let text = configuration.to_toml();
    assert_eq!(
        Configuration::parse(&text, "mailmedic.toml").map_err(|p| p.to_string()),
        Ok(configuration.clone()),
        "{text}"
    );
    let server = &configuration.servers[0];
    let listens = configuration.settings_of(server, &Layer::default()).listens(server);
    let listens: Vec<_> = listens.iter().map(|at| format!("{} {}", at.purpose, at.address)).collect();
    assert_eq!(
        listens,
        [
            "POP3 0.0.0.0:110",
            "POP3S 0.0.0.0:995",
            "LMTP 127.0.0.1:24",
            "POP3 between the tiers 127.0.0.1:1995",
            "LMTP between the tiers 127.0.0.1:1024"
        ]
    );
}

#[test]
fn a_database_lists_the_servers_that_can_mount_it() {
    let configuration = Configuration::for_loopback(LoopbackPorts::default()).unwrap();
    let copies = |name: &str| configuration.copies_on(&configuration.server(name).unwrap().name).count();
    assert_eq!((copies("mbx1"), copies("cas1")), (1, 0));
}

#[test]
fn users_of_a_foreign_domain_find_their_route() {
    let text = include_str!("fixtures/valid-full.toml");
    let configuration = Configuration::parse(text, "valid").unwrap();
    assert_eq!(configuration.route_for_domain("OLD.example.com").unwrap().name.as_str(), "old");
    assert!(configuration.route_for_domain("example.com").is_none());
}
