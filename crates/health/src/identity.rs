//! How an item of a health set is named: `SET\ITEM` or `SET\ITEM\TARGET`, as `POP\PopCTPProbe\DB01`.

use std::fmt;

use settings::nearest;

use crate::definition::{self, HEALTH_SETS, MONITORS, PROBES};

/// What an item is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ItemKind {
    /// It makes observations.
    Probe,
    /// It judges them.
    Monitor,
}

impl ItemKind {
    /// The word that administrators know.
    pub fn word(self) -> &'static str {
        match self {
            Self::Probe => "Probe",
            Self::Monitor => "Monitor",
        }
    }
}

/// An item that there is, with the names that its definition gives it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ItemIdentity {
    /// Whether it is a probe or a monitor.
    pub kind: ItemKind,
    /// The health set.
    pub health_set: &'static str,
    /// The probe or monitor.
    pub name: &'static str,
    /// The target, as it was written; none for all of them.
    pub target: Option<String>,
}

/// A text names nothing that there is. The asker's fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?}: there is no {what} {word:?}{}", nearest_word(.nearest.as_deref()))]
pub struct UnknownItem {
    /// The whole text.
    pub text: String,
    /// What was looked for: `health set`, `probe or monitor of POP`.
    pub what: String,
    /// The word that names nothing.
    pub word: String,
    /// What may have been meant.
    pub nearest: Option<String>,
}

fn nearest_word(nearest: Option<&str>) -> String {
    nearest.map(|word| format!("; did you mean {word:?}?")).unwrap_or_default()
}

impl ItemIdentity {
    /// Reads `SET\ITEM[\TARGET]`; slashes do as well, and the case does not matter.
    pub fn parse(text: &str) -> Result<Self, UnknownItem> {
        let mut parts = text.splitn(3, ['\\', '/']);
        let (set, item, target) = (parts.next().unwrap_or_default(), parts.next(), parts.next());
        let unknown = |what: String, word: &str, near: Option<&str>| UnknownItem {
            text: text.to_owned(),
            what,
            word: word.to_owned(),
            nearest: near.map(str::to_owned),
        };
        let found = definition::health_set(set).ok_or_else(|| {
            let names = HEALTH_SETS.iter().map(|set| set.name);
            unknown("health set".to_owned(), set, nearest(set, names))
        })?;
        let item = item.unwrap_or_default();
        let of_set = |candidate: &str| candidate == found.name;
        let target = target.filter(|target| !target.is_empty()).map(str::to_owned);
        if let Some(probe) = definition::probe(item).filter(|probe| of_set(probe.health_set)) {
            return Ok(Self { kind: ItemKind::Probe, health_set: found.name, name: probe.name, target });
        }
        if let Some(monitor) = definition::monitor(item).filter(|monitor| of_set(monitor.health_set)) {
            return Ok(Self { kind: ItemKind::Monitor, health_set: found.name, name: monitor.name, target });
        }
        let probes = PROBES.iter().filter(|probe| of_set(probe.health_set)).map(|probe| probe.name);
        let monitors = MONITORS.iter().filter(|it| of_set(it.health_set)).map(|it| it.name);
        let near = nearest(item, probes.chain(monitors));
        Err(unknown(format!("probe or monitor of {}", found.name), item, near))
    }
}

impl fmt::Display for ItemIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\\{}", self.health_set, self.name)?;
        self.target.iter().try_for_each(|target| write!(f, "\\{target}"))
    }
}
