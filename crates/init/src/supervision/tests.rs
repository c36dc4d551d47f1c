//! Each test is a table: what happens when, what is done about it, and where that leaves the service.

use super::*;

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// One row: at this second, this event; expected effects and state.
type Row = (u64, Event, Vec<Effect>, Life);

#[track_caller]
fn follow(policy: Policy, table: Vec<Row>) -> Supervision {
    let mut service = Supervision::new(policy);
    for (number, (second, event, effects, life)) in table.into_iter().enumerate() {
        let row = number + 1;
        let shown = format!("{event:?}");
        assert_eq!(service.on(event, at(second)), effects, "effects of row {row}, {shown}");
        assert_eq!(*service.life(), life, "state after row {row}, {shown}");
    }
    service
}

fn restarting(exit: &str, deaths: usize) -> Effect {
    Effect::Tell(Notice::Restarting { exit: exit.to_owned(), deaths })
}

fn stopping(pid: u32, kill_at: u64) -> Life {
    Life::Stopping { pid, kill_at: at(kill_at), killed: false, then_start: false }
}

fn running(pid: u32) -> Vec<Row> {
    vec![
        (0, Event::Start, vec![Effect::Spawn], Life::Spawning),
        (0, Event::Spawned(pid), vec![], Life::Starting { pid }),
        (1, Event::Ready(pid), vec![Effect::Tell(Notice::Ready)], Life::Running { pid }),
    ]
}

const KILLED: &str = "was ended by signal 9";

#[test]
fn a_dead_service_is_restarted_at_once() {
    let mut table = running(7);
    table.extend([
        (50, Event::Exited(7, Exit::Signal(9)), vec![restarting(KILLED, 1), Effect::Spawn], Life::Spawning),
        (50, Event::Spawned(8), vec![], Life::Starting { pid: 8 }),
    ]);
    assert_eq!(follow(Policy::default(), table).restarts(), 1);
}

#[test]
fn an_exit_with_code_zero_is_a_death_too_when_nobody_asked() {
    let mut table = running(7);
    let text = "ended with exit code 0";
    table.push((
        5,
        Event::Exited(7, Exit::Code(0)),
        vec![restarting(text, 1), Effect::Spawn],
        Life::Spawning,
    ));
    follow(Policy::default(), table);
}

#[test]
fn the_third_death_within_sixty_seconds_is_failed_and_told_and_not_restarted() {
    let failure = Failure::CrashLoop { deaths: 3, window: 60, last: KILLED.to_owned() };
    let mut table = running(1);
    table.extend([
        (10, Event::Exited(1, Exit::Signal(9)), vec![restarting(KILLED, 1), Effect::Spawn], Life::Spawning),
        (10, Event::Spawned(2), vec![], Life::Starting { pid: 2 }),
        (30, Event::Exited(2, Exit::Signal(9)), vec![restarting(KILLED, 2), Effect::Spawn], Life::Spawning),
        (30, Event::Spawned(3), vec![], Life::Starting { pid: 3 }),
        (
            69,
            Event::Exited(3, Exit::Signal(9)),
            vec![Effect::Tell(Notice::Failed(failure.clone()))],
            Life::Failed(failure.clone()),
        ),
        (100, Event::Tick, vec![], Life::Failed(failure)),
    ]);
    assert_eq!(follow(Policy::default(), table).restarts(), 2);
}

#[test]
fn deaths_further_apart_than_the_window_never_add_up() {
    let mut table = running(1);
    table.extend([
        (10, Event::Exited(1, Exit::Signal(9)), vec![restarting(KILLED, 1), Effect::Spawn], Life::Spawning),
        (10, Event::Spawned(2), vec![], Life::Starting { pid: 2 }),
        (40, Event::Exited(2, Exit::Signal(9)), vec![restarting(KILLED, 2), Effect::Spawn], Life::Spawning),
        (40, Event::Spawned(3), vec![], Life::Starting { pid: 3 }),
        (70, Event::Exited(3, Exit::Signal(9)), vec![restarting(KILLED, 2), Effect::Spawn], Life::Spawning),
        (70, Event::Spawned(4), vec![], Life::Starting { pid: 4 }),
        (100, Event::Exited(4, Exit::Signal(9)), vec![restarting(KILLED, 2), Effect::Spawn], Life::Spawning),
    ]);
    follow(Policy::default(), table);
}

#[test]
fn a_service_that_cannot_be_spawned_fails_after_three_tries() {
    let how = "could not be started (no such file)";
    let no_file = || Event::SpawnFailed("no such file".to_owned());
    let failure = Failure::CrashLoop { deaths: 3, window: 60, last: how.to_owned() };
    follow(
        Policy::default(),
        vec![
            (0, Event::Start, vec![Effect::Spawn], Life::Spawning),
            (0, no_file(), vec![restarting(how, 1), Effect::Spawn], Life::Spawning),
            (0, no_file(), vec![restarting(how, 2), Effect::Spawn], Life::Spawning),
            (0, no_file(), vec![Effect::Tell(Notice::Failed(failure.clone()))], Life::Failed(failure)),
        ],
    );
}

#[test]
fn a_service_whose_settings_are_wrong_is_failed_at_once() {
    let mut table = running(1);
    table.push((
        10,
        Event::Exited(1, Exit::Code(78)),
        vec![Effect::Tell(Notice::Failed(Failure::Misconfigured))],
        Life::Failed(Failure::Misconfigured),
    ));
    follow(Policy::default(), table);
}

#[test]
fn with_restarts_switched_off_the_first_death_is_final() {
    let failure = Failure::RestartsOff { last: KILLED.to_owned() };
    let mut table = running(1);
    table.push((
        10,
        Event::Exited(1, Exit::Signal(9)),
        vec![Effect::Tell(Notice::Failed(failure.clone()))],
        Life::Failed(failure),
    ));
    follow(Policy { restart: false, ..Policy::default() }, table);
}

#[test]
fn a_human_start_forgives_earlier_deaths() {
    let failure = Failure::CrashLoop { deaths: 3, window: 60, last: KILLED.to_owned() };
    let mut table = running(1);
    table.extend([
        (10, Event::Exited(1, Exit::Signal(9)), vec![restarting(KILLED, 1), Effect::Spawn], Life::Spawning),
        (10, Event::Spawned(2), vec![], Life::Starting { pid: 2 }),
        (11, Event::Exited(2, Exit::Signal(9)), vec![restarting(KILLED, 2), Effect::Spawn], Life::Spawning),
        (11, Event::Spawned(3), vec![], Life::Starting { pid: 3 }),
        (
            12,
            Event::Exited(3, Exit::Signal(9)),
            vec![Effect::Tell(Notice::Failed(failure.clone()))],
            Life::Failed(failure),
        ),
        (20, Event::Start, vec![Effect::Spawn], Life::Spawning),
        (20, Event::Spawned(4), vec![], Life::Starting { pid: 4 }),
        (21, Event::Exited(4, Exit::Signal(9)), vec![restarting(KILLED, 1), Effect::Spawn], Life::Spawning),
    ]);
    follow(Policy::default(), table);
}

#[test]
fn what_a_human_stopped_stays_stopped() {
    let mut table = running(1);
    table.extend([
        (10, Event::Stop, vec![Effect::Terminate(1)], stopping(1, 20)),
        (12, Event::Exited(1, Exit::Code(0)), vec![Effect::Tell(Notice::Stopped)], Life::Stopped),
        (99, Event::Tick, vec![], Life::Stopped),
    ]);
    follow(Policy::default(), table);
}

#[test]
fn a_death_while_stopping_is_no_crash() {
    let mut table = running(1);
    table.extend([
        (10, Event::Stop, vec![Effect::Terminate(1)], stopping(1, 20)),
        (11, Event::Exited(1, Exit::Signal(11)), vec![Effect::Tell(Notice::Stopped)], Life::Stopped),
    ]);
    assert_eq!(follow(Policy::default(), table).restarts(), 0);
}

#[test]
fn a_service_that_outstays_the_limit_is_killed_once() {
    let killed = Life::Stopping { pid: 1, kill_at: at(20), killed: true, then_start: false };
    let mut table = running(1);
    table.extend([
        (10, Event::Stop, vec![Effect::Terminate(1)], stopping(1, 20)),
        (19, Event::Tick, vec![], stopping(1, 20)),
        (20, Event::Tick, vec![Effect::Tell(Notice::Overdue), Effect::Kill(1)], killed.clone()),
        (21, Event::Tick, vec![], killed),
        (21, Event::Exited(1, Exit::Signal(9)), vec![Effect::Tell(Notice::Stopped)], Life::Stopped),
    ]);
    let service = follow(Policy::default(), table);
    assert_eq!(service.wake_at(), None);
}

#[test]
fn a_restart_drains_the_old_process_before_the_new_one_starts() {
    let on_the_way = Life::Stopping { pid: 1, kill_at: at(20), killed: false, then_start: true };
    let mut table = running(1);
    table.extend([
        (10, Event::Restart, vec![Effect::Terminate(1)], on_the_way),
        (
            12,
            Event::Exited(1, Exit::Code(0)),
            vec![Effect::Tell(Notice::Stopped), Effect::Spawn],
            Life::Spawning,
        ),
        (12, Event::Spawned(2), vec![], Life::Starting { pid: 2 }),
    ]);
    assert_eq!(follow(Policy::default(), table).restarts(), 0);
}

#[test]
fn a_stop_takes_back_a_restart_and_a_start_takes_back_a_stop() {
    let coming_back = Life::Stopping { pid: 1, kill_at: at(20), killed: false, then_start: true };
    let mut table = running(1);
    table.extend([
        (10, Event::Restart, vec![Effect::Terminate(1)], coming_back.clone()),
        (11, Event::Stop, vec![], stopping(1, 20)),
        (12, Event::Start, vec![], coming_back),
        (
            13,
            Event::Exited(1, Exit::Code(0)),
            vec![Effect::Tell(Notice::Stopped), Effect::Spawn],
            Life::Spawning,
        ),
    ]);
    follow(Policy::default(), table);
}

#[test]
fn a_restart_starts_what_was_stopped() {
    let table = vec![(0, Event::Restart, vec![Effect::Spawn], Life::Spawning)];
    follow(Policy::default(), table);
}

#[test]
fn a_process_that_arrives_after_a_stop_is_ended() {
    let table = vec![
        (0, Event::Start, vec![Effect::Spawn], Life::Spawning),
        (0, Event::Stop, vec![], Life::Stopped),
        (0, Event::Spawned(1), vec![Effect::Terminate(1)], stopping(1, 10)),
    ];
    follow(Policy::default(), table);
}

#[test]
fn nothing_starts_again_once_the_server_goes_down() {
    let mut table = running(1);
    table.extend([
        (10, Event::PowerOff, vec![Effect::Terminate(1)], stopping(1, 20)),
        (
            10,
            Event::Restart,
            vec![],
            Life::Stopping { pid: 1, kill_at: at(20), killed: false, then_start: true },
        ),
        (11, Event::Exited(1, Exit::Code(0)), vec![Effect::Tell(Notice::Stopped)], Life::Stopped),
        (12, Event::Start, vec![], Life::Stopped),
    ]);
    follow(Policy::default(), table);
}

#[test]
fn events_of_an_earlier_process_mean_nothing() {
    let mut table = running(2);
    table.extend([
        (5, Event::Exited(1, Exit::Signal(9)), vec![], Life::Running { pid: 2 }),
        (5, Event::Ready(1), vec![], Life::Running { pid: 2 }),
    ]);
    follow(Policy::default(), table);
}

#[test]
fn a_service_that_is_killed_as_asked_is_started_again_however_often() {
    let mut table = running(1);
    for pid in 1..6 {
        table.extend([
            (
                2,
                Event::Kill,
                vec![Effect::Kill(pid)],
                if pid == 1 { Life::Running { pid } } else { Life::Starting { pid } },
            ),
            (
                2,
                Event::Exited(pid, Exit::Signal(9)),
                vec![Effect::Tell(Notice::Killed), Effect::Spawn],
                Life::Spawning,
            ),
            (2, Event::Spawned(pid + 1), vec![], Life::Starting { pid: pid + 1 }),
        ]);
    }
    assert_eq!(follow(Policy::default(), table).restarts(), 5);
}

#[test]
fn a_crash_after_a_kill_is_a_crash_again() {
    let mut table = running(1);
    table.extend([
        (2, Event::Kill, vec![Effect::Kill(1)], Life::Running { pid: 1 }),
        (
            2,
            Event::Exited(1, Exit::Signal(9)),
            vec![Effect::Tell(Notice::Killed), Effect::Spawn],
            Life::Spawning,
        ),
        (2, Event::Spawned(2), vec![], Life::Starting { pid: 2 }),
        (3, Event::Exited(2, Exit::Signal(9)), vec![restarting(KILLED, 1), Effect::Spawn], Life::Spawning),
    ]);
    follow(Policy::default(), table);
}

#[test]
fn with_restarts_switched_off_a_kill_is_final_too() {
    let failure = Failure::RestartsOff { last: KILLED.to_owned() };
    let mut table = running(1);
    table.extend([
        (2, Event::Kill, vec![Effect::Kill(1)], Life::Running { pid: 1 }),
        (
            2,
            Event::Exited(1, Exit::Signal(9)),
            vec![Effect::Tell(Notice::Failed(failure.clone()))],
            Life::Failed(failure),
        ),
    ]);
    follow(Policy { restart: false, ..Policy::default() }, table);
}

#[test]
fn a_kill_ends_a_stop_early_and_means_nothing_to_what_has_no_process() {
    let killed = Life::Stopping { pid: 1, kill_at: at(20), killed: true, then_start: false };
    let mut table = running(1);
    table.extend([
        (10, Event::Stop, vec![Effect::Terminate(1)], stopping(1, 20)),
        (11, Event::Kill, vec![Effect::Kill(1)], killed.clone()),
        (20, Event::Tick, vec![], killed),
        (21, Event::Exited(1, Exit::Signal(9)), vec![Effect::Tell(Notice::Stopped)], Life::Stopped),
        (22, Event::Kill, vec![], Life::Stopped),
    ]);
    follow(Policy::default(), table);
}

/// What nobody else would start again.
fn retried() -> Policy {
    Policy { deaths: 1, retry: Some(Retry { first: at(1), most: at(3) }), ..Policy::default() }
}

fn retrying(deaths: usize, after: u64) -> (Vec<Effect>, Life) {
    let failure = Failure::CrashLoop { deaths, window: 60, last: KILLED.to_owned() };
    let notice = Notice::Retrying { failure: failure.clone(), after: at(after) };
    (vec![Effect::Tell(notice)], Life::Failed(failure))
}

#[test]
fn what_nobody_else_would_start_again_is_tried_ever_more_rarely() {
    let mut table = running(1);
    let mut second = 10;
    for (deaths, after) in [(1, 1), (2, 2), (3, 3), (4, 3)] {
        let pid = u32::try_from(deaths).unwrap();
        let (effects, life) = retrying(deaths, after);
        table.extend([
            (second, Event::Exited(pid, Exit::Signal(9)), effects, life.clone()),
            (second + after - 1, Event::Tick, vec![], life),
            (second + after, Event::Tick, vec![Effect::Spawn], Life::Spawning),
            (second + after, Event::Spawned(pid + 1), vec![], Life::Starting { pid: pid + 1 }),
        ]);
        second += after;
    }
    let service = follow(retried(), table);
    assert_eq!((service.restarts(), service.wake_at()), (4, None));
}

#[test]
fn what_has_lived_for_a_while_is_tried_again_as_soon_as_the_first_time() {
    let (first, failed) = retrying(1, 1);
    let (second, failed_again) = retrying(2, 2);
    let mut table = running(1);
    table.extend([
        (10, Event::Exited(1, Exit::Signal(9)), first.clone(), failed.clone()),
        (11, Event::Tick, vec![Effect::Spawn], Life::Spawning),
        (11, Event::Spawned(2), vec![], Life::Starting { pid: 2 }),
        (12, Event::Exited(2, Exit::Signal(9)), second, failed_again),
        (14, Event::Tick, vec![Effect::Spawn], Life::Spawning),
        (14, Event::Spawned(3), vec![], Life::Starting { pid: 3 }),
        (80, Event::Exited(3, Exit::Signal(9)), first, failed),
    ]);
    follow(retried(), table);
}

#[test]
fn what_waits_to_be_tried_again_is_not_once_the_power_is_off() {
    let (effects, life) = retrying(1, 1);
    let mut table = running(1);
    table.extend([
        (10, Event::Exited(1, Exit::Signal(9)), effects, life),
        (10, Event::PowerOff, vec![], Life::Stopped),
        (11, Event::Tick, vec![], Life::Stopped),
    ]);
    follow(retried(), table);
}

#[test]
fn with_restarts_switched_off_nothing_is_tried_again() {
    let failure = Failure::RestartsOff { last: KILLED.to_owned() };
    let mut table = running(1);
    table.push((
        10,
        Event::Exited(1, Exit::Signal(9)),
        vec![Effect::Tell(Notice::Failed(failure.clone()))],
        Life::Failed(failure),
    ));
    assert_eq!(follow(Policy { restart: false, ..retried() }, table).wake_at(), None);
}
