//! A process of the cluster, over a coordinator in memory and under a paused clock.

#![expect(clippy::unwrap_used, reason = "in a test a panic is the report")]

use std::sync::Arc;
use std::time::Duration;

use cluster::{Announcements, Announcing, Committed, Following, assignments, commit, everything, key_of};
use coordinator::testing::MemoryCoordinator;
use coordinator::{Coordinator, Standing};
use placement::record::{Assignment, AssignmentReason, Presence, Wanted};
use placement::{Assign, RecordKey, UnixMillis};
use settings::{DatabaseName, ServerName, Value as _};

const TTL: Duration = Duration::from_secs(6);

fn mbx1() -> ServerName {
    ServerName::parse("mbx1").unwrap()
}

fn db01() -> DatabaseName {
    DatabaseName::parse("DB01").unwrap()
}

fn presence() -> Presence {
    Presence { boot_id: "b1".into(), api: None, since: UnixMillis(1) }
}

fn first_assignment() -> Assign {
    Assign {
        database: db01(),
        server: mbx1(),
        wanted: Wanted::Mounted,
        expects: None,
        fence: None,
        reason: AssignmentReason::FirstAssignment,
    }
}

/// Waits, by the paused clock, until the coordinator has so many entries.
async fn until_entries(coordinator: &MemoryCoordinator, wanted: usize) {
    for _ in 0..1000 {
        let found = coordinator.read(&everything()).await.map(|reading| reading.entries.len());
        if found.is_ok_and(|found| found == wanted) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("there are never {wanted} entries");
}

fn say(said: &mut Announcements) {
    said.say(&RecordKey::Agent(mbx1()), &presence());
}

#[tokio::test(start_paused = true)]
async fn what_is_announced_stays_as_long_as_the_process_does() {
    let coordinator = Arc::new(MemoryCoordinator::new());
    let announcing = Announcing::start(Arc::clone(&coordinator) as Arc<dyn Coordinator>, TTL);
    announcing.update(say);
    until_entries(&coordinator, 1).await;
    tokio::time::sleep(TTL * 10).await;
    until_entries(&coordinator, 1).await;
    drop(announcing);
    tokio::time::sleep(TTL * 2).await;
    until_entries(&coordinator, 0).await;
}

#[tokio::test(start_paused = true)]
async fn what_is_withdrawn_is_gone_at_once_and_what_is_said_no_more_is_gone_soon() {
    let coordinator = Arc::new(MemoryCoordinator::new());
    let announcing = Announcing::start(Arc::clone(&coordinator) as Arc<dyn Coordinator>, TTL);
    announcing.update(say);
    until_entries(&coordinator, 1).await;
    announcing.update(|said| *said = Announcements::default());
    until_entries(&coordinator, 0).await;
    announcing.update(say);
    until_entries(&coordinator, 1).await;
    announcing.withdraw().await;
    assert!(coordinator.read(&everything()).await.unwrap().entries.is_empty());
}

#[tokio::test(start_paused = true)]
async fn everything_is_said_anew_when_the_coordinator_was_away_for_longer_than_the_lease() {
    let coordinator = Arc::new(MemoryCoordinator::new());
    let announcing = Announcing::start(Arc::clone(&coordinator) as Arc<dyn Coordinator>, TTL);
    announcing.update(say);
    until_entries(&coordinator, 1).await;
    let before = *announcing.lease().borrow();
    coordinator.set_available(false);
    tokio::time::sleep(TTL * 3).await;
    coordinator.set_available(true);
    let mut lease = announcing.lease();
    lease.wait_for(|lease| lease.is_some() && *lease != before).await.unwrap();
    until_entries(&coordinator, 1).await;
}

#[tokio::test(start_paused = true)]
async fn a_decision_is_written_once_and_followed_with_its_token() {
    let coordinator = Arc::new(MemoryCoordinator::new());
    let following = Following::start(Arc::clone(&coordinator) as Arc<dyn Coordinator>, assignments(), None);
    let mut placed = following.changes();
    let writes = first_assignment().writes(UnixMillis(1));
    let written = commit(&*coordinator, &writes, Vec::new()).await.unwrap();
    let Committed::Written(revision) = written else { panic!("nobody was faster") };
    assert_eq!(commit(&*coordinator, &writes, Vec::new()).await.unwrap(), Committed::Void);
    let seen = placed.wait_for(|placed| placed.records.assignments.contains_key(&db01())).await.unwrap();
    let kept = &seen.records.assignments[&db01()];
    assert_eq!((kept.revision, &kept.value.server), (revision.0, &mbx1()));
    assert_eq!(seen.token(kept.revision).epoch, coordinator.epoch().await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn records_are_remembered_while_the_coordinator_is_away() {
    let coordinator = Arc::new(MemoryCoordinator::new());
    let writes = first_assignment().writes(UnixMillis(1));
    commit(&*coordinator, &writes, Vec::new()).await.unwrap();
    let following = Following::start(Arc::clone(&coordinator) as Arc<dyn Coordinator>, assignments(), None);
    let mut placed = following.changes();
    placed.wait_for(|placed| matches!(placed.standing, Standing::Live)).await.unwrap();
    coordinator.set_available(false);
    let stale = placed.wait_for(|placed| matches!(placed.standing, Standing::Stale { .. })).await.unwrap();
    assert!(stale.records.assignments.contains_key(&db01()));
}

#[test]
fn an_assignment_is_kept_under_its_key() {
    assert_eq!(key_of(&RecordKey::Assignment(db01())).as_str(), "assignments/db01");
    let assignment = Assignment {
        server: mbx1(),
        wanted: Wanted::Mounted,
        reason: AssignmentReason::FirstAssignment,
        since: UnixMillis(1),
    };
    let writes = first_assignment().writes(UnixMillis(1));
    assert_eq!(serde_json::from_str::<Assignment>(&writes.puts[0].1).unwrap(), assignment);
}
