use std::time::Duration;

use super::super::{Event, Limits};
use super::*;

/// A server that is on, as process 1.
fn server() -> Power {
    let limits = Limits { power_on_delay: Duration::from_secs(20), shut_down: Duration::from_secs(15) };
    let (mut power, _) = Power::new(limits);
    power.on(Event::Booted(1), Duration::ZERO);
    power
}

/// Asks for something, and lets the events happen; what became of it after each.
#[track_caller]
fn fates(action: Action, events: &[Event]) -> Vec<&'static str> {
    let (mut power, mut requests) = (server(), Requests::default());
    assert_eq!(requests.take("7", "mbx1", action, power.boots()), Known::New);
    let mut fates = Vec::new();
    for event in [Event::Asked(action)].iter().chain(events) {
        power.on(*event, Duration::from_secs(100));
        requests.settle("mbx1", &power);
        fates.push(match requests.fate("7").unwrap() {
            Fate::UnderWay { .. } => "under way",
            Fate::Done => "done",
            Fate::Failed(_) => "failed",
        });
    }
    fates
}

#[test]
fn a_cycle_or_restart_is_done_when_the_server_has_booted_again() {
    let late = Event::Tick;
    let (cycle, restart) = (Action::Cycle, Action::Restart);
    // The delay is over only later than the time at which all of this happens, but for what has been out for long.
    assert_eq!(fates(cycle, &[Event::Died(1), late]), ["under way", "under way", "under way"]);
    assert_eq!(fates(restart, &[Event::Died(1), Event::Booted(2)]), ["under way", "under way", "done"]);
}

#[test]
fn off_is_done_when_the_server_is_off_and_on_when_it_is_on() {
    assert_eq!(fates(Action::Off, &[Event::Died(1)]), ["under way", "done"]);
    assert_eq!(fates(Action::On, &[]), ["done"]);
}

#[test]
fn what_somebody_else_wanted_meanwhile_ends_a_request() {
    let off = Event::Asked(Action::Off);
    assert_eq!(fates(Action::Cycle, &[off]), ["under way", "failed"]);
    assert_eq!(fates(Action::Off, &[Event::Asked(Action::On)]), ["under way", "failed"]);
    assert_eq!(fates(Action::Restart, &[Event::Down, Event::Died(1)]), ["under way", "failed", "failed"]);
}

#[test]
fn the_same_id_is_the_same_request_and_no_other() {
    let mut requests = Requests::default();
    assert_eq!(requests.take("7", "mbx1", Action::Cycle, 1), Known::New);
    let under_way = Fate::UnderWay { boots: 1 };
    assert_eq!(requests.take("7", "mbx1", Action::Cycle, 2), Known::Before(under_way));
    assert_eq!(requests.take("7", "mbx2", Action::Cycle, 2), Known::Another("cycle mbx1".to_owned()));
    assert_eq!(requests.take("7", "mbx1", Action::Off, 2), Known::Another("cycle mbx1".to_owned()));
    assert_eq!(requests.all().len(), 1);
}

#[test]
fn what_the_power_of_another_server_does_ends_nothing() {
    let (power, mut requests) = (server(), Requests::default());
    requests.take("7", "mbx1", Action::Restart, 0);
    requests.settle("mbx2", &power);
    assert_eq!(requests.fate("7"), Some(&Fate::UnderWay { boots: 0 }));
}

#[test]
fn a_grid_knows_what_an_earlier_one_was_asked_and_that_it_ended_before_it_was_done() {
    let mut earlier = Requests::default();
    earlier.take("7", "mbx1", Action::On, 0);
    earlier.settle("mbx1", &server());
    earlier.take("8", "mbx1", Action::Cycle, 1);
    let mut now = Requests::of_earlier_grid(earlier.all().to_vec());
    assert_eq!(now.take("7", "mbx1", Action::On, 5), Known::Before(Fate::Done));
    let Known::Before(Fate::Failed(why)) = now.take("8", "mbx1", Action::Cycle, 5) else { panic!() };
    assert_eq!(why, "the power grid ended before it was done");
}

#[test]
fn old_requests_are_forgotten_and_those_under_way_never() {
    let (power, mut requests) = (server(), Requests::default());
    requests.take("first", "mbx2", Action::Cycle, 1);
    for number in 0..REMEMBERED * 2 {
        requests.take(&number.to_string(), "mbx1", Action::On, 1);
        requests.settle("mbx1", &power);
    }
    assert_eq!(requests.all().len(), REMEMBERED);
    assert!(requests.fate("first").is_some() && requests.fate("0").is_none());
}
