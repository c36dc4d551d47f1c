//! Users' mailboxes move from one database to the other while they are in use, and whoever has a part in it is killed: the
//! back ends, the agent that moves, the command that asked. Nothing acknowledged is lost or doubled, nothing changes its
//! UIDL, and in the end every mailbox is in one database.
//!
//! What was promised to mail servers and clients is compared with what is found, as in `real_crashes`.

#![expect(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod deaths;
mod mailboxes;

use std::thread;
use std::time::Duration;

use real_tests::load::PASSWORD;
use real_tests::process::{Signal, send};
use real_tests::random::Random;
use real_tests::{Crowd, LmtpClient, Load, Preparation, mail, until, wait};

use deaths::{Deaths, begin_move, until_all_run_without};
use mailboxes::Mailboxes;

#[test]
#[expect(clippy::print_stdout, reason = "what was done and how often belongs to the report")]
fn whoever_is_killed_during_a_move_every_message_is_in_one_place_once() {
    let kills = std::env::var("MAILMEDIC_KILLS").map_or(8, |kills| kills.parse().unwrap());
    let mut random = Random::for_test();
    // Held for less long than a mail server of these tests waits.
    let preparation = Preparation::new().set("delivery", "hold", "\"20 s\"");
    let installation = preparation.set("log", "service-log-size", "\"4 GB\"").start();
    let load = Load::new(&installation, Crowd { users: 6, readers: 2, mail_servers: 3 });
    let mut deaths = Deaths::new(&installation, load.users().map(str::to_owned).collect(), random.fork());
    thread::scope(|scope| {
        let _alarm = load.alarm();
        load.start(scope, &mut random);
        for round in 0..kills {
            load.until_done(random.below(100) as u64 + 1);
            if load.is_over() {
                break;
            }
            deaths.kill_during_a_move(round);
        }
        load.until_done(100);
        load.stop();
    });
    println!("{deaths}\n{load}");
    load.settle();
    Mailboxes::of(&installation).prove_that_each_is_in_one_place();
    let sound = installation.command(["database", "check"]).succeeded();
    assert!(sound.contains("all is well"), "{sound}");
}

#[test]
fn a_move_whose_agent_was_killed_is_taken_up_by_whoever_leads() {
    const USER: &str = "user1@example.com";
    /// How often whoever leads looks, and time to do it on a machine that is busy.
    const LOOK: Duration = Duration::from_mins(3);
    let mut random = Random::for_test();
    let installation = Preparation::new().start();
    let add = ["user", "add", USER, "--password-stdin", "--database", "DB01"];
    installation.command_with_input(add, PASSWORD.as_bytes()).succeeded();
    let mut sender = LmtpClient::connect(installation.lmtp()).unwrap();
    let sent: Vec<_> =
        (0..20).map(|number| mail::message(&format!("left-{number}"), 200_000, &mut random)).collect();
    for message in &sent {
        assert!(sender.deliver(&[USER], message)[0].is_accepted());
    }
    let listed = || installation.log_in(USER, PASSWORD).unwrap().list().unwrap();
    let before = listed();

    let mailboxes = Mailboxes::of(&installation);
    let agent = installation.status().pid_of("mbx2", "agent").unwrap();
    let mut command = begin_move(&installation, USER, "DB02", "mbx2");
    until("the move to begin", || mailboxes.moving(USER));
    // The moment shall be any.
    thread::sleep(Duration::from_micros(random.below(300_000) as u64));
    send(agent, Signal::KILL);
    until_all_run_without(&installation, &[agent]);
    until("the command to end", || command.try_wait().unwrap());
    if let Some(id) = mailboxes.moving(USER) {
        mailboxes.let_lapse(&id);
    }
    let over = wait::within(LOOK, || mailboxes.moving(USER).is_none().then_some(()));
    assert!(over.is_some(), "nobody has taken up what a dead agent left");

    assert_eq!(listed(), before);
    let found = installation.mail_of(USER, PASSWORD);
    assert!(found.iter().zip(&sent).all(|(found, sent)| mail::is_intact(found, sent)));
    mailboxes.prove_that_each_is_in_one_place();
    assert!(sender.deliver(&[USER], &sent[0])[0].is_accepted());
    assert_eq!(listed().len(), before.len() + 1);
}
