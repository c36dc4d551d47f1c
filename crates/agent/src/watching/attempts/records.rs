//! What the records of placement say.

use health::definition::Scenario;
use health::{Failure, FailureReason, Finding, Outcome, Part, Phase};
use placement::{CopyState, copies};
use settings::{DatabaseName, Value as _};

use super::{Attempts, cannot_test, hindrance};
use crate::clock::unix_millis;

/// How long a database may be on its way before it counts as being nowhere, in milliseconds.
const ON_ITS_WAY: u64 = 30_000;

impl Attempts {
    /// Why a database cannot be tested now: it is on its way, or is to be mounted nowhere, or nobody knows.
    pub(super) fn on_its_way(&self, database: &DatabaseName, scenario: Scenario) -> Option<Failure> {
        let records_only = matches!(scenario, Scenario::Mounted | Scenario::Redundancy);
        if records_only && !self.knows_the_records() {
            return Some(hindrance(FailureReason::NoAnswer, "the coordinator is away, so nobody knows"));
        }
        let world = self.world();
        let assigned = world.records.assignments.get(database);
        if assigned.is_some_and(|kept| kept.value.dismounted_for_good()) {
            return Some(hindrance(
                FailureReason::Drained,
                &format!("{database} is dismounted, as somebody asked"),
            ));
        }
        if scenario == Scenario::Redundancy {
            return None;
        }
        let active = copies(&world).into_iter().find(|copy| copy.active && copy.database == *database);
        let copy = active?;
        let since = copy.since.or(assigned.map(|kept| kept.value.since));
        let moving = match copy.state {
            CopyState::Mounting | CopyState::Dismounting | CopyState::Dismounted => true,
            CopyState::Mounted => assigned.is_some() && world.records.moves.contains_key(database),
            _ => false,
        };
        let is_fresh = since.is_none_or(|since| unix_millis().millis_since(since) < ON_ITS_WAY);
        (moving && (is_fresh || copy.state == CopyState::Mounted)).then(|| {
            hindrance(FailureReason::Moving, &format!("{database} on {} is {}", copy.server, copy.state))
        })
    }

    pub(super) fn mounted(&self, target: &str) -> Finding {
        let database = match DatabaseName::parse(target) {
            Ok(database) => database,
            Err(error) => return cannot_test(hindrance(FailureReason::NotConfigured, &error.to_string())),
        };
        let world = self.world();
        let server = world.mounted_on(&database).cloned();
        let states = copies(&world).into_iter().filter(|copy| copy.database == database);
        let states: Vec<_> =
            states.map(|copy| format!("{} on {} ({})", copy.state, copy.server, copy.why)).collect();
        let failure = server.is_none().then(|| Failure {
            reason: FailureReason::NotMounted,
            phase: Phase::Compare,
            part: Part::HighAvailability,
            detail: format!("mounted nowhere: {}", states.join(", ")),
        });
        Finding { mailbox_server: server, database: Some(database), ..judged(failure) }
    }

    /// Whether another copy could be mounted. Where the configuration wants no other, nothing is missing.
    pub(super) fn redundancy(&self, target: &str) -> Finding {
        let world = self.world();
        let others: Vec<_> = copies(&world)
            .into_iter()
            .filter(|copy| copy.database.as_str().eq_ignore_ascii_case(target) && !copy.active)
            .collect();
        let fit = others.iter().filter(|copy| copy.state == CopyState::Healthy).count();
        let failure = (fit == 0 && !others.is_empty()).then(|| {
            let states: Vec<_> = others
                .iter()
                .map(|copy| format!("{} on {} ({})", copy.state, copy.server, copy.why))
                .collect();
            Failure {
                reason: FailureReason::NotRedundant,
                phase: Phase::Compare,
                part: Part::HighAvailability,
                detail: format!("mounted nowhere: {}", states.join(", ")),
            }
        });
        let database = DatabaseName::parse(target).ok();
        Finding { mailbox_server: Some(self.server.clone()), database, ..judged(failure) }
    }
}

fn judged(failure: Option<Failure>) -> Finding {
    let outcome = if failure.is_some() { Outcome::Failed } else { Outcome::Succeeded };
    Finding { outcome, failure, ..Finding::default() }
}
