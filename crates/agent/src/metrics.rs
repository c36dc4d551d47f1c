//! What an agent tells Prometheus besides what every service has to tell: what it watches, and that it does.

use std::collections::BTreeMap;
use std::sync::Arc;

use health::recovery::{Event, Journal, Refused};

use service::OwnMetrics;
use service::metrics::{Family, Kind, Metric, Value};
use tokio::sync::watch;

use crate::api::Recovered;
use crate::watching::{Counted, Judgements, Tally, Times};

static HEARTBEAT: Metric = Metric {
    name: "mailmedic_agent_heartbeat_timestamp_seconds",
    kind: Kind::Gauge,
    labels: &[],
    help: "When the agent last looked at everything it watches, in seconds since 1970; it does so every second.",
};
static LEADS: Metric = Metric {
    name: "mailmedic_agent_leads",
    kind: Kind::Gauge,
    labels: &[],
    help: "Whether this agent decides where databases are served; one agent does.",
};
static MONITOR: Metric = Metric {
    name: "mailmedic_monitor",
    kind: Kind::Gauge,
    labels: &["health_set", "monitor", "target", "alert_value"],
    help: "What the monitors of this server say; always 1.",
};
static ATTEMPTS: Metric = Metric {
    name: "mailmedic_probe_attempts_total",
    kind: Kind::Counter,
    labels: &["health_set", "probe", "result"],
    help: "Attempts of probes that have ended.",
};
static PHASES: Metric = Metric {
    name: "mailmedic_probe_phase_seconds",
    kind: Kind::Histogram,
    labels: &["probe", "phase"],
    help: "How long the phases of attempts took, failed ones included.",
};
static LAG: Metric = Metric {
    name: "mailmedic_probe_schedule_lag_seconds",
    kind: Kind::Histogram,
    labels: &[],
    help: "How late attempts began; what began more than a second late is CannotTest.",
};

static RECOVERIES: Metric = Metric {
    name: "mailmedic_recoveries",
    kind: Kind::Gauge,
    labels: &["monitor", "state"],
    help: "Recoveries of this server that are in its journal, by how they are or ended.",
};
static ACTS: Metric = Metric {
    name: "mailmedic_recovery_acts",
    kind: Kind::Gauge,
    labels: &["action"],
    help: "What recoveries have done, as far as it is in the journal, which keeps 90 days.",
};
static REFUSED: Metric = Metric {
    name: "mailmedic_recovery_refused",
    kind: Kind::Gauge,
    labels: &["monitor", "reason"],
    help: "What recoveries would do now and do not, by why; `mailmedic recovery explain` says more.",
};

/// All of it.
pub static AGENT: &[&Metric] =
    &[&HEARTBEAT, &LEADS, &MONITOR, &ATTEMPTS, &PHASES, &LAG, &RECOVERIES, &ACTS, &REFUSED];

/// How it is, whenever it is asked.
pub(crate) fn of(
    tally: Arc<Tally>,
    told: watch::Receiver<Arc<Judgements>>,
    leads: watch::Receiver<bool>,
    recovered: Recovered,
) -> OwnMetrics {
    Box::new(move || {
        let mut families = of_probes(&tally.counted());
        let mut monitors = Family::of(&MONITOR);
        for verdict in &told.borrow().verdicts {
            let target = verdict.target.as_deref().unwrap_or_default();
            let labels = [&verdict.health_set, &verdict.monitor, target, verdict.value.word()];
            monitors.add(&labels, Value::Count(1));
        }
        families.push(monitors);
        families.push(Family::single(&LEADS, Value::Count(u64::from(*leads.borrow()))));
        if let Some(ledger) = &recovered.ledger {
            families.extend(ledger.read(of_journal));
        }
        families.push(of_refused(&recovered.refused.borrow()));
        families
    })
}

fn of_journal(journal: &Journal) -> [Family; 2] {
    let mut states = BTreeMap::<(&str, &str), u64>::new();
    for recovery in journal.recoveries() {
        *states.entry((&recovery.monitor, recovery.state.word())).or_default() += 1;
    }
    let mut acts = BTreeMap::<&str, u64>::new();
    for entry in journal.entries() {
        if let Event::Intended { act, .. } = &entry.event {
            *acts.entry(act.action().word()).or_default() += 1;
        }
    }
    let (mut recoveries, mut done) = (Family::of(&RECOVERIES), Family::of(&ACTS));
    for ((monitor, state), count) in states {
        recoveries.add(&[monitor, state], Value::Count(count));
    }
    for (action, count) in acts {
        done.add(&[action], Value::Count(count));
    }
    [recoveries, done]
}

fn of_refused(refused: &[Refused]) -> Family {
    let mut counts = BTreeMap::<(&str, &str), u64>::new();
    for it in refused {
        let monitor = it.subject.split('\\').next().unwrap_or_default();
        *counts.entry((monitor, it.why.word())).or_default() += 1;
    }
    let mut family = Family::of(&REFUSED);
    for ((monitor, reason), count) in counts {
        family.add(&[monitor, reason], Value::Count(count));
    }
    family
}

fn of_probes(counted: &Counted) -> Vec<Family> {
    let mut heartbeat = Family::of(&HEARTBEAT);
    if let Some(beat) = counted.beat {
        heartbeat.add(&[], Value::Quantity(seconds(beat.0)));
    }
    let mut attempts = Family::of(&ATTEMPTS);
    for ((set, probe, outcome), count) in &counted.attempts {
        attempts.add(&[set, probe, outcome], Value::Count(*count));
    }
    let mut phases = Family::of(&PHASES);
    for ((probe, phase), times) in &counted.phases {
        phases.add(&[probe, phase], histogram(times));
    }
    vec![heartbeat, attempts, phases, Family::single(&LAG, histogram(&counted.lag))]
}

fn histogram(times: &Times) -> Value {
    let buckets = times.buckets();
    let count = buckets.iter().map(|(_, count)| count).sum();
    Value::Histogram { seconds: times.seconds(), count, buckets }
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 are far below 2^53")]
fn seconds(millis: u64) -> f64 {
    millis as f64 / 1000.0
}
