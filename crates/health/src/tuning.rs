//! What operators have said about definitions, for a time: overrides, and what is being repaired.

use std::time::Duration;

use placement::UnixMillis;
use serde::{Deserialize, Serialize};
use settings::{ServerName, nearest};

use crate::definition::{self, Monitor, Rule};
use crate::identity::{ItemIdentity, ItemKind};
use crate::watch_list::Watched;

/// A change to a definition that ends by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Override {
    /// The item, as `POP\PopCTPMonitor` or with a target.
    pub identity: String,
    /// What is changed.
    pub property: Property,
    /// To what.
    pub value: String,
    /// Where; none for every server.
    pub server: Option<ServerName>,
    /// When it ends.
    pub expires: UnixMillis,
    /// Who made it.
    pub by: String,
    /// When it was made.
    pub made: UnixMillis,
    /// Why.
    pub reason: String,
}

/// What an override can change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Property {
    /// Whether it runs or judges at all.
    Enabled,
    /// How often a probe runs.
    IntervalSeconds,
    /// How long an attempt of a probe may take.
    TimeoutSeconds,
    /// After how many failures, or values beyond the threshold, a monitor is unhealthy.
    Failures,
    /// The threshold of a monitor that has one.
    Threshold,
}

/// Why an override cannot be made. The asker's fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadOverride {
    /// The item has no such property.
    #[error("{item} has no property {property:?}; it has {known}{}", .nearest.as_ref().map(|near| format!(" (did you mean {near}?)")).unwrap_or_default())]
    Property {
        /// The item.
        item: String,
        /// What was written.
        property: String,
        /// What there is.
        known: String,
        /// What may have been meant.
        nearest: Option<String>,
    },
    /// The value makes no sense.
    #[error("{property} cannot be {value:?}: write {wanted}")]
    Value {
        /// The property.
        property: &'static str,
        /// What was written.
        value: String,
        /// What would make sense.
        wanted: &'static str,
    },
}

impl Property {
    /// The name that administrators know.
    pub fn word(self) -> &'static str {
        match self {
            Self::Enabled => "Enabled",
            Self::IntervalSeconds => "IntervalSeconds",
            Self::TimeoutSeconds => "TimeoutSeconds",
            Self::Failures => "Failures",
            Self::Threshold => "Threshold",
        }
    }

    /// The properties that an item has.
    pub fn of(item: &ItemIdentity) -> Vec<Self> {
        match item.kind {
            ItemKind::Probe => vec![Self::Enabled, Self::IntervalSeconds, Self::TimeoutSeconds],
            ItemKind::Monitor => {
                let rule = definition::monitor(item.name).map(|monitor| monitor.rule);
                let has_threshold =
                    matches!(rule, Some(Rule::ConsecutiveAbove { .. } | Rule::ConsecutiveBelow { .. }));
                let threshold = has_threshold.then_some(Self::Threshold);
                [Self::Enabled, Self::Failures].into_iter().chain(threshold).collect()
            }
        }
    }

    /// The property of `item` that is called so, and `value` if it can have that.
    pub fn parse(item: &ItemIdentity, name: &str, value: &str) -> Result<Self, BadOverride> {
        let known = Self::of(item);
        let words = || known.iter().map(|property| property.word());
        let found = known.iter().find(|property| property.word().eq_ignore_ascii_case(name));
        let property = *found.ok_or_else(|| BadOverride::Property {
            item: item.to_string(),
            property: name.to_owned(),
            known: words().collect::<Vec<_>>().join(", "),
            nearest: nearest(name, words()).map(str::to_owned),
        })?;
        let wanted = match property {
            Self::Enabled if enabled(value).is_none() => "true or false",
            Self::IntervalSeconds | Self::TimeoutSeconds if seconds(value).is_none() => {
                "a number of seconds from 1 to 86400"
            }
            Self::Failures if failures(value).is_none() => "a number from 1 to 200",
            Self::Threshold if threshold(value).is_none() => "a number, not below 0",
            _ => return Ok(property),
        };
        Err(BadOverride::Value { property: property.word(), value: value.to_owned(), wanted })
    }
}

fn enabled(value: &str) -> Option<bool> {
    match value.to_ascii_lowercase().as_str() {
        "true" | "$true" | "1" | "yes" => Some(true),
        "false" | "$false" | "0" | "no" => Some(false),
        _ => None,
    }
}

fn seconds(value: &str) -> Option<Duration> {
    let seconds: u64 = value.parse().ok()?;
    (1..=86_400).contains(&seconds).then(|| Duration::from_secs(seconds))
}

fn failures(value: &str) -> Option<u32> {
    value.parse().ok().filter(|failures| (1..=200).contains(failures))
}

fn threshold(value: &str) -> Option<f64> {
    value.parse().ok().filter(|threshold: &f64| threshold.is_finite() && *threshold >= 0.0)
}

/// A monitor that an operator has said is being repaired.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RepairingMark {
    /// The server.
    pub server: ServerName,
    /// The monitor, as its definition is called.
    pub monitor: String,
    /// Of which target; none for all.
    pub target: Option<String>,
    /// Who said so.
    pub by: String,
    /// When.
    pub at: UnixMillis,
    /// Why.
    pub reason: String,
}

/// Everything that operators have said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tunings {
    /// The overrides, also those that have ended.
    pub overrides: Vec<Override>,
    /// What is being repaired.
    pub repairing: Vec<RepairingMark>,
}

/// How a probe runs now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProbeTuning {
    /// Whether it runs at all.
    pub enabled: bool,
    /// How often.
    pub every: Duration,
    /// How long an attempt may take.
    pub limit: Duration,
}

/// How a monitor judges now.
#[derive(Clone, Debug, PartialEq)]
pub struct MonitorTuning {
    /// Who has switched it off.
    pub off_by: Option<String>,
    /// Who is repairing what it watches.
    pub repairing_by: Option<String>,
    /// Its rule.
    pub rule: Rule,
    /// How often its probe runs.
    pub every: Duration,
    /// How old an observation may be to say anything about now.
    pub fresh_for: Duration,
}

impl Tunings {
    /// The overrides that hold at `now` for an item on a server, the one made last first.
    fn holding<'a>(
        &'a self,
        server: &'a ServerName,
        name: &'a str,
        target: Option<&'a str>,
        now: UnixMillis,
    ) -> impl Iterator<Item = &'a Override> {
        let mut holding: Vec<_> = self
            .overrides
            .iter()
            .filter(|it| it.expires > now && it.server.as_ref().is_none_or(|on| on == server))
            .filter(move |it| {
                ItemIdentity::parse(&it.identity).is_ok_and(|item| {
                    item.name == name
                        && item
                            .target
                            .as_deref()
                            .is_none_or(|on| target.is_some_and(|target| target.eq_ignore_ascii_case(on)))
                })
            })
            .collect();
        holding.sort_by_key(|it| std::cmp::Reverse((it.made, it.identity.len())));
        holding.into_iter()
    }

    /// How a probe runs on a server now.
    pub fn probe(&self, server: &ServerName, watched: &Watched, now: UnixMillis) -> ProbeTuning {
        let probe = watched.probe;
        let holding: Vec<_> = self.holding(server, probe.name, watched.target.as_deref(), now).collect();
        ProbeTuning {
            enabled: value_of(&holding, Property::Enabled, enabled).is_none_or(|(enabled, _)| enabled),
            every: value_of(&holding, Property::IntervalSeconds, seconds).map_or(probe.every, |it| it.0),
            limit: value_of(&holding, Property::TimeoutSeconds, seconds).map_or(probe.time_out, |it| it.0),
        }
    }

    /// How a monitor judges on a server now.
    pub fn monitor(
        &self,
        server: &ServerName,
        monitor: &'static Monitor,
        target: Option<&str>,
        now: UnixMillis,
    ) -> MonitorTuning {
        let probe = Watched { probe: monitor.its_probe(), target: target.map(str::to_owned) };
        let ProbeTuning { enabled: runs, every, limit } = self.probe(server, &probe, now);
        let holding: Vec<_> = self.holding(server, monitor.name, target, now).collect();
        let off = value_of(&holding, Property::Enabled, enabled).filter(|(enabled, _)| !enabled);
        let of_probe = || {
            let holding: Vec<_> = self.holding(server, monitor.probe, target, now).collect();
            value_of(&holding, Property::Enabled, enabled).map(|(_, by)| by.to_owned())
        };
        let repairing = self.repairing.iter().find(|mark| {
            mark.server == *server
                && mark.monitor == monitor.name
                && mark
                    .target
                    .as_deref()
                    .is_none_or(|on| target.is_some_and(|target| target.eq_ignore_ascii_case(on)))
        });
        MonitorTuning {
            off_by: match off {
                Some((_, by)) => Some(by.to_owned()),
                None if !runs => of_probe(),
                None => None,
            },
            repairing_by: repairing.map(|mark| mark.by.clone()),
            rule: tuned(
                monitor.rule,
                value_of(&holding, Property::Failures, failures).map(|it| it.0),
                value_of(&holding, Property::Threshold, threshold).map(|it| it.0),
            ),
            every,
            // What was observed before an operator asked for more is not older for that.
            fresh_for: 3 * every.max(probe.probe.every) + limit,
        }
    }
}

/// What the newest of the overrides says about a property, and who made it. One that cannot be read is none.
fn value_of<'a, T>(
    holding: &[&'a Override],
    property: Property,
    read: impl Fn(&str) -> Option<T>,
) -> Option<(T, &'a str)> {
    let mut of_property = holding.iter().filter(|it| it.property == property);
    of_property.find_map(|it| Some((read(&it.value)?, it.by.as_str())))
}

fn tuned(rule: Rule, failures: Option<u32>, threshold: Option<f64>) -> Rule {
    let (count, limit) = (|old: u32| failures.unwrap_or(old), |old: f64| threshold.unwrap_or(old));
    match rule {
        Rule::ConsecutiveFailures { failures } => Rule::ConsecutiveFailures { failures: count(failures) },
        Rule::FailuresWithin { failures, window } => {
            Rule::FailuresWithin { failures: count(failures), window }
        }
        Rule::PercentSuccess { below, window, at_least } => Rule::PercentSuccess { below, window, at_least },
        Rule::ConsecutiveAbove { threshold, times, at_least } => {
            Rule::ConsecutiveAbove { threshold: limit(threshold), times: count(times), at_least }
        }
        Rule::ConsecutiveBelow { threshold, times, at_least } => {
            Rule::ConsecutiveBelow { threshold: limit(threshold), times: count(times), at_least }
        }
    }
}
