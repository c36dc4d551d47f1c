//! What Prometheus is told, and that it is written down.

use std::fmt::Write as _;
use std::path::Path;

use service::metrics::{Metric, SERVICE};
use system_tests::House;

const USER: &str = "user1@example.com";

#[track_caller]
fn says(text: &str, line: &str) {
    assert!(text.lines().any(|said| said == line), "not {line:?} in\n{text}");
}

#[tokio::test]
async fn both_tiers_tell_what_a_poll_cost_them() {
    let house = House::open().await;
    house.mount_three_messages().await;
    let mut client = house.logged_in(USER).await;
    client.retrieves(1).await;
    assert!(client.asks("RETR 9").await.starts_with("-ERR"));
    let front = house.front_end_metrics().await;
    assert!(front.starts_with("HTTP/1.1 200 ") && front.contains("content-type: text/plain; version=0.0.4"));
    for (text, teller) in [
        (front, "service=\"frontend\",server=\"cas1\""),
        (house.back_end_metrics().await, "service=\"backend\",server=\"mbx1\""),
    ] {
        says(&text, &format!("mailmedic_commands_total{{{teller},protocol=\"pop3\",command=\"RETR\"}} 2"));
        says(
            &text,
            &format!("mailmedic_command_errors_total{{{teller},protocol=\"pop3\",command=\"RETR\"}} 1"),
        );
        says(&text, &format!("mailmedic_sessions{{{teller},protocol=\"pop3\"}} 1"));
        says(&text, &format!("mailmedic_traffic{{{teller},state=\"admitting\"}} 1"));
        for secret in ["user1", "127."] {
            assert!(!text.contains(secret), "{secret} in\n{text}");
        }
    }
    assert!(house.front_end_metrics().await.contains("\nmailmedic_waiting_log_ins{"));
}

/// The rows of a table of metrics.
fn rows(metrics: &[&Metric]) -> String {
    let mut rows = String::new();
    for Metric { name, kind, labels, help } in metrics {
        let labels: Vec<_> = labels.iter().map(|label| format!("`{label}`")).collect();
        writeln!(rows, "| `{name}` | {} | {} | {help} |", kind.as_str(), labels.join(", ")).unwrap();
    }
    rows
}

#[test]
fn the_documentation_lists_every_metric_and_no_other() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/metrics.md");
    let page = std::fs::read_to_string(&file).unwrap();
    let tables =
        [SERVICE, frontend::metrics::FRONT_END, backend::metrics::BACK_END, agent::metrics::AGENT].map(rows);
    for table in &tables {
        assert!(page.contains(table.as_str()), "docs/metrics.md should have these rows:\n{table}");
    }
    let written = page.lines().filter(|line| line.starts_with("| `mailmedic_")).count();
    let known: usize = tables.iter().map(|table| table.lines().count()).sum();
    assert_eq!(written, known, "docs/metrics.md has rows of metrics that are not there");
}
