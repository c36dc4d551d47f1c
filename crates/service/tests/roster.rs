//! Who is on, what a command costs, and what is kept of a session.
#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use service::clock::ManualClock;
use service::counters::{Counters, CountersReport, POP3};
use service::protocol_log::{ProtocolLog, ProtocolLogSettings};
use service::ring::Ring;
use service::roster::Roster;
use service::{Clock, Exchange, OpenSession, SessionId};
use settings::{RollOver, Size, SizeLimit, Span, Value};

struct Place {
    clock: Arc<ManualClock>,
    log: Arc<ProtocolLog>,
    folder: tempfile::TempDir,
    ring: Arc<Ring>,
    roster: Arc<Roster>,
    counters: Arc<Counters>,
}

fn place(log: bool) -> Place {
    let clock = Arc::new(ManualClock::at("2026-11-22T10:30:00Z".parse::<Timestamp>().unwrap()));
    let folder = tempfile::tempdir().unwrap();
    let settings = ProtocolLogSettings {
        enabled: log,
        folder: PathBuf::from(folder.path()),
        roll_over: RollOver::Daily,
        file_size: SizeLimit::Unlimited,
        keep_age: Span::parse("30 d").unwrap(),
        keep_size: Size::octets(1 << 30),
    };
    let log = Arc::new(ProtocolLog::start("frontend", settings, Arc::clone(&clock) as _).unwrap());
    let ring = Arc::new(Ring::new(3, 1 << 20));
    let roster = Roster::new(Arc::clone(&clock) as _, Arc::clone(&log), Arc::clone(&ring));
    Place { clock, log, folder, ring, roster, counters: Arc::new(Counters::new("pop3", POP3)) }
}

impl Place {
    fn open(&self) -> OpenSession {
        self.roster.open(
            &self.counters,
            SocketAddr::from(([127, 0, 0, 1], 110)),
            SocketAddr::from(([192, 0, 2, 9], 4000)),
        )
    }

    fn pass(&self, millis: u64) {
        self.clock.advance(Duration::from_millis(millis));
    }

    /// The protocol log, without times and session ids.
    fn logged(&self) -> Vec<String> {
        assert!(self.log.flush(Duration::from_secs(20)));
        let text = std::fs::read_to_string(self.folder.path().join("frontend-20261122T00-1.log"))
            .unwrap_or_default();
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        lines.map(|line| line.split(',').skip(2).collect::<Vec<_>>().join(",")).collect()
    }
}

fn done(command: &'static str) -> Exchange<'static> {
    Exchange { command, ok: true, ..Exchange::default() }
}

fn command<'a>(report: &'a CountersReport, command: &str) -> &'a service::counters::CommandReport {
    report.commands.iter().find(|counted| counted.command == command).unwrap()
}

#[test]
fn a_session_is_listed_as_long_as_it_lives() {
    let place = place(false);
    let mut session = place.open();
    session.set_user("user1@example.com");
    session.set_state("transaction");
    let listed = &place.roster.list(10)[0];
    assert_eq!((listed.user.as_deref(), listed.state.as_str()), (Some("user1@example.com"), "transaction"));
    assert_eq!((listed.since, listed.id), (place.clock.now(), session.id()));
    assert_eq!(place.roster.len(), 1);
    drop(session);
    assert!(place.roster.is_empty() && place.roster.list(10).is_empty());
}

#[test]
fn the_oldest_sessions_are_listed_first_and_no_more_than_asked_for() {
    let place = place(false);
    let sessions: Vec<_> = (0..40)
        .map(|_| {
            place.pass(1);
            place.open()
        })
        .collect();
    let listed: Vec<_> = place.roster.list(5).iter().map(|session| session.id).collect();
    assert_eq!(listed, sessions[..5].iter().map(OpenSession::id).collect::<Vec<_>>());
}

#[test]
fn processing_time_excludes_pauses_and_the_age_does_not() {
    let place = place(false);
    let mut session = place.open();
    session.begin("RETR");
    place.pass(10);
    session.pause();
    place.pass(500);
    let flying = place.roster.in_flight("pop3", 10).longest;
    assert_eq!((flying[0].age_micros, flying[0].processing_micros), (510_000, 10_000));
    session.resume();
    place.pass(5);
    let flying = place.roster.in_flight("pop3", 10).longest;
    assert_eq!((flying[0].age_micros, flying[0].processing_micros), (515_000, 15_000));
    session.end(&done("RETR"));
    assert_eq!(place.roster.in_flight("pop3", 10).count, 0);
    let report = place.counters.report();
    assert_eq!(command(&report, "RETR").total_micros, 15_000);
}

#[test]
fn pausing_and_resuming_twice_counts_no_time_twice() {
    let place = place(false);
    let mut session = place.open();
    session.begin("STAT");
    place.pass(1);
    session.resume();
    place.pass(1);
    session.pause();
    session.pause();
    place.pass(100);
    session.resume();
    session.resume();
    place.pass(1);
    session.end(&done("STAT"));
    assert_eq!(command(&place.counters.report(), "STAT").total_micros, 3_000);
}

#[test]
fn the_longest_commands_under_way_come_first() {
    let place = place(false);
    let mut sessions: Vec<_> = (0..3).map(|_| place.open()).collect();
    for (session, verb) in sessions.iter_mut().zip(["RETR", "LIST", "UIDL"]) {
        session.begin(verb);
        place.pass(10);
    }
    let flying = place.roster.in_flight("pop3", 2);
    assert_eq!((flying.count, flying.processing_micros), (3, 60_000), "all are counted");
    let longest: Vec<_> = flying.longest.into_iter().map(|flying| flying.command).collect();
    assert_eq!(longest, ["RETR", "LIST"]);
    assert_eq!(place.roster.in_flight("lmtp", 2).count, 0);
}

#[test]
fn errors_and_unknown_commands_are_counted_too() {
    let place = place(false);
    let mut session = place.open();
    session.begin("FROBNICATE");
    session.end(&Exchange { command: "FROBNICATE", ok: false, ..Exchange::default() });
    session.note(&done("retr"), Duration::from_millis(3), Duration::from_micros(200));
    drop(session);
    let report = place.counters.report();
    let other = command(&report, "OTHER");
    assert_eq!((other.count, other.errors), (1, 1));
    let retr = command(&report, "RETR");
    assert_eq!((retr.count, retr.errors, retr.total_micros, retr.buckets[1]), (1, 0, 200, 1));
    assert_eq!((report.sessions_opened, report.sessions_closed), (1, 1));
}

#[test]
fn a_duration_on_a_bound_belongs_to_the_bucket_below_it() {
    let counters = Counters::new("pop3", POP3);
    let retr = counters.verb("RETR");
    for micros in [0, 100, 101, 60_000_000, 60_000_001] {
        counters.record(retr, true, Duration::from_micros(micros));
    }
    let report = counters.report();
    let buckets = &command(&report, "RETR").buckets;
    assert_eq!((buckets[0], buckets[1], buckets[17], buckets[18]), (2, 1, 1, 1));
}

#[test]
fn a_session_is_logged_from_open_to_close_with_its_sequence() {
    let place = place(true);
    let mut session = place.open();
    session.announce("over TLS");
    session.set_user("user1@example.com");
    session.begin("PASS");
    place.pass(2);
    session.end(&Exchange {
        command: "PASS",
        parameters: "****",
        ok: true,
        request: 12,
        reply: 20,
        context: "mbx1 DB01",
    });
    session.set_farewell("time-out");
    drop(session);
    assert_eq!(
        place.logged(),
        [
            "0,127.0.0.1:110,192.0.2.9:4000,,0.000,0,0,OpenSession,,over TLS",
            "1,127.0.0.1:110,192.0.2.9:4000,user1@example.com,2.000,12,20,PASS,****,mbx1 DB01",
            "2,127.0.0.1:110,192.0.2.9:4000,user1@example.com,0.000,0,0,CloseSession,,time-out",
        ]
    );
}

#[test]
fn a_back_end_writes_the_id_and_the_client_that_the_front_end_tells() {
    let place = place(true);
    let id: SessionId = "00000000deadbeef".parse().unwrap();
    let mut session = place.open();
    session.begin("XCLIENT");
    session.forwarded(id, SocketAddr::from(([198, 51, 100, 1], 5000)));
    session.end(&done("XCLIENT"));
    assert_eq!(place.roster.find(id).len(), 1);
    drop(session);
    assert!(place.log.flush(Duration::from_secs(20)));
    let text = std::fs::read_to_string(place.folder.path().join("frontend-20261122T00-1.log")).unwrap();
    let lines: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(lines.len(), 3);
    assert!(
        lines.iter().all(|line| line.contains(",00000000deadbeef,") && line.contains(",198.51.100.1:5000,")),
        "{text}"
    );
}

#[test]
fn a_probe_is_kept_with_the_log_off_from_its_first_line_and_while_it_hangs() {
    let place = place(false);
    let mut session = place.open();
    session.begin("CAPA");
    session.end(&done("CAPA"));
    session.set_user("health-DB01");
    session.keep();
    session.begin("RETR");
    let kept = &place.ring.find(session.id())[0];
    let commands: Vec<_> = kept.exchanges.iter().map(|exchange| exchange.command.as_str()).collect();
    assert_eq!((commands, kept.user.as_str()), (vec!["OpenSession", "CAPA"], "health-DB01"));
    let id = session.id();
    drop(session);
    let kept = &place.ring.find(id)[0];
    assert_eq!(kept.exchanges.last().unwrap().command, "CloseSession");
    assert!(place.logged().is_empty());
}

#[test]
fn a_session_that_is_not_kept_leaves_nothing_in_the_ring() {
    let place = place(false);
    let mut session = place.open();
    session.begin("CAPA");
    session.end(&done("CAPA"));
    session.forget();
    let id = session.id();
    drop(session);
    assert!(place.ring.find(id).is_empty() && place.ring.ids().is_empty());
}

#[test]
fn the_oldest_kept_session_makes_way() {
    let place = place(false);
    let ids: Vec<_> = (0..5)
        .map(|_| {
            let mut session = place.open();
            session.keep();
            session.id()
        })
        .collect();
    assert_eq!(place.ring.ids(), [ids[4], ids[3], ids[2]]);
}

#[test]
fn the_ring_is_bounded_by_size_too() {
    let place = place(false);
    let ring = Arc::new(Ring::new(100, 20_000));
    let roster = Roster::new(Arc::clone(&place.clock) as _, Arc::clone(&place.log), Arc::clone(&ring));
    let address = SocketAddr::from(([127, 0, 0, 1], 110));
    for _ in 0..20 {
        let mut session = roster.open(&place.counters, address, address);
        session.keep();
        session.begin("NOOP");
        session.end(&Exchange { parameters: &"x".repeat(3000), ..done("NOOP") });
    }
    assert!(ring.ids().len() < 8, "{} sessions of 3 KB in 20 KB", ring.ids().len());
}

#[test]
fn of_a_long_session_the_last_exchanges_are_kept() {
    let place = place(false);
    let mut session = place.open();
    session.keep();
    for _ in 0..300 {
        session.begin("NOOP");
        session.end(&done("NOOP"));
    }
    let kept = &place.ring.find(session.id())[0];
    assert_eq!((kept.exchanges.len(), kept.omitted), (256, 45));
    assert_eq!(kept.exchanges.last().unwrap().sequence, 300);
}

#[test]
fn a_session_id_is_16_hexadecimal_digits() {
    let id = SessionId::random();
    assert_eq!(id.to_string().parse(), Ok(id));
    assert_ne!(id, SessionId::random());
    for text in ["", "abc", "00000000deadbeef0", "+000000deadbeef0", "zzzzzzzzzzzzzzzz"] {
        assert!(text.parse::<SessionId>().is_err(), "{text}");
    }
    let json = serde_json::to_string(&id).unwrap();
    assert_eq!(serde_json::from_str::<SessionId>(&json).unwrap(), id);
}
