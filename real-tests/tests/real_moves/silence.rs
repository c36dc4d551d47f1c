//! The coordinator does not answer: mail goes on, and moves wait.

use std::thread;
use std::time::{Duration, Instant};

use real_tests::load::PASSWORD;
use real_tests::process::{Signal, has_ended, send};
use real_tests::random::Random;
use real_tests::{Crowd, Load, Preparation, until};

use jiff::Timestamp;

use crate::ledger::{Death, Ledger};
use crate::view::{mounted_on, until_settled_without};

/// As set here.
const LEASE: Duration = Duration::from_secs(2);

#[test]
fn without_the_coordinator_mail_goes_on_and_moves_wait() {
    let mut random = Random::for_test();
    let installation = Preparation::new()
        .set("coordinator", "lease", "\"2 s\"")
        .set("coordinator", "request-timeout", "\"1 s\"")
        .start();
    let load = Load::new(&installation, Crowd { users: 6, readers: 2, mail_servers: 3 });
    let mut death = None;
    thread::scope(|scope| {
        let _alarm = load.alarm();
        load.start(scope, &mut random);
        load.until_done(100);

        let silent = Instant::now();
        let coordinator = installation.status().coordinator.unwrap().pid.unwrap();
        send(coordinator, Signal::STOP);
        let said = installation
            .command(["database", "move", "DB01", "--to", "mbx2", "--limit", "5 s"])
            .failed_with(1);
        assert!(said.contains("mail goes on without it, moves and blocks wait"), "{said}");
        load.until_done(300);

        // A back end that starts anew goes by what it remembers.
        let back_end = installation.status().pid_of("mbx1", "backend").unwrap();
        send(back_end, Signal::KILL);
        death = Some(Death { server: "mbx1", at: Timestamp::now() });
        until("the back end to be dead", || has_ended(back_end).then_some(()));
        until("every user to be served again", || {
            load.users().all(|user| installation.log_in(user, PASSWORD).is_ok()).then_some(())
        });
        until("every lease to be over for long", || (silent.elapsed() > LEASE * 3).then_some(()));
        load.until_done(100);

        send(coordinator, Signal::CONT);
        // What was asked for first may be done now, and the agents have yet to hear of it.
        until("a move to be carried out", || {
            let moved = installation.command(["database", "move", "DB01", "--to", "mbx2"]);
            (moved.code == 0).then_some(())
        });
        until_settled_without(&installation, &[back_end]);
        assert_eq!(mounted_on(&installation, "DB01").as_deref(), Some("mbx2"));
        load.until_done(100);
        load.stop();
    });
    load.settle();
    Ledger::read(&installation, &[death.unwrap()]).prove(&installation);
}
