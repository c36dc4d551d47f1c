//! A few hundred seeds; thousands in the long form.

use health::recovery::Outcome;
use health_sim::{Fleet, climb_with_a_death, simulate};

/// Runs seeds, each from another beginning for each fleet.
fn keeps_every_promise(fleet: &str, seeds: u64) {
    let fleet = Fleet::parse(fleet).expect("it is a fleet");
    let long = std::env::var("MAILMEDIC_KILLS").is_ok_and(|kills| kills.parse().unwrap_or(0) > 20);
    let seeds = if long { seeds * 20 } else { seeds };
    let (mut faults, mut acts) = (0, 0);
    for seed in 0..seeds {
        match simulate(fleet, seed, &mut |_| ()) {
            Ok(report) => {
                faults += report.faults;
                acts += report.acts.values().sum::<usize>();
            }
            Err(broken) => panic!("{broken}"),
        }
    }
    assert!(faults > 0 && acts > 0, "nothing went wrong, or nothing was done: {faults} faults, {acts} acts");
}

#[test]
fn a_fleet_of_one_and_one_keeps_every_promise() {
    keeps_every_promise("1+1", 120);
}

#[test]
fn a_fleet_of_one_and_two_keeps_every_promise() {
    keeps_every_promise("1+2", 80);
}

#[test]
fn a_fleet_of_three_and_six_keeps_every_promise() {
    keeps_every_promise("3+6", 10);
}

#[test]
fn an_agent_that_dies_after_any_entry_of_a_climb_goes_on_and_does_nothing_twice() {
    let all = ["restart-service", "fail-over", "restart-server", "bring-one-back", "return"];
    let (acts, outcome, timeline) = climb_with_a_death(None);
    assert_eq!(acts, all, "{timeline:#?}");
    assert_eq!(outcome, Some(Outcome::Recovered));
    let entries = timeline.iter().filter(|line| line.contains("mbx1-1 ")).count();
    assert!(entries > 20, "{timeline:#?}");
    for number in 1..=entries {
        let (acts, outcome, timeline) = climb_with_a_death(Some(number));
        assert!(timeline.iter().any(|line| line.contains("dies")), "{number}: {timeline:#?}");
        assert_eq!(acts, all, "{number}: {timeline:#?}");
        assert_eq!(outcome, Some(Outcome::Recovered), "{number}: {timeline:#?}");
    }
}
