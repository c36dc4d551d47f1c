//! What the monitors of a health set come to, and whether the component behind a monitor takes traffic.

use placement::record::ComponentState;

use crate::alert_value::{AlertValue, ServerComponentState};
use crate::definition::{self, HealthSet, Monitor};
use crate::phase::Part;
use crate::verdict::Verdict;

/// What a health set comes to on one server.
#[derive(Clone, Debug, PartialEq)]
pub struct HealthSetSummary<'a> {
    /// The health set.
    pub health_set: &'static HealthSet,
    /// The worst that its monitors say.
    pub value: AlertValue,
    /// The verdict that it comes from: of the worst, the one that has said so for longest.
    pub worst: &'a Verdict,
    /// How many monitors it has there, each target apart.
    pub monitors: usize,
}

/// What the health sets of one server come to, in the order of the definitions.
pub fn health_sets<'a>(verdicts: &[&'a Verdict]) -> Vec<HealthSetSummary<'a>> {
    let summary = |set: &'static HealthSet| {
        let of_set = verdicts.iter().copied().filter(|verdict| verdict.health_set == set.name);
        let worst = of_set.clone().max_by_key(|it| (it.value, std::cmp::Reverse(it.since)))?;
        Some(HealthSetSummary { health_set: set, value: worst.value, worst, monitors: of_set.count() })
    };
    definition::HEALTH_SETS.iter().filter_map(summary).collect()
}

/// The service whose traffic a monitor is about: `frontend`, `backend`; none if it is about something else.
pub fn component(monitor: &Monitor) -> Option<&'static str> {
    match monitor.part {
        Part::FrontEnd => Some("frontend"),
        Part::BackEnd => Some("backend"),
        _ => None,
    }
}

/// Whether a component takes traffic; `state` is none for what takes none by its nature.
pub fn component_state(state: Option<ComponentState>) -> ServerComponentState {
    match state {
        None => ServerComponentState::NotApplicable,
        Some(ComponentState::Active) => ServerComponentState::Online,
        Some(ComponentState::Draining) => ServerComponentState::PartiallyOnline,
        Some(ComponentState::Inactive) => ServerComponentState::Offline,
    }
}
