use clap::Parser;

use super::*;
use crate::founding;

/// The arguments as they are typed after `mailmedic pop`.
#[derive(Parser)]
struct Typed {
    #[command(flatten)]
    arguments: Arguments,
}

fn installation() -> (tempfile::TempDir, DataDirectory) {
    let folder = tempfile::tempdir().unwrap();
    let data = DataDirectory::new(folder.path());
    init::claim::Claim::take(&data).unwrap();
    founding::write_loopback_configuration(&data, None, &[]).unwrap();
    (folder, data)
}

fn run(data: &DataDirectory, arguments: &[&str]) -> Outcome {
    Typed::parse_from(["pop", "settings"].iter().chain(arguments)).arguments.run(data)
}

/// The value that holds on cas1, and where it comes from.
fn holds(data: &DataDirectory, setting: &str) -> (String, String) {
    let site = Site::open(data).unwrap();
    let settings = site.settings_of(site.server("cas1").unwrap()).unwrap();
    let row = settings.pop.row(setting).unwrap();
    (row.value, row.origin.to_string())
}

#[track_caller]
fn refused(outcome: Outcome, with: &str) {
    let Err(Failure::BadInput(text)) = outcome else { panic!("{outcome:?}") };
    assert!(text.contains(with), "{text}");
}

#[test]
fn what_is_set_while_the_service_is_down_is_kept_and_what_is_unset_shows_the_file_again() {
    let (_folder, data) = installation();
    run(&data, &["set", "--server", "cas1", "MaxConnections", "500", "ssl-bindings", ":2995"]).unwrap();
    assert_eq!(holds(&data, "MaxConnections"), ("500".to_owned(), "set".to_owned()));
    assert_eq!(holds(&data, "SSLBindings"), (":2995".to_owned(), "set".to_owned()));
    run(&data, &["unset", "--server", "cas1", "SSLBindings"]).unwrap();
    let (value, origin) = holds(&data, "SSLBindings");
    assert_eq!(value, ":10995");
    assert!(origin.contains("mailmedic.toml:"), "{origin}");
}

#[test]
fn one_wrong_value_among_several_changes_nothing() {
    let (_folder, data) = installation();
    refused(
        run(&data, &["set", "--server", "cas1", "Banner", "Hello", "MaxConnections", "many"]),
        "MaxConnections",
    );
    refused(run(&data, &["set", "--server", "cas1", "Banner", "Hello", "MaxConnections"]), "has no value");
    assert_eq!(holds(&data, "Banner").1, "default");
}

#[test]
fn a_misspelt_setting_and_a_misspelt_server_are_answered_with_what_was_meant() {
    let (_folder, data) = installation();
    refused(run(&data, &["set", "--server", "cas1", "Banenr", "Hello"]), "write Banner");
    refused(run(&data, &["get", "--server", "csa1"]), "did you mean cas1?");
}

#[test]
fn with_several_servers_it_must_be_said_which() {
    let (_folder, data) = installation();
    refused(run(&data, &["set", "Banner", "Hello"]), "say which server with --server: cas1, mbx1");
}
