//! Standing orders, and the moves people ask for by the dozen.

use placement::record::{AssignmentReason, MoveFailure, Wanted};
use placement::{moves_off, preferred_moves};

use crate::cluster::{Cluster, database, move_id, server, topology};

#[test]
fn a_block_that_moves_asks_for_a_move_in_the_name_of_its_requester() {
    Cluster::new()
        .mounted("mbx1")
        .blocked("mbx1", "recovery-17", true)
        .does(&["recovery-17 asks: DB01 from mbx1 to mbx2"]);
}

#[test]
fn a_block_that_does_not_move_leaves_alone_what_is_active() {
    Cluster::new().mounted("mbx1").blocked("mbx1", "alice", false).does(&[]);
}

#[test]
fn a_block_yields_when_no_other_copy_is_fit_and_says_so() {
    let cluster = Cluster::new().mounted("mbx1").absent("mbx2").blocked("mbx1", "alice", true);
    cluster
        .does(&[])
        .notes("DB01 stays on mbx1, since no other is fit: mbx1: it has it already; mbx2: it is absent");
}

#[test]
fn a_block_does_not_move_what_was_put_there_in_spite_of_it() {
    Cluster::new().blocked("mbx1", "alice", true).mounted("mbx1").does(&[]);
}

#[test]
fn a_block_moves_again_what_came_back_untried_but_not_what_could_not_be_mounted_elsewhere() {
    let came_back = |why| {
        let (id, to) = (move_id("m1"), server("mbx2"));
        let reason = AssignmentReason::MoveFailed { id, to, why };
        Cluster::new().blocked("mbx1", "alice", true).assigned("mbx1", Wanted::Mounted, reason)
    };
    came_back(MoveFailure::TargetUnfit { reason: "it is absent".into() })
        .does(&["alice asks: DB01 from mbx1 to mbx2"]);
    came_back(MoveFailure::MountOverdue).does(&[]);
}

#[test]
fn a_database_leaves_a_server_that_lost_its_copy() {
    Cluster::of(topology(&["mbx1", "mbx2"], &[("DB01", &["mbx2"])]))
        .mounted("mbx1")
        .does(&["placement asks: DB01 from mbx1 to mbx2"]);
}

#[test]
fn preferred_moves_bring_back_what_is_not_at_its_best_fit_copy() {
    let to = |cluster: Cluster| {
        let moves = preferred_moves(&cluster.world);
        moves.into_iter().map(|found| (found.database, found.to.unwrap())).collect::<Vec<_>>()
    };
    assert_eq!(to(Cluster::new().mounted("mbx2")), [(database("DB01"), server("mbx1"))]);
    assert_eq!(to(Cluster::new().mounted("mbx1")), []);
    assert_eq!(to(Cluster::new().mounted("mbx2").absent("mbx1")), []);
}

#[test]
fn moves_off_a_server_say_where_each_database_goes_or_why_it_cannot() {
    let found = moves_off(&Cluster::new().mounted("mbx1").world, &server("mbx1"));
    assert_eq!(found[0].to, Ok(server("mbx2")));
    let stuck = moves_off(&Cluster::new().mounted("mbx1").absent("mbx2").world, &server("mbx1"));
    let why = stuck[0].to.as_ref().unwrap_err().to_string();
    assert_eq!(why, "mbx1: it has it already; mbx2: it is absent");
    assert_eq!(moves_off(&Cluster::new().mounted("mbx1").world, &server("mbx2")), []);
}
