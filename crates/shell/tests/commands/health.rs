//! Health, probes, monitors and overrides.

use admin_api::routes::{
    AddOverride, Health, HealthReport, MonitoringItemHelp, MonitoringItems, Overrides, ProbeResults,
    RemoveOverride, RunProbe, SetRepairing,
};
use admin_api::rows::{HealthSetRow, ItemHelp, ItemRow, MonitorRow, OverrideRow, PhaseRow, ProbeRow};
use admin_api::{Kind, Listing, Moment, Problem, Unanswered};

use crate::agent::Script;
use crate::golden;

fn at(time: &str) -> Moment {
    Moment::parse(&format!("2026-01-31T{time}Z")).unwrap()
}

fn monitor(server: &str, set: &str, name: &str, target: Option<&str>, alert_value: &str) -> MonitorRow {
    MonitorRow {
        server: server.into(),
        state: "Online".into(),
        name: name.into(),
        target_resource: target.map(str::to_owned),
        health_set: set.into(),
        health_group: "ServiceComponents".into(),
        alert_value: alert_value.into(),
        server_component: "backend".into(),
        current_health_set_state: alert_value.into(),
        last_transition_time: at("08:00:00.5"),
        why: "the last 3 attempts succeeded".into(),
        blame: None,
        mailbox_server: Some(server.into()),
        database: target.map(str::to_owned),
    }
}

pub(crate) fn monitors() -> Vec<MonitorRow> {
    let failing = MonitorRow {
        why: "2 attempts failed, the last: ScenarioTimeout at retrieve: no answer within 5.0 s".into(),
        blame: Some("because of Store\\StoreMonitor\\DB01 on mbx1".into()),
        ..monitor("mbx1", "POP.Protocol", "PopDeepTestMonitor", Some("DB01"), "Unhealthy")
    };
    vec![failing, monitor("mbx2", "POP.Protocol", "PopSelfTestMonitor", None, "Healthy")]
}

pub(crate) fn probe(result: &str) -> ProbeRow {
    let failed = result != "Succeeded";
    let only = |text: &str| failed.then(|| text.to_owned());
    ProbeRow {
        server: "cas1".into(),
        monitor_identity: "POP\\PopCTPProbe\\DB01".into(),
        request_id: "1769846400000-popctpprobe".into(),
        execution_start_time: at("08:00:00"),
        execution_end_time: at("08:00:00.020"),
        result: result.into(),
        error: only("WrongContent at retrieve: message 1 is not what was delivered"),
        failure_reason: only("WrongContent"),
        failing_phase: only("retrieve"),
        failing_component: only("front end"),
        mailbox_server: Some("mbx1".into()),
        database: Some("DB01".into()),
        session: only("0198c0ffee"),
        value: None,
        phases: vec![
            PhaseRow { phase: "connect".into(), milliseconds: 0.41 },
            PhaseRow { phase: "auth".into(), milliseconds: 3.0 },
        ],
        execution_context: vec!["    0.4 ms S: +OK ready".into(), "    0.5 ms C: CAPA".into()],
    }
}

pub(crate) fn made() -> OverrideRow {
    OverrideRow {
        id: "all-pop-popctpmonitor-failures".into(),
        item_type: "Monitor".into(),
        property_name: "Failures".into(),
        property_value: "5".into(),
        health_set: "POP".into(),
        monitoring_item_name: "PopCTPMonitor".into(),
        target_resource: Some("DB01".into()),
        server: None,
        expiration_time: at("10:00:00"),
        created_by: "ann".into(),
        created_time: at("08:00:00"),
        reason: "slow link".into(),
    }
}

#[test]
fn health_is_shown_with_its_reasons_and_what_is_to_blame() {
    let unanswered = vec![Unanswered { server: "cas1".into(), why: "connection refused".into() }];
    let script =
        || Script::default().answers::<Health>(&Listing { rows: monitors(), unanswered: unanswered.clone() });
    golden(
        "health",
        script,
        &[
            &["health"],
            &["health", "mbx1", "--set", "POP.Protocol", "--output", "list"],
            &["health", "--failing", "--ha-impacting"],
            &["health", "--output", "json"],
        ],
    );
}

#[test]
fn a_health_set_is_shown_as_bad_as_its_worst_monitor() {
    let set = HealthSetRow {
        server: "mbx1".into(),
        state: "Online".into(),
        health_set: "POP.Protocol".into(),
        health_group: "ServiceComponents".into(),
        alert_value: "Degraded".into(),
        last_transition_time: at("08:00:00"),
        monitor_count: 3,
        why: "the last attempt failed: Connect at connect: connection refused".into(),
    };
    let script = || Script::default().answers::<HealthReport>(&Listing::complete(vec![set.clone()]));
    golden(
        "health-report",
        script,
        &[&["health", "report", "mbx1"], &["health", "report", "--output", "json"]],
    );
}

#[test]
fn probes_are_run_and_looked_up() {
    let script = || {
        Script::default()
            .answers::<RunProbe>(&Listing::complete(vec![probe("Succeeded"), probe("Failed")]))
            .answers::<ProbeResults>(&Listing::complete(vec![probe("Failed")]))
    };
    golden(
        "probe",
        script,
        &[
            &["probe", "run", "POP/PopCTPProbe", "--server", "cas1"],
            &[
                "probe",
                "run",
                "POP\\PopCTPProbe\\DB01",
                "--server",
                "cas1",
                "--time-out",
                "3 s",
                "--output",
                "list",
            ],
            &["probe", "results", "--failures", "--limit", "1"],
        ],
    );
}

#[test]
fn what_is_watched_is_listed_explained_and_marked() {
    let item = |kind: &str, name: &str| ItemRow {
        identity: format!("POP\\{name}\\DB01"),
        item_type: kind.into(),
        name: name.into(),
        health_set: "POP".into(),
        server: "cas1".into(),
        target_resource: Some("DB01".into()),
    };
    let help = ItemHelp {
        identity: "POP\\PopCTPMonitor".into(),
        item_type: "Monitor".into(),
        what: "Whether clients can fetch mail.".into(),
        how: "judges PopCTPProbe: Unhealthy after 2 failures in a row".into(),
        depends_on: vec!["Directory".into(), "Store".into()],
        recovery: Vec::new(),
        notes: None,
    };
    let script = || {
        let items = vec![item("Probe", "PopCTPProbe"), item("Monitor", "PopCTPMonitor")];
        Script::default()
            .answers::<MonitoringItems>(&Listing::complete(items))
            .answers::<MonitoringItemHelp>(&help)
            .answers::<SetRepairing>(&Listing::complete(monitors()))
    };
    golden(
        "monitor",
        script,
        &[
            &["monitor", "list", "--set", "POP", "--server", "cas1"],
            &["monitor", "help", "POP/PopCTPMonitor"],
            &[
                "monitor",
                "repairing",
                "mbx1/PopDeepTestMonitor",
                "on",
                "--target",
                "DB01",
                "--reason",
                "new disk",
            ],
            &["monitor", "repairing", "mbx1/PopDeepTestMonitor", "perhaps"],
        ],
    );
}

#[test]
fn overrides_are_made_listed_and_removed() {
    let script = || {
        Script::default()
            .answers::<AddOverride>(&made())
            .answers::<Overrides>(&Listing::complete(vec![made()]))
            .answers::<RemoveOverride>(&made())
    };
    let add = |rest: &[&'static str]| {
        let head = ["override", "add", "POP/PopCTPMonitor/DB01", "--property", "Failures", "--value", "5"];
        [&head, rest].concat()
    };
    let (whole, endless) =
        (add(&["--for", "2 h", "--reason", "slow link"]), add(&["--reason", "without an end"]));
    golden(
        "override",
        script,
        &[&whole, &endless, &["override", "list"], &["override", "remove", "all-pop-popctpmonitor-failures"]],
    );
}

#[test]
fn what_makes_no_sense_is_told_with_what_was_likely_meant() {
    let unknown =
        |what: &str, name: &str, near: &'static str| Problem::unknown(what, name, std::iter::once(near));
    let script = || {
        Script::default()
            .refuses::<Health>(&unknown("health set", "PPO", "POP"))
            .refuses::<RunProbe>(&unknown("target", "DB1", "DB01"))
            .refuses::<AddOverride>(&Problem::new(Kind::BadInput, "an override needs a reason"))
    };
    golden(
        "health-bad-input",
        script,
        &[
            &["health", "--set", "PPO"],
            &["probe", "run", "POP/PopCTPProbe/DB1", "--server", "cas1"],
            &["probe", "run", "POP/PopCTPProbe"],
            &[
                "override",
                "add",
                "POP/PopCTPMonitor",
                "--property",
                "Failures",
                "--value",
                "5",
                "--for",
                "2 h",
                "--reason",
                "",
            ],
        ],
    );
}
