//! Databases move, servers die, and whoever holds a database is the only one: nothing acknowledged is lost or doubled, and
//! clients are told to wait rather than told wrong.
//!
//! What was promised to mail servers and clients is compared with what is found, as in `real_crashes`. Who held which
//! database when is read from the service logs of the back ends: see [`ledger`].

#![expect(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod bad_input;
mod disturbances;
mod fencing;
mod full_disk;
mod ledger;
mod maintenance;
mod silence;
mod view;

use std::thread;

use real_tests::random::Random;
use real_tests::{Crowd, Load, Preparation};

use disturbances::Disturbances;
use ledger::Ledger;
use view::{move_database, until_settled};

/// How much the load does between two moves.
const WORK: u64 = 150;

#[test]
#[expect(clippy::print_stdout, reason = "how long a move takes belongs to the report")]
fn a_database_moves_under_fifty_polling_clients_and_a_steady_stream_of_mail() {
    let mut random = Random::for_test();
    let installation = Preparation::new().start();
    let crowd = Crowd { users: 25, readers: 25, mail_servers: 3 };
    let load = Load::new(&installation, crowd);
    let took = thread::scope(|scope| {
        let _alarm = load.alarm();
        load.start(scope, &mut random);
        let mut took = Vec::new();
        for to in ["mbx2", "mbx1"].repeat(4) {
            load.until_done(WORK);
            if load.is_over() {
                break;
            }
            took.push(move_database(&installation, "DB01", to));
        }
        load.until_done(WORK);
        load.stop();
        took
    });
    println!("moves took {took:?} ms\n{load}");
    load.settle();
    load.was_let_in();
    let ledger = Ledger::read(&installation, &[]);
    assert_eq!(ledger.mounts_of("DB01").len(), 1 + took.len());
    ledger.prove(&installation);
    installation.command(["database", "check"]).succeeded();
}

#[test]
#[expect(clippy::print_stdout, reason = "what was done and how often belongs to the report")]
fn random_moves_and_crashes_lose_nothing() {
    let rounds = std::env::var("MAILMEDIC_KILLS").map_or(20, |kills| kills.parse().unwrap());
    let mut random = Random::for_test();
    // The power stays away for longer than the lease: a server that loses it loses its databases, too. The lease is long
    // enough for an agent that has to wait for a processor.
    let preparation = Preparation::new()
        .set("init", "power-on-delay", "\"6 s\"")
        .set("coordinator", "lease", "\"4 s\"")
        .set("coordinator", "request-timeout", "\"1 s\"")
        .set("placement", "session-drain", "\"1 s\"")
        .set("placement", "hand-over", "\"3 s\"")
        // The ledger wants every line from the beginning.
        .set("log", "service-log-size", "\"4 GB\"");
    let installation = preparation.start();
    let load = Load::new(&installation, Crowd { users: 6, readers: 2, mail_servers: 3 });
    let mut disturbances = Disturbances::new(&installation, random.fork());
    thread::scope(|scope| {
        let _alarm = load.alarm();
        load.start(scope, &mut random);
        for round in 0..rounds {
            load.until_done(random.below(100) as u64 + 1);
            if load.is_over() {
                break;
            }
            disturbances.disturb(round);
        }
        load.until_done(WORK);
        load.stop();
    });
    println!("{disturbances}\n{load}");
    until_settled(&installation);
    load.settle();
    Ledger::read(&installation, disturbances.deaths()).prove(&installation);
    let sound = installation.command(["database", "check"]).succeeded();
    assert!(sound.contains("all is well"), "{sound}");
}
