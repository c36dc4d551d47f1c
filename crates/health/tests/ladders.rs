//! The ladders are complete: each monitor has one, each ends with a person, and each deviation from the page has its reason.

use health::definition::MONITORS;
use health::recovery::{Action, Class, LADDERS, Then, Verification, ladder_of};

#[test]
fn each_monitor_has_exactly_one_ladder_and_each_ladder_monitors_that_there_are() {
    for monitor in MONITORS {
        let ladders = LADDERS.iter().filter(|ladder| ladder.monitors.contains(&monitor.name));
        assert_eq!(ladders.count(), 1, "{}", monitor.name);
        assert!(ladder_of(monitor.name).is_some());
    }
    for ladder in LADDERS {
        for name in ladder.monitors {
            assert!(MONITORS.iter().any(|monitor| monitor.name == *name), "{name} of {}", ladder.name);
        }
    }
}

#[test]
fn each_ladder_ends_with_a_person_and_calls_nobody_before() {
    for ladder in LADDERS {
        let (last, before) = ladder.rungs.split_last().expect("a ladder has rungs");
        assert_eq!(last.action, Action::Escalate, "{}", ladder.name);
        assert!(before.iter().all(|rung| rung.action != Action::Escalate), "{}", ladder.name);
        // Whatever way it goes, each rung has a next one.
        assert!(before.iter().all(|rung| rung.if_not != Then::Recovered), "{}", ladder.name);
    }
}

#[test]
fn each_rung_has_a_limit_and_is_looked_at_and_says_what_it_is_for() {
    for ladder in LADDERS {
        for rung in ladder.rungs {
            let at = format!("{} {}", ladder.name, rung.action.word());
            assert!(!rung.within.is_zero(), "{at}");
            assert!(!rung.what.is_empty(), "{at}");
            assert!(rung.action == Action::Escalate || rung.verified_by != Verification::Done, "{at}");
        }
    }
}

#[test]
fn what_is_no_step_of_the_page_says_why_it_is_there() {
    for ladder in LADDERS {
        for rung in ladder.rungs {
            let at = format!("{} {}", ladder.name, rung.action.word());
            assert!(!rung.of_page.is_empty() || !rung.deviation.is_empty(), "{at}");
        }
    }
}

#[test]
fn a_server_is_restarted_only_after_it_was_emptied_and_what_left_comes_back_by_way_of_one() {
    for ladder in LADDERS {
        let place = |action| ladder.rung_that(action);
        if let Some(fail_over) = place(Action::FailOver) {
            assert!(Some(fail_over) < place(Action::RestartServer), "{}", ladder.name);
            assert!(place(Action::RestartServer) < place(Action::BringOneBack), "{}", ladder.name);
            assert!(place(Action::BringOneBack) < place(Action::Return), "{}", ladder.name);
        }
        if let Some(on) = place(Action::ProtocolLogOn) {
            assert!(Some(on) < place(Action::ProtocolLogOff), "{}", ladder.name);
        }
    }
}

#[test]
fn only_what_is_undone_or_only_told_needs_no_budget() {
    for rung in LADDERS.iter().flat_map(|ladder| ladder.rungs) {
        let is_free = rung.action.class() == Class::Free;
        let harmless =
            rung.action.undoes() || matches!(rung.action, Action::Escalate | Action::ProtocolLogOn);
        assert_eq!(is_free, harmless, "{}", rung.action.word());
    }
}
