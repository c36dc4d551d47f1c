//! Any process may be killed at any moment: nothing acknowledged is lost, nothing is there twice, no deletion is done by
//! halves.
//!
//! Mail servers and clients work without pause and keep [accounts](real_tests::account) of what they were promised, while one process
//! after another dies. What they find, during and after, must agree with the accounts.

#![expect(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod kills;

use std::fmt::Display;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use real_tests::load::PASSWORD;
use real_tests::process::{Signal, send};
use real_tests::random::Random;
use real_tests::{Crowd, Installation, LmtpClient, Load, Preparation, mail, wait};

const CROWD: Crowd = Crowd { users: 6, readers: 2, mail_servers: 4 };

#[test]
fn a_kill_at_any_moment_loses_nothing_doubles_nothing_and_deletes_nothing_by_halves() {
    let kills = std::env::var("MAILMEDIC_KILLS").map_or(20, |kills| kills.parse().unwrap());
    let load = under_load(|installation, load, random| kills::kill(installation, load, kills, random));
    load.was_heavy(kills);
}

#[test]
fn restarts_by_hand_lose_nothing_double_nothing_and_delete_nothing_by_halves() {
    under_load(|installation, load, _| {
        for service in ["mbx1/backend", "cas1/frontend", "mbx2/backend"] {
            load.until_done(WORK);
            installation.command(["service", "restart", service]).succeeded();
        }
        load.until_done(WORK);
        installation.stop();
        installation.start();
        load.until_done(WORK);
        "restarted"
    });
}

/// How much the load does between two restarts.
const WORK: u64 = 200;

/// Does something to an installation under load, and then compares all there is with all that was promised.
#[expect(clippy::print_stdout, reason = "what was done and how often belongs to the report")]
fn under_load<D: Display>(disturb: impl FnOnce(&mut Installation, &Load, &mut Random) -> D) -> Load {
    let mut random = Random::for_test();
    let mut installation = Preparation::new().start();
    let load = Load::new(&installation, CROWD);
    let done = thread::scope(|scope| {
        let _alarm = load.alarm();
        load.start(scope, &mut random);
        let done = disturb(&mut installation, &load, &mut random);
        load.stop();
        done
    });
    println!("{done}\n{load}");

    load.settle();
    let sound = installation.command(["database", "check"]).succeeded();
    assert!(sound.contains("all is well"), "{sound}");
    installation.stop();
    installation.command(["database", "check"]).succeeded();
    load
}

#[test]
fn a_back_end_that_hangs_for_a_while_keeps_its_clients_waiting_and_loses_nothing() {
    // Shorter than the hang: new connections of the front end find nobody and are tried again.
    let installation = Preparation::new().set("inner", "connect-timeout", "\"1 s\"").start();
    installation.add_users(&["user1"], PASSWORD);
    let mut random = Random::for_test();
    let sent: Vec<Vec<u8>> =
        (0..4).map(|number| mail::message(&format!("hang-{number}"), 3000, &mut random)).collect();
    let mut sender = LmtpClient::connect(installation.lmtp()).unwrap();
    for message in &sent[..3] {
        assert!(sender.deliver(&["user1@example.com"], message)[0].is_accepted());
    }
    let mut under_way = installation.log_in("user1", PASSWORD).unwrap();
    let list = under_way.list().unwrap();

    let back_end = installation.status().service("backend").pid.unwrap();
    send(back_end, Signal::STOP);
    let (done, answers) = mpsc::channel();
    thread::scope(|scope| {
        let (retrieved, logged_in, delivered) = (done.clone(), done.clone(), done);
        let (installation, sent) = (&installation, &sent);
        scope.spawn(move || {
            let message = under_way.retrieve(list[0].number).unwrap();
            under_way.delete(list[0].number).unwrap();
            under_way.quit().unwrap();
            retrieved.send(mail::is_intact(&message, &sent[0])).unwrap();
        });
        scope.spawn(move || {
            logged_in.send(!installation.mail_of("user1", PASSWORD).is_empty()).unwrap();
        });
        scope.spawn(move || {
            let verdicts = sender.deliver(&["user1@example.com"], &sent[3]);
            delivered.send(verdicts[0].is_accepted()).unwrap();
        });
        assert_eq!(answers.recv_timeout(Duration::from_secs(4)), Err(mpsc::RecvTimeoutError::Timeout));
        send(back_end, Signal::CONT);
        for _ in 0..3 {
            assert!(answers.recv_timeout(wait::PATIENCE).unwrap());
        }
    });
    let mail = installation.mail_of("user1", PASSWORD);
    assert_eq!(mail.len(), 3);
    for (found, sent) in mail.iter().zip(&sent[1..]) {
        assert!(mail::is_intact(found, sent));
    }
    assert_eq!(installation.status().service("backend").pid, Some(back_end));
}
