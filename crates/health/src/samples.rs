//! What a probe found lately at one target: what a monitor judges by.

use std::collections::VecDeque;

use placement::Moment;
use settings::{DatabaseName, ServerName};

use crate::observation::{Failure, Observation, Outcome};

/// How many samples are remembered: enough for half a minute of an attempt a second, several times over.
const REMEMBERED: usize = 256;

/// The last observations of one probe at one target, the oldest first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Samples {
    kept: VecDeque<Sample>,
    untested: Option<(Moment, Failure)>,
}

/// An observation that says something.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// When it came in, by the clock of the agent.
    pub at: Moment,
    /// Why it failed, if it did.
    pub failure: Option<Failure>,
    /// What was measured.
    pub value: Option<f64>,
    /// Of how many samples that is made.
    pub samples: Option<u64>,
    /// The mailbox server behind it.
    pub mailbox_server: Option<ServerName>,
    /// The mailbox database behind it.
    pub database: Option<DatabaseName>,
}

impl Samples {
    /// Takes an observation. One that could not be made says nothing about the target; that it was tried is remembered.
    pub fn push(&mut self, observation: &Observation, at: Moment) {
        let finding = &observation.finding;
        if finding.outcome == Outcome::CannotTest {
            self.untested = finding.failure.clone().map(|why| (at, why));
            return;
        }
        self.untested = None;
        self.kept.push_back(Sample {
            at,
            failure: finding.failure.clone().filter(|_| finding.outcome.is_failure()),
            value: finding.value,
            samples: finding.samples,
            mailbox_server: finding.mailbox_server.clone(),
            database: finding.database.clone(),
        });
        if self.kept.len() > REMEMBERED {
            self.kept.pop_front();
        }
    }

    /// The last sample.
    pub fn last(&self) -> Option<&Sample> {
        self.kept.back()
    }

    /// Why the last attempt could not be made, and when that was.
    pub(crate) fn untested(&self) -> Option<&(Moment, Failure)> {
        self.untested.as_ref()
    }

    /// All of them, the oldest first.
    pub(crate) fn all(&self) -> &VecDeque<Sample> {
        &self.kept
    }
}
