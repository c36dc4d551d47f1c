//! Recoveries, as `mailmedic recovery` tells them.

use std::time::Duration;

use real_tests::{Installation, wait};
use serde_json::Value;

/// How long a climb to the top may take, on a machine that is busy.
pub(crate) const PATIENCE: Duration = Duration::from_mins(5);

fn rows(installation: &Installation, command: &[&str]) -> Vec<Value> {
    let ran = installation.command(command.iter().chain(&["--output", "json"]));
    let listing: Value = serde_json::from_slice(&ran.output).unwrap_or_default();
    listing["rows"].as_array().cloned().unwrap_or_default()
}

/// Every recovery there is.
pub(crate) fn recoveries(installation: &Installation) -> Vec<Value> {
    rows(installation, &["recovery", "list"])
}

/// Those that have done anything, or tried to.
pub(crate) fn climbs(installation: &Installation) -> Vec<Value> {
    let mut rows = recoveries(installation);
    rows.retain(|row| row["rungs"].as_u64().unwrap() > 1 && row["state"] != "healed-by-itself");
    rows
}

/// Waits until a recovery of a server is so.
#[track_caller]
pub(crate) fn until_recovery(
    installation: &Installation,
    server: &str,
    what: &str,
    is_it: impl Fn(&Value) -> bool,
) -> Value {
    let found = wait::within(PATIENCE, || {
        recoveries(installation).into_iter().find(|row| row["server"] == server && is_it(row))
    });
    found.unwrap_or_else(|| {
        let all = recoveries(installation);
        let stories: Vec<_> = all.iter().map(|row| story(installation, row)).collect();
        panic!("no recovery of {server} is {what}: {stories:#?}")
    })
}

/// Waits until a recovery of a server is in this state.
#[track_caller]
pub(crate) fn until_state(installation: &Installation, server: &str, state: &str) -> Value {
    until_recovery(installation, server, state, |row| row["state"] == state)
}

/// What happened in a recovery: `what: detail`, a line each.
pub(crate) fn story(installation: &Installation, recovery: &Value) -> Vec<String> {
    let id = recovery["id"].as_str().unwrap();
    let ran = installation.command(["recovery", "show", id, "--output", "json"]);
    let story: Value = serde_json::from_slice(&ran.output).unwrap_or_default();
    let lines = story["timeline"].as_array().cloned().unwrap_or_default();
    let text = |line: &Value, key: &str| line[key].as_str().unwrap_or_default().to_owned();
    lines.iter().map(|line| format!("{}: {}", text(line, "what"), text(line, "detail"))).collect()
}

/// What was done in a recovery, in order.
pub(crate) fn acts(installation: &Installation, recovery: &Value) -> Vec<String> {
    let lines = story(installation, recovery);
    lines.iter().filter_map(|line| line.strip_prefix("acts: ")).map(str::to_owned).collect()
}

/// Where a database is mounted.
pub(crate) fn mounted_on(installation: &Installation, database: &str) -> Option<String> {
    let rows = rows(installation, &["copies"]);
    let mounted = rows.iter().find(|row| row["database"] == database && row["state"] == "mounted")?;
    mounted["server"].as_str().map(str::to_owned)
}

/// Waits until every monitor of every server is Healthy.
#[track_caller]
pub(crate) fn until_all_healthy(installation: &Installation) {
    let bad = || {
        let rows = rows(installation, &["health"]);
        let missing = ["cas1", "mbx1", "mbx2"].iter().any(|it| !rows.iter().any(|row| row["server"] == *it));
        let bad: Vec<_> = rows.into_iter().filter(|row| row["alert_value"] != "Healthy").collect();
        (missing, bad)
    };
    let healed = wait::within(PATIENCE, || {
        let (missing, bad) = bad();
        (!missing && bad.is_empty()).then_some(())
    });
    assert!(healed.is_some(), "not everything is Healthy: {:#?}", bad().1);
}
