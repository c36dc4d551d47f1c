//! Keys and JSON, as they lie in the coordinator.

use placement::record::{Assignment, AssignmentReason, MountState, MoveOutcome, Wanted};
use placement::{MoveId, RecordError, RecordKey, Records, Requester, Topology, UnixMillis, plan};
use settings::Configuration;

use crate::cluster::{Cluster, database, handing_over, second, server};

#[test]
fn every_key_is_read_back_as_written() {
    for text in [
        "assignments/db01",
        "fences/db01/mbx1",
        "mounts/db01/mbx1",
        "agents/mbx1",
        "leader",
        "moves/db01",
        "finished-moves/db01",
        "blocks/mbx1/alice@example.com",
        "components/mbx1/backend/recovery-17",
        "maintenance/mbx1",
    ] {
        let key: RecordKey = text.parse().unwrap();
        assert_eq!(key.to_string(), text);
        assert!(RecordKey::PREFIXES.iter().any(|prefix| text.starts_with(prefix)), "{text}");
    }
}

#[test]
fn names_that_differ_only_in_case_have_one_key() {
    assert_eq!(RecordKey::Assignment(database("DB01")).to_string(), "assignments/db01");
    assert_eq!(RecordKey::parse("assignments/DB01").unwrap(), RecordKey::Assignment(database("db01")));
}

#[test]
fn what_is_no_key_of_ours_is_refused() {
    for text in [
        "",
        "slots/1",
        "leader/x",
        "assignments",
        "assignments/",
        "assignments/a/b",
        "mounts/db01",
        "blocks/mbx1/-",
    ] {
        assert!(RecordKey::parse(text).is_err(), "{text}");
    }
}

#[test]
fn requesters_and_ids_are_checked() {
    for text in ["", "-a", "a/b", "a b", "\u{e9}", &"a".repeat(64)] {
        assert!(Requester::parse(text).is_err(), "{text}");
        assert!(MoveId::parse(text).is_err(), "{text}");
    }
    assert_eq!(Requester::recovery("mbx1-17"), Requester::parse("recovery-mbx1-17").unwrap());
}

#[test]
fn an_assignment_is_this_json() {
    let value = Assignment {
        server: server("mbx1"),
        wanted: Wanted::Dismounted,
        reason: handing_over("mbx2"),
        since: UnixMillis(1_700_000_000_000),
    };
    let json = r#"{"server":"mbx1","wanted":"dismounted","reason":{"kind":"handing-over","to":"mbx2","id":"m1"},"since":1700000000000}"#;
    assert_eq!(serde_json::to_string(&value).unwrap(), json);
    assert_eq!(serde_json::from_str::<Assignment>(json).unwrap(), value);
}

#[test]
fn states_and_outcomes_are_this_json() {
    let failed = MountState::Failed { reason: "full".into() };
    assert_eq!(serde_json::to_string(&failed).unwrap(), r#"{"failed":{"reason":"full"}}"#);
    assert_eq!(serde_json::to_string(&MountState::Mounted).unwrap(), r#""mounted""#);
    let outcome = MoveOutcome::Failed { reason: "full".into(), back_on: None };
    let json = r#"{"kind":"failed","reason":"full","back_on":null}"#;
    assert_eq!(serde_json::to_string(&outcome).unwrap(), json);
    assert_eq!(serde_json::from_str::<MoveOutcome>(json).unwrap(), outcome);
}

#[test]
fn a_newer_writer_may_add_fields_and_reasons() {
    let json = r#"{"server":"mbx1","wanted":"mounted","reason":{"kind":"by-the-moon","phase":3},"since":0,"colour":"red"}"#;
    let read: Assignment = serde_json::from_str(json).unwrap();
    assert_eq!(read.reason, AssignmentReason::Unknown);
}

#[test]
fn a_name_in_a_record_is_checked_when_it_is_read() {
    let json = r#"{"server":"../etc","wanted":"mounted","reason":{"kind":"first-assignment"},"since":0}"#;
    let refused = Records::default().put("assignments/db01", 3, json.as_bytes()).unwrap_err();
    assert_eq!(refused.to_string(), "the record assignments/db01 cannot be read");
}

#[test]
fn a_record_that_cannot_be_read_takes_the_former_one_with_it() {
    let mut records = Records::default();
    records.put("maintenance/mbx1", 3, br#"{"by":"alice","reason":"disk","since":0,"until":0}"#).unwrap();
    assert_eq!(records.maintenance[&server("MBX1")].revision, 3);
    assert!(matches!(records.put("maintenance/mbx1", 4, b"{"), Err(RecordError::Value { .. })));
    assert!(records.maintenance.is_empty());
}

#[test]
fn what_a_step_writes_is_what_the_next_pass_reads() {
    let mut cluster = Cluster::new().mounted("mbx1").asked(Some("mbx2"));
    let expected = cluster.token().revision;
    let steps = cluster.plan().steps;
    let writes = steps[0].writes(UnixMillis(4));
    assert_eq!(writes.expects[0].revision, Some(expected));
    for (key, json) in &writes.puts {
        cluster.world.records.put(&key.to_string(), 50, json.as_bytes()).unwrap();
    }
    let kept = &cluster.world.records.assignments[&database("DB01")];
    assert_eq!((kept.revision, &kept.value.reason), (50, &handing_over("mbx2")));
    assert_eq!(plan(&cluster.world, second(100)).steps, []);
}

#[test]
fn a_finished_move_takes_the_place_of_the_move() {
    let mut cluster = Cluster::new().mounted("mbx1").asked(Some("mbx1"));
    let writes = cluster.plan().steps[0].writes(UnixMillis(1_500));
    for (key, json) in &writes.puts {
        cluster.world.records.put(&key.to_string(), 50, json.as_bytes()).unwrap();
    }
    for key in &writes.deletes {
        cluster.world.records.remove(&key.to_string()).unwrap();
    }
    assert!(cluster.world.records.moves.is_empty());
    assert_eq!(cluster.world.records.finished_moves[&database("DB01")].value.took_millis, 500);
}

#[test]
fn the_topology_comes_from_the_configuration() {
    let configuration = Configuration::for_loopback(settings::LoopbackPorts::default()).unwrap();
    let topology = Topology::from(&configuration);
    assert_eq!(topology.servers.len(), 3);
    assert_eq!(topology.database(&database("db01")).unwrap().copies, [server("mbx1"), server("mbx2")]);
}
