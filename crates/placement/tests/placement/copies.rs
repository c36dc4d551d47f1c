//! The status of copies, as administrators know it.

use placement::record::{AssignmentReason, MountState, Wanted};
use placement::{CopyState, Token, copies};

use crate::cluster::{Cluster, failed};

/// One line a copy: state, active or passive, why.
#[track_caller]
fn shows(cluster: &Cluster, lines: [&str; 2]) {
    let found: Vec<_> = copies(&cluster.world)
        .into_iter()
        .map(|copy| {
            let active = if copy.active { "active" } else { "passive" };
            format!("{} {} {} {active}: {}", copy.server, copy.preference, copy.state, copy.why)
        })
        .collect();
    assert_eq!(found, lines);
}

#[test]
fn a_mounted_copy_is_active_and_the_other_is_healthy() {
    let cluster = Cluster::new().mounted("mbx1");
    shows(&cluster, ["mbx1 1 Mounted active: first assignment", "mbx2 2 Healthy passive: fit"]);
    let copy = &copies(&cluster.world)[0];
    assert_eq!((copy.shared, copy.copy_queue, copy.replay_queue), (true, 0, 0));
    assert_eq!(copy.since.map(|since| since.0), Some(5));
}

#[test]
fn a_mount_under_an_earlier_token_does_not_count() {
    let cluster =
        Cluster::new().mounted("mbx1").assigned("mbx2", Wanted::Mounted, AssignmentReason::MoveGone);
    shows(
        &cluster,
        [
            "mbx1 1 Dismounting passive: it is held still under the earlier token 1.10",
            "mbx2 2 Unknown active: its back end says nothing about it",
        ],
    );
    let old = Token { epoch: 1, revision: 2 };
    let again = Cluster::new().mounted("mbx1").reports_under("mbx1", MountState::Mounted, old);
    assert_eq!(copies(&again.world)[0].state, CopyState::Mounting);
}

#[test]
fn an_absent_server_is_service_down() {
    shows(
        &Cluster::new().mounted("mbx1").says_nothing("mbx1").absent("mbx1").absent("mbx2"),
        ["mbx1 1 ServiceDown active: it is absent", "mbx2 2 ServiceDown passive: it is absent"],
    );
}

#[test]
fn a_blocked_passive_copy_is_suspended_and_a_blocked_active_one_is_mounted() {
    shows(
        &Cluster::new().mounted("mbx1").blocked("mbx1", "alice", false).blocked("mbx2", "bob", false),
        ["mbx1 1 Mounted active: first assignment", "mbx2 2 Suspended passive: activation is blocked by bob"],
    );
}

#[test]
fn failures_are_told_in_the_words_of_the_back_end() {
    let old = Token { epoch: 1, revision: 2 };
    let reason = AssignmentReason::FirstAssignment;
    shows(
        &Cluster::new()
            .assigned("mbx1", Wanted::Mounted, reason)
            .reports("mbx1", failed("bad header"))
            .reports_under("mbx2", failed("full"), old),
        ["mbx1 1 Failed active: bad header", "mbx2 2 Failed passive: full"],
    );
}

#[test]
fn a_holder_that_is_not_fenced_yet_is_dismounting() {
    let token = Token { epoch: 1, revision: 2 };
    shows(
        &Cluster::new().mounted("mbx2").awaiting_fence("mbx1", token),
        [
            "mbx1 1 Dismounting passive: it has not been fenced yet since it held it under token 1.2",
            "mbx2 2 Mounted active: first assignment",
        ],
    );
}
