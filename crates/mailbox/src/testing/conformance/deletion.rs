//! What QUIT does.

#![allow(missing_docs, reason = "each function's name is the promise that it checks")]

use super::{assert_no_such_message, current, deliver, list, snapshot};
use crate::{
    MailboxId, MailboxStore, Uid,
    testing::{TestDatabase, delivery, join_all, mailbox_id},
};

async fn three_messages(store: &dyn MailboxStore, mailbox: MailboxId) -> [Uid; 3] {
    [
        deliver(store, 1, mailbox, b"one").await,
        deliver(store, 2, mailbox, b"two").await,
        deliver(store, 3, mailbox, b"three").await,
    ]
}

pub async fn deletion_is_all_or_nothing(database: impl TestDatabase) {
    let (store, mailbox) = (database.store(), mailbox_id(1));
    let uids = three_messages(&*store, mailbox).await;
    let session = snapshot(&*store, mailbox).await;
    let unknown = Uid::new(uids[2].get() + 1000);
    assert_no_such_message(store.delete(&session, &[uids[0], uids[1], unknown]).await, unknown);
    assert_eq!(current(&*store, mailbox).await, uids);
    store.delete(&session, &uids[..2]).await.unwrap();
    assert_eq!(current(&*store, mailbox).await, uids[2..]);
}

pub async fn deletion_of_deleted_messages_counts_as_done(database: impl TestDatabase) {
    let (store, mailbox) = (database.store(), mailbox_id(1));
    let uids = three_messages(&*store, mailbox).await;
    let session = snapshot(&*store, mailbox).await;
    for _ in 0..3 {
        store.delete(&session, &uids[..2]).await.unwrap();
        store.delete(&session, &[uids[1], uids[1]]).await.unwrap();
        let now = snapshot(&*store, mailbox).await;
        assert_eq!((now.messages(), now.octets().get()), (1, 7));
    }
}

pub async fn deletion_of_nothing_is_done(database: impl TestDatabase) {
    let (store, mailbox) = (database.store(), mailbox_id(1));
    store.delete(&snapshot(&*store, mailbox).await, &[]).await.unwrap();
    let uids = three_messages(&*store, mailbox).await;
    store.delete(&snapshot(&*store, mailbox).await, &[]).await.unwrap();
    assert_eq!(current(&*store, mailbox).await, uids);
}

pub async fn overlapping_deletions_of_two_sessions_are_both_done(database: impl TestDatabase) {
    let (store, mailbox) = (database.store(), mailbox_id(1));
    let uids = three_messages(&*store, mailbox).await;
    let one = snapshot(&*store, mailbox).await;
    let other = snapshot(&*store, mailbox).await;
    store.delete(&one, &uids[..2]).await.unwrap();
    drop(one);
    store.delete(&other, &uids[1..]).await.unwrap();
    assert_eq!(list(&*store, &other).await.len(), 3);
    let now = snapshot(&*store, mailbox).await;
    assert_eq!((now.messages(), now.octets().get()), (0, 0));
    assert_eq!(current(&*store, mailbox).await, []);
}

pub async fn deletion_survives_a_remount(mut database: impl TestDatabase) {
    let (store, mailbox) = (database.store(), mailbox_id(1));
    let uids = three_messages(&*store, mailbox).await;
    store.delete(&snapshot(&*store, mailbox).await, &uids[1..]).await.unwrap();
    drop(store);
    database.remount().await;
    let store = database.store();
    assert_eq!(current(&*store, mailbox).await, uids[..1]);
    assert_eq!(snapshot(&*store, mailbox).await.messages(), 1);
}

pub async fn deleted_messages_are_kept_while_an_older_session_lives(mut database: impl TestDatabase) {
    let (store, mailbox) = (database.store(), mailbox_id(1));
    let uids = three_messages(&*store, mailbox).await;
    let oldest = snapshot(&*store, mailbox).await;
    store.delete(&snapshot(&*store, mailbox).await, &uids[..1]).await.unwrap();
    let younger = snapshot(&*store, mailbox).await;
    store.delete(&snapshot(&*store, mailbox).await, &uids[1..2]).await.unwrap();

    assert_eq!(database.kept(mailbox).await, 3);
    assert_eq!(list(&*store, &oldest).await.len(), 3);
    drop(oldest);
    // The younger session never saw the first message, but sees the second.
    assert_eq!(database.kept(mailbox).await, 2);
    assert_eq!(store.read_chunk(&younger, uids[1], 0).await.unwrap(), "two\r\n");
    drop(younger);
    assert_eq!(database.kept(mailbox).await, 1);
}

pub async fn deleted_messages_go_when_every_older_session_has_ended(mut database: impl TestDatabase) {
    let (store, mailbox) = (database.store(), mailbox_id(1));
    let uids = three_messages(&*store, mailbox).await;
    let other = snapshot(&*store, mailbox_id(2)).await;
    store.delete(&snapshot(&*store, mailbox).await, &uids).await.unwrap();
    let _younger = snapshot(&*store, mailbox).await;
    assert_eq!(database.kept(mailbox).await, 0);
    drop(other);
}

pub async fn a_large_deletion_is_removed_whole_and_nothing_else(mut database: impl TestDatabase) {
    let (store, mailbox) = (database.store(), mailbox_id(1));
    let deliver_all = (0..1000).map(|number| store.deliver(delivery(number, mailbox, b"one of many")));
    join_all(deliver_all).await.into_iter().for_each(|delivered| assert!(delivered.is_ok(), "{delivered:?}"));
    let uids = current(&*store, mailbox).await;
    let (kept, deleted): (Vec<Uid>, Vec<Uid>) =
        uids.into_iter().partition(|uid| uid.get().is_multiple_of(10));
    store.delete(&snapshot(&*store, mailbox).await, &deleted).await.unwrap();
    assert_eq!(database.kept(mailbox).await, kept.len() as u64);
    assert_eq!(current(&*store, mailbox).await, kept);
}

pub async fn sessions_of_an_earlier_mount_keep_nothing(mut database: impl TestDatabase) {
    let (store, mailbox) = (database.store(), mailbox_id(1));
    let uids = three_messages(&*store, mailbox).await;
    let _old = snapshot(&*store, mailbox).await;
    store.delete(&snapshot(&*store, mailbox).await, &uids[..2]).await.unwrap();
    assert_eq!(database.kept(mailbox).await, 3);
    drop(store);
    database.remount().await;
    assert_eq!(database.kept(mailbox).await, 1);
}
