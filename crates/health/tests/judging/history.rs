//! Observations by the dozen.

use std::time::Duration;

use health::definition::{self, Monitor, Rule};
use health::{
    AlertValue, Case, Failure, FailureReason, Finding, Moment, MonitorTuning, Observation, Outcome, Part,
    Phase, Samples, UnixMillis, Verdict, judge,
};
use settings::{ServerName, Value};

pub(crate) fn server(name: &str) -> ServerName {
    ServerName::parse(name).unwrap()
}

pub(crate) fn at(seconds: u64) -> Moment {
    Moment(Duration::from_secs(seconds))
}

pub(crate) fn failure(phase: Phase) -> Failure {
    Failure { reason: FailureReason::MailboxUnavailable, phase, part: Part::BackEnd, detail: "no".into() }
}

fn observation(finding: Finding) -> Observation {
    Observation {
        probe: "PopDeepTestProbe".into(),
        health_set: "POP.Protocol".into(),
        server: server("mbx1"),
        target: Some("DB01".into()),
        started: UnixMillis(0),
        took: Duration::ZERO,
        finding,
    }
}

/// An observation from a letter: `.` success, `x` failure, `t` time-out, `?` could not be tested.
fn from_letter(letter: char) -> Observation {
    let outcome = match letter {
        '.' => Outcome::Succeeded,
        'x' => Outcome::Failed,
        't' => Outcome::TimedOut,
        '?' => Outcome::CannotTest,
        other => panic!("{other} is no letter of a history"),
    };
    let failure = (outcome != Outcome::Succeeded).then(|| failure(Phase::Retrieve));
    observation(Finding { outcome, failure, ..Finding::default() })
}

/// A history of one probe, one letter every `every` seconds, the last of them now.
pub(crate) struct History {
    pub(crate) samples: Samples,
    pub(crate) now: u64,
}

impl History {
    pub(crate) fn of(letters: &str, every: u64) -> Self {
        let mut history = Self { samples: Samples::default(), now: 1000 };
        for letter in letters.chars() {
            history.now += every;
            history.samples.push(&from_letter(letter), at(history.now));
        }
        history
    }

    /// Values with their numbers of samples.
    pub(crate) fn of_values(values: &[(f64, u64)]) -> Self {
        let mut history = Self { samples: Samples::default(), now: 1000 };
        for (value, samples) in values {
            history.now += 5;
            let finding = Finding { value: Some(*value), samples: Some(*samples), ..Finding::default() };
            history.samples.push(&observation(finding), at(history.now));
        }
        history
    }

    pub(crate) fn judged(&self, tuning: &MonitorTuning) -> Verdict {
        self.judged_at(tuning, self.now, None)
    }

    pub(crate) fn judged_at(&self, tuning: &MonitorTuning, now: u64, before: Option<&Verdict>) -> Verdict {
        let server = server("mbx1");
        let case = Case {
            monitor: deep(),
            server: &server,
            target: Some("DB01"),
            tuning,
            samples: &self.samples,
            before,
        };
        judge(case, at(now), UnixMillis(now * 1000))
    }

    pub(crate) fn value(&self, tuning: &MonitorTuning) -> AlertValue {
        self.judged(tuning).value
    }
}

pub(crate) fn deep() -> &'static Monitor {
    definition::monitor("PopDeepTestMonitor").unwrap()
}

/// How the monitor judges by `rule`, its probe every 5 s.
pub(crate) fn by(rule: Rule) -> MonitorTuning {
    MonitorTuning {
        off_by: None,
        repairing_by: None,
        rule,
        every: Duration::from_secs(5),
        fresh_for: Duration::from_secs(18),
    }
}
