//! The configuration file: presets, references, layers.

use settings::{Configuration, Layer, LoopbackPorts};

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
