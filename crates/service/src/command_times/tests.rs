use std::collections::BTreeMap;

use super::*;
use crate::counters::{Counters, LMTP, POP3};
use crate::roster::InFlightReport;

const MINUTE: Duration = Duration::from_mins(1);

/// A process that is asked.
struct Process {
    started: Timestamp,
    pop3: Counters,
    lmtp: Counters,
    in_flight: InFlightReport,
}

impl Process {
    fn started(second: i64) -> Self {
        Self {
            started: Timestamp::from_second(second).unwrap(),
            pop3: Counters::new("pop3", POP3),
            lmtp: Counters::new("lmtp", LMTP),
            in_flight: InFlightReport::default(),
        }
    }

    fn completes(&self, count: u64, each: Duration) {
        for _ in 0..count {
            self.pop3.record(self.pop3.verb("NOOP"), true, each);
        }
    }

    fn has_in_flight(&mut self, ages: &[u64]) {
        let command = |age: &u64| InFlight {
            command: "RETR".into(),
            age_micros: age * 1_000_000,
            processing_micros: age * 1_000_000,
        };
        let longest: Vec<_> = ages.iter().map(command).collect();
        let processing_micros = longest.iter().map(|command| command.processing_micros).sum();
        self.in_flight = InFlightReport { count: ages.len() as u64, processing_micros, longest };
    }

    fn answer(&self) -> CountersAnswer {
        let lmtp = ProtocolAnswer { counters: self.lmtp.report(), in_flight: InFlightReport::default() };
        let pop3 = ProtocolAnswer { counters: self.pop3.report(), in_flight: self.in_flight.clone() };
        CountersAnswer { started: self.started, protocols: vec![lmtp, pop3], gauges: BTreeMap::new() }
    }
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// How many samples with which mean, in seconds.
fn told(times: &CommandTimes) -> (u64, Option<u64>) {
    (times.samples, times.mean.map(|mean| mean.as_secs()))
}

#[test]
fn the_first_answer_says_nothing_of_what_was_completed_before() {
    let mut process = Process::started(0);
    process.completes(1000, seconds(100));
    let mut window = Window::new("pop3", MINUTE);
    let times = window.take(seconds(5), &process.answer());
    assert_eq!(times, CommandTimes::default());
    process.has_in_flight(&[70]);
    assert_eq!(told(&window.take(seconds(5), &process.answer())), (1, Some(70)));
}

#[test]
fn the_mean_is_over_what_was_completed_within_the_window() {
    let process = Process::started(0);
    let mut window = Window::new("pop3", MINUTE);
    window.take(seconds(0), &process.answer());
    process.completes(6, seconds(90));
    assert_eq!(told(&window.take(seconds(10), &process.answer())), (6, Some(90)));
    for second in (20..=70).step_by(10) {
        process.completes(1, seconds(2));
        window.take(seconds(second), &process.answer());
    }
    let times = window.take(seconds(70), &process.answer());
    assert_eq!((told(&times), times.over), ((6, Some(2)), MINUTE), "the slow ones are out of it");
}

#[test]
fn commands_in_flight_count_by_their_age() {
    let mut process = Process::started(0);
    let mut window = Window::new("pop3", MINUTE);
    window.take(seconds(0), &process.answer());
    process.completes(3, seconds(0));
    process.has_in_flight(&[80, 20]);
    let times = window.take(seconds(30), &process.answer());
    assert_eq!(told(&times), (5, Some(20)));
    assert_eq!(times.oldest.unwrap().processing_micros, 80_000_000);
}

#[test]
fn one_hung_command_is_all_that_is_left_when_thousands_of_quick_ones_are_a_minute_old() {
    let mut process = Process::started(0);
    let mut window = Window::new("pop3", MINUTE);
    window.take(seconds(0), &process.answer());
    process.completes(5000, seconds(0));
    process.has_in_flight(&[59]);
    let times = window.take(seconds(59), &process.answer());
    assert_eq!(told(&times), (5001, Some(0)));
    assert_eq!(times.oldest.unwrap().processing_micros, 59_000_000, "the mean does not hide it");
    process.has_in_flight(&[119]);
    assert_eq!(told(&window.take(seconds(119), &process.answer())), (1, Some(119)));
}

#[test]
fn only_commands_of_the_protocol_count() {
    let process = Process::started(0);
    let mut window = Window::new("pop3", MINUTE);
    window.take(seconds(0), &process.answer());
    process.lmtp.record(process.lmtp.verb("DATA"), true, seconds(100));
    assert_eq!(window.take(seconds(5), &process.answer()).samples, 0);
    let mut lmtp = Window::new("lmtp", MINUTE);
    lmtp.take(seconds(0), &Process::started(0).answer());
    assert_eq!(told(&lmtp.take(seconds(5), &process.answer())), (1, Some(100)));
    let mut unknown = Window::new("imap", MINUTE);
    assert_eq!(unknown.take(seconds(5), &process.answer()), CommandTimes::default());
}

#[test]
fn a_restarted_process_begins_at_nothing() {
    let old = Process::started(0);
    let mut window = Window::new("pop3", MINUTE);
    window.take(seconds(0), &old.answer());
    old.completes(100, seconds(100));
    assert_eq!(window.take(seconds(10), &old.answer()).samples, 100);
    let new = Process::started(12);
    new.completes(7, seconds(1));
    let times = window.take(seconds(20), &new.answer());
    assert_eq!((told(&times), times.over), ((7, Some(1)), seconds(10)));
    new.completes(1, seconds(1));
    assert_eq!(told(&window.take(seconds(30), &new.answer())), (8, Some(1)));
}

#[test]
fn a_restart_that_nobody_saw_for_long_is_like_a_first_answer() {
    let old = Process::started(0);
    let mut window = Window::new("pop3", MINUTE);
    window.take(seconds(0), &old.answer());
    let new = Process::started(12);
    new.completes(7, seconds(100));
    assert_eq!(window.take(seconds(300), &new.answer()).samples, 0);
}

#[test]
fn a_missed_poll_loses_nothing() {
    let process = Process::started(0);
    let mut window = Window::new("pop3", MINUTE);
    window.take(seconds(0), &process.answer());
    process.completes(10, seconds(3));
    let times = window.take(seconds(70), &process.answer());
    assert_eq!((told(&times), times.over), ((10, Some(3)), seconds(70)));
}

#[test]
fn after_a_long_silence_only_what_is_in_flight_is_known() {
    let mut process = Process::started(0);
    let mut window = Window::new("pop3", MINUTE);
    window.take(seconds(0), &process.answer());
    process.completes(100, seconds(100));
    process.has_in_flight(&[90]);
    let times = window.take(seconds(600), &process.answer());
    assert_eq!((told(&times), times.over), ((1, Some(90)), Duration::ZERO));
    process.has_in_flight(&[]);
    process.completes(5, seconds(1));
    assert_eq!(told(&window.take(seconds(605), &process.answer())), (5, Some(1)));
}

#[test]
fn a_window_keeps_no_more_than_it_needs() {
    let process = Process::started(0);
    let mut window = Window::new("pop3", MINUTE);
    for second in 0..10_000 {
        window.take(seconds(second), &process.answer());
    }
    assert_eq!(window.marks.len(), 61);
}
