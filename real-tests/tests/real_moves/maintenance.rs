//! Servers that are emptied on purpose, and servers that die.

use std::thread;
use std::time::{Duration, Instant};

use real_tests::process::{Signal, has_ended, send};
use real_tests::random::Random;
use real_tests::{Crowd, Load, Preparation, until};

use jiff::Timestamp;

use crate::ledger::{Death, Ledger};
use crate::view::{DATABASES, copy, mounted_on, server, until_mounted_on, until_settled};

#[test]
fn a_mailbox_server_is_emptied_restarted_and_filled_again() {
    let mut random = Random::for_test();
    let installation = Preparation::new().start();
    let load = Load::new(&installation, Crowd { users: 6, readers: 2, mail_servers: 3 });
    thread::scope(|scope| {
        let _alarm = load.alarm();
        load.start(scope, &mut random);
        load.until_done(100);
        let boot = server(&installation, "mbx1")["boot_id"].clone();

        installation.command(["server", "drain", "mbx1", "--reason", "kernel update"]).succeeded();
        let shown = installation.command(["server", "show", "mbx1"]).succeeded();
        assert!(shown.contains("kernel update"), "{shown}");
        for database in DATABASES {
            assert_eq!(copy(&installation, database, "mbx1"), "suspended");
            assert_eq!(mounted_on(&installation, database).as_deref(), Some("mbx2"));
        }
        load.until_done(100);

        // The agent that is asked may be the one that restarts.
        let its_own = format!("unix:{}", installation.data().join("servers/mbx1/run/api.sock").display());
        installation.command(["server", "restart", "mbx1", "--api", &its_own]).succeeded();
        assert_ne!(server(&installation, "mbx1")["boot_id"], boot);
        installation.command(["server", "allow", "mbx1"]).succeeded();
        installation.command(["database", "move", "--preferred"]).succeeded();
        assert_eq!(mounted_on(&installation, "DB01").as_deref(), Some("mbx1"));
        assert_eq!(mounted_on(&installation, "DB02").as_deref(), Some("mbx2"));
        load.until_done(100);
        load.stop();
    });
    until_settled(&installation);
    load.settle();
    load.was_let_in();
    Ledger::read(&installation, &[]).prove(&installation);
}

#[test]
fn a_server_that_dies_is_replaced_within_seconds() {
    let mut random = Random::for_test();
    // Much longer than a lease: the other server does not wait for this one.
    // The ledger needs every line of the logs.
    let preparation = Preparation::new().set("log", "service-log-size", "\"4 GB\"");
    let installation = preparation.set("init", "power-on-delay", "\"30 s\"").start();
    let load = Load::new(&installation, Crowd { users: 6, readers: 2, mail_servers: 3 });
    let mut death = None;
    thread::scope(|scope| {
        let _alarm = load.alarm();
        load.start(scope, &mut random);
        load.until_done(100);
        let status = installation.status();
        let (init, back_end) = (status.init("mbx1").unwrap(), status.pid_of("mbx1", "backend").unwrap());
        let died = Instant::now();
        send(init, Signal::KILL);
        death = Some(Death { server: "mbx1", at: Timestamp::now() });
        until("the back end to die with its init", || has_ended(back_end).then_some(()));
        until_mounted_on(&installation, "DB01", "mbx2");
        assert!(died.elapsed() < Duration::from_secs(30), "{:?}", died.elapsed());
        assert_eq!(server(&installation, "mbx1")["power"], "out");
        load.until_done(100);

        until_settled(&installation);
        assert_eq!(copy(&installation, "DB01", "mbx1"), "healthy");
        assert_eq!(mounted_on(&installation, "DB01").as_deref(), Some("mbx2"));
        load.stop();
    });
    load.settle();
    Ledger::read(&installation, &[death.unwrap()]).prove(&installation);
}
