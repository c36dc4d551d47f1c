//! How long commands take, as services measure it: their own time, and nobody else's.
//!
//! Services measure by a clock that stands still until a test moves it: what waits for something else stays as old as it is.

use std::sync::Arc;
use std::time::Duration;

use mailbox::testing::{Gates, Operation, slow_store};
use service::admin::{Answer, Ask, CountersAnswer};
use service::clock::ManualClock;
use service::command_times::{CommandTimes, Window};
use service::{Clock as _, Service};
use system_tests::{House, PASSWORD, Plan, until};

const USER: &str = "user1@example.com";
const MINUTE: Duration = Duration::from_mins(1);
/// More than anything takes while the clock stands still.
const NOTHING: Duration = Duration::from_secs(5);

/// A house whose clock the test moves, with three messages in a store that the test can make wait.
async fn house_with_a_clock(plan: Plan) -> (House, Arc<ManualClock>, Arc<Gates>) {
    let clock = Arc::new(ManualClock::at("2026-11-22T12:00:00Z".parse().unwrap()));
    let mut house = House::build(Plan { clock: Arc::clone(&clock) as _, ..plan });
    house.start_back_end("mbx1").await;
    house.start_front_end().await;
    let (store, gates) = slow_store(house.mount_three_messages().await);
    house.back_end().mounts.insert("DB01", Arc::new(store));
    (house, clock, gates)
}

/// The last minute of both tiers.
struct Watch {
    clock: Arc<ManualClock>,
    tiers: [Window; 2],
}

impl Watch {
    async fn begin(house: &House, clock: &Arc<ManualClock>, protocol: &'static str) -> Self {
        let tiers = [Window::new(protocol, MINUTE), Window::new(protocol, MINUTE)];
        let mut watch = Self { clock: Arc::clone(clock), tiers };
        watch.look(house).await;
        watch
    }

    /// How long commands take at the front end, and at the back end.
    async fn look(&mut self, house: &House) -> [CommandTimes; 2] {
        let answers = [
            counters(house.front_end().ask(Ask::Counters).await),
            counters(house.back_end().ask(Ask::Counters).await),
        ];
        let [front, back] = &mut self.tiers;
        [front.take(self.clock.elapsed(), &answers[0]), back.take(self.clock.elapsed(), &answers[1])]
    }
}

fn counters(answer: Answer) -> CountersAnswer {
    match answer {
        Answer::Counters(counters) => *counters,
        other => panic!("{other:?}"),
    }
}

/// The command in flight that is oldest, and how old it is in seconds.
fn oldest(times: &CommandTimes) -> Option<(&str, u64)> {
    times.oldest.as_ref().map(|oldest| (oldest.command.as_str(), oldest.processing_micros / 1_000_000))
}

/// How many commands of this name are completed.
fn completed(service: &Service, command: &str) -> u64 {
    let counters = [service.pop3.report(), service.lmtp.report()];
    let reports = counters.iter().flat_map(|counters| &counters.commands);
    reports.filter(|report| report.command == command).map(|report| report.count).sum()
}

#[tokio::test]
async fn one_command_that_hangs_among_thousands_is_as_old_as_it_is() {
    let (house, clock, gates) = house_with_a_clock(Plan::default()).await;
    let mut quick = house.logged_in(USER).await;
    let mut watch = Watch::begin(&house, &clock, "pop3").await;
    for _ in 0..30 {
        quick.sends(&b"NOOP\r\n".repeat(100)).await;
        for _ in 0..100 {
            quick.hears("+OK").await;
        }
    }
    gates.close(Operation::ReadChunk);
    let mut hung = house.logged_in(USER).await;
    hung.says("RETR 1").await;
    gates.reached(Operation::ReadChunk, 1).await;
    clock.advance(Duration::from_secs(59));
    let [front, back] = watch.look(&house).await;
    assert!(back.samples > 3000 && front.samples > 3000, "{back:?} {front:?}");
    assert_eq!(oldest(&back), Some(("RETR", 59)), "the mean would hide it");
    assert!(back.mean.unwrap() < Duration::from_millis(100), "{back:?}");
    assert_eq!(oldest(&front), None, "to the front end it is the back end's time");
    clock.advance(MINUTE);
    let [front, back] = watch.look(&house).await;
    assert_eq!((back.samples, back.mean.map(|mean| mean.as_secs())), (1, Some(119)));
    assert_eq!(front.samples, 0);
    gates.open(Operation::ReadChunk);
    hung.hears("+OK").await;
    hung.message().await;
    let [front, back] = watch.look(&house).await;
    assert_eq!((back.samples, back.mean.map(|mean| mean.as_secs())), (1, Some(119)), "it took so long");
    assert!(front.samples == 1 && front.mean.unwrap() < NOTHING, "{front:?}");
}

#[tokio::test]
async fn a_log_in_that_hangs_in_the_store_ages_at_the_back_end_only() {
    let (house, clock, gates) = house_with_a_clock(Plan::default()).await;
    let mut watch = Watch::begin(&house, &clock, "pop3").await;
    gates.close(Operation::Snapshot);
    let mut client = house.client().await;
    client.gets(&format!("USER {USER}")).await;
    client.says(&format!("PASS {PASSWORD}")).await;
    gates.reached(Operation::Snapshot, 1).await;
    clock.advance(MINUTE / 2);
    let [front, back] = watch.look(&house).await;
    assert_eq!(oldest(&back), Some(("AUTH", 30)));
    assert_eq!(oldest(&front), Some(("PASS", 0)));
    gates.open(Operation::Snapshot);
    client.hears("+OK").await;
    let [front, back] = watch.look(&house).await;
    assert!(front.mean.unwrap() < NOTHING, "{front:?}");
    assert_eq!((oldest(&back), oldest(&front)), (None, None));
}

#[tokio::test]
async fn a_reader_of_fifty_megabytes_who_takes_hours_changes_nothing() {
    let (house, clock, _gates) = house_with_a_clock(Plan::default()).await;
    let line = [b"x".repeat(998), b"\r\n".to_vec()].concat();
    house.deliver(USER, &line.repeat(50_000)).await;
    let mut client = house.logged_in(USER).await;
    client.stat().await;
    let mut watch = Watch::begin(&house, &clock, "pop3").await;
    client.says("RETR 4").await;
    // Nothing ages any more once every buffer on the way to the client is full.
    let back_end = house.back_end().service();
    let (mut last, mut still) = (0, 0);
    until("everybody waits for the client", || {
        let in_flight = back_end.roster.in_flight("pop3", 1);
        still = if in_flight.count == 1 && in_flight.processing_micros == last { still + 1 } else { 0 };
        last = in_flight.processing_micros;
        clock.advance(Duration::from_micros(1));
        still > 200
    })
    .await;
    clock.advance(MINUTE * 120);
    let [front, back] = watch.look(&house).await;
    assert_eq!(oldest(&back), Some(("RETR", 0)));
    assert_eq!((back.samples, oldest(&front)), (1, None));
    assert!(back.mean.unwrap() < NOTHING, "{back:?}");
    client.hears("+OK 50000000 octets").await;
    assert_eq!(client.message().await.len(), 50_000_000);
    until("it is told", || completed(back_end, "RETR") == 1).await;
    let [front, back] = watch.look(&house).await;
    assert!(back.samples == 1 && back.mean.unwrap() < NOTHING, "{back:?}");
    assert!(front.samples == 1 && front.mean.unwrap() < NOTHING, "{front:?}");
}

#[tokio::test]
async fn whoever_guesses_waits_at_no_cost_by_every_mechanism() {
    let plan = Plan {
        scram: true,
        settings: Box::new(|settings| settings.log_in.scram_enabled = true),
        ..Plan::default()
    };
    let (house, clock, _gates) = house_with_a_clock(plan).await;
    // A message that begins a SCRAM exchange for user1: n,,n=user1,r=rOprNGfwEbeRWgbNEkqO
    for (command, attempt) in
        [("PASS", "PASS wrong"), ("AUTH", "AUTH SCRAM-SHA-256 biwsbj11c2VyMSxyPXJPcHJOR2Z3RWJlUldnYk5Fa3FP")]
    {
        let mut client = house.client_from(70).await;
        for _ in 0..2 {
            client.logs_in("user1", "wrong").await;
        }
        if command == "PASS" {
            client.gets("USER user1").await;
        }
        client.says(attempt).await;
        let roster = &house.front_end().service().roster;
        until("it is slowed", || {
            roster.in_flight("pop3", 1).longest.iter().any(|one| one.command == command)
        })
        .await;
        clock.advance(MINUTE);
        let in_flight = roster.in_flight("pop3", 1);
        assert!(in_flight.processing_micros < 5_000_000, "{in_flight:?}");
        client.line().await;
    }
}

#[tokio::test]
async fn a_delivery_that_hangs_in_the_store_ages_at_the_back_end_only() {
    let (house, clock, gates) = house_with_a_clock(Plan::default()).await;
    let mut watch = Watch::begin(&house, &clock, "lmtp").await;
    gates.close(Operation::Deliver);
    let mut mail_server = house.mail_server().await;
    mail_server.hands_over(b"Subject: x\r\n\r\n", &[USER]).await;
    gates.reached(Operation::Deliver, 1).await;
    clock.advance(MINUTE / 2);
    let [front, back] = watch.look(&house).await;
    assert_eq!(oldest(&back), Some(("DATA", 30)));
    assert_eq!(oldest(&front), Some(("DATA", 0)));
    gates.open(Operation::Deliver);
    assert!(mail_server.delivered().await.is_positive());
    let [front, back] = watch.look(&house).await;
    assert!(front.mean.unwrap() < NOTHING, "{front:?}");
    assert_eq!((oldest(&back), oldest(&front)), (None, None));
    for service in [house.front_end().service(), house.back_end().service()] {
        for command in ["LHLO", "MAIL", "RCPT", "DATA"] {
            assert_eq!(completed(service, command), 1, "{command} at the {}", service.name);
        }
    }
}

#[tokio::test]
async fn a_mail_server_that_dawdles_over_a_message_costs_nothing() {
    let (house, clock, _gates) = house_with_a_clock(Plan::default()).await;
    let mut watch = Watch::begin(&house, &clock, "lmtp").await;
    let mut mail_server = house.mail_server().await;
    mail_server.begins(None).await;
    assert!(mail_server.names(USER).await.is_positive());
    mail_server.starts_message().await;
    mail_server.sends_part(b"Subject: x\r\n").await;
    let front_end = house.front_end().service();
    until("some of it is there", || front_end.roster.in_flight("lmtp", 1).count == 1).await;
    // Some of it has come; the rest takes its time.
    let (mut last, mut still) = (0, 0);
    until("the front end waits", || {
        let in_flight = front_end.roster.in_flight("lmtp", 1).processing_micros;
        still = if in_flight == last { still + 1 } else { 0 };
        last = in_flight;
        clock.advance(Duration::from_micros(1));
        still > 20
    })
    .await;
    clock.advance(MINUTE * 3);
    let [front, _] = watch.look(&house).await;
    assert_eq!(oldest(&front), Some(("DATA", 0)));
    mail_server.ends_message(b"\r\n").await;
    assert!(mail_server.delivered().await.is_positive());
    let [front, _] = watch.look(&house).await;
    assert!(front.mean.unwrap() < NOTHING, "{front:?}");
}
