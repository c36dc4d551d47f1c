//! Settings in layers: default, file, `set`.
#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

use settings::{
    ApiSettings, Configuration, CoordinatorSettings, DeliverySettings, EscalationSettings, HealthSettings,
    InitSettings, InnerSettings, Layer, LogInSettings, LogSettings, LoopbackPorts, Origin, PeerSettings,
    PlacementSettings, PopSettings, PowerSettings, ReadySettings, RecoverySettings, Section, SessionSettings,
};

fn defaults_hold<S: Section>() {
    let defaults = S::default();
    let mut layer = Layer::<S>::default();
    for setting in S::settings() {
        layer
            .set(setting.key, setting.default)
            .unwrap_or_else(|invalid| panic!("{}: {invalid}", setting.key));
        layer
            .set(setting.name, &setting.value(&defaults))
            .unwrap_or_else(|invalid| panic!("{}: {invalid}", setting.name));
        assert_eq!(setting.name.to_ascii_lowercase(), setting.key.replace('-', ""), "one word for one thing");
    }
    let text = layer.to_toml();
    assert_eq!(Layer::parse_set(&text, "set").map_err(|problems| problems.to_string()), Ok(layer), "{text}");
}

#[test]
fn every_default_is_within_its_own_range_and_read_back_as_written() {
    defaults_hold::<PopSettings>();
    defaults_hold::<SessionSettings>();
    defaults_hold::<LogInSettings>();
    defaults_hold::<PeerSettings>();
    defaults_hold::<DeliverySettings>();
    defaults_hold::<InnerSettings>();
    defaults_hold::<ReadySettings>();
    defaults_hold::<HealthSettings>();
    defaults_hold::<LogSettings>();
    defaults_hold::<InitSettings>();
    defaults_hold::<ApiSettings>();
    defaults_hold::<PowerSettings>();
    defaults_hold::<RecoverySettings>();
    defaults_hold::<EscalationSettings>();
    defaults_hold::<CoordinatorSettings>();
    defaults_hold::<PlacementSettings>();
}

#[test]
fn pop_settings_have_exactly_the_names_administrators_know() {
    let names: Vec<_> = PopSettings::settings().iter().map(|setting| setting.name).collect();
    let known = "ProtocolLogEnabled LogFileLocation LogFileRollOverSettings LogPerFileSizeQuota LoginType \
                 X509CertificateName UnencryptedOrTLSBindings SSLBindings ProxyTargetPort MaxConnections \
                 MaxConnectionFromSingleIP MaxConnectionsPerUser AuthenticatedConnectionTimeout \
                 PreAuthenticatedConnectionTimeout MaxCommandSize Banner";
    assert_eq!(names, known.split_whitespace().collect::<Vec<_>>());
}

#[test]
fn set_wins_over_the_server_which_wins_over_all_servers_which_win_over_the_default() {
    let text = "[organisation]\ndefault-realm = \"example.com\"\n[pop]\nmax-connections = 10\nmax-command-size = 300\nbanner = \"all\"\n\
                [[server]]\nname = \"cas1\"\nroles = [\"client-access\"]\naddress = \"192.0.2.1\"\n\
                [server.pop]\nbanner = \"one\"\nmax-command-size = 400\n";
    let configuration = Configuration::parse(text, "mailmedic.toml").unwrap();
    let mut set = Layer::default();
    set.set("BANNER", "set").unwrap();
    let pop = configuration.settings_of(configuration.server("cas1").unwrap(), &set).pop;
    assert_eq!((pop.banner.as_str(), pop.max_command_size, pop.max_connections), ("set", 400, 10));
    let origin = |name: &str| pop.row(name).unwrap().origin;
    let line = |line| Origin::File { file: "mailmedic.toml".into(), line };
    assert_eq!(origin("Banner"), Origin::Set);
    assert_eq!(origin("MaxCommandSize"), line(13));
    assert_eq!(origin("MaxConnections"), line(4));
    assert_eq!(origin("SSLBindings"), Origin::Default);
    assert_eq!(origin("MaxConnections").to_string(), "mailmedic.toml:4");
}

#[test]
fn set_knows_a_setting_by_its_name_and_by_its_key_in_any_case() {
    for name in ["ProtocolLogEnabled", "protocollogenabled", "protocol-log-enabled"] {
        let mut layer = Layer::<PopSettings>::default();
        layer.set(name, "$true").unwrap();
        assert_eq!(layer.to_toml(), "protocol-log-enabled = true\n");
    }
}

#[test]
fn set_refuses_a_bad_value_with_what_to_write_instead_and_changes_nothing() {
    let mut layer = Layer::<PopSettings>::default();
    layer.set("MaxConnections", "7").unwrap();
    let told = layer.set("MaxConnections", "0").unwrap_err().to_string();
    assert_eq!(told, "MaxConnections: 0 is out of range; write a value from 1 to 1000000");
    let told = layer.set("LoginType", "SecureLogn").unwrap_err().to_string();
    assert_eq!(told, "LoginType: \"SecureLogn\" is not possible here; write \"SecureLogin\"");
    assert_eq!(layer.to_toml(), "max-connections = 7\n");
}

#[test]
fn set_proposes_the_setting_that_was_meant() {
    let told = Layer::<PopSettings>::default().set("ProtocolLogingEnabled", "$true").unwrap_err().to_string();
    assert_eq!(told, "there is no setting \"ProtocolLogingEnabled\"; write ProtocolLogEnabled");
}

#[test]
fn a_list_is_set_with_commas_and_emptied_with_nothing() {
    let mut layer = Layer::<PopSettings>::default();
    layer.set("SSLBindings", ":995, 192.0.2.1:1995").unwrap();
    assert_eq!(layer.to_toml(), "ssl-bindings = [\":995\", \"192.0.2.1:1995\"]\n");
    layer.set("SSLBindings", "").unwrap();
    assert_eq!(layer.to_toml(), "ssl-bindings = []\n");
}

#[test]
fn what_is_cleared_shows_the_layer_below() {
    let mut layer = Layer::<PopSettings>::default();
    layer.set("Banner", "hello").unwrap();
    assert_eq!(layer.clear("banner"), Ok(true));
    assert_eq!(layer.clear("banner"), Ok(false));
    assert!(layer.is_empty() && layer.to_toml().is_empty());
}

#[test]
fn the_file_of_set_is_checked_like_the_configuration() {
    let told = Layer::<PopSettings>::parse_set("baner = \"x\"\nmax-connections = 0\n", "set.toml")
        .unwrap_err()
        .to_string();
    assert_eq!(
        told,
        "set.toml:1:1: unknown key \"baner\"; write banner\n\
         set.toml:2:19: 0 is out of range; write a value from 1 to 1000000"
    );
}

#[test]
fn columns_are_counted_in_characters() {
    let told = Layer::<PopSettings>::parse_set("banner = \"é\", x = 1", "set.toml").unwrap_err();
    assert!(told.0.iter().any(|problem| (problem.line, problem.column) == (1, 13)), "{told}");
}

#[test]
fn every_setting_of_a_server_is_listed_with_its_section() {
    let configuration = Configuration::for_loopback(LoopbackPorts::default()).unwrap();
    let settings = configuration.settings_of(&configuration.servers[0], &Layer::default());
    let rows = settings.rows();
    let row =
        rows.iter().find(|(section, row)| (*section, row.key) == ("delivery", "lmtp-bindings")).unwrap();
    assert_eq!(row.1.value, ":10224");
    assert!(rows.iter().any(|(section, row)| (*section, row.key) == ("init", "stop-limit")));
}

#[test]
fn the_reference_explains_every_setting() {
    let reference = settings::reference();
    let configuration = Configuration::for_loopback(LoopbackPorts::default()).unwrap();
    let of_server = configuration.settings_of(&configuration.servers[0], &Layer::default()).rows();
    for (section, row) in of_server.into_iter().chain(configuration.cluster().rows()) {
        let headings = reference.matches(&format!("## `[{section}]`\n")).count();
        assert_eq!(headings, 1, "{section}");
        assert!(reference.contains(&format!("| `{}` | {} |", row.key, row.name)), "{}", row.name);
    }
    assert!(reference.contains("from 30 s to 1 d"));
}
