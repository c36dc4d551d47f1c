//! The configuration file: presets, references, layers.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

use settings::{
    CertificateName, Configuration, CoordinatorKind, HostName, Layer, LoopbackPorts, OneMachine, PowerKind,
    Value,
};

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
    assert_eq!((copies("mbx1"), copies("mbx2"), copies("cas1")), (2, 2, 0));
}

#[test]
fn users_of_a_foreign_domain_find_their_route() {
    let text = include_str!("fixtures/valid-full.toml");
    let configuration = Configuration::parse(text, "valid").unwrap();
    assert_eq!(configuration.route_for_domain("OLD.example.com").unwrap().name.as_str(), "old");
    assert!(configuration.route_for_domain("example.com").is_none());
}

#[test]
fn the_cluster_is_this_machine_and_the_addresses_of_the_servers() {
    let text = include_str!("fixtures/valid-full.toml");
    let configuration = Configuration::parse(text, "valid").unwrap();
    let server = configuration.servers[0].address;
    for (address, is_of_cluster) in [
        ("127.0.0.1", true),
        ("127.5.5.5", true),
        ("::1", true),
        ("::ffff:127.0.0.1", true),
        (&*server.to_string(), true),
        ("203.0.113.77", false),
        ("2001:db8:77::1", false),
        ("0.0.0.0", false),
    ] {
        assert_eq!(configuration.is_of_cluster(address.parse().unwrap()), is_of_cluster, "{address}");
    }
}

#[test]
fn each_database_of_the_loopback_configuration_prefers_a_server_of_its_own() {
    let configuration = Configuration::for_loopback(LoopbackPorts::default()).unwrap();
    let databases: Vec<_> = configuration
        .databases
        .iter()
        .map(|database| {
            let copies: Vec<_> = database.copies.iter().map(ToString::to_string).collect();
            format!("{}: {}", database.name, copies.join(" "))
        })
        .collect();
    assert_eq!(databases, ["DB01: mbx1 mbx2", "DB02: mbx2 mbx1"]);
}

#[test]
fn the_agent_of_every_server_on_loopback_has_an_api_and_a_grid_for_its_power() {
    let configuration = Configuration::for_loopback(LoopbackPorts::default()).unwrap();
    let apis: Vec<_> = configuration
        .servers
        .iter()
        .flat_map(|server| configuration.settings_of(server, &Layer::default()).listens(server))
        .filter(|listens| listens.service == "agent")
        .map(|listens| listens.address.to_string())
        .collect();
    assert_eq!(apis, ["127.0.0.1:10180", "127.0.0.21:10180", "127.0.0.22:10180"]);
    let settings = configuration.settings_of(&configuration.servers[0], &Layer::default());
    assert_eq!(settings.power.kind, PowerKind::Grid);
}

#[test]
fn clients_of_a_mailbox_server_without_a_front_end_come_to_its_back_end() {
    let configuration = Configuration::for_loopback(LoopbackPorts::default()).unwrap();
    let service = |name: &str| {
        let server = configuration.server(name).unwrap();
        configuration.settings_of(server, &Layer::default()).listens(server)[0].service
    };
    assert_eq!((service("cas1"), service("mbx1")), ("frontend", "backend"));
}

#[test]
fn what_an_older_configuration_does_not_say_is_as_if_it_had_said_the_defaults() {
    let text = "[organisation]\ndefault-realm = \"example.com\"\n\
                [[server]]\nname = \"cas1\"\nroles = [\"client-access\"]\naddress = \"127.0.0.1\"\n";
    let configuration = Configuration::parse(text, "mailmedic.toml").unwrap();
    assert_eq!(configuration.cluster().coordinator.kind, CoordinatorKind::Local);
    let settings = configuration.settings_of(&configuration.servers[0], &Layer::default());
    assert!(settings.api_addresses().is_empty());
    assert_eq!(settings.power.kind, PowerKind::None);
}
