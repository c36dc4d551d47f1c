use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::*;
use crate::admin::{CountersAnswer, ProtocolAnswer, Status, Traffic};
use crate::counters::{Counters, POP3};
use crate::protocol_log::ProtocolLogReport;
use crate::roster::{InFlight, InFlightReport};

/// What a service with one POP3 command in flight says.
fn said() -> String {
    let counters = Counters::new("pop3", POP3);
    counters.record(counters.verb("RETR"), true, Duration::from_millis(3));
    counters.record(counters.verb("RETR"), false, Duration::from_secs(70));
    let started = jiff::Timestamp::from_millisecond(1_700_000_000_500).unwrap();
    let longest = InFlight { command: "STAT".into(), age_micros: 9_000_000, processing_micros: 2_500_000 };
    let in_flight = InFlightReport { count: 1, processing_micros: 2_500_000, longest: vec![longest] };
    let status = Status {
        service: "backend".into(),
        server: "mbx1".into(),
        version: "1.2.3".into(),
        pid: 7,
        started,
        traffic: Traffic::Draining,
        sessions: 0,
        protocol_log: ProtocolLogReport { enabled: true, written: 10, dropped: 2 },
        details: serde_json::Value::Null,
    };
    let counters = CountersAnswer {
        started,
        protocols: vec![ProtocolAnswer { counters: counters.report(), in_flight }],
        gauges: BTreeMap::from([("service_log_lines_dropped".to_owned(), 3)]),
    };
    text("backend", "mbx1", of_service(&status, &counters))
}

#[track_caller]
fn says(text: &str, line: &str) {
    assert!(text.lines().any(|said| said == line), "not {line:?} in\n{text}");
}

#[test]
fn every_series_says_which_service_on_which_server_tells_it() {
    let text = said();
    let series: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
    assert!(series.len() > 30);
    for line in series {
        assert!(line.contains("{service=\"backend\",server=\"mbx1\""), "{line}");
    }
}

#[test]
fn a_service_tells_what_it_is_and_how_it_is() {
    let text = said();
    let teller = "service=\"backend\",server=\"mbx1\"";
    says(&text, "# TYPE mailmedic_build_info gauge");
    says(&text, &format!("mailmedic_build_info{{{teller},version=\"1.2.3\"}} 1"));
    says(&text, &format!("mailmedic_process_start_time_seconds{{{teller}}} 1700000000.5"));
    says(&text, &format!("mailmedic_traffic{{{teller},state=\"admitting\"}} 0"));
    says(&text, &format!("mailmedic_traffic{{{teller},state=\"draining\"}} 1"));
    says(&text, &format!("mailmedic_protocol_log_lines_dropped_total{{{teller}}} 2"));
    says(&text, &format!("mailmedic_service_log_lines_dropped_total{{{teller}}} 3"));
}

#[test]
fn commands_are_told_in_seconds_with_cumulative_buckets() {
    let text = said();
    let retr = "service=\"backend\",server=\"mbx1\",protocol=\"pop3\",command=\"RETR\"";
    says(&text, "# TYPE mailmedic_commands_total counter");
    says(&text, &format!("mailmedic_commands_total{{{retr}}} 2"));
    says(&text, &format!("mailmedic_command_errors_total{{{retr}}} 1"));
    says(&text, "# TYPE mailmedic_command_processing_seconds histogram");
    for (bound, count) in [("0.0025", 0), ("0.005", 1), ("60", 1), ("+Inf", 2)] {
        says(&text, &format!("mailmedic_command_processing_seconds_bucket{{{retr},le=\"{bound}\"}} {count}"));
    }
    says(&text, &format!("mailmedic_command_processing_seconds_sum{{{retr}}} 70.003"));
    says(&text, &format!("mailmedic_command_processing_seconds_count{{{retr}}} 2"));
}

#[test]
fn commands_in_flight_are_as_old_as_they_have_been_processed() {
    let text = said();
    let pop3 = "service=\"backend\",server=\"mbx1\",protocol=\"pop3\"";
    says(&text, &format!("mailmedic_commands_in_flight{{{pop3}}} 1"));
    says(&text, &format!("mailmedic_commands_in_flight_oldest_seconds{{{pop3}}} 2.5"));
}

#[test]
fn what_a_service_may_tell_is_what_is_written_down() {
    let text = said();
    let told: BTreeSet<_> = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")).collect();
    let written: BTreeSet<_> =
        SERVICE.iter().map(|metric| format!("{} {}", metric.name, metric.kind.as_str())).collect();
    assert_eq!(told, written.iter().map(String::as_str).collect());
}

#[test]
fn a_label_cannot_break_out_of_its_quotes() {
    static METRIC: Metric =
        Metric { name: "mailmedic_x", kind: Kind::Gauge, labels: &["database"], help: "X." };
    let text = text("backend", "mbx1", vec![Family::of(&METRIC).with(&["a\"b\nc"], Value::Count(1))]);
    says(&text, "mailmedic_x{service=\"backend\",server=\"mbx1\",database=\"a\\\"b\\nc\"} 1");
}
