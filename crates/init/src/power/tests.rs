use super::*;

const LIMITS: Limits = Limits { power_on_delay: Duration::from_secs(20), shut_down: Duration::from_secs(15) };

fn shutting_down(cut_at: u64) -> State {
    State::ShuttingDown { pid: 5, cut_at: at(cut_at), cut: false }
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
        (12, Event::Died(5), vec![], State::Off),
        (99, Event::Tick, vec![], State::Off),
    ]);
}

#[test]
fn a_grid_that_goes_down_during_an_outage_leaves_the_server_off() {
    follow(vec![
        (0, Event::Booted(5), vec![], State::On { pid: 5 }),
        (1, Event::Died(5), vec![Effect::TellLoss], State::Out { returns: at(21) }),
        (2, Event::Down, vec![], State::Off),
        (21, Event::Tick, vec![], State::Off),
    ]);
}

#[test]
fn an_init_that_arrives_after_the_grid_went_down_is_shut_down() {
    follow(vec![
        (0, Event::Down, vec![], State::Off),
        (0, Event::Booted(5), vec![Effect::ShutDown(5)], shutting_down(15)),
    ]);
}

#[test]
fn a_server_that_does_not_shut_down_in_time_has_its_plug_pulled_once() {
    let cut = State::ShuttingDown { pid: 5, cut_at: at(15), cut: true };
    follow(vec![
        (0, Event::Booted(5), vec![], State::On { pid: 5 }),
        (0, Event::Down, vec![Effect::ShutDown(5)], shutting_down(15)),
        (14, Event::Tick, vec![], shutting_down(15)),
        (15, Event::Tick, vec![Effect::Cut(5)], cut),
        (16, Event::Tick, vec![], cut),
        (16, Event::Died(5), vec![], State::Off),
    ]);
}

#[test]
fn the_death_of_an_earlier_init_means_nothing() {
    follow(vec![
        (0, Event::Booted(5), vec![], State::On { pid: 5 }),
        (0, Event::Died(4), vec![], State::On { pid: 5 }),
    ]);
}
