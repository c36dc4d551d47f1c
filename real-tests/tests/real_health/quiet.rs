//! Nothing is wrong, and nothing is said: under load, and while an observer is starved.

use std::thread;
use std::time::{Duration, Instant};

use real_tests::process::{Signal, send};
use real_tests::random::Random;
use real_tests::{Crowd, LmtpClient, Load, Preparation, Verdict, mail};

use crate::view::Health;

/// The worst that was seen while `look` says to go on.
fn worst_until(health: Health<'_>, mut over: impl FnMut() -> bool) -> Vec<String> {
    let mut seen = Vec::new();
    while !over() {
        for row in health.rows() {
            if !["Healthy", "Unavailable"].iter().any(|good| row["alert_value"] == *good) {
                seen.push(format!("{row}"));
            }
        }
        thread::sleep(Duration::from_millis(500));
    }
    seen
}

#[test]
fn under_load_no_verdict_leaves_healthy() {
    // An hour in the long form.
    let long = std::env::var("MAILMEDIC_KILLS").is_ok_and(|kills| kills.parse::<u32>().unwrap() > 20);
    let length = if long { Duration::from_hours(1) } else { Duration::from_mins(3) };
    let mut random = Random::for_test();
    let installation = Preparation::that_heals_itself().set("log", "service-log-size", "\"4 GB\"").start();
    let health = Health::of(&installation);
    health.until_all_healthy();
    let load = Load::new(&installation, Crowd { users: 10, readers: 3, mail_servers: 2 });
    let seen = thread::scope(|scope| {
        let _alarm = load.alarm();
        load.start(scope, &mut random);
        let began = Instant::now();
        let seen = worst_until(health, || began.elapsed() >= length || load.is_over());
        load.stop();
        seen
    });
    assert!(seen.is_empty(), "{seen:#?}");
    // Nothing was restarted for nothing.
    let recoveries = installation.command(["recovery", "list", "--output", "json"]).succeeded();
    let recoveries: serde_json::Value = serde_json::from_str(&recoveries).unwrap();
    assert_eq!(recoveries["rows"].as_array().map(Vec::len), Some(0), "{recoveries:#}");
    load.settle();
    health.until_all_healthy();
}

#[test]
fn an_observer_that_was_starved_blames_nobody() {
    let installation = Preparation::new().start();
    let health = Health::of(&installation);
    health.until_all_healthy();
    let agent = installation.status().pid_of("cas1", "agent").unwrap();
    for _ in 0..3 {
        send(agent, Signal::STOP);
        thread::sleep(Duration::from_secs(4));
        send(agent, Signal::CONT);
        let began = Instant::now();
        let seen = worst_until(health, || began.elapsed() >= Duration::from_secs(3));
        let of_cas1: Vec<_> = seen.iter().filter(|row| row.contains("\"server\":\"cas1\"")).collect();
        assert!(of_cas1.is_empty(), "{of_cas1:#?}");
    }
    health.until_all_healthy();
}

#[test]
fn a_slow_client_changes_nothing() {
    let (user, password) = ("user1@example.com", "secret");
    let installation = Preparation::new().start();
    installation.add_users(&[user], password);
    let message = mail::message("large", 16 << 20, &mut Random::for_test());
    let verdicts = LmtpClient::connect(installation.lmtp()).unwrap().deliver(&[user], &message);
    assert!(verdicts.iter().all(Verdict::is_accepted), "{verdicts:?}");
    let health = Health::of(&installation);
    health.until_all_healthy();
    let mut slow = installation.log_in(user, password).unwrap();
    let number = slow.list().unwrap()[0].number;
    slow.begin_to_retrieve(number).unwrap();
    let began = Instant::now();
    let seen = worst_until(health, || {
        assert!(slow.take(1024).unwrap() > 0, "it is served all the same");
        began.elapsed() >= Duration::from_secs(20)
    });
    assert!(seen.is_empty(), "{seen:#?}");
}
