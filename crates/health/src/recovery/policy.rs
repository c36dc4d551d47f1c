//! What the operator allows.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::budget::Budgets;
use super::ladder::Class;

/// Whether rungs of a class are climbed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// They are.
    Automatic,
    /// Each waits for a person's word.
    Approval,
    /// Nothing is done; it is written down what would have been.
    Observe,
}

/// What the operator allows, and how long things take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Whether rungs are climbed, by class.
    pub modes: BTreeMap<Class, Mode>,
    /// How often anything may be done.
    pub budgets: Budgets,
    /// How long a server has to be in good health before what left comes back.
    pub return_after: Duration,
    /// How long a monitor has to stay well where the page says ten minutes; none: as the ladder says.
    pub look_again: Option<Duration>,
    /// How long a failing dependency is left to the ladders of those that depend on it before a person is called.
    pub grace: Duration,
    /// How long a recovery waits for something before a person is called about it.
    pub patience: Duration,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            modes: BTreeMap::from([(Class::Reboot, Mode::Approval)]),
            budgets: Budgets::default(),
            return_after: Duration::from_mins(30),
            look_again: None,
            grace: Duration::from_mins(1),
            patience: Duration::from_mins(10),
        }
    }
}

impl Policy {
    /// How old a probe may be on which an act relies.
    pub const FRESH: Duration = Duration::from_secs(5);
    /// How old the probe of another server may be.
    pub const FRESH_ELSEWHERE: Duration = Duration::from_secs(30);
    /// How long whoever starts the services may take to say whether a person stopped one.
    pub const INIT_ANSWERS: Duration = Duration::from_secs(30);
    /// How long an approval holds.
    pub const APPROVAL: Duration = Duration::from_hours(1);

    /// The mode of a class.
    pub fn mode(&self, class: Class) -> Mode {
        self.modes.get(&class).copied().unwrap_or(Mode::Automatic)
    }
}
