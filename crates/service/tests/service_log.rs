//! The service log: JSON lines in files of bounded size.
#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

use std::path::Path;
use std::time::Duration;

use service::service_log::{ServiceLog, ServiceLogSettings};
use settings::ServiceLogLevel;

const PATIENCE: Duration = Duration::from_secs(20);

fn settings(folder: &Path) -> ServiceLogSettings {
    ServiceLogSettings {
        file: folder.join("frontend.log"),
        file_size: 1 << 20,
        older_files: 2,
        level: ServiceLogLevel::Info,
        terminal: false,
    }
}

fn events(folder: &Path, name: &str) -> Vec<serde_json::Value> {
    let text = std::fs::read_to_string(folder.join(name)).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn an_event_is_a_line_of_json_with_its_fields() {
    let folder = tempfile::tempdir().unwrap();
    let (log, subscriber) = ServiceLog::build(&settings(folder.path())).unwrap();
    tracing::subscriber::with_default(subscriber, || {
        tracing::info!(user = "user1@example.com", octets = 42, "logged out\n\"well\"");
    });
    assert!(log.flush(PATIENCE));
    let events = events(folder.path(), "frontend.log");
    assert_eq!(events.len(), 1);
    assert_eq!(events[0]["message"], "logged out\n\"well\"");
    assert_eq!((&events[0]["user"], &events[0]["octets"]), (&"user1@example.com".into(), &42.into()));
    assert!(events[0]["timestamp"].as_str().unwrap().parse::<jiff::Timestamp>().is_ok());
}

#[test]
fn how_much_is_said_can_be_changed_under_way() {
    let folder = tempfile::tempdir().unwrap();
    let (log, subscriber) = ServiceLog::build(&settings(folder.path())).unwrap();
    tracing::subscriber::with_default(subscriber, || {
        tracing::debug!("not said");
        log.set_level(ServiceLogLevel::Debug);
        tracing::debug!("said");
        log.set_level(ServiceLogLevel::Error);
        tracing::warn!("not said either");
    });
    assert!(log.flush(PATIENCE));
    let said: Vec<_> =
        events(folder.path(), "frontend.log").iter().map(|event| event["message"].clone()).collect();
    assert_eq!(said, ["said"]);
}

#[test]
fn a_full_file_makes_way_and_only_so_many_older_ones_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let small = ServiceLogSettings { file_size: 1000, ..settings(folder.path()) };
    let (log, subscriber) = ServiceLog::build(&small).unwrap();
    tracing::subscriber::with_default(subscriber, || {
        for number in 0..100 {
            tracing::info!(number, "something happened");
        }
    });
    assert!(log.flush(PATIENCE));
    let mut names: Vec<_> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["frontend.log", "frontend.log.1", "frontend.log.2"]);
    let numbers: Vec<_> = ["frontend.log.2", "frontend.log.1", "frontend.log"]
        .iter()
        .flat_map(|name| events(folder.path(), name))
        .map(|event| event["number"].as_u64().unwrap())
        .collect();
    let first = numbers[0];
    assert_eq!(numbers, (first..100).collect::<Vec<_>>(), "the last ones, in their order");
    for name in names {
        assert!(folder.path().join(name).metadata().unwrap().len() <= 1000);
    }
}
