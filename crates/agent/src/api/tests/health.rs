//! Health: what is shown, what is run because somebody asks, and what operators say about it.

use super::*;
use admin_api::rows::{ItemHelp, ItemRow, MonitorRow, OverrideRow, ProbeRow};

const OVERRIDE: &str = r#"{"identity": "POP\\PopCTPProbe\\DB01", "property_name": "IntervalSeconds",
    "property_value": "60", "server": "cas1", "for_seconds": 600, "reason": "slow link"}"#;

async fn entries(scene: &Scene) -> usize {
    scene.coordinator.read(&Prefix::everything()).await.unwrap().entries.len()
}

#[tokio::test]
async fn servers_that_did_not_answer_are_named() {
    let (status, body) = scene().await.ask(Role::Viewer, "GET", "/v1/health", "").await;
    let listing: Listing<MonitorRow> = read(&body);
    let mut silent: Vec<_> = listing.unanswered.iter().map(|it| it.server.as_str()).collect();
    silent.sort_unstable();
    assert_eq!((status, silent), (200, vec!["mbx1", "mbx2"]));
}

#[tokio::test]
async fn a_server_is_asked_for_by_any_of_its_names() {
    let scene = scene().await;
    for name in ["cas1", "CAS1", "cas1.example.com"] {
        let target = format!("/v1/monitoring-items?server={name}&health_set=POP.Proxy");
        let (status, body) = scene.ask(Role::Viewer, "GET", &target, "").await;
        let listing: Listing<ItemRow> = read(&body);
        let items: Vec<_> = listing.rows.iter().map(|row| row.identity.as_str()).collect();
        let expected = [
            "POP.Proxy\\PopProxyTestProbe\\POP3",
            "POP.Proxy\\PopProxyTestMonitor\\POP3",
            "POP.Proxy\\PopProxyTestProbe\\POP3S",
            "POP.Proxy\\PopProxyTestMonitor\\POP3S",
        ];
        assert_eq!((status, items), (200, expected.to_vec()), "{name}");
    }
}

#[tokio::test]
async fn what_a_monitor_means_is_explained() {
    let target = "/v1/monitoring-item-help?identity=POP%5CPopCTPMonitor";
    let (status, body) = scene().await.ask(Role::Viewer, "GET", target, "").await;
    let help: ItemHelp = read(&body);
    assert_eq!((status, help.item_type.as_str()), (200, "Monitor"));
    assert!(help.depends_on.iter().any(|it| it == "Store"), "{help:?}");
}

#[tokio::test]
async fn names_that_are_not_there_are_told_with_the_nearest() {
    let scene = scene().await;
    let cases = [
        ("GET", "/v1/health?health_set=PPO", "", "POP"),
        ("GET", "/v1/health?server=cas2", "", "cas1"),
        ("GET", "/v1/monitoring-item-help?identity=POP%5CPopCTPMonitr", "", "PopCTPMonitor"),
        ("POST", "/v1/servers/cas1/probes", r#"{"identity": "POP\\PopCTPProb"}"#, "PopCTPProbe"),
        ("POST", "/v1/servers/cas1/probes", r#"{"identity": "POP\\PopCTPProbe\\DB1"}"#, "DB01"),
        (
            "PUT",
            "/v1/servers/cas1/monitors/PopCTPMonitr/repairing",
            r#"{"repairing": true}"#,
            "PopCTPMonitor",
        ),
    ];
    for (method, target, body, nearest) in cases {
        let (status, problem) = scene.problem(Role::Administrator, method, target, body).await;
        assert_eq!(
            (status, problem.nearest.as_deref()),
            (404, Some(nearest)),
            "{target} {body}: {problem:?}"
        );
    }
    assert_eq!(entries(&scene).await, 0);
}

#[tokio::test]
async fn a_probe_is_run_for_whoever_asks() {
    let scene = scene().await;
    let body = r#"{"identity": "HighAvailability\\DatabaseMountedProbe"}"#;
    let (status, answer) = scene.ask(Role::Operator, "POST", "/v1/servers/cas1/probes", body).await;
    let listing: Listing<ProbeRow> = read(&answer);
    let found: Vec<_> =
        listing.rows.iter().map(|row| (row.monitor_identity.as_str(), row.result.as_str())).collect();
    // Nothing is mounted in the records of this test.
    let expected = [
        ("HighAvailability\\DatabaseMountedProbe\\DB01", "Failed"),
        ("HighAvailability\\DatabaseMountedProbe\\DB02", "Failed"),
    ];
    assert_eq!((status, found), (200, expected.to_vec()));
    let error = listing.rows[0].error.as_deref().unwrap();
    assert!(error.contains("mounted nowhere"), "{error}");
}

#[tokio::test]
async fn a_probe_that_makes_no_sense_is_not_run() {
    let scene = scene().await;
    let cases = [
        (r#"{"identity": "POP\\PopCTPMonitor"}"#, "is a monitor"),
        (r#"{"identity": "POP\\PopCTPProbe", "time_out_seconds": 0}"#, "1 to 300"),
        (r#"{"identity": "POP\\PopCTPProbe", "endpoint": "nowhere"}"#, "HOST:PORT"),
        (r#"{"identity": "POP\\PopCTPProbe", "account": "user1@example.com"}"#, "no health mailbox"),
    ];
    for (body, words) in cases {
        let (status, problem) = scene.problem(Role::Operator, "POST", "/v1/servers/cas1/probes", body).await;
        assert_eq!(status, 400, "{body}: {problem:?}");
        assert!(problem.detail.contains(words), "{}", problem.detail);
    }
    let body = r#"{"identity": "POP\\PopCTPProbe"}"#;
    let (status, _) = scene.problem(Role::Viewer, "POST", "/v1/servers/cas1/probes", body).await;
    assert_eq!(status, 403);
}

#[tokio::test]
async fn results_that_are_not_kept_are_not_made_up() {
    let (status, problem) =
        scene().await.problem(Role::Viewer, "GET", "/v1/probe-results?server=cas1", "").await;
    assert_eq!((status, problem.kind), (503, Kind::Unavailable));
}

#[tokio::test]
async fn an_override_is_a_record_with_its_end_and_its_reason() {
    let scene = scene().await;
    let before = unix_millis();
    let (status, answer) = scene.ask(Role::Operator, "POST", "/v1/overrides", OVERRIDE).await;
    let row: OverrideRow = read(&answer);
    assert_eq!((status, row.reason.as_str(), row.created_by.as_str()), (200, "slow link", "ann"));
    let health = scene.coordinator.read(&Prefix::new("health/").unwrap()).await.unwrap();
    let kept: ::health::Override = read(&health.entries[0].value);
    assert!(kept.expires.0 >= before.0 + 600_000, "{kept:?}");
    // The same again replaces it.
    scene.ask(Role::Operator, "POST", "/v1/overrides", OVERRIDE).await;
    assert_eq!(entries(&scene).await, 1);
}

#[tokio::test]
async fn an_override_that_makes_no_sense_changes_nothing() {
    let scene = scene().await;
    let cases = [
        ("\"for_seconds\": 600", "\"for_seconds\": 0", "ends by itself"),
        ("slow link", " ", "needs a reason"),
        ("IntervalSeconds", "IntervalSecond", "did you mean IntervalSeconds"),
        ("IntervalSeconds", "Failures", "has no property"),
        ("\"60\"", "\"soon\"", "cannot be"),
        ("\"cas1\"", "\"cas9\"", "cas9"),
        ("PopCTPProbe", "PopCPTProbe", "PopCPTProbe"),
    ];
    for (right, wrong, words) in cases {
        let body: &'static str = Box::leak(OVERRIDE.replace(right, wrong).into_boxed_str());
        let (status, problem) = scene.problem(Role::Operator, "POST", "/v1/overrides", body).await;
        assert!([400, 404].contains(&status), "{body}: {status} {problem:?}");
        assert!(problem.detail.contains(words), "{}", problem.detail);
    }
    let (status, _) = scene.problem(Role::Viewer, "POST", "/v1/overrides", OVERRIDE).await;
    assert_eq!((status, entries(&scene).await), (403, 0));
}

#[tokio::test]
async fn what_nobody_repairs_cannot_be_ended() {
    let scene = scene().await;
    let target = "/v1/servers/cas1/monitors/PopCTPMonitor/repairing";
    let (status, problem) = scene.problem(Role::Operator, "PUT", target, r#"{"repairing": false}"#).await;
    assert_eq!((status, entries(&scene).await), (404, 0), "{problem:?}");
    let (status, _) = scene.ask(Role::Operator, "PUT", target, r#"{"repairing": true}"#).await;
    assert_eq!((status, entries(&scene).await), (200, 1));
}
