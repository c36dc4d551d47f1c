//! From what was found here to what the monitors of this server say.
//!
//! Everything is judged anew at every pass, with what operators say now. What the monitors of other servers say is looked
//! at only to find out who is to blame.

use std::collections::BTreeMap;
use std::sync::Arc;

use health::definition::{self, Monitor};
use health::{
    AlertValue, Case, Moment, Observation, Override, ProbeTuning, RepairingMark, Samples, Tunings, Verdict,
    Watched, blame, judge,
};
use placement::Records;
use settings::ServerName;
use tokio::sync::watch;

use crate::clock::unix_millis;

/// Under which paths operators' words about health stand in the records.
pub(crate) mod path {
    pub(crate) const OVERRIDES: &str = "overrides";
    pub(crate) const REPAIRING: &str = "repairing";
}

/// What the monitors of this server say, and what is watched for them.
#[derive(Debug, Default)]
pub(crate) struct Judgements {
    /// One for each monitor and target.
    pub(crate) verdicts: Vec<Verdict>,
    /// Every probe with its target.
    pub(crate) watched: Vec<Watched>,
}

/// What came of a pass.
pub(super) struct Judged {
    pub(super) all: Arc<Judgements>,
    /// Those that have changed.
    pub(super) changed: Vec<Verdict>,
}

/// The samples and the last verdict of everything that is watched.
pub(crate) struct Judgement {
    server: ServerName,
    /// What the monitors of other servers said lately, while it matters.
    elsewhere: watch::Receiver<Arc<Vec<Verdict>>>,
    tunings: Tunings,
    watched: Vec<Watched>,
    samples: BTreeMap<String, Samples>,
    /// By monitor and target.
    verdicts: BTreeMap<(&'static str, Option<String>), Verdict>,
}

impl Judgement {
    /// Goes on from the verdicts of an earlier process.
    pub(crate) fn new(
        server: ServerName,
        elsewhere: watch::Receiver<Arc<Vec<Verdict>>>,
        earlier: Vec<Verdict>,
    ) -> Self {
        let known = |verdict: Verdict| {
            let monitor = definition::monitor(&verdict.monitor)?;
            Some(((monitor.name, verdict.target.clone()), verdict))
        };
        let verdicts = earlier.into_iter().filter_map(known).collect();
        let (tunings, watched, samples) = (Tunings::default(), Vec::new(), BTreeMap::new());
        Self { server, elsewhere, tunings, watched, samples, verdicts }
    }

    /// This is what is watched from now on, and what operators say.
    pub(super) fn follow(&mut self, watched: &[Watched], records: &Records) {
        self.watched = watched.to_vec();
        self.tunings = tunings(records);
        let names: Vec<_> = watched.iter().map(Watched::identity).collect();
        self.samples.retain(|name, _| names.contains(name));
        self.verdicts.retain(|(monitor, target), _| {
            let probe = definition::monitor(monitor).map(|monitor| monitor.probe);
            watched.iter().any(|it| probe == Some(it.probe.name) && it.target == *target)
        });
    }

    /// How a probe runs now.
    pub(super) fn probe_tuning(&self, watched: &Watched) -> ProbeTuning {
        self.tunings.probe(&self.server, watched, unix_millis())
    }

    pub(super) fn take(&mut self, watched: &Watched, observation: &Observation, now: Moment) {
        self.samples.entry(watched.identity()).or_default().push(observation, now);
    }

    /// Whether the monitors of a probe have made up their minds that it fails.
    pub(super) fn is_settled(&self, watched: &Watched) -> bool {
        monitors_of(watched).all(|monitor| {
            let verdict = self.verdicts.get(&(monitor.name, watched.target.clone()));
            verdict.is_some_and(|verdict| verdict.value == AlertValue::Unhealthy)
        })
    }

    pub(super) fn judge(&mut self, now: Moment) -> Judged {
        let wall = unix_millis();
        let none = Samples::default();
        let mut verdicts = Vec::new();
        for watched in &self.watched {
            let samples = self.samples.get(&watched.identity()).unwrap_or(&none);
            let target = watched.target.as_deref();
            for monitor in monitors_of(watched) {
                let tuning = self.tunings.monitor(&self.server, monitor, target, wall);
                let before = self.verdicts.get(&(monitor.name, watched.target.clone()));
                let case = Case { monitor, server: &self.server, target, tuning: &tuning, samples, before };
                verdicts.push(judge(case, now, wall));
            }
        }
        let own = verdicts.len();
        verdicts.extend(self.elsewhere.borrow().iter().filter(|it| it.server != self.server).cloned());
        let mut verdicts = blame(&verdicts);
        verdicts.truncate(own);
        let changed = self.keep(&verdicts);
        Judged { all: Arc::new(Judgements { verdicts, watched: self.watched.clone() }), changed }
    }

    /// Remembers the verdicts, and says which are not what they were.
    fn keep(&mut self, verdicts: &[Verdict]) -> Vec<Verdict> {
        let mut changed = Vec::new();
        for verdict in verdicts {
            let Some(monitor) = definition::monitor(&verdict.monitor) else { continue };
            let key = (monitor.name, verdict.target.clone());
            let before = self.verdicts.insert(key, verdict.clone());
            let is_new =
                before.is_none_or(|before| before.value != verdict.value || before.blame != verdict.blame);
            if is_new {
                changed.push(verdict.clone());
            }
        }
        changed
    }
}

fn monitors_of(watched: &Watched) -> impl Iterator<Item = &'static Monitor> {
    definition::MONITORS.iter().filter(|monitor| monitor.probe == watched.probe.name)
}

/// What operators say about health, from the records. What a newer version wrote and cannot be read is passed over.
pub(crate) fn tunings(records: &Records) -> Tunings {
    let mut tunings = Tunings::default();
    for (path, kept) in &records.health {
        match path.as_str().split('/').next() {
            Some(path::OVERRIDES) => tunings.overrides.extend(read::<Override>(path.as_str(), &kept.value)),
            Some(path::REPAIRING) => {
                tunings.repairing.extend(read::<RepairingMark>(path.as_str(), &kept.value));
            }
            _ => {}
        }
    }
    tunings
}

fn read<T: serde::de::DeserializeOwned>(path: &str, value: &serde_json::Value) -> Option<T> {
    let read = serde_json::from_value(value.clone());
    read.inspect_err(|error| tracing::debug!(path, %error, "a record about health is passed over")).ok()
}
