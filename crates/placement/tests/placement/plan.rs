//! What is to be done in which world. Each test is a table of one or a few worlds.

use placement::record::{AssignmentReason, ComponentState, MountState, MoveFailure, Wanted};
use placement::{Component, Step, Token};

use crate::cluster::{Cluster, by, failed, handing_over, move_id, moved, server, topology};

const TAKEN: &str = "DB01 on mbx2 Mounted, fencing mbx1: mbx1 is absent";

#[test]
fn a_new_database_goes_to_its_preferred_copy() {
    Cluster::new().does(&["DB01 on mbx1 Mounted: first assignment"]);
    Cluster::new().just_started().does(&["DB01 on mbx1 Mounted: first assignment"]);
}

#[test]
fn a_new_database_waits_ten_seconds_for_its_preferred_copy_and_then_takes_the_next() {
    let cluster = Cluster::new().absent("mbx1").just_started();
    cluster.waits(10).notes("DB01 waits for mbx1 to start");
    cluster.later(10).does(&["DB01 on mbx2 Mounted: first assignment"]);
}

#[test]
fn a_database_without_a_fit_copy_has_a_reason_for_every_copy() {
    Cluster::new()
        .blocked("mbx1", "alice", false)
        .blocked("mbx1", "recovery-17", false)
        .under_maintenance("mbx2")
        .does(&[])
        .notes(
            "no server is fit for DB01: mbx1: activation is blocked by alice, recovery-17; \
             mbx2: it is under maintenance by alice",
        );
}

#[test]
fn a_server_whose_back_end_drains_is_given_nothing() {
    Cluster::new()
        .component("mbx1", Component::back_end(), "alice", ComponentState::Active)
        .component("mbx1", Component::back_end(), "recovery-3", ComponentState::Draining)
        .does(&["DB01 on mbx2 Mounted: first assignment"]);
}

#[test]
fn a_mounted_database_needs_nothing() {
    let plan = Cluster::new().mounted("mbx2").plan();
    assert_eq!((plan.steps, plan.notes, plan.wake_at), (vec![], vec![], None));
}

#[test]
fn a_holder_that_is_gone_is_replaced_at_once_and_fenced() {
    let cluster = Cluster::new().mounted("mbx1").absent("mbx1").says_nothing("mbx1");
    cluster.does(&[TAKEN]);
    let token = cluster.token();
    let [Step::Assign(assign)] = &cluster.plan().steps[..] else { panic!("one assignment") };
    assert_eq!(assign.expects, Some(token.revision));
    assert_eq!(assign.fence.as_ref().unwrap().token, token);
}

#[test]
fn a_back_end_that_serves_without_its_agent_is_left_alone() {
    Cluster::new()
        .mounted("mbx1")
        .absent("mbx1")
        .does(&[])
        .notes("the agent of mbx1 is absent; its back end still serves DB01");
}

#[test]
fn a_back_end_without_a_report_is_left_to_its_init_while_the_agent_is_there() {
    Cluster::new().mounted("mbx1").says_nothing("mbx1").later(1000).does(&[]);
}

#[test]
fn a_holder_that_this_leader_has_never_seen_may_still_be_starting() {
    let cluster = Cluster::new().mounted("mbx1").absent("mbx1").says_nothing("mbx1").just_started();
    cluster.waits(10).notes("DB01 waits for mbx1 to start");
    cluster.later(10).does(&[TAKEN]);
}

#[test]
fn a_holder_that_is_gone_keeps_the_database_while_nobody_else_is_fit() {
    Cluster::new()
        .mounted("mbx1")
        .absent("mbx1")
        .says_nothing("mbx1")
        .absent("mbx2")
        .does(&[])
        .notes("no server is fit for DB01: mbx1: it is absent; mbx2: it is absent");
}

#[test]
fn a_failed_mount_is_tried_on_another_server_once() {
    let failing = Cluster::new()
        .assigned("mbx1", Wanted::Mounted, AssignmentReason::FirstAssignment)
        .reports("mbx1", failed("bad header"));
    failing.does(&["DB01 on mbx2 Mounted: mbx1 could not mount it: bad header"]);
    let reason = AssignmentReason::MountFailed { server: server("mbx1"), reason: "bad header".into() };
    failing.assigned("mbx2", Wanted::Mounted, reason).reports("mbx2", failed("full")).does(&[]).notes(
        "mbx2 could not mount DB01 (full), and no other is fit: \
         mbx1: its last mount failed: bad header; mbx2: its last mount failed: full",
    );
}

#[test]
fn what_a_person_dismounted_stays_dismounted_whatever_happens_to_its_server() {
    let reason = AssignmentReason::ByHuman { by: by("alice") };
    let cluster = Cluster::new().assigned("mbx1", Wanted::Dismounted, reason);
    cluster.does(&[]);
    cluster.absent("mbx1").later(1000).does(&[]);
}

#[test]
fn a_database_whose_move_disappeared_is_mounted_again_where_it_is() {
    Cluster::new()
        .assigned("mbx1", Wanted::Dismounted, handing_over("mbx2"))
        .blocked("mbx1", "alice", false)
        .does(&["DB01 on mbx1 Mounted: the move that had it dismounted is gone"]);
}

#[test]
fn a_move_dismounts_then_assigns_then_waits_for_the_mount() {
    let cluster = Cluster::new().mounted("mbx1").asked(Some("MBX2"));
    cluster.does(&["DB01 on mbx1 Dismounted: being handed over to mbx2 by move m1"]);

    let cluster = cluster.assigned("mbx1", Wanted::Dismounted, handing_over("mbx2"));
    cluster.waits(12).notes("DB01 waits for mbx1 to dismount it");
    let cluster = cluster.reports("mbx1", MountState::Dismounting).later(3);
    cluster.waits(9);
    let cluster = cluster.reports("mbx1", MountState::Dismounted);
    cluster.does(&["DB01 on mbx2 Mounted: moved from mbx1 for alice by move m1"]);

    let cluster = cluster.assigned("mbx2", Wanted::Mounted, moved("mbx1"));
    cluster.waits(30).notes("DB01 waits for mbx2 to mount it");
    cluster.reports("mbx2", MountState::Mounted).does(&["m1 succeeded: on mbx2"]);
}

#[test]
fn a_report_under_an_earlier_token_confirms_nothing() {
    let old = Token { epoch: 1, revision: 2 };
    Cluster::new()
        .assigned("mbx1", Wanted::Dismounted, handing_over("mbx2"))
        .asked(Some("mbx2"))
        .reports_under("mbx1", MountState::Dismounted, old)
        .waits(12);
    Cluster::new()
        .assigned("mbx2", Wanted::Mounted, moved("mbx1"))
        .asked(Some("mbx2"))
        .reports_under("mbx2", MountState::Mounted, old)
        .waits(30);
}

#[test]
fn a_holder_that_does_not_let_go_in_time_is_fenced() {
    Cluster::new()
        .mounted("mbx1")
        .asked(Some("mbx2"))
        .assigned("mbx1", Wanted::Dismounted, handing_over("mbx2"))
        .later(12)
        .does(&["DB01 on mbx2 Mounted, fencing mbx1: moved from mbx1 for alice by move m1"]);
}

#[test]
fn a_holder_that_goes_during_the_hand_over_is_fenced_at_once() {
    Cluster::new()
        .asked(Some("mbx2"))
        .assigned("mbx1", Wanted::Dismounted, handing_over("mbx2"))
        .absent("mbx1")
        .does(&["DB01 on mbx2 Mounted, fencing mbx1: moved from mbx1 for alice by move m1"]);
}

#[test]
fn a_fence_is_repeated_until_its_record_is_gone_and_its_server_gets_nothing_before() {
    let cluster = Cluster::new().awaiting_fence("mbx1", Token { epoch: 1, revision: 5 });
    cluster.does(&["fence mbx1 for DB01", "DB01 on mbx2 Mounted: first assignment"]);
}

#[test]
fn a_move_to_an_unfit_server_is_refused_with_its_reason() {
    let table = [
        (Cluster::new().absent("mbx2"), "mbx2: it is absent"),
        (Cluster::new().blocked("mbx2", "bob", false), "mbx2: activation is blocked by bob"),
        (Cluster::new().under_maintenance("mbx2"), "mbx2: it is under maintenance by alice"),
    ];
    for (cluster, reason) in table {
        let refused = format!("m1 refused: {reason}");
        cluster.mounted("mbx1").asked(Some("mbx2")).does(&[&refused]);
    }
    Cluster::new().mounted("mbx1").asked(Some("cas1")).does(&["m1 refused: cas1: it has no copy"]);
}

#[test]
fn a_move_to_the_best_place_is_refused_with_a_reason_for_every_copy() {
    Cluster::new()
        .mounted("mbx1")
        .absent("mbx2")
        .asked(None)
        .does(&["m1 refused: mbx1: it has it already; mbx2: it is absent"]);
}

#[test]
fn force_overlooks_a_block_and_a_failed_mount_but_neither_absence_nor_maintenance() {
    let over = "DB01 on mbx1 Dismounted: being handed over to mbx2 by move m1";
    let old = Token { epoch: 1, revision: 2 };
    let asked = |cluster: Cluster, who| cluster.mounted("mbx1").asked_by(who, Some("mbx2"), true);
    asked(Cluster::new().blocked("mbx2", "bob", false), "recovery-1").does(&[over]);
    asked(Cluster::new().reports_under("mbx2", failed("full"), old), "recovery-1").does(&[over]);
    asked(Cluster::new().absent("mbx2"), "alice").does(&["m1 refused: mbx2: it is absent"]);
    asked(Cluster::new().under_maintenance("mbx2"), "alice")
        .does(&["m1 refused: mbx2: it is under maintenance by alice"]);
}

#[test]
fn a_person_may_name_a_server_whose_last_mount_failed_and_a_recovery_may_not() {
    let cluster = || {
        let old = Token { epoch: 1, revision: 2 };
        Cluster::new().mounted("mbx1").reports_under("mbx2", failed("full"), old)
    };
    cluster()
        .asked_by("alice", Some("mbx2"), false)
        .does(&["DB01 on mbx1 Dismounted: being handed over to mbx2 by move m1"]);
    cluster()
        .asked_by("recovery-1", Some("mbx2"), false)
        .does(&["m1 refused: mbx2: its last mount failed: full"]);
}

#[test]
fn a_move_to_where_the_database_is_mounted_succeeds_at_once() {
    Cluster::new().mounted("mbx1").asked(Some("mbx1")).does(&["m1 succeeded: on mbx1"]);
}

#[test]
fn a_move_to_where_the_mount_failed_tries_again() {
    Cluster::new()
        .assigned("mbx1", Wanted::Mounted, AssignmentReason::FirstAssignment)
        .reports("mbx1", failed("full"))
        .asked(Some("mbx1"))
        .does(&["DB01 on mbx1 Mounted: moved from mbx1 for alice by move m1"]);
}

#[test]
fn a_move_assigns_what_is_not_assigned_yet() {
    Cluster::new()
        .just_started()
        .asked(Some("mbx2"))
        .does(&["DB01 on mbx2 Mounted: assigned for alice by move m1"]);
}

#[test]
fn a_dismounted_database_moves_and_stays_dismounted() {
    let human = AssignmentReason::ByHuman { by: by("bob") };
    Cluster::new()
        .assigned("mbx1", Wanted::Dismounted, human)
        .reports("mbx1", MountState::Dismounted)
        .asked(Some("mbx2"))
        .does(&["DB01 on mbx2 Dismounted: moved from mbx1 for alice by move m1"]);
    for to in [Some("mbx2"), None] {
        let there = Cluster::new().assigned("mbx2", Wanted::Dismounted, moved("mbx1")).asked(to);
        there.does(&["m1 succeeded: on mbx2"]);
    }
}

#[test]
fn a_move_whose_target_cannot_mount_goes_back_and_then_says_so() {
    let arriving = || Cluster::new().assigned("mbx2", Wanted::Mounted, moved("mbx1")).asked(Some("mbx2"));
    arriving()
        .reports("mbx2", failed("full"))
        .does(&["DB01 on mbx1 Mounted: move m1 to mbx2 failed: the target could not mount it: full"]);
    arriving().later(30).does(&[
        "DB01 on mbx1 Mounted, fencing mbx2: move m1 to mbx2 failed: the target had not mounted it in time",
    ]);
    arriving().absent("mbx2").does(&[
        "DB01 on mbx1 Mounted, fencing mbx2: move m1 to mbx2 failed: the target is not fit: mbx2 went away",
    ]);
    let (id, to, why) = (move_id("m1"), server("mbx2"), MoveFailure::MountOverdue);
    arriving()
        .assigned("mbx1", Wanted::Mounted, AssignmentReason::MoveFailed { id, to, why })
        .does(&["m1 failed: the target had not mounted it in time; back on mbx1"]);
}

#[test]
fn a_move_that_fails_goes_back_to_a_blocked_holder_but_not_to_an_absent_one() {
    let arriving = || Cluster::new().assigned("mbx2", Wanted::Mounted, moved("mbx1")).asked(Some("mbx2"));
    arriving()
        .blocked("mbx1", "alice", true)
        .reports("mbx2", failed("full"))
        .does(&["DB01 on mbx1 Mounted: move m1 to mbx2 failed: the target could not mount it: full"]);
    arriving()
        .absent("mbx1")
        .reports("mbx2", failed("full"))
        .does(&["m1 failed: the target could not mount it: full"]);
}

#[test]
fn a_move_whose_target_becomes_unfit_during_the_hand_over_goes_back() {
    let handing = |to| Cluster::new().asked(to).assigned("mbx1", Wanted::Dismounted, handing_over("mbx2"));
    for to in [Some("mbx2"), None] {
        handing(to).blocked("mbx2", "bob", false).does(&[
            "DB01 on mbx1 Mounted: move m1 to mbx2 failed: the target is not fit: activation is blocked by bob",
        ]);
    }
}

#[test]
fn a_move_to_the_best_place_finds_another_when_its_first_choice_becomes_unfit() {
    Cluster::of(topology(&["mbx1", "mbx2", "mbx3"], &[("DB01", &["mbx1", "mbx2", "mbx3"])]))
        .asked(None)
        .assigned("mbx1", Wanted::Dismounted, handing_over("mbx2"))
        .reports("mbx1", MountState::Dismounted)
        .absent("mbx2")
        .does(&["DB01 on mbx3 Mounted: moved from mbx1 for alice by move m1"]);
}

#[test]
fn a_move_of_a_database_that_is_configured_no_more_is_refused() {
    let mut cluster = Cluster::new().asked(Some("mbx1"));
    cluster.world.topology.databases.clear();
    cluster.does(&["m1 refused: there is no database called DB01"]);
}
