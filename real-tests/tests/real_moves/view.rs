//! Where databases are and how servers are, as the commands tell it.

use real_tests::{Installation, until};
use serde_json::Value;

/// The databases of every installation here, with the servers of their copies.
pub(crate) const DATABASES: [&str; 2] = ["DB01", "DB02"];
/// The servers that have them.
pub(crate) const MAILBOX_SERVERS: [&str; 2] = ["mbx1", "mbx2"];

/// The rows of a listing, if there is an agent that answers.
pub(crate) fn try_rows(installation: &Installation, command: &[&str]) -> Option<Vec<Value>> {
    let ran = installation.command([command, &["--output", "json"]].concat());
    let listing: Value = serde_json::from_slice(&ran.output).ok()?;
    Some(listing["rows"].as_array()?.clone())
}

/// The rows of a listing.
#[track_caller]
pub(crate) fn rows(installation: &Installation, command: &[&str]) -> Vec<Value> {
    until("an agent that answers", || try_rows(installation, command))
}

/// What is told of one database.
#[track_caller]
pub(crate) fn database(installation: &Installation, name: &str) -> Value {
    find(rows(installation, &["database", "list"]), |row| row["name"] == name)
}

/// What is told of one server.
#[track_caller]
pub(crate) fn server(installation: &Installation, name: &str) -> Value {
    find(rows(installation, &["server", "list"]), |row| row["name"] == name)
}

/// The state of the copy that `server` has of `database`.
#[track_caller]
pub(crate) fn copy(installation: &Installation, database: &str, server: &str) -> String {
    let is_it = |row: &Value| row["database"] == database && row["server"] == server;
    find(rows(installation, &["copies"]), is_it)["state"].as_str().unwrap().to_owned()
}

#[track_caller]
fn find(rows: Vec<Value>, is_it: impl Fn(&Value) -> bool) -> Value {
    rows.into_iter().find(|row| is_it(row)).expect("a row of that name")
}

/// Where a database is mounted, if it is.
#[track_caller]
pub(crate) fn mounted_on(installation: &Installation, name: &str) -> Option<String> {
    let row = database(installation, name);
    (row["state"] == "mounted").then(|| row["mounted_on"].as_str().unwrap().to_owned())
}

/// Waits until `name` is mounted on `server` and no move of it is under way.
#[track_caller]
pub(crate) fn until_mounted_on(installation: &Installation, name: &str, server: &str) {
    until(&format!("{name} to be mounted on {server}"), || {
        let row = database(installation, name);
        (row["state"] == "mounted" && row["mounted_on"] == server && row["move"].is_null()).then_some(())
    });
}

/// The server that has the other copy.
pub(crate) fn other(server: &str) -> &'static str {
    MAILBOX_SERVERS.into_iter().find(|other| *other != server).unwrap()
}

/// Moves a database, and returns how many milliseconds that took by the clock of the agents.
#[track_caller]
pub(crate) fn move_database(installation: &Installation, name: &str, to: &str) -> u64 {
    let moved = installation.command(["database", "move", name, "--to", to, "--output", "json"]).succeeded();
    let moved: Value = serde_json::from_str(&moved).unwrap();
    assert_eq!(moved["rows"][0]["state"], "succeeded", "{moved}");
    moved["rows"][0]["took_millis"].as_u64().unwrap()
}

/// Waits until every service runs, every agent is there, every database is mounted, and nothing moves. A service that died
/// too often is started by hand.
#[track_caller]
pub(crate) fn until_settled(installation: &Installation) {
    until_settled_without(installation, &[]);
}

/// The same, with others in the place of the processes that were killed: of those, some do not know yet.
#[track_caller]
pub(crate) fn until_settled_without(installation: &Installation, killed: &[u32]) {
    until("every database to be mounted and everything to run", || {
        let status = installation.status();
        for (server, service) in status.services().filter(|(_, service)| service.state == "Failed") {
            // It may have been started again this very moment.
            installation.command(["service", "start", &format!("{server}/{}", service.name)]);
        }
        let rows = try_rows(installation, &["database", "list"])?;
        let still = |row: &Value| row["state"] == "mounted" && row["move"].is_null();
        let servers = try_rows(installation, &["server", "list"])?;
        let present = |row: &Value| row["agent"] == "present";
        let replaced = killed.iter().all(|killed| !status.pids().contains(killed));
        (replaced && status.all_run() && rows.iter().all(still) && servers.iter().all(present)).then_some(())
    });
}
