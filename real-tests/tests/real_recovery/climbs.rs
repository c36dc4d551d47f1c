//! Climbs that end well, and climbs that end with a person.

use std::net::TcpListener;

use real_tests::process::{Signal, send};
use real_tests::{Installation, Preparation, until, wait};

use crate::view::{PATIENCE, acts, climbs, mounted_on, story, until_all_healthy, until_state};
use crate::{deliver, has_mail, healthy};

fn pid(installation: &Installation, server: &str, service: &str) -> u32 {
    until("the process to be there", || installation.status().pid_of(server, service))
}

/// Takes the place of a back end: as long as the listener is there, no back end that is started there works.
pub(crate) fn take_the_place_of_the_back_end(installation: &Installation, number: u8) -> TcpListener {
    let server = &format!("mbx{number}");
    send(pid(installation, server, "backend"), Signal::KILL);
    let address = installation.back_end(number);
    until("the place to be free", || {
        // Its init starts another one, which may be faster.
        if let Some(rival) = installation.status().pid_of(server, "backend") {
            send(rival, Signal::KILL);
        }
        TcpListener::bind(address).ok()
    })
}

#[test]
fn a_back_end_that_hangs_is_restarted_and_nothing_moves() {
    let installation = healthy(Preparation::that_heals_itself());
    let hung = pid(&installation, "mbx1", "backend");
    send(hung, Signal::STOP);
    let recovery = until_state(&installation, "mbx1", "recovered");
    assert_eq!(acts(&installation, &recovery), ["restart backend"], "{:#?}", story(&installation, &recovery));
    until_all_healthy(&installation);
    assert_eq!(mounted_on(&installation, "DB01").as_deref(), Some("mbx1"));
    deliver(&installation, "after");
    has_mail(&installation, &["before", "after"]);
    assert_eq!(climbs(&installation).len(), 1, "{:#?}", climbs(&installation));
}

#[test]
fn a_front_end_that_hangs_is_restarted() {
    let installation = healthy(Preparation::that_heals_itself());
    send(pid(&installation, "cas1", "frontend"), Signal::STOP);
    let recovery = until_state(&installation, "cas1", "recovered");
    assert_eq!(
        acts(&installation, &recovery),
        ["restart frontend"],
        "{:#?}",
        story(&installation, &recovery)
    );
    until_all_healthy(&installation);
    has_mail(&installation, &["before"]);
    // No mailbox server was touched for it.
    assert!(climbs(&installation).iter().all(|row| row["server"] == "cas1"), "{:#?}", climbs(&installation));
}

#[test]
fn a_server_on_which_no_back_end_works_is_emptied_restarted_tested_and_given_back_what_it_had() {
    let installation = healthy(Preparation::that_heals_itself());
    let squatter = take_the_place_of_the_back_end(&installation, 1);
    let moved = || (mounted_on(&installation, "DB01").as_deref() == Some("mbx2")).then_some(());
    wait::within(PATIENCE, moved).expect("DB01 is served by mbx2");
    deliver(&installation, "meanwhile");
    drop(squatter);
    let recovery = until_state(&installation, "mbx1", "recovered");
    let expected = [
        "restart backend",
        "block the server and move DB01 away",
        "restart the server",
        "bring DB01 back to be tested",
        "lift the block",
    ];
    assert_eq!(acts(&installation, &recovery), expected, "{:#?}", story(&installation, &recovery));
    assert_eq!(mounted_on(&installation, "DB01").as_deref(), Some("mbx1"));
    until_all_healthy(&installation);
    has_mail(&installation, &["before", "meanwhile"]);
    let blocks = installation.command(["server", "show", "mbx1", "--output", "json"]);
    assert!(String::from_utf8_lossy(&blocks.output).contains("\"blocks\": []"), "{blocks:?}");
    assert_eq!(climbs(&installation).len(), 1, "{:#?}", climbs(&installation));
}

#[test]
fn when_all_mailbox_servers_fail_at_once_none_is_restarted_and_people_are_called() {
    let installation = healthy(Preparation::that_heals_itself());
    let boots = boot_ids(&installation);
    let _squatters = [1, 2].map(|number| take_the_place_of_the_back_end(&installation, number));
    for server in ["mbx1", "mbx2"] {
        let recovery = until_state(&installation, server, "escalated");
        let acts = acts(&installation, &recovery);
        // Whichever turned first may have tried to be emptied, before the other one was known to fail.
        let story = story(&installation, &recovery);
        assert!(!acts.iter().any(|act| act == "restart the server"), "{story:#?}");
        assert_eq!(acts.last().map(String::as_str), Some("call a person"), "{story:#?}");
    }
    assert_eq!(boot_ids(&installation), boots, "no server was restarted");
}

fn boot_ids(installation: &Installation) -> Vec<String> {
    let ran = installation.command(["server", "list", "--output", "json"]);
    let listing: serde_json::Value = serde_json::from_slice(&ran.output).unwrap();
    let rows = listing["rows"].as_array().unwrap();
    rows.iter().map(|row| row["boot_id"].to_string()).collect()
}
