use super::*;

const LIMITS: Limits = Limits { power_on_delay: Duration::from_secs(20), shut_down: Duration::from_secs(15) };

fn shutting_down(cut_at: u64) -> State {
    ending(cut_at, Then::Off { by_hand: false })
}

fn ending(cut_at: u64, then: Then) -> State {
    State::ShuttingDown { pid: 5, cut_at: at(cut_at), cut: false, then }
}

fn cut(cut_at: u64, then: Then) -> State {
    State::ShuttingDown { pid: 5, cut_at: at(cut_at), cut: true, then }
}

const FOR_GOOD: State = State::Off { by_hand: false };
const SWITCHED_OFF: State = State::Off { by_hand: true };
const BY_HAND: Then = Then::Off { by_hand: true };

fn asked(action: Action) -> Event {
    Event::Asked(action)
}

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[track_caller]
fn follow(table: Vec<(u64, Event, Vec<Effect>, State)>) -> Power {
    let (mut power, effect) = Power::new(LIMITS);
    assert_eq!(effect, Effect::Boot);
    for (number, (second, event, effects, state)) in table.into_iter().enumerate() {
        let row = number + 1;
        assert_eq!(power.on(event, at(second)), effects, "effects of row {row}, {event:?}");
        assert_eq!(power.state(), state, "state after row {row}, {event:?}");
    }
    power
}

#[test]
fn the_death_of_an_init_is_a_power_loss_and_power_returns_after_the_delay() {
    let power = follow(vec![
        (0, Event::Booted(5), vec![], State::On { pid: 5 }),
        (100, Event::Died(5), vec![Effect::TellLoss], State::Out { returns: at(120) }),
        (119, Event::Tick, vec![], State::Out { returns: at(120) }),
        (120, Event::Tick, vec![Effect::Boot], State::Booting),
        (120, Event::Booted(6), vec![], State::On { pid: 6 }),
    ]);
    assert_eq!(power.losses(), 1);
}

#[test]
fn an_init_that_cannot_be_started_is_tried_again_after_the_delay() {
    follow(vec![
        (0, Event::BootFailed, vec![Effect::TellLoss], State::Out { returns: at(20) }),
        (20, Event::Tick, vec![Effect::Boot], State::Booting),
    ]);
}

#[test]
fn a_grid_that_goes_down_shuts_the_server_down_and_never_boots_it_again() {
    follow(vec![
        (0, Event::Booted(5), vec![], State::On { pid: 5 }),
        (9, Event::Down, vec![Effect::ShutDown(5)], shutting_down(24)),
        (9, Event::Down, vec![], shutting_down(24)),
        (12, Event::Died(5), vec![], FOR_GOOD),
        (99, Event::Tick, vec![], FOR_GOOD),
    ]);
}

#[test]
fn a_grid_that_goes_down_during_an_outage_leaves_the_server_off() {
    follow(vec![
        (0, Event::Booted(5), vec![], State::On { pid: 5 }),
        (1, Event::Died(5), vec![Effect::TellLoss], State::Out { returns: at(21) }),
        (2, Event::Down, vec![], FOR_GOOD),
        (21, Event::Tick, vec![], FOR_GOOD),
    ]);
}

#[test]
fn an_init_that_arrives_after_the_grid_went_down_is_shut_down() {
    follow(vec![
        (0, Event::Down, vec![], FOR_GOOD),
        (0, Event::Booted(5), vec![Effect::ShutDown(5)], shutting_down(15)),
    ]);
}

#[test]
fn a_server_that_does_not_shut_down_in_time_has_its_plug_pulled_once() {
    let cut = cut(15, Then::Off { by_hand: false });
    follow(vec![
        (0, Event::Booted(5), vec![], State::On { pid: 5 }),
        (0, Event::Down, vec![Effect::ShutDown(5)], shutting_down(15)),
        (14, Event::Tick, vec![], shutting_down(15)),
        (15, Event::Tick, vec![Effect::Cut(5)], cut),
        (16, Event::Tick, vec![], cut),
        (16, Event::Died(5), vec![], FOR_GOOD),
    ]);
}

#[test]
fn the_death_of_an_earlier_init_means_nothing() {
    follow(vec![
        (0, Event::Booted(5), vec![], State::On { pid: 5 }),
        (0, Event::Died(4), vec![], State::On { pid: 5 }),
    ]);
}

#[test]
fn a_cycle_cuts_the_power_at_once_and_it_returns_after_the_delay() {
    let power = follow(vec![
        (0, Event::Booted(5), vec![], State::On { pid: 5 }),
        (9, asked(Action::Cycle), vec![Effect::Cut(5)], cut(9, Then::Outage)),
        (9, asked(Action::Cycle), vec![], cut(9, Then::Outage)),
        (10, Event::Died(5), vec![Effect::TellCut], State::Out { returns: at(30) }),
        (11, asked(Action::Cycle), vec![], State::Out { returns: at(30) }),
        (30, Event::Tick, vec![Effect::Boot], State::Booting),
        (30, Event::Booted(6), vec![], State::On { pid: 6 }),
    ]);
    assert_eq!((power.losses(), power.boots()), (0, 2));
}

#[test]
fn a_restart_shuts_the_server_down_and_boots_it_without_an_outage() {
    let power = follow(vec![
        (0, Event::Booted(5), vec![], State::On { pid: 5 }),
        (9, asked(Action::Restart), vec![Effect::ShutDown(5)], ending(24, Then::Boot)),
        (10, asked(Action::Restart), vec![], ending(24, Then::Boot)),
        (12, Event::Died(5), vec![Effect::Boot], State::Booting),
        (12, Event::Booted(6), vec![], State::On { pid: 6 }),
    ]);
    assert_eq!((power.losses(), power.boots()), (0, 2));
}

#[test]
fn a_restart_that_takes_too_long_is_cut_and_boots_all_the_same() {
    follow(vec![
        (0, Event::Booted(5), vec![], State::On { pid: 5 }),
        (0, asked(Action::Restart), vec![Effect::ShutDown(5)], ending(15, Then::Boot)),
        (15, Event::Tick, vec![Effect::Cut(5)], cut(15, Then::Boot)),
        (15, Event::Died(5), vec![Effect::Boot], State::Booting),
    ]);
}

#[test]
fn a_cycle_does_not_wait_for_a_restart_that_hangs() {
    follow(vec![
        (0, Event::Booted(5), vec![], State::On { pid: 5 }),
        (0, asked(Action::Restart), vec![Effect::ShutDown(5)], ending(15, Then::Boot)),
        (1, asked(Action::Cycle), vec![Effect::Cut(5)], cut(15, Then::Outage)),
        (1, Event::Died(5), vec![Effect::TellCut], State::Out { returns: at(21) }),
    ]);
}

#[test]
fn a_server_that_is_switched_off_stays_off_until_it_is_switched_on() {
    let power = follow(vec![
        (0, Event::Booted(5), vec![], State::On { pid: 5 }),
        (1, asked(Action::Off), vec![Effect::ShutDown(5)], ending(16, BY_HAND)),
        (2, asked(Action::Restart), vec![], ending(16, BY_HAND)),
        (3, Event::Died(5), vec![], SWITCHED_OFF),
        (4, asked(Action::Cycle), vec![], SWITCHED_OFF),
        (99, Event::Tick, vec![], SWITCHED_OFF),
        (100, asked(Action::On), vec![Effect::Boot], State::Booting),
        (100, Event::Booted(6), vec![], State::On { pid: 6 }),
    ]);
    assert_eq!(power.losses(), 0);
}

#[test]
fn a_server_that_is_switched_off_during_an_outage_does_not_come_back() {
    follow(vec![
        (0, Event::Booted(5), vec![], State::On { pid: 5 }),
        (1, Event::Died(5), vec![Effect::TellLoss], State::Out { returns: at(21) }),
        (2, asked(Action::Off), vec![], SWITCHED_OFF),
        (21, Event::Tick, vec![], SWITCHED_OFF),
    ]);
}

#[test]
fn a_server_that_is_switched_on_while_it_goes_off_boots_once_it_is_down() {
    follow(vec![
        (0, Event::Booted(5), vec![], State::On { pid: 5 }),
        (1, asked(Action::Off), vec![Effect::ShutDown(5)], ending(16, BY_HAND)),
        (2, asked(Action::On), vec![], ending(16, Then::Boot)),
        (3, Event::Died(5), vec![Effect::Boot], State::Booting),
    ]);
}

#[test]
fn switching_on_what_is_on_or_will_be_changes_nothing() {
    follow(vec![
        (0, Event::Booted(5), vec![], State::On { pid: 5 }),
        (1, asked(Action::On), vec![], State::On { pid: 5 }),
        (2, Event::Died(5), vec![Effect::TellLoss], State::Out { returns: at(22) }),
        (3, asked(Action::On), vec![], State::Out { returns: at(22) }),
    ]);
}

#[test]
fn nothing_that_is_asked_keeps_a_server_from_going_down_with_the_grid() {
    let mut power = follow(vec![
        (0, Event::Booted(5), vec![], State::On { pid: 5 }),
        (1, asked(Action::Restart), vec![Effect::ShutDown(5)], ending(16, Then::Boot)),
        (2, Event::Down, vec![], shutting_down(16)),
        (3, asked(Action::On), vec![], shutting_down(16)),
        (4, Event::Died(5), vec![], FOR_GOOD),
    ]);
    for action in [Action::Cycle, Action::Restart, Action::Off, Action::On] {
        assert_eq!(power.refusal(action), Some(Refusal::GoingDown));
        assert_eq!(power.on(asked(action), at(5)), []);
    }
}

#[test]
fn what_a_human_switched_off_is_not_for_a_recovery_to_switch_on() {
    let power = follow(vec![
        (0, Event::Booted(5), vec![], State::On { pid: 5 }),
        (1, asked(Action::Off), vec![Effect::ShutDown(5)], ending(16, BY_HAND)),
        (2, Event::Died(5), vec![], SWITCHED_OFF),
    ]);
    let refusals =
        [Action::Cycle, Action::Restart, Action::Off, Action::On].map(|action| power.refusal(action));
    assert_eq!(refusals, [Some(Refusal::SwitchedOff), Some(Refusal::SwitchedOff), None, None]);
}
