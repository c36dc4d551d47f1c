//! What a session sees.

#![allow(missing_docs, reason = "each function's name is the promise that it checks")]

use super::{assert_no_such_message, current, deliver, list, read, snapshot};
use crate::{
    MailboxError, Octets, Uid,
    testing::{TestDatabase, mailbox_id},
};

pub async fn a_mailbox_that_never_had_mail_is_empty(database: impl TestDatabase) {
    let store = database.store();
    let snapshot = snapshot(&*store, mailbox_id(1)).await;
    assert_eq!(snapshot.mailbox(), &mailbox_id(1));
    assert_eq!((snapshot.messages(), snapshot.octets()), (0, Octets::ZERO));
    assert!(list(&*store, &snapshot).await.is_empty());
    assert_no_such_message(store.read_chunk(&snapshot, Uid::new(1), 0).await, Uid::new(1));
}

pub async fn a_snapshot_counts_what_it_lists(database: impl TestDatabase) {
    let store = database.store();
    for (number, length) in (0..20).zip((0..).step_by(7)) {
        deliver(&*store, number, mailbox_id(number % 2), &vec![b'x'; length]).await;
    }
    for mailbox in [mailbox_id(0), mailbox_id(1)] {
        let snapshot = snapshot(&*store, mailbox).await;
        let entries = list(&*store, &snapshot).await;
        assert_eq!(entries.len(), 10);
        assert_eq!(snapshot.messages(), 10);
        assert_eq!(snapshot.octets(), entries.iter().map(|entry| entry.octets).sum());
        assert_eq!(snapshot.highest(), entries[9].uid);
    }
}

pub async fn mail_that_arrives_later_is_not_in_the_snapshot(database: impl TestDatabase) {
    let (store, mailbox) = (database.store(), mailbox_id(1));
    let first = deliver(&*store, 1, mailbox, b"first").await;
    let before = snapshot(&*store, mailbox).await;
    let later = deliver(&*store, 2, mailbox, b"second").await;

    assert_eq!(before.messages(), 1);
    let uids: Vec<Uid> = list(&*store, &before).await.iter().map(|entry| entry.uid).collect();
    assert_eq!(uids, [first]);
    assert_no_such_message(store.read_chunk(&before, later, 0).await, later);
    assert!(store.read_ahead(&before, &[later], 1000).await.unwrap().is_empty());
    assert_no_such_message(store.delete(&before, &[later]).await, later);
    assert_eq!(current(&*store, mailbox).await, [first, later]);
}

pub async fn a_message_that_another_session_deleted_is_seen_until_the_session_ends(
    database: impl TestDatabase,
) {
    let (store, mailbox) = (database.store(), mailbox_id(1));
    let uid = deliver(&*store, 1, mailbox, b"Subject: kept\r\n\r\nfor the other").await;
    let reader = snapshot(&*store, mailbox).await;
    let deleter = snapshot(&*store, mailbox).await;
    store.delete(&deleter, &[uid]).await.unwrap();
    drop(deleter);

    let entries = list(&*store, &reader).await;
    assert_eq!(entries.len(), 1);
    let wire = read(&*store, &reader, &entries[0]).await;
    assert_eq!(wire, b"Subject: kept\r\n\r\nfor the other\r\n");
    assert_eq!(store.read_ahead(&reader, &[uid], 1000).await.unwrap(), [wire]);
}

pub async fn a_clone_of_a_snapshot_keeps_what_it_sees(mut database: impl TestDatabase) {
    let (store, mailbox) = (database.store(), mailbox_id(1));
    let uid = deliver(&*store, 1, mailbox, b"cloned").await;
    let reader = snapshot(&*store, mailbox).await;
    store.delete(&snapshot(&*store, mailbox).await, &[uid]).await.unwrap();
    let clone = reader.clone();
    drop(reader);
    assert_eq!(database.kept(mailbox).await, 1);
    assert_eq!(store.read_chunk(&clone, uid, 0).await.unwrap(), "cloned\r\n");
    drop(clone);
    assert_eq!(database.kept(mailbox).await, 0);
}

pub async fn a_new_snapshot_ignores_deleted_messages(database: impl TestDatabase) {
    let (store, mailbox) = (database.store(), mailbox_id(1));
    let mut uids = Vec::new();
    for number in 0..5 {
        uids.push(deliver(&*store, number, mailbox, b"12345678").await);
    }
    let session = snapshot(&*store, mailbox).await;
    store.delete(&session, &[uids[0], uids[3]]).await.unwrap();

    // While the old session lives and after it has ended.
    for old_session in [Some(session), None] {
        let next = snapshot(&*store, mailbox).await;
        assert_eq!((next.messages(), next.octets()), (3, Octets::new(30)));
        assert_eq!(current(&*store, mailbox).await, [uids[1], uids[2], uids[4]]);
        assert_no_such_message(store.read_chunk(&next, uids[0], 0).await, uids[0]);
        assert!(store.read_ahead(&next, &[uids[0]], 1000).await.unwrap().is_empty());
        drop(old_session);
    }
}

pub async fn a_snapshot_sees_nothing_of_other_mailboxes(database: impl TestDatabase) {
    let store = database.store();
    let theirs = deliver(&*store, 1, mailbox_id(1), b"theirs").await;
    let ours = deliver(&*store, 2, mailbox_id(2), b"ours").await;
    let snapshot = snapshot(&*store, mailbox_id(2)).await;
    assert_no_such_message(store.read_chunk(&snapshot, theirs, 0).await, theirs);
    assert!(store.read_ahead(&snapshot, &[theirs], 1000).await.unwrap().is_empty());
    assert_no_such_message(store.delete(&snapshot, &[ours, theirs]).await, theirs);
    assert_eq!(current(&*store, mailbox_id(1)).await, [theirs]);
    assert_eq!(current(&*store, mailbox_id(2)).await, [ours]);
    assert_eq!(current(&*store, mailbox_id(3)).await, []);
}

pub async fn a_snapshot_of_an_earlier_mount_is_refused(mut database: impl TestDatabase) {
    let (store, mailbox) = (database.store(), mailbox_id(1));
    let uid = deliver(&*store, 1, mailbox, b"mail").await;
    let stale = snapshot(&*store, mailbox).await;
    drop(store);
    database.remount().await;
    let store = database.store();
    assert!(matches!(store.list(&stale).await, Err(MailboxError::NotMounted)));
    assert!(matches!(store.read_chunk(&stale, uid, 0).await, Err(MailboxError::NotMounted)));
    assert!(matches!(store.read_ahead(&stale, &[uid], 1000).await, Err(MailboxError::NotMounted)));
    assert!(matches!(store.delete(&stale, &[uid]).await, Err(MailboxError::NotMounted)));
    assert_eq!(current(&*store, mailbox).await, [uid]);
}
