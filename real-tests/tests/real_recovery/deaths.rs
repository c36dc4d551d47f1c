//! Whoever climbs dies, after every single thing that is written down: the climb goes on, nothing is done twice and nothing
//! forgotten.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use real_tests::process::{Signal, has_ended, parent, send};
use real_tests::{Installation, Preparation, until, wait};
use serde_json::Value;

use crate::climbs::take_the_place_of_the_back_end;
use crate::view::{PATIENCE, mounted_on, until_all_healthy};
use crate::{deliver, has_mail, healthy};

fn journal_of(installation: &Installation, server: &str) -> PathBuf {
    installation.data().join("servers").join(server).join("recovery.journal")
}

/// The complete entries of a journal.
fn entries(installation: &Installation, server: &str) -> Vec<Value> {
    let text = fs::read_to_string(journal_of(installation, server)).unwrap_or_default();
    let complete = text.rfind('\n').map_or("", |end| &text[..end]);
    complete.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn is_over(installation: &Installation, server: &str) -> Option<Value> {
    entries(installation, server).into_iter().find(|it| it["event"] == "ended" || it["event"] == "escalated")
}

/// Everything that was done in a server's recoveries, with how often it was begun.
fn intents(installation: &Installation, server: &str) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for entry in entries(installation, server).iter().filter(|it| it["event"] == "intended") {
        let act = entry["act"]["do"].as_str().unwrap().to_owned();
        *counts.entry(act).or_default() += 1;
    }
    counts
}

/// Everything that a climb to the top does, each once.
fn once_each() -> BTreeMap<String, usize> {
    let acts = ["restart-service", "fail-over", "restart-server", "bring-one-back", "return"];
    acts.map(|act| (act.to_owned(), 1)).into()
}

#[test]
fn an_agent_that_dies_after_every_entry_climbs_to_the_top_and_does_everything_once() {
    let installation = healthy(Preparation::that_heals_itself());
    let boot = |installation: &Installation| {
        let ran = installation.command(["server", "show", "mbx1", "--output", "json"]);
        let row: Value = serde_json::from_slice(&ran.output).unwrap_or_default();
        row["boot_id"].as_str().map(str::to_owned)
    };
    let mut boots = vec![boot(&installation).unwrap()];
    let mut squatter = Some(take_the_place_of_the_back_end(&installation, 1));
    // What is written again because a death made a probe too old is let live, or it would never be young enough.
    let mut seen = BTreeSet::new();
    let mut deaths = 0;
    let over = wait::within(2 * PATIENCE, || {
        let now = entries(&installation, "mbx1");
        let kind = |it: &Value| format!("{} {} {}", it["event"], it["rung"], it["found"]);
        let last = now.iter().rfind(|it| it["recovery"].is_u64());
        if last.is_some_and(|last| seen.insert(kind(last))) {
            // It may be dying already, with its server.
            if let Some(agent) = installation.status().pid_of("mbx1", "agent") {
                send(agent, Signal::KILL);
                until("it to be dead", || has_ended(agent).then_some(()));
                deaths += 1;
            }
        }
        squatter.take_if(|_| intents(&installation, "mbx1").contains_key("fail-over"));
        // Its init leaves it dead after a few times.
        installation.command(["service", "start", "mbx1/agent"]);
        boots.extend(boot(&installation).filter(|it| Some(it) != boots.last()));
        is_over(&installation, "mbx1")
    });
    let all = entries(&installation, "mbx1");
    assert_eq!(over.unwrap_or_else(|| panic!("{all:#?}"))["outcome"], "recovered", "{all:#?}");
    // What is written at once is one chance to die.
    assert!(deaths >= 5, "{deaths} deaths: {all:#?}");
    assert_eq!(intents(&installation, "mbx1"), once_each(), "{all:#?}");
    assert_eq!(boots.len(), 2, "one restart of the server: {boots:?}");
    until("an agent", || {
        installation.command(["service", "start", "mbx1/agent"]);
        installation.status().pid_of("mbx1", "agent")
    });
    until_all_healthy(&installation);
    assert_eq!(mounted_on(&installation, "DB01").as_deref(), Some("mbx1"));
    deliver(&installation, "after");
    has_mail(&installation, &["before", "after"]);
}

#[test]
fn a_server_that_loses_its_power_in_the_middle_of_its_own_climb_goes_on_with_it() {
    let installation = healthy(Preparation::that_heals_itself());
    let squatter = take_the_place_of_the_back_end(&installation, 1);
    let blocked = || intents(&installation, "mbx1").contains_key("fail-over").then_some(());
    wait::within(PATIENCE, blocked).expect("it is blocked");
    let agent = until("an agent", || installation.status().pid_of("mbx1", "agent"));
    let init = parent(agent);
    send(init, Signal::KILL);
    drop(squatter);
    let over = wait::within(PATIENCE, || is_over(&installation, "mbx1"));
    let all = entries(&installation, "mbx1");
    assert_eq!(over.unwrap_or_else(|| panic!("{all:#?}"))["outcome"], "recovered", "{all:#?}");
    // It was restarted by the loss of its power, and needs no other restart.
    let mut expected = once_each();
    expected.remove("restart-server");
    assert_eq!(intents(&installation, "mbx1"), expected, "{all:#?}");
    until_all_healthy(&installation);
    assert_eq!(mounted_on(&installation, "DB01").as_deref(), Some("mbx1"));
    has_mail(&installation, &["before"]);
}
