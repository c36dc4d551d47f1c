//! An etcd of three members, of which some die or are cut off: while most of them are left, all goes on; with fewer
//! there is no answer, but never a wrong one.

use std::time::Duration;

use coordinator::{Change, Compare, Coordinator, CoordinatorError, Prefix, Revision, Txn, Watch, WatchEvent};

use crate::counting::{Counters, number};
use crate::fixture::{block_on, change, eventually, key, put};
use crate::members::{MEMBERS, Members};

/// Longer than anything takes; for bounded waits.
const PATIENCE: Duration = Duration::from_mins(1);

fn is_away<T>(answer: &Result<T, CoordinatorError>) -> bool {
    matches!(answer, Err(CoordinatorError::Unavailable { .. }))
}

fn is_unknown<T>(answer: &Result<T, CoordinatorError>) -> bool {
    matches!(answer, Err(CoordinatorError::OutcomeUnknown { .. }))
}

async fn value(client: &dyn Coordinator) -> Result<Vec<u8>, CoordinatorError> {
    let reading = client.read(&Prefix::everything()).await?;
    let entry = reading.entries.into_iter().find(|entry| entry.key == key("a"));
    Ok(entry.map(|entry| entry.value.to_vec()).unwrap_or_default())
}

/// Puts a value, once there is somebody who takes it.
async fn put_at_last(client: &dyn Coordinator, value: &'static str) -> Revision {
    let put = async || Some(change(client, vec![put("a", value)]).await.ok()?.revision);
    eventually("a value is put", put).await
}

#[test]
fn all_goes_on_without_one_of_three() {
    block_on(async {
        let mut members = Members::start().await;
        let dead = members.follower().await;
        let client = members.client(dead);
        let lease = client.grant(Duration::from_mins(1)).await.unwrap();
        let before = change(&client, vec![put("a", "before")]).await.unwrap().revision;
        let mut watch = client.watch(&Prefix::everything(), before).await.unwrap();
        members.kill(dead);
        client.keep_alive(lease.id).await.unwrap();
        let without = put_at_last(&client, "without").await;
        assert_eq!(value(&client).await.unwrap(), b"without");
        let told = watch.next().await.unwrap();
        assert_eq!((told.len(), told[0].revision()), (1, without));
        members.start_again(dead);
        // It has caught up when it answers.
        let alone = members.only(dead);
        let read = eventually("it answers again", async || value(&alone).await.ok()).await;
        assert_eq!(read, b"without");
    });
}

#[test]
fn what_was_acknowledged_survives_the_deaths_of_leaders() {
    block_on(async {
        let mut members = Members::start().await;
        let looking = members.client(0);
        let epoch = looking.epoch().await.unwrap();
        let counters = Counters::start((0..MEMBERS).map(|first| members.client(first)));
        let mut reached = 0;
        for _ in 0..3 {
            reached = reaches(&looking, reached + 10).await;
            let leader = members.leader().await;
            members.kill(leader);
            // The others go on.
            reached = reaches(&looking, reached + 10).await;
            members.start_again(leader);
        }
        reaches(&looking, reached + 10).await;
        counters.prove(&looking).await;
        assert_eq!(looking.epoch().await.unwrap(), epoch);
    });
}

/// Waits until the count is above `goal`.
async fn reaches(looking: &dyn Coordinator, goal: u64) -> u64 {
    eventually("the counting goes on", async || {
        number(looking).await.ok().map(|(now, _)| now).filter(|now| *now > goal)
    })
    .await
}

#[test]
fn without_most_of_them_there_is_no_answer_rather_than_a_wrong_one() {
    block_on(async {
        let mut members = Members::start().await;
        let left = members.leader().await;
        let (client, alone) = (members.client(left), members.only(left));
        let lease = alone.grant(Duration::from_mins(1)).await.unwrap();
        let now = change(&alone, vec![put("a", "before")]).await.unwrap().revision;
        let mut watch = alone.watch(&Prefix::everything(), now).await.unwrap();
        for dead in [left + 1, left + 2] {
            members.kill(dead % MEMBERS);
        }
        let (put_alone, deleted, read, granted, told, begun) = tokio::join!(
            change(&alone, vec![put("a", "in doubt")]),
            change(&client, vec![Change::Delete(key("b"))]),
            value(&alone),
            alone.grant(Duration::from_secs(5)),
            watch.next(),
            alone.watch(&Prefix::everything(), now),
        );
        assert!(is_unknown(&put_alone) || is_away(&put_alone), "{put_alone:?}");
        assert!(is_unknown(&deleted) || is_away(&deleted), "{deleted:?}");
        assert!(is_unknown(&granted) || is_away(&granted), "{granted:?}");
        assert!(is_away(&read), "{read:?}");
        assert!(is_away(&told), "{told:?}");
        assert!(begun.is_err_and(|error| is_away::<()>(&Err(error))));
        // A leader believes for a moment that it still is one.
        eventually("no lease is kept alive", async || {
            is_away(&alone.keep_alive(lease.id).await).then_some(())
        })
        .await;
        members.start_again((left + 1) % MEMBERS);
        let read = eventually("two of three answer", async || value(&client).await.ok()).await;
        // What was in doubt has happened or may yet happen.
        assert!(["before", "in doubt"].map(str::as_bytes).contains(&&*read), "{read:?}");
        put_at_last(&client, "after").await;
        assert_eq!(value(&client).await.unwrap(), b"after");
    });
}

#[test]
fn a_follower_that_is_cut_off_answers_nothing_and_the_others_go_on() {
    block_on(async {
        let members = Members::start().await;
        let follower = members.follower().await;
        a_member_that_is_cut_off_answers_nothing(&members, follower).await;
    });
}

#[test]
fn a_leader_that_is_cut_off_answers_nothing_and_the_others_go_on() {
    block_on(async {
        let members = Members::start().await;
        let leader = members.leader().await;
        a_member_that_is_cut_off_answers_nothing(&members, leader).await;
    });
}

async fn a_member_that_is_cut_off_answers_nothing(members: &Members, lonely: usize) {
    let (alone, others, all) =
        (members.only(lonely), members.client((lonely + 1) % MEMBERS), members.client(lonely));
    let before = change(&all, vec![put("a", "before")]).await.unwrap().revision;
    let mut watch = all.watch(&Prefix::everything(), before).await.unwrap();
    members.cut_off(lonely);
    let now = put_at_last(&others, "now").await;
    // It has "before", and does not know better.
    let (read, begun, put_alone) = tokio::join!(
        value(&alone),
        alone.watch(&Prefix::everything(), before),
        change(&alone, vec![put("a", "in doubt")]),
    );
    assert!(is_away(&read), "{read:?}");
    assert!(begun.is_err_and(|error| is_away::<()>(&Err(error))));
    assert!(is_unknown(&put_alone), "{put_alone:?}");
    // Whoever knows all of them is told by the others what this one cannot tell.
    let told = tokio::time::timeout(PATIENCE, watch.next()).await.expect("the watch goes on").unwrap();
    assert_eq!((told.len(), told[0].revision()), (1, now));
    assert_eq!(value(&all).await.unwrap(), b"now");
    members.mend();
    let mended = eventually("it answers again", async || value(&alone).await.ok()).await;
    // The change of which nobody knew may have been made by now.
    assert!(["now", "in doubt"].map(str::as_bytes).contains(&&*mended), "{mended:?}");
    let last = put_at_last(&alone, "last").await;
    while tokio::time::timeout(PATIENCE, next(&mut *watch)).await.expect("the watch goes on") < last {}
}

/// The revision of the next changes.
async fn next(watch: &mut dyn Watch) -> Revision {
    watch.next().await.unwrap()[0].revision()
}

#[test]
fn a_watch_survives_its_member_and_tells_every_change_once() {
    block_on(async {
        let mut members = Members::start().await;
        let writer = members.client(0);
        let mut at = change(&writer, vec![put("n", "0")]).await.unwrap().revision;
        let mut number = 0_u32;
        // A follower, then the leader, each in the midst of changes, of which some are told and others are not.
        for leads in [false, true] {
            let dead = if leads { members.leader().await } else { members.follower().await };
            let writer = members.client((dead + 1) % MEMBERS);
            let mut watch = members.client(dead).watch(&Prefix::everything(), at).await.unwrap();
            let mut put_since = Vec::new();
            let mut told = Vec::new();
            for step in 0..60 {
                if step == 20 {
                    told.extend(watch.next().await.unwrap());
                    members.kill(dead);
                }
                number += 1;
                at = put_number(&writer, number, at).await;
                put_since.push(at);
            }
            while told.last().map(WatchEvent::revision) != Some(at) {
                let more = tokio::time::timeout(PATIENCE, watch.next()).await.expect("the watch goes on");
                told.extend(more.unwrap());
            }
            assert!(told.iter().map(WatchEvent::revision).eq(put_since), "{told:?}");
            members.start_again(dead);
            let alone = members.only(dead);
            eventually("it answers again", async || alone.epoch().await.ok()).await;
        }
    });
}

/// Puts a number, once, after what was put last. Whether an attempt that is in doubt came to it is looked up.
async fn put_number(client: &dyn Coordinator, number: u32, last: Revision) -> Revision {
    let text = number.to_string();
    eventually("a number is put", async || {
        let reading = client.read(&Prefix::everything()).await.ok()?;
        let entry = reading.entries.into_iter().find(|entry| entry.key == key("n"))?;
        if entry.value == text.as_bytes() {
            return Some(entry.modified);
        }
        assert_eq!(entry.modified, last, "what was acknowledged is not there");
        let compares = vec![Compare::Modified(key("n"), last)];
        let txn = Txn { compares, then: vec![put("n", text.clone())], otherwise: vec![] };
        client.txn(txn).await.ok().filter(|outcome| outcome.succeeded).map(|outcome| outcome.revision)
    })
    .await
}
