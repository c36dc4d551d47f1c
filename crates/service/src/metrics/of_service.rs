//! The metrics of every service.

use std::time::Duration;

use jiff::Timestamp;

use super::{Family, Kind, Metric, Value};
use crate::admin::{CountersAnswer, ProtocolAnswer, Status, Traffic};
use crate::counters::{CommandReport, CountersReport};

static BUILD: Metric = Metric {
    name: "mailmedic_build_info",
    kind: Kind::Gauge,
    labels: &["version"],
    help: "The version of the program that runs; always 1.",
};
static STARTED: Metric = Metric {
    name: "mailmedic_process_start_time_seconds",
    kind: Kind::Gauge,
    labels: &[],
    help: "When the process started, in seconds since 1970.",
};
static TRAFFIC: Metric = Metric {
    name: "mailmedic_traffic",
    kind: Kind::Gauge,
    labels: &["state"],
    help: "What happens to new sessions: 1 for the state that holds, 0 for the others.",
};
static SESSIONS: Metric = Metric {
    name: "mailmedic_sessions",
    kind: Kind::Gauge,
    labels: &["protocol"],
    help: "Sessions that are on.",
};
static SESSIONS_OPENED: Metric = Metric {
    name: "mailmedic_sessions_opened_total",
    kind: Kind::Counter,
    labels: &["protocol"],
    help: "Sessions opened.",
};
static SESSIONS_CLOSED: Metric = Metric {
    name: "mailmedic_sessions_closed_total",
    kind: Kind::Counter,
    labels: &["protocol"],
    help: "Sessions closed.",
};
static COMMANDS: Metric = Metric {
    name: "mailmedic_commands_total",
    kind: Kind::Counter,
    labels: &["protocol", "command"],
    help: "Commands completed.",
};
static COMMAND_ERRORS: Metric = Metric {
    name: "mailmedic_command_errors_total",
    kind: Kind::Counter,
    labels: &["protocol", "command"],
    help: "Commands answered with an error; of PASS and AUTH these are the log-ins refused.",
};
static COMMAND_PROCESSING: Metric = Metric {
    name: "mailmedic_command_processing_seconds",
    kind: Kind::Histogram,
    labels: &["protocol", "command"],
    help: "How long completed commands were processed, without the time of clients and of other services.",
};
static IN_FLIGHT: Metric = Metric {
    name: "mailmedic_commands_in_flight",
    kind: Kind::Gauge,
    labels: &["protocol"],
    help: "Commands being processed.",
};
static IN_FLIGHT_PROCESSING: Metric = Metric {
    name: "mailmedic_commands_in_flight_processing_seconds",
    kind: Kind::Gauge,
    labels: &["protocol"],
    help: "How long the commands in flight have been processed so far, all of them together.",
};
static OLDEST_IN_FLIGHT: Metric = Metric {
    name: "mailmedic_commands_in_flight_oldest_seconds",
    kind: Kind::Gauge,
    labels: &["protocol"],
    help: "How long the command in flight that was processed longest has been; 0 without any.",
};
static LOG_LINES: Metric = Metric {
    name: "mailmedic_protocol_log_lines_total",
    kind: Kind::Counter,
    labels: &[],
    help: "Lines written to the protocol log.",
};
static LOG_LINES_DROPPED: Metric = Metric {
    name: "mailmedic_protocol_log_lines_dropped_total",
    kind: Kind::Counter,
    labels: &[],
    help: "Lines of the protocol log that were lost, since the disk was full or did not keep up.",
};
static SERVICE_LOG_LINES_DROPPED: Metric = Metric {
    name: "mailmedic_service_log_lines_dropped_total",
    kind: Kind::Counter,
    labels: &[],
    help: "Lines of the service log that were lost, since the disk was full or did not keep up.",
};

/// What [`of_service`] tells.
pub static SERVICE: &[&Metric] = &[
    &BUILD,
    &STARTED,
    &TRAFFIC,
    &SESSIONS,
    &SESSIONS_OPENED,
    &SESSIONS_CLOSED,
    &COMMANDS,
    &COMMAND_ERRORS,
    &COMMAND_PROCESSING,
    &IN_FLIGHT,
    &IN_FLIGHT_PROCESSING,
    &OLDEST_IN_FLIGHT,
    &LOG_LINES,
    &LOG_LINES_DROPPED,
    &SERVICE_LOG_LINES_DROPPED,
];

/// The metrics that every service has, out of what it answers at its admin socket.
pub fn of_service(status: &Status, counters: &CountersAnswer) -> Vec<Family> {
    let mut traffic = Family::of(&TRAFFIC);
    for (state, holds) in [
        ("admitting", status.traffic == Traffic::Admitting),
        ("draining", status.traffic == Traffic::Draining),
        ("refusing", status.traffic == Traffic::Refusing),
    ] {
        traffic.add(&[state], Value::Count(holds.into()));
    }
    let log = &status.protocol_log;
    let service_log = counters.gauges.get("service_log_lines_dropped").copied().unwrap_or(0);
    let mut families = vec![
        Family::of(&BUILD).with(&[&status.version], Value::Count(1)),
        Family::single(&STARTED, Value::Quantity(since_1970(status.started))),
        traffic,
        Family::single(&LOG_LINES, Value::Count(log.written)),
        Family::single(&LOG_LINES_DROPPED, Value::Count(log.dropped)),
        Family::single(&SERVICE_LOG_LINES_DROPPED, Value::Count(service_log)),
    ];
    families.extend(of_sessions(&counters.protocols));
    families.extend(of_commands(&counters.protocols));
    families.extend(of_commands_in_flight(&counters.protocols));
    families
}

fn of_sessions(protocols: &[ProtocolAnswer]) -> [Family; 3] {
    let [mut open, mut opened, mut closed] = [&SESSIONS, &SESSIONS_OPENED, &SESSIONS_CLOSED].map(Family::of);
    for CountersReport { protocol, sessions_opened, sessions_closed, .. } in counters_of(protocols) {
        open.add(&[protocol], Value::Count(sessions_opened.saturating_sub(*sessions_closed)));
        opened.add(&[protocol], Value::Count(*sessions_opened));
        closed.add(&[protocol], Value::Count(*sessions_closed));
    }
    [open, opened, closed]
}

fn of_commands(protocols: &[ProtocolAnswer]) -> [Family; 3] {
    let [mut completed, mut errors, mut processing] =
        [&COMMANDS, &COMMAND_ERRORS, &COMMAND_PROCESSING].map(Family::of);
    for CountersReport { protocol, commands, bucket_bounds_micros: bounds, .. } in counters_of(protocols) {
        for command in commands {
            let labels = &[protocol.as_str(), command.command.as_str()];
            completed.add(labels, Value::Count(command.count));
            errors.add(labels, Value::Count(command.errors));
            processing.add(labels, histogram(command, bounds));
        }
    }
    [completed, errors, processing]
}

fn of_commands_in_flight(protocols: &[ProtocolAnswer]) -> [Family; 3] {
    let [mut count, mut processing, mut oldest] =
        [&IN_FLIGHT, &IN_FLIGHT_PROCESSING, &OLDEST_IN_FLIGHT].map(Family::of);
    for ProtocolAnswer { counters, in_flight } in protocols {
        let labels = &[counters.protocol.as_str()];
        let longest = in_flight.longest.first().map_or(0, |longest| longest.processing_micros);
        count.add(labels, Value::Count(in_flight.count));
        processing.add(labels, Value::Quantity(seconds(in_flight.processing_micros)));
        oldest.add(labels, Value::Quantity(seconds(longest)));
    }
    [count, processing, oldest]
}

fn counters_of(protocols: &[ProtocolAnswer]) -> impl Iterator<Item = &CountersReport> {
    protocols.iter().map(|protocol| &protocol.counters)
}

fn histogram(command: &CommandReport, bounds_micros: &[u64]) -> Value {
    let bounds = bounds_micros.iter().map(|bound| seconds(*bound)).chain([f64::INFINITY]);
    let buckets: Vec<_> = bounds.zip(command.buckets.iter().copied()).collect();
    // Commands are counted while this is told: the histogram must agree with itself.
    let count = buckets.iter().map(|(_, count)| count).sum();
    Value::Histogram { seconds: seconds(command.total_micros), count, buckets }
}

fn seconds(micros: u64) -> f64 {
    Duration::from_micros(micros).as_secs_f64()
}

fn since_1970(moment: Timestamp) -> f64 {
    moment.as_duration().as_secs_f64()
}
