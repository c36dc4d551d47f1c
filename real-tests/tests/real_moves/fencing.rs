//! Holders that do not let go, and those who die while a database is handed over.

use std::thread;
use std::time::{Duration, Instant};

use real_tests::load::PASSWORD;
use real_tests::process::{Signal, has_ended, send};
use real_tests::random::Random;
use real_tests::wait::PATIENCE;
use real_tests::{Crowd, Fault, Installation, LmtpClient, Load, Preparation, mail, until};

use crate::ledger::{Ledger, fences};
use crate::view::{
    copy, database, mounted_on, move_database, until_mounted_on, until_settled, until_settled_without,
};

/// How long a holder may take to hand over, here.
const HAND_OVER: Duration = Duration::from_secs(3);
/// How long the rest of a move may take on a machine that is busy.
const THE_REST: Duration = PATIENCE;

fn preparation() -> Preparation {
    Preparation::new().set("placement", "session-drain", "\"1 s\"").set("placement", "hand-over", "\"3 s\"")
}

/// With a holder who may take so long that much can be done meanwhile, even on a machine that is busy.
fn preparation_for_long_moves() -> Preparation {
    preparation().set("placement", "hand-over", "\"15 s\"")
}

/// Stops the back end that holds DB01, on mbx1, and returns its process.
fn stop_the_holder(installation: &Installation) -> u32 {
    assert_eq!(mounted_on(installation, "DB01").as_deref(), Some("mbx1"));
    let holder = installation.status().pid_of("mbx1", "backend").unwrap();
    send(holder, Signal::STOP);
    holder
}

/// Moves DB01 away from a holder that does not answer.
fn take_over(installation: &Installation, holder: u32) {
    let asked = Instant::now();
    let took = Duration::from_millis(move_database(installation, "DB01", "mbx2"));
    assert!(took >= HAND_OVER, "{took:?}: it had no time to hand over");
    assert!(asked.elapsed() < HAND_OVER + THE_REST, "{:?}", asked.elapsed());
    until("the holder to be dead", || has_ended(holder).then_some(()));
    // There is nothing left that could go on.
    send(holder, Signal::CONT);
}

#[test]
fn a_stopped_holder_is_fenced_and_never_writes_again() {
    let installation = preparation().start();
    add_user(&installation);
    let mut random = Random::for_test();
    let sent: Vec<Vec<u8>> =
        (0..3).map(|number| mail::message(&format!("fence-{number}"), 3000, &mut random)).collect();
    let mut sender = LmtpClient::connect(installation.lmtp()).unwrap();
    assert!(sender.deliver(&[USER], &sent[0])[0].is_accepted());
    assert!(sender.deliver(&[USER], &sent[1])[0].is_accepted());
    let mut under_way = installation.log_in(USER, PASSWORD).unwrap();
    let list = under_way.list().unwrap();
    under_way.delete(list[0].number).unwrap();

    let holder = stop_the_holder(&installation);
    take_over(&installation, holder);
    // A client of the old holder is told, or hung up on, and what it had marked is not deleted.
    match under_way.retrieve(list[1].number) {
        Err(Fault::Gone(_) | Fault::Refused { .. }) => {}
        Ok(_) => panic!("the session of a fenced holder goes on"),
    }
    assert!(sender.deliver(&[USER], &sent[2])[0].is_accepted());
    let found = installation.mail_of(USER, PASSWORD);
    assert_eq!(found.len(), 3);
    for (found, sent) in found.iter().zip(&sent) {
        assert!(mail::is_intact(found, sent));
    }
    // Its server has a back end again, which holds nothing that is not its own.
    until_settled(&installation);
    assert_ne!(installation.status().pid_of("mbx1", "backend"), Some(holder));
    assert_eq!(fences(&installation, "mbx1"), 1, "the back end that came after it is innocent");
    until("the copy to be fit again", || (copy(&installation, "DB01", "mbx1") == "healthy").then_some(()));
    Ledger::read(&installation, &[]).prove(&installation);
}

#[test]
fn a_holder_stopped_in_the_middle_of_deliveries_is_fenced_and_loses_nothing() {
    let mut random = Random::for_test();
    let installation = preparation().start();
    let load = Load::new(&installation, Crowd { users: 6, readers: 2, mail_servers: 4 });
    thread::scope(|scope| {
        let _alarm = load.alarm();
        load.start(scope, &mut random);
        for _ in 0..3 {
            load.until_done(100);
            if load.is_over() {
                return;
            }
            let holder = stop_the_holder(&installation);
            take_over(&installation, holder);
            load.until_done(100);
            until_settled(&installation);
            move_database(&installation, "DB01", "mbx1");
        }
        load.stop();
    });
    load.settle();
    Ledger::read(&installation, &[]).prove(&installation);
}

#[test]
fn of_two_operators_who_move_the_same_database_one_is_refused() {
    let installation = preparation_for_long_moves().start();
    let holder = stop_the_holder(&installation);
    installation.command(["database", "move", "DB01", "--to", "mbx2", "--no-wait"]).succeeded();
    for to in ["mbx1", "mbx2"] {
        let said = installation.command(["database", "move", "DB01", "--to", to]).failed_with(1);
        assert!(said.contains("DB01 is being moved already"), "{said}");
    }
    send(holder, Signal::CONT);
    until_mounted_on(&installation, "DB01", "mbx2");
}

#[test]
fn agents_may_die_in_the_middle_of_a_move() {
    let installation = preparation_for_long_moves().start();
    stop_the_holder(&installation);
    installation.command(["database", "move", "DB01", "--to", "mbx2", "--no-wait"]).succeeded();
    until_handed_over(&installation);
    let status = installation.status();
    let agents = ["cas1", "mbx1", "mbx2"].map(|server| status.pid_of(server, "agent").unwrap());
    for pid in agents {
        send(pid, Signal::KILL);
    }
    until_mounted_on(&installation, "DB01", "mbx2");
    until_settled_without(&installation, &agents);
    Ledger::read(&installation, &[]).prove(&installation);
}

#[test]
fn a_move_whose_caller_dies_is_carried_out() {
    let installation = preparation_for_long_moves().start();
    let holder = stop_the_holder(&installation);
    let mut caller = installation.begin(["database", "move", "DB01", "--to", "mbx2"]);
    until_handed_over(&installation);
    caller.kill().unwrap();
    caller.wait().unwrap();
    send(holder, Signal::CONT);
    until_mounted_on(&installation, "DB01", "mbx2");
}

#[test]
fn a_server_that_stands_still_loses_its_power_and_then_its_databases() {
    let installation = preparation().set("init", "power-on-delay", "\"1 s\"").start();
    add_user(&installation);
    let status = installation.status();
    let still = [status.pid_of("mbx1", "agent"), status.pid_of("mbx1", "backend"), status.init("mbx1")];
    for pid in still.into_iter().flatten() {
        send(pid, Signal::STOP);
    }
    until_mounted_on(&installation, "DB01", "mbx2");
    assert!(still.into_iter().flatten().all(has_ended));
    assert!(installation.mail_of(USER, PASSWORD).is_empty());
    until_settled(&installation);
    Ledger::read(&installation, &[]).prove(&installation);
}

/// A user whose mail is in DB01.
const USER: &str = "user1@example.com";

fn add_user(installation: &Installation) {
    let add = ["user", "add", USER, "--password-stdin", "--database", "DB01"];
    installation.command_with_input(add, PASSWORD.as_bytes()).succeeded();
}

/// Waits until the holder of DB01 has been asked to hand it over.
fn until_handed_over(installation: &Installation) {
    until("the hand-over to begin", || {
        (database(installation, "DB01")["move"]["state"] == "handing-over").then_some(())
    });
}
