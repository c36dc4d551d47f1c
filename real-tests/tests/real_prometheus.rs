//! Prometheus reads what every service tells, and our alerts are rules that it accepts.

#![expect(clippy::unwrap_used, reason = "in a test a panic is the report")]

use std::path::Path;
use std::process::Command;

use real_tests::program::{debian, run};
use real_tests::{Preparation, until};
use settings::LoopbackPorts;

/// What promtool, called with `arguments`, says of `input`; it must be nothing bad.
#[track_caller]
fn promtool(arguments: &[&str], input: &[u8]) -> String {
    let promtool = debian("promtool", "prometheus");
    let packaging = Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging/prometheus");
    run(Command::new(promtool).args(arguments).current_dir(packaging), input).succeeded()
}

/// The page at `address`, asked for with curl.
fn page(address: &str, token: Option<&str>) -> Option<String> {
    let mut curl = Command::new(debian("curl", "curl"));
    curl.args(["--silent", "--show-error", "--fail", &format!("http://{address}/metrics")]);
    if let Some(token) = token {
        curl.args(["--header", &format!("Authorization: Bearer {token}")]);
    }
    let ran = run(&mut curl, b"");
    (ran.code == 0).then(|| String::from_utf8(ran.output).unwrap())
}

#[test]
fn what_every_service_tells_is_what_prometheus_reads() {
    let installation = Preparation::new().start();
    let token = installation.command(["token", "add", "prometheus", "--role", "viewer"]).succeeded();
    let LoopbackPorts { ready, api, .. } = LoopbackPorts::default();
    let at = |host: u8, port: u16| format!("{}:{port}", installation.address(host));
    let tellers = [
        ("cas1", "frontend", at(1, ready), "mailmedic_waiting_log_ins"),
        ("mbx1", "backend", at(21, ready), "mailmedic_database_state"),
        ("mbx1", "agent", at(21, api), "mailmedic_agent_heartbeat_timestamp_seconds"),
    ];
    for (server, service, at, own) in tellers {
        let token = (service == "agent").then_some(token.trim());
        let text = until("everything to be told", || page(&at, token).filter(|text| text.contains(own)));
        assert!(text.contains(&format!("service=\"{service}\",server=\"{server}\"")), "{text}");
        assert_eq!(promtool(&["check", "metrics"], text.as_bytes()), "", "{text}");
        if service == "agent" {
            assert_eq!(page(&at, None), None, "an agent tells nobody who shows no token");
        }
    }
    until("a probe to be told with the times of its phases", || {
        let text = page(&at(21, api), Some(token.trim()))?;
        let told =
            ["mailmedic_probe_phase_seconds_bucket", "mailmedic_monitor{", "mailmedic_probe_attempts_total"];
        told.iter().all(|name| text.contains(name)).then_some(())
    });
}

#[test]
fn our_alerts_are_rules_that_do_what_they_say() {
    promtool(&["check", "rules", "mailmedic.rules.yml"], b"");
    promtool(&["test", "rules", "mailmedic.rules.test.yml"], b"");
}
