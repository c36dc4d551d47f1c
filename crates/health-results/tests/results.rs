//! Results on a disk.

#![expect(clippy::unwrap_used, reason = "in a test a panic is the report")]

use std::fs;
use std::path::Path;
use std::time::Duration;

use health::{
    AlertValue, Failure, FailureReason, Finding, Line, Observation, Outcome, Part, Phase, Reason, Speaker,
    UnixMillis, Verdict,
};
use health_results::{Limits, Results, Wanted};
use settings::{ServerName, Value};
use tempfile::TempDir;

const HOUR: u64 = 3_600_000;

fn server() -> ServerName {
    ServerName::parse("mbx1").unwrap()
}

fn observation(probe: &str, target: &str, ended: u64, outcome: Outcome) -> Observation {
    let failure = Failure {
        reason: FailureReason::Connect,
        phase: Phase::Connect,
        part: Part::BackEnd,
        detail: "refused".into(),
    };
    let line = Line { at: Duration::ZERO, by: Speaker::Server, text: "+OK hello".into() };
    Observation {
        probe: probe.into(),
        health_set: "POP.Protocol".into(),
        server: server(),
        target: Some(target.into()),
        started: UnixMillis(ended),
        took: Duration::ZERO,
        finding: Finding {
            outcome,
            failure: outcome.is_failure().then_some(failure),
            transcript: vec![line],
            ..Finding::default()
        },
    }
}

fn verdict(monitor: &str, value: AlertValue, since: u64) -> Verdict {
    Verdict {
        monitor: monitor.into(),
        health_set: "POP.Protocol".into(),
        server: server(),
        target: None,
        value,
        reason: Reason::Succeeding { attempts: 3 },
        since: UnixMillis(since),
        failing_for: None,
        blame: None,
        mailbox_server: None,
        database: None,
    }
}

fn open(folder: &Path, limits: Limits) -> Results {
    Results::open(&folder.join("results.sqlite"), limits).unwrap()
}

fn all() -> Wanted {
    Wanted { limit: 1000, ..Wanted::default() }
}

#[test]
fn what_is_kept_is_found_after_a_restart_the_newest_last() {
    let folder = TempDir::new().unwrap();
    let failed = observation("PopDeepTestProbe", "DB01", 2, Outcome::Failed);
    {
        let results = open(folder.path(), Limits::default());
        let (first, last) = (
            observation("PopDeepTestProbe", "DB01", 1, Outcome::Succeeded),
            observation("PopCTPProbe", "DB02", 3, Outcome::TimedOut),
        );
        results.keep(&[first, failed.clone(), last]).unwrap();
    }
    let results = open(folder.path(), Limits::default());
    let ended = |wanted: &Wanted| -> Vec<u64> {
        results.find(wanted).unwrap().iter().map(|observation| observation.ended().0).collect()
    };
    assert_eq!(ended(&all()), [1, 2, 3]);
    assert_eq!(ended(&Wanted { failures_only: true, ..all() }), [2, 3]);
    assert_eq!(ended(&Wanted { limit: 2, ..all() }), [2, 3], "the newest");
    assert_eq!(ended(&Wanted { target: Some("db01".into()), ..all() }), [1, 2], "whatever the case");
    let of_probe = Wanted { probe: Some("PopCTPProbe".into()), ..all() };
    assert_eq!(ended(&of_probe), [3]);
    assert_eq!(results.find(&all()).unwrap()[1], failed, "a failure whole");
    assert!(
        results.find(&all()).unwrap()[0].finding.transcript.is_empty(),
        "a success without what was said"
    );
}

#[test]
fn failures_are_kept_longer_than_successes() {
    let folder = TempDir::new().unwrap();
    let results = open(folder.path(), Limits::default());
    let old = [
        observation("PopDeepTestProbe", "DB01", 0, Outcome::Succeeded),
        observation("PopDeepTestProbe", "DB01", 1, Outcome::Failed),
        observation("PopDeepTestProbe", "DB01", 20 * HOUR, Outcome::Succeeded),
    ];
    results.keep(&old).unwrap();
    results.trim(UnixMillis(25 * HOUR)).unwrap();
    assert_eq!(results.find(&all()).unwrap().len(), 2);
    results.trim(UnixMillis(31 * 24 * HOUR)).unwrap();
    assert!(results.find(&all()).unwrap().is_empty());
}

#[test]
fn the_file_stays_within_its_size_and_loses_successes_first() {
    let folder = TempDir::new().unwrap();
    let limits = Limits { octets: 200_000, ..Limits::default() };
    let results = open(folder.path(), limits);
    results.keep(&[observation("PopSelfTestProbe", "old", 0, Outcome::Failed)]).unwrap();
    for round in 0..50 {
        let many: Vec<_> = (0..50)
            .map(|number| {
                observation("PopSelfTestProbe", "many", round * 50 + number + 1, Outcome::Succeeded)
            })
            .collect();
        results.keep(&many).unwrap();
        results.trim(UnixMillis(1)).unwrap();
    }
    let found = results.find(&Wanted { limit: 100_000, ..all() }).unwrap();
    assert_eq!(found.first().unwrap().target.as_deref(), Some("old"), "the failure is still there");
    assert_eq!(found.last().unwrap().ended().0, 2500, "and the newest success");
    assert!(found.len() < 2000, "{}", found.len());
    drop(results);
    let size = fs::metadata(folder.path().join("results.sqlite")).unwrap().len();
    assert!(size < 400_000, "{size}");
}

#[test]
fn the_last_verdict_of_each_monitor_is_remembered_whatever_its_age() {
    let folder = TempDir::new().unwrap();
    let results = open(folder.path(), Limits::default());
    for (monitor, value, since) in [
        ("PopSelfTestMonitor", AlertValue::Healthy, 1),
        ("PopDeepTestMonitor", AlertValue::Healthy, 2),
        ("PopSelfTestMonitor", AlertValue::Unhealthy, 3),
    ] {
        results.keep_verdict(&verdict(monitor, value, since)).unwrap();
    }
    results.trim(UnixMillis(60 * 24 * HOUR)).unwrap();
    let mut last = results.last_verdicts().unwrap();
    last.sort_by_key(|verdict| verdict.since);
    let said: Vec<_> = last.iter().map(|verdict| (&*verdict.monitor, verdict.value)).collect();
    assert_eq!(
        said,
        [("PopDeepTestMonitor", AlertValue::Healthy), ("PopSelfTestMonitor", AlertValue::Unhealthy)]
    );
    assert_eq!(results.verdicts_since(UnixMillis(3)).unwrap().len(), 1);
}

#[test]
fn a_damaged_file_is_put_aside_and_a_new_one_begun() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("results.sqlite");
    for damage in
        [&b"this is no database, whatever its name says, and long enough to be looked at"[..], &[0; 8192]]
    {
        fs::write(&file, damage).unwrap();
        let results = open(folder.path(), Limits::default());
        results.keep(&[observation("PopSelfTestProbe", "x", 1, Outcome::Succeeded)]).unwrap();
        assert_eq!(results.find(&all()).unwrap().len(), 1);
        drop(results);
        assert_eq!(fs::read(folder.path().join("results.damaged")).unwrap(), damage);
        fs::remove_file(&file).unwrap();
    }
}
