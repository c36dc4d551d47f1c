//! Settings that change while a service runs.
#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use service::live::{Live, LiveError, LiveFiles, read_set, write_set};
use settings::{Configuration, Layer, LoopbackPorts, Origin, PopSettings, ServerName, Value};

fn files(folder: &Path) -> LiveFiles {
    let files = LiveFiles {
        configuration: folder.join("mailmedic.toml"),
        set: folder.join("pop-settings.toml"),
        server: ServerName::parse("cas1").unwrap(),
    };
    let text = Configuration::for_loopback(LoopbackPorts::default()).unwrap().to_toml();
    std::fs::write(&files.configuration, text).unwrap();
    files
}

fn set(files: &LiveFiles, name: &str, value: &str) {
    let mut layer = read_set(&files.set).unwrap();
    layer.set(name, value).unwrap();
    write_set(&files.set, &layer).unwrap();
}

#[test]
fn what_set_stored_wins_and_survives_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let files = files(folder.path());
    set(&files, "ProtocolLogEnabled", "$true");
    set(&files, "Banner", "Hello, \"world\".");
    let live = Live::open(files).unwrap();
    let pop = &live.load().server.pop;
    assert!(pop.protocol_log_enabled && pop.banner.as_str() == "Hello, \"world\".");
    assert_eq!(pop.row("Banner").unwrap().origin, Origin::Set);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2, "no rest of writing is left");
}

#[test]
fn a_reload_tells_whether_anything_changed() {
    let folder = tempfile::tempdir().unwrap();
    let files = files(folder.path());
    let live = Live::open(files.clone()).unwrap();
    let changes = live.subscribe();
    assert!(!live.reload().unwrap());
    assert!(!changes.has_changed().unwrap());
    set(&files, "MaxConnections", "7");
    assert!(live.reload().unwrap());
    assert!(changes.has_changed().unwrap());
    assert_eq!(live.load().server.pop.max_connections, 7);
}

#[test]
fn a_file_with_mistakes_changes_nothing_and_tells_them() {
    let folder = tempfile::tempdir().unwrap();
    let files = files(folder.path());
    set(&files, "MaxConnections", "7");
    let live = Live::open(files.clone()).unwrap();
    std::fs::write(&files.set, "max-connections = 0\nbanner = \"half\n").unwrap();
    let told = live.reload().unwrap_err();
    assert!(matches!(&told, LiveError::Mistakes(problems) if problems.0.len() == 2), "{told}");
    std::fs::write(&files.configuration, "nonsense").unwrap();
    assert!(matches!(live.reload(), Err(LiveError::Mistakes(_))));
    std::fs::remove_file(&files.configuration).unwrap();
    assert!(matches!(live.reload(), Err(LiveError::Unreadable { .. })));
    assert_eq!(live.load().server.pop.max_connections, 7);
}

#[test]
fn a_server_that_the_configuration_does_not_have_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let files = LiveFiles { server: ServerName::parse("cas9").unwrap(), ..files(folder.path()) };
    let told = Live::open(files).err().unwrap();
    assert!(matches!(told, LiveError::NoSuchServer { .. }), "{told}");
}

#[test]
fn what_set_stored_is_replaced_as_a_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pop-settings.toml");
    let mut layer = Layer::<PopSettings>::default();
    layer.set("Banner", "hello").unwrap();
    write_set(&path, &layer).unwrap();
    assert_eq!(read_set(&path).unwrap(), layer);
    layer.clear("Banner").unwrap();
    write_set(&path, &layer).unwrap();
    assert!(read_set(&path).unwrap().is_empty());
    assert!(write_set(&folder.path().join("missing/pop-settings.toml"), &layer).is_err());
}

/// Waits for a change, for at most a few seconds of real time: reading files takes some.
async fn changed(changes: &mut tokio::sync::watch::Receiver<u64>) {
    tokio::time::timeout(Duration::from_secs(20), changes.changed()).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_changed_file_is_noticed_without_being_told() {
    let folder = tempfile::tempdir().unwrap();
    let files = files(folder.path());
    let live = Live::open(files.clone()).unwrap();
    let mut changes = live.subscribe();
    let watching = tokio::spawn(Arc::clone(&live).watch());
    set(&files, "MaxConnections", "7");
    changed(&mut changes).await;
    assert_eq!(live.load().server.pop.max_connections, 7);
    watching.abort();
}

#[tokio::test]
async fn a_nudge_has_the_files_read_soon() {
    let folder = tempfile::tempdir().unwrap();
    let files = files(folder.path());
    let live = Live::open(files.clone()).unwrap();
    let mut changes = live.subscribe();
    let watching = tokio::spawn(Arc::clone(&live).watch());
    std::fs::write(&files.set, "max-connections = 0").unwrap();
    live.nudge();
    set_whole(&files, 8);
    live.nudge();
    changed(&mut changes).await;
    assert_eq!(live.load().server.pop.max_connections, 8, "the mistake before it changed nothing");
    watching.abort();
}

fn set_whole(files: &LiveFiles, connections: u32) {
    std::fs::write(&files.set, format!("max-connections = {connections}")).unwrap();
}
