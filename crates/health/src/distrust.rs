//! A sick observer heals nobody.

use std::time::Duration;

use crate::observation::{Failure, FailureReason, Observation, Outcome};
use crate::phase::{Part, Phase};
use crate::spread::TRUSTED_LAG;

/// The observation as it is to be taken: if the observer was late, or fails its own control, a failure that it saw says
/// nothing about anybody else. That something works even so is worth as much as ever.
pub fn distrust(mut observation: Observation, lag: Duration, control_fails: bool) -> Observation {
    let finding = &mut observation.finding;
    if !finding.outcome.is_failure() || !(lag > TRUSTED_LAG || control_fails) {
        return observation;
    }
    let why = if lag > TRUSTED_LAG {
        format!("the attempt began {:.1} s late", lag.as_secs_f64())
    } else {
        "the observer fails its own control".to_owned()
    };
    let seen = finding.failure.take();
    let detail = match &seen {
        Some(seen) => format!("{why}; it saw {} at {}", seen.reason.word(), seen.phase.word()),
        None => why,
    };
    finding.outcome = Outcome::CannotTest;
    finding.failure = Some(Failure {
        reason: FailureReason::SickObserver,
        phase: seen.map_or(Phase::Ask, |seen| seen.phase),
        part: Part::Observer,
        detail,
    });
    observation
}
