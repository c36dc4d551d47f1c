//! From samples to a verdict.
//!
//! A verdict depends on what was observed within a window and on nothing else; of what was said before, only since when
//! it is so is taken over. The way down is as quick as the rule says. The way back is slower for what goes back and forth:
//! after several failures with successes in between, it takes a quiet time to be healthy again.

use std::time::Duration;

use placement::{Moment, UnixMillis};
use settings::ServerName;

use crate::alert_value::AlertValue;
use crate::definition::{Monitor, Rule};
use crate::samples::{Sample, Samples};
use crate::tuning::MonitorTuning;
use crate::verdict::{Reason, Verdict};

/// What goes back and forth so often within [`FLAPPING_WINDOW`] has to be quiet before it is healthy.
const FLAPS: u32 = 3;
/// The window, in intervals of the probe.
const FLAPPING_WINDOW: u32 = 30;
/// The quiet time, in intervals of the probe.
const QUIET: u32 = 6;

/// What is judged.
#[derive(Clone, Copy, Debug)]
pub struct Case<'a> {
    /// The monitor.
    pub monitor: &'static Monitor,
    /// The server it speaks about.
    pub server: &'a ServerName,
    /// What it is aimed at.
    pub target: Option<&'a str>,
    /// How it judges now.
    pub tuning: &'a MonitorTuning,
    /// What was observed.
    pub samples: &'a Samples,
    /// What it said before.
    pub before: Option<&'a Verdict>,
}

/// Judges: by the agent's clock for what counts, by the wall for what is shown.
pub fn judge(case: Case<'_>, now: Moment, wall: UnixMillis) -> Verdict {
    let (value, reason) = value(case, now);
    let samples = case.samples.all();
    let failing = samples.iter().rev().take_while(|sample| sample.failure.is_some()).last();
    let last_failure = samples.iter().rev().find(|sample| sample.failure.is_some());
    let behind = if matches!(value, AlertValue::Healthy) { case.samples.last() } else { last_failure };
    let unchanged = case.before.filter(|before| before.value == value);
    Verdict {
        monitor: case.monitor.name.to_owned(),
        health_set: case.monitor.health_set.to_owned(),
        server: case.server.clone(),
        target: case.target.map(str::to_owned),
        value,
        reason,
        since: unchanged.map_or(wall, |before| before.since),
        failing_for: failing.map(|first| now.0.saturating_sub(first.at.0)),
        blame: None,
        mailbox_server: behind.and_then(|sample| sample.mailbox_server.clone()),
        database: behind.and_then(|sample| sample.database.clone()),
    }
}

fn value(case: Case<'_>, now: Moment) -> (AlertValue, Reason) {
    if let Some(by) = &case.tuning.off_by {
        return (AlertValue::Disabled, Reason::SwitchedOff { by: by.clone() });
    }
    if let Some(by) = &case.tuning.repairing_by {
        return (AlertValue::Repairing, Reason::Repairing { by: by.clone() });
    }
    let (samples, tuning) = (case.samples, case.tuning);
    let age = samples.last().map(|last| now.0.saturating_sub(last.at.0));
    if age.is_none_or(|age| age > tuning.fresh_for) {
        let untested = samples.untested().filter(|(at, _)| now.0.saturating_sub(at.0) <= tuning.fresh_for);
        let reason = match untested {
            Some((_, why)) => Reason::CannotTest { last: why.clone() },
            None => Reason::NoObservations { for_how_long: age },
        };
        return (AlertValue::Unavailable, reason);
    }
    let samples: Vec<&Sample> = samples.all().iter().collect();
    let (value, reason) = by_rule(tuning.rule, &samples, now);
    if value != AlertValue::Healthy {
        return (value, reason);
    }
    flapping(tuning, &samples, now).unwrap_or((value, reason))
}

/// What is still said of something that works again, but went back and forth too often.
fn flapping(tuning: &MonitorTuning, samples: &[&Sample], now: Moment) -> Option<(AlertValue, Reason)> {
    let quiet = QUIET * tuning.every;
    let window = FLAPPING_WINDOW * tuning.every;
    let last_failure = samples.iter().rfind(|sample| sample.failure.is_some())?;
    if now.0.saturating_sub(last_failure.at.0) >= quiet {
        return None;
    }
    let (mut changes, mut worst, mut before) = (0, AlertValue::Healthy, AlertValue::Healthy);
    for (place, sample) in samples.iter().enumerate() {
        if now.0.saturating_sub(sample.at.0) > window {
            continue;
        }
        let (value, _) = by_rule(tuning.rule, &samples[..=place], sample.at);
        changes += u32::from(before == AlertValue::Healthy && value != AlertValue::Healthy);
        (worst, before) = (worst.max(value), value);
    }
    (changes >= FLAPS).then_some((worst, Reason::Flapping { changes, quiet }))
}

/// What a rule says of samples, of which there is at least one.
fn by_rule(rule: Rule, samples: &[&Sample], now: Moment) -> (AlertValue, Reason) {
    let Some(last) = samples.last() else {
        return (AlertValue::Unavailable, Reason::NoObservations { for_how_long: None });
    };
    match rule {
        Rule::ConsecutiveFailures { failures } => {
            by_failures(last, trailing(samples, |sample| sample.failure.is_some()), failures, samples)
        }
        Rule::FailuresWithin { failures, window } => {
            let within = |sample: &&&Sample| now.0.saturating_sub(sample.at.0) <= window;
            let count = samples.iter().filter(within).filter(|sample| sample.failure.is_some()).count();
            let count = u32::try_from(count).unwrap_or(u32::MAX);
            let last_failed = samples.iter().rfind(|sample| sample.failure.is_some()).unwrap_or(last);
            let shown = if count >= failures { last_failed } else { last };
            by_failures(shown, count, failures, samples)
        }
        Rule::PercentSuccess { below, window, at_least } => {
            let within = |sample: &&&Sample| now.0.saturating_sub(sample.at.0) <= window;
            let all = u32::try_from(samples.iter().filter(within).count()).unwrap_or(u32::MAX);
            let failed = samples.iter().filter(within).filter(|sample| sample.failure.is_some()).count();
            let failed = u32::try_from(failed).unwrap_or(u32::MAX);
            if all < at_least {
                let reason = Reason::TooFewSamples { samples: all.into(), of: at_least.into() };
                return (AlertValue::Healthy, reason);
            }
            let percent = u64::from(all.saturating_sub(failed)) * 100 / u64::from(all.max(1));
            // So many failures are too many.
            let of = (all - all * below / 100).max(1);
            let last_failed = samples.iter().rfind(|sample| sample.failure.is_some()).unwrap_or(last);
            match (percent < u64::from(below), &last_failed.failure) {
                (true, Some(failure)) => {
                    (AlertValue::Unhealthy, Reason::Failing { failures: failed, of, last: failure.clone() })
                }
                _ => by_failures(last, u32::from(last.failure.is_some()), of, samples),
            }
        }
        Rule::ConsecutiveAbove { threshold, times, at_least } => {
            by_value(last, samples, (threshold, times, at_least), |value| value > threshold)
        }
        Rule::ConsecutiveBelow { threshold, times, at_least } => {
            by_value(last, samples, (threshold, times, at_least), |value| value < threshold)
        }
    }
}

/// How many of the last samples are so.
fn trailing(samples: &[&Sample], is_so: impl Fn(&Sample) -> bool) -> u32 {
    u32::try_from(samples.iter().rev().take_while(|sample| is_so(sample)).count()).unwrap_or(u32::MAX)
}

fn by_failures(shown: &Sample, failures: u32, of: u32, samples: &[&Sample]) -> (AlertValue, Reason) {
    let Some(last) = &shown.failure else {
        let attempts = trailing(samples, |sample| sample.failure.is_none());
        return (AlertValue::Healthy, Reason::Succeeding { attempts });
    };
    let value = if failures >= of { AlertValue::Unhealthy } else { AlertValue::Degraded };
    (value, Reason::Failing { failures, of, last: last.clone() })
}

fn by_value(
    last: &Sample,
    samples: &[&Sample],
    (threshold, of, at_least): (f64, u32, u64),
    is_beyond: impl Fn(f64) -> bool,
) -> (AlertValue, Reason) {
    let counts = |sample: &Sample| sample.samples.is_none_or(|samples| samples >= at_least);
    let beyond = |sample: &Sample| counts(sample) && sample.value.is_some_and(&is_beyond);
    let times = trailing(samples, beyond);
    let detail = || last.failure.as_ref().map(|failure| failure.detail.clone()).unwrap_or_default();
    match (last.value, times, &last.failure) {
        (Some(value), 1.., _) => {
            let reason = Reason::Beyond { value, threshold, times, of, detail: detail() };
            (if times >= of { AlertValue::Unhealthy } else { AlertValue::Degraded }, reason)
        }
        // It cannot be measured, or one sample alone is too much.
        (_, _, Some(failure)) => {
            (AlertValue::Degraded, Reason::Failing { failures: 1, of: of.max(2), last: failure.clone() })
        }
        (Some(_), 0, None) if !counts(last) => {
            let samples = last.samples.unwrap_or_default();
            (AlertValue::Healthy, Reason::TooFewSamples { samples, of: at_least })
        }
        (Some(value), ..) => (AlertValue::Healthy, Reason::Within { value, threshold }),
        (None, ..) => (AlertValue::Healthy, Reason::Succeeding { attempts: 1 }),
    }
}

/// How long a monitor takes at most from a fault to its settled verdict: the wait for the next attempt, and the attempts
/// that follow a second apart, the last of them to its limit.
pub fn time_to_settle(monitor: &Monitor) -> Duration {
    let probe = monitor.its_probe();
    let attempts = match monitor.rule {
        Rule::ConsecutiveFailures { failures } | Rule::FailuresWithin { failures, .. } => failures,
        Rule::PercentSuccess { at_least, .. } => at_least,
        Rule::ConsecutiveAbove { times, .. } | Rule::ConsecutiveBelow { times, .. } => times,
    };
    probe.every + attempts * probe.time_out + attempts.saturating_sub(1) * crate::spread::AGAIN
}
