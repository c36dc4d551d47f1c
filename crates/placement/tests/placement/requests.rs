//! What people ask for, and why not.

use placement::record::{AssignmentReason, ComponentState, MountState, Wanted};
use placement::{
    Component, Fault, MoveRequest, Refusal, UnixMillis, component_state, may_restart, request_dismount,
    request_mount, request_move,
};
use settings::Role;

use crate::cluster::{Cluster, by, database, failed, handing_over, move_id, server, topology};

fn asks<'a>(database: &'a str, to: Option<&'a str>) -> MoveRequest<'a> {
    let (id, by, reason) = (move_id("m7"), by("alice"), "for a test".to_owned());
    MoveRequest { id, database, to, by, reason, force: false, at: UnixMillis(5) }
}

#[track_caller]
fn refusal(cluster: &Cluster, request: MoveRequest<'_>) -> Refusal {
    request_move(&cluster.world, request).unwrap_err()
}

#[test]
fn names_in_a_granted_request_are_spelled_as_configured() {
    let cluster = Cluster::new().mounted("mbx1");
    let (of, requested) = request_move(&cluster.world, asks("db01", Some("MBX2"))).unwrap();
    assert_eq!(of.as_str(), "DB01");
    assert_eq!(requested.to.unwrap().as_str(), "mbx2");
    assert_eq!(requested.from, Some(server("mbx1")));
}

#[test]
fn an_unknown_name_is_the_askers_fault_and_told_with_the_nearest() {
    let cluster = Cluster::new().mounted("mbx1");
    let unknown = refusal(&cluster, asks("DB0l", None));
    assert_eq!(unknown.to_string(), "there is no database called \"DB0l\"; did you mean DB01?");
    assert_eq!((unknown.fault(), unknown.retry_helps()), (Fault::Asker, false));
    let unknown = refusal(&cluster, asks("DB01", Some("nowhere")));
    assert_eq!(unknown.to_string(), "there is no server called \"nowhere\"");
}

#[test]
fn a_server_without_a_copy_is_the_askers_fault_and_force_does_not_help() {
    let refused = refusal(&Cluster::new().mounted("mbx1"), asks("DB01", Some("cas1")));
    assert_eq!(refused.to_string(), "no server is fit for DB01: cas1: it has no copy");
    assert_eq!((refused.fault(), refused.force_helps()), (Fault::Asker, false));
}

#[test]
fn a_blocked_target_may_be_forced_and_an_absent_one_may_not() {
    let blocked = || Cluster::new().mounted("mbx1").blocked("mbx2", "bob", false);
    let refused = refusal(&blocked(), asks("DB01", Some("mbx2")));
    assert_eq!((refused.fault(), refused.retry_helps(), refused.force_helps()), (Fault::Cluster, true, true));
    let forced = MoveRequest { force: true, ..asks("DB01", Some("mbx2")) };
    assert!(request_move(&blocked().world, forced).is_ok());
    let absent = Cluster::new().mounted("mbx1").absent("mbx2");
    assert!(!refusal(&absent, asks("DB01", Some("mbx2"))).force_helps());
}

#[test]
fn a_database_has_one_move_at_a_time() {
    let refused = refusal(&Cluster::new().mounted("mbx1").asked(None), asks("DB01", Some("mbx2")));
    assert_eq!(refused.to_string(), "DB01 is being moved already: alice asked for move m1");
    assert!(refused.retry_helps());
}

#[test]
fn a_move_to_the_present_server_is_granted_even_if_that_is_blocked() {
    let cluster = Cluster::new().mounted("mbx1").blocked("mbx1", "bob", false);
    assert!(request_move(&cluster.world, asks("DB01", Some("mbx1"))).is_ok());
}

#[test]
fn a_person_dismounts_and_mounts_and_what_is_done_is_not_done_again() {
    let cluster = Cluster::new().mounted("mbx1");
    let assign = request_dismount(&cluster.world, "db01", by("alice")).unwrap().unwrap();
    assert_eq!((assign.server, assign.wanted), (server("mbx1"), Wanted::Dismounted));
    assert_eq!(assign.expects, Some(cluster.token().revision));
    assert_eq!(request_mount(&cluster.world, "DB01", by("alice")), Ok(None));

    let human = AssignmentReason::ByHuman { by: by("alice") };
    let cluster = cluster.assigned("mbx1", Wanted::Dismounted, human);
    assert_eq!(request_dismount(&cluster.world, "DB01", by("bob")), Ok(None));
    let assign = request_mount(&cluster.world, "DB01", by("bob")).unwrap().unwrap();
    assert_eq!((assign.server, assign.wanted), (server("mbx1"), Wanted::Mounted));
}

#[test]
fn a_person_may_have_a_failed_mount_tried_again() {
    let reason = AssignmentReason::FirstAssignment;
    let cluster = Cluster::new().assigned("mbx1", Wanted::Mounted, reason).reports("mbx1", failed("full"));
    assert!(request_mount(&cluster.world, "DB01", by("bob")).unwrap().is_some());
}

#[test]
fn nobody_dismounts_what_is_being_moved_or_is_nowhere() {
    let moving = Cluster::new().asked(None).assigned("mbx1", Wanted::Dismounted, handing_over("mbx2"));
    let refused = request_dismount(&moving.world, "DB01", by("alice")).unwrap_err();
    assert!(matches!(refused, Refusal::AlreadyMoving { .. }));
    let refused = request_mount(&Cluster::new().world, "DB01", by("alice")).unwrap_err();
    assert_eq!(refused, Refusal::NotAssigned { database: database("DB01") });
}

#[test]
fn the_last_available_server_of_a_role_is_not_restarted() {
    let last = |name: &str, role| Err(Refusal::LastOfRole { server: server(name), role });
    assert_eq!(may_restart(&Cluster::new().world, "mbx1"), Ok(()));
    assert_eq!(may_restart(&Cluster::new().world, "cas1"), last("cas1", Role::ClientAccess));
    let draining = Cluster::new().component("mbx2", Component::back_end(), "bob", ComponentState::Draining);
    for cluster in [
        Cluster::new().absent("mbx2"),
        Cluster::new().under_maintenance("mbx2"),
        Cluster::new().blocked("mbx2", "bob", false),
        draining,
    ] {
        assert_eq!(may_restart(&cluster.world, "mbx1"), last("mbx1", Role::Mailbox));
    }
    let alone = Cluster::of(topology(&["mbx1"], &[]));
    let text = may_restart(&alone.world, "mbx1").unwrap_err().to_string();
    assert_eq!(text, "mbx1 is the last available mailbox server");
}

#[test]
fn a_component_is_as_bad_as_its_worst_requester_and_every_requester_is_listed() {
    let component = Component::back_end;
    let cluster = Cluster::new()
        .component("mbx1", component(), "alice", ComponentState::Inactive)
        .component("mbx1", component(), "recovery-17", ComponentState::Active)
        .component("mbx1", Component::front_end(), "bob", ComponentState::Draining);
    let status = component_state(&cluster.world, &server("mbx1"), &component());
    assert_eq!(status.effective, ComponentState::Inactive);
    let requesters: Vec<_> = status.requests.iter().map(|(by, _)| by.as_str()).collect();
    assert_eq!(requesters, ["alice", "recovery-17"]);
    let untouched = component_state(&cluster.world, &server("mbx2"), &component());
    assert_eq!(untouched.effective, ComponentState::Active);
}

#[test]
fn a_requester_is_human_unless_it_has_a_name_of_ours() {
    for (name, human) in
        [("alice", true), ("recovery-17", false), ("maintenance", false), ("placement", false)]
    {
        assert_eq!(by(name).is_human(), human, "{name}");
    }
}

#[test]
fn a_database_is_found_where_its_mount_is_reported_under_the_present_token() {
    let cluster = Cluster::new().mounted("mbx1");
    assert_eq!(cluster.world.mounted_on(&database("DB01")), Some(&server("mbx1")));
    let again = cluster.assigned("mbx1", Wanted::Mounted, AssignmentReason::MoveGone);
    assert_eq!(again.world.mounted_on(&database("DB01")), None);
    let again = again.reports("mbx1", MountState::Mounting);
    assert_eq!(again.world.mounted_on(&database("DB01")), None);
}
