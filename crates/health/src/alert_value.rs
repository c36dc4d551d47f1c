//! How a monitor or a health set is.

use serde::{Deserialize, Serialize};

/// What a monitor says. The order is from good to bad: a health set is as bad as the worst of its monitors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AlertValue {
    /// An override has switched it off.
    Disabled,
    /// What it watches works.
    Healthy,
    /// There are no fresh observations, or none that say anything. Never taken for healthy, and never acted upon.
    Unavailable,
    /// An operator has said that it is being repaired.
    Repairing,
    /// It fails, not yet for long enough.
    Degraded,
    /// It has failed for long enough to be acted upon.
    Unhealthy,
}

impl AlertValue {
    /// Every value, from good to bad.
    pub const ALL: [Self; 6] =
        [Self::Disabled, Self::Healthy, Self::Unavailable, Self::Repairing, Self::Degraded, Self::Unhealthy];

    /// The word that administrators know.
    pub fn word(self) -> &'static str {
        match self {
            Self::Disabled => "Disabled",
            Self::Healthy => "Healthy",
            Self::Unavailable => "Unavailable",
            Self::Repairing => "Repairing",
            Self::Degraded => "Degraded",
            Self::Unhealthy => "Unhealthy",
        }
    }
}

/// Whether the component behind a monitor takes traffic, which is apart from how well it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ServerComponentState {
    /// It takes traffic.
    Online,
    /// It takes no traffic.
    Offline,
    /// It takes no new sessions and brings those it has to an end.
    PartiallyOnline,
    /// It is not something that takes traffic.
    NotApplicable,
}

impl ServerComponentState {
    /// The word that administrators know.
    pub fn word(self) -> &'static str {
        match self {
            Self::Online => "Online",
            Self::Offline => "Offline",
            Self::PartiallyOnline => "PartiallyOnline",
            Self::NotApplicable => "NotApplicable",
        }
    }
}
