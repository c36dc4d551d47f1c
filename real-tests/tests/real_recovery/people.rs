//! What people say is heard, and what they stopped stays so.

use std::thread;
use std::time::Duration;

use real_tests::process::{Signal, send};
use real_tests::{Preparation, until};

use crate::healthy;
use crate::view::{acts, climbs, until_all_healthy, until_recovery, until_state};

#[test]
fn a_service_that_a_person_stopped_is_left_alone() {
    let installation = healthy(Preparation::that_heals_itself());
    installation.command(["service", "stop", "cas1/frontend"]).succeeded();
    let explained = || {
        let ran = installation.command(["recovery", "explain", "PopProxyTestMonitor", "--server", "cas1"]);
        String::from_utf8_lossy(&ran.output).into_owned()
    };
    until("it to be Unhealthy and left alone", || {
        explained().contains("a person has stopped frontend").then_some(())
    });
    // Long enough for a climb, if there were one.
    thread::sleep(Duration::from_secs(5));
    assert!(climbs(&installation).is_empty(), "{:#?}", climbs(&installation));
    installation.command(["service", "start", "cas1/frontend"]).succeeded();
    until_all_healthy(&installation);
}

#[test]
fn nothing_is_done_in_maintenance_under_the_hands_off_file_or_while_it_is_only_observed() {
    let installation = healthy(Preparation::that_heals_itself());
    let said = |words: &[&str], server: &str, expected: &str| {
        installation.command(words).succeeded();
        let ran = || {
            let ran = installation.command(["recovery", "explain", "--server", server]);
            String::from_utf8_lossy(&ran.output).into_owned()
        };
        until("the reason to be told", || ran().contains(expected).then_some(()));
    };
    let maintenance = ["maintenance", "start", "--server", "cas1", "--for", "1 h", "--reason", "a test"];
    installation.command(maintenance).succeeded();
    let front_end = until("a front end", || installation.status().pid_of("cas1", "frontend"));
    send(front_end, Signal::STOP);
    let explain = ["recovery", "explain", "--server", "cas1"];
    said(&explain, "cas1", "the server is in maintenance");
    assert!(climbs(&installation).is_empty(), "{:#?}", climbs(&installation));
    installation.command(["recovery", "stop", "--all"]).succeeded();
    installation.command(["maintenance", "stop", "--server", "cas1"]).succeeded();
    said(&explain, "cas1", "hands off");
    let climb = until_recovery(&installation, "cas1", "climbing", |row| row["state"] == "climbing");
    assert!(acts(&installation, &climb).is_empty(), "{:?}", acts(&installation, &climb));
    // It goes on when it may.
    installation.command(["recovery", "resume"]).succeeded();
    until_state(&installation, "cas1", "recovered");
    until_all_healthy(&installation);
}

#[test]
fn a_climb_is_held_released_and_stopped() {
    let installation = healthy(Preparation::that_heals_itself().set("recovery", "restart", "\"approval\""));
    let back_end = || until("a back end", || installation.status().pid_of("mbx1", "backend"));
    let hung = back_end();
    send(hung, Signal::STOP);
    let waiting = until_recovery(&installation, "mbx1", "waiting", |row| {
        row["waits_for"].as_str().is_some_and(|why| why.contains("approve"))
    });
    assert!(waiting["called"].is_string(), "a person is told that their word is needed: {waiting:#}");
    let id = waiting["id"].as_str().unwrap();
    installation.command(["recovery", "hold", id]).succeeded();
    installation.command(["recovery", "approve", id]).succeeded();
    until_recovery(&installation, "mbx1", "held", |row| {
        row["waits_for"].as_str().is_some_and(|why| why.contains("holds the recovery"))
    });
    assert_eq!(installation.status().pid_of("mbx1", "backend"), Some(hung));
    installation.command(["recovery", "release", id]).succeeded();
    let recovered = until_state(&installation, "mbx1", "recovered");
    assert_eq!(recovered["id"], *id);
    until_all_healthy(&installation);
    send(back_end(), Signal::STOP);
    let next = until_recovery(&installation, "mbx1", "climbing", |row| row["state"] == "climbing");
    let id = next["id"].as_str().unwrap();
    installation.command(["recovery", "stop", id, "--reason", "a test"]).succeeded();
    let again = installation.command(["recovery", "approve", id]);
    assert!(again.errors.contains("does not climb any more"), "{again:?}");
    send(back_end(), Signal::CONT);
    let ended = until_state(&installation, "mbx1", "resolved-after-stop");
    assert!(acts(&installation, &ended).is_empty());
}

#[test]
fn in_observe_it_is_written_down_what_would_have_been_done_and_nothing_is() {
    let installation = healthy(Preparation::new());
    let hung = until("a back end", || installation.status().pid_of("mbx1", "backend"));
    send(hung, Signal::STOP);
    let report = || {
        let ran = installation.command(["recovery", "report", "--would-have"]);
        String::from_utf8_lossy(&ran.output).into_owned()
    };
    until("it to be written down", || report().contains("restart backend").then_some(()));
    assert_eq!(installation.status().pid_of("mbx1", "backend"), Some(hung));
    send(hung, Signal::CONT);
    until_state(&installation, "mbx1", "healed-by-itself");
    until_all_healthy(&installation);
}
