//! Each rule over histories.

use std::time::Duration;

use health::AlertValue::{self, Degraded, Disabled, Healthy, Repairing, Unavailable, Unhealthy};
use health::definition::Rule;
use health::{MonitorTuning, Reason, UnixMillis};
use proptest::prelude::*;

use crate::history::{History, by};

const THREE: Rule = Rule::ConsecutiveFailures { failures: 3 };

#[track_caller]
fn table(rule: Rule, cases: &[(&str, AlertValue)]) {
    for (letters, value) in cases {
        assert_eq!(History::of(letters, 5).value(&by(rule)), *value, "{letters}");
    }
}

#[test]
fn failures_in_a_row_degrade_and_then_settle() {
    table(
        THREE,
        &[
            (".", Healthy),
            ("x", Degraded),
            ("xx", Degraded),
            ("xxx", Unhealthy),
            ("xtx", Unhealthy),
            ("..xx", Degraded),
            ("xx.xx", Degraded),
            ("xxx.", Healthy),
            ("xx?x", Unhealthy),
        ],
    );
}

#[test]
fn failures_within_a_time_need_not_be_in_a_row() {
    let rule = Rule::FailuresWithin { failures: 3, window: Duration::from_secs(30) };
    table(
        rule,
        &[(".", Healthy), ("x", Degraded), ("x.x.x", Unhealthy), ("xxx.", Unhealthy), ("xxx......", Healthy)],
    );
}

#[test]
fn a_share_of_successes_is_judged_once_there_are_enough_attempts() {
    let rule = Rule::PercentSuccess { below: 80, window: Duration::from_mins(1), at_least: 5 };
    table(
        rule,
        &[("xxxx", Healthy), ("xx...", Unhealthy), ("x.........", Healthy), (".........x", Degraded)],
    );
    let few = History::of("xx", 5).judged(&by(rule));
    assert_eq!(few.reason, Reason::TooFewSamples { samples: 2, of: 5 });
}

#[test]
fn values_above_a_threshold_count_only_if_they_are_made_of_enough() {
    let rule = Rule::ConsecutiveAbove { threshold: 60.0, times: 2, at_least: 5 };
    let value = |values: &[(f64, u64)]| History::of_values(values).judged(&by(rule));
    assert_eq!(value(&[(0.1, 900)]).value, Healthy);
    assert_eq!(value(&[(61.0, 5)]).value, Degraded);
    assert_eq!(value(&[(61.0, 5), (70.0, 9)]).value, Unhealthy);
    assert_eq!(value(&[(61.0, 5), (70.0, 9), (59.9, 9)]).value, Healthy);
    let few = value(&[(300.0, 4)]);
    assert_eq!((few.value, few.reason), (Healthy, Reason::TooFewSamples { samples: 4, of: 5 }));
}

#[test]
fn values_below_a_threshold_are_judged_alike() {
    let rule = Rule::ConsecutiveBelow { threshold: 7.0, times: 1, at_least: 1 };
    assert_eq!(History::of_values(&[(90.0, 1)]).value(&by(rule)), Healthy);
    assert_eq!(History::of_values(&[(6.9, 1)]).value(&by(rule)), Unhealthy);
    assert_eq!(History::of_values(&[(-3.0, 1)]).value(&by(rule)), Unhealthy);
}

#[test]
fn what_has_not_been_observed_lately_is_unavailable_and_never_healthy() {
    assert_eq!(History::of("", 5).judged(&by(THREE)).reason, Reason::NoObservations { for_how_long: None });
    let history = History::of("...", 5);
    assert_eq!(history.judged_at(&by(THREE), history.now + 18, None).value, Healthy);
    let stale = history.judged_at(&by(THREE), history.now + 19, None);
    assert_eq!(stale.value, Unavailable);
    assert_eq!(stale.reason, Reason::NoObservations { for_how_long: Some(Duration::from_secs(19)) });
}

#[test]
fn what_cannot_be_tested_is_unavailable_once_nothing_else_is_known() {
    assert_eq!(History::of(".?", 5).value(&by(THREE)), Healthy, "what was seen a moment ago still holds");
    let untested = History::of(".?????", 5).judged(&by(THREE));
    assert!(matches!(untested.reason, Reason::CannotTest { .. }), "{untested:?}");
    assert_eq!(History::of("xxx????", 5).value(&by(THREE)), Unavailable);
}

#[test]
fn what_goes_back_and_forth_has_to_be_quiet_before_it_is_healthy() {
    let flapping = History::of("xxx.x.xx.", 5).judged(&by(THREE));
    assert_eq!(flapping.value, Unhealthy, "as bad as it was");
    assert!(matches!(flapping.reason, Reason::Flapping { changes: 3, .. }), "{flapping:?}");
    assert_eq!(History::of("x.x.x.", 5).value(&by(THREE)), Degraded);
    assert_eq!(History::of("xxx.x.xx......", 5).value(&by(THREE)), Healthy, "30 s without a failure");
    assert_eq!(History::of("xxx.xxx.", 5).value(&by(THREE)), Healthy, "twice is not yet flapping");
}

#[test]
fn operators_come_before_what_is_observed() {
    let history = History::of("xxx", 5);
    let off = MonitorTuning { off_by: Some("anna".into()), ..by(THREE) };
    assert_eq!(history.value(&off), Disabled);
    let repairing = MonitorTuning { repairing_by: Some("anna".into()), ..by(THREE) };
    assert_eq!(history.value(&repairing), Repairing);
}

#[test]
fn since_when_it_is_so_is_kept_while_it_is_so() {
    let history = History::of("xxx", 5);
    let first = history.judged(&by(THREE));
    assert_eq!(first.since, UnixMillis(history.now * 1000));
    let later = history.judged_at(&by(THREE), history.now + 3, Some(&first));
    assert_eq!((later.value, later.since), (Unhealthy, first.since));
    let healed = History::of("xxx.", 5);
    let judged = healed.judged_at(&by(THREE), healed.now, Some(&first));
    assert_eq!((judged.value, judged.since), (Healthy, UnixMillis(healed.now * 1000)));
}

#[test]
fn for_how_long_it_fails_is_told() {
    let history = History::of("..xxx", 5);
    assert_eq!(history.judged(&by(THREE)).failing_for, Some(Duration::from_secs(10)));
    assert_eq!(History::of("x.", 5).judged(&by(THREE)).failing_for, None);
}

proptest! {
    #[test]
    fn a_verdict_depends_on_the_last_window_alone(
        before in "[.xt?]{0,120}", within in "[.xt?]{0,60}",
    ) {
        // The window of flapping is thirty intervals; a hundred quiet ones part it from what was before.
        let quiet = ".".repeat(100);
        let alone = History::of(&format!("{quiet}{within}"), 5);
        let mut after = History::of(&format!("{before}{quiet}{within}"), 5);
        after.now += 0;
        let (alone, after) = (alone.judged(&by(THREE)), after.judged(&by(THREE)));
        prop_assert_eq!(alone.value, after.value);
    }

    #[test]
    fn flapping_never_slows_the_way_down(history in "[.x]{0,60}") {
        let history = History::of(&format!("{history}xxx"), 5);
        prop_assert_eq!(history.value(&by(THREE)), Unhealthy);
    }

    #[test]
    fn whatever_was_after_a_quiet_time_all_is_well(history in "[.xt]{0,60}") {
        let history = History::of(&format!("{history}......"), 5);
        prop_assert_eq!(history.value(&by(THREE)), Healthy);
    }
}
