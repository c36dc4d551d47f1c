//! What arrives, under which name, and how often.

#![allow(missing_docs, reason = "each function's name is the promise that it checks")]

use std::{collections::BTreeSet, io, sync::Arc};

use bytes::Bytes;

use super::{current, deliver, list, read, snapshot};
use crate::{
    Delivered, Delivery, MailboxError, MailboxId, MailboxStore, Octets, Uidl, WireLengths, WireMessage,
    testing::{TestDatabase, delivery, join_all, mailbox_id},
};

pub async fn uids_ascend_in_the_order_of_arrival(database: impl TestDatabase) {
    let store = database.store();
    let mut uids = Vec::new();
    for number in 0..10 {
        uids.push(deliver(&*store, number, mailbox_id(number % 3), b"mail").await);
    }
    assert!(uids[0].get() >= 1);
    assert!(uids.is_sorted_by(|a, b| a < b), "{uids:?}");
    assert_eq!(current(&*store, mailbox_id(1)).await, [uids[1], uids[4], uids[7]]);
}

pub async fn deliveries_at_once_are_all_stored(database: impl TestDatabase) {
    let store = database.store();
    let body = |number: u64| format!("Subject: {number}\r\n\r\nmail for {}\r\n", number % 7);
    let offers = (0..200)
        .map(|number| store.deliver(delivery(number, mailbox_id(number % 7), body(number).as_bytes())));
    let delivered = join_all(offers).await;
    let uids: BTreeSet<_> = delivered.into_iter().map(|answer| answer.unwrap().uid()).collect();
    assert_eq!(uids.len(), 200);
    let mut bodies = BTreeSet::new();
    for mailbox in 0..7 {
        let snapshot = snapshot(&*store, mailbox_id(mailbox)).await;
        for entry in list(&*store, &snapshot).await {
            let text = String::from_utf8(read(&*store, &snapshot, &entry).await).unwrap();
            assert!(text.ends_with(&format!("mail for {mailbox}\r\n")), "{text}");
            assert!(uids.contains(&entry.uid));
            bodies.insert(text);
        }
    }
    assert_eq!(bodies, (0..200).map(body).collect());
}

pub async fn messages_survive_a_remount(mut database: impl TestDatabase) {
    let (store, mailbox) = (database.store(), mailbox_id(1));
    deliver(&*store, 1, mailbox, b"Subject: still here\r\n\r\n.").await;
    let before = list(&*store, &snapshot(&*store, mailbox).await).await;
    drop(store);
    database.remount().await;
    let store = database.store();
    let session = snapshot(&*store, mailbox).await;
    assert_eq!(list(&*store, &session).await, before);
    assert_eq!(read(&*store, &session, &before[0]).await, b"Subject: still here\r\n\r\n..\r\n");
}

async fn names(store: &dyn MailboxStore, mailbox: MailboxId) -> Vec<Uidl> {
    list(store, &snapshot(store, mailbox).await).await.into_iter().map(|entry| entry.uidl).collect()
}

pub async fn names_are_not_reused_after_deletion(mut database: impl TestDatabase) {
    let mailbox = mailbox_id(1);
    let mut given = BTreeSet::new();
    for number in 0..4 {
        let store = database.store();
        let uid = deliver(&*store, number, mailbox, b"mail").await;
        assert!(given.extend_one_new(names(&*store, mailbox).await), "{given:?}");
        store.delete(&snapshot(&*store, mailbox).await, &[uid]).await.unwrap();
        // Also when nothing is left that had the name, and even the mailbox is gone.
        assert_eq!(database.kept(mailbox).await, 0);
        if number == 1 {
            store.remove_mailbox(&mailbox).await.unwrap();
        }
        drop(store);
        database.remount().await;
    }
}

pub async fn names_are_not_reused_after_a_restore(mut database: impl TestDatabase) {
    let mailbox = mailbox_id(1);
    let store = database.store();
    deliver(&*store, 1, mailbox, b"in the backup").await;
    let kept = names(&*store, mailbox).await;
    drop(store);
    database.back_up().await;
    let mut given: BTreeSet<Uidl> = kept.iter().cloned().collect();
    // The same backup twice: what was named between the restores stays named.
    for round in 0..3 {
        let store = database.store();
        assert_eq!(names(&*store, mailbox).await, kept, "messages keep their names");
        deliver(&*store, 10 + round, mailbox, b"after the backup").await;
        assert!(given.extend_one_new(names(&*store, mailbox).await.split_off(1)), "{given:?}");
        drop(store);
        database.restore().await;
    }
}

trait ExtendOneNew {
    fn extend_one_new(&mut self, names: Vec<Uidl>) -> bool;
}

impl ExtendOneNew for BTreeSet<Uidl> {
    /// Adds the only one of `names`; whether it was not there yet.
    fn extend_one_new(&mut self, names: Vec<Uidl>) -> bool {
        names.len() == 1 && names.into_iter().all(|name| self.insert(name))
    }
}

fn import(number: u64, mailbox: MailboxId, name: &Uidl) -> Delivery {
    Delivery { uidl: Some(name.clone()), ..delivery(number, mailbox, b"imported") }
}

pub async fn imported_names_are_kept(mut database: impl TestDatabase) {
    let mailbox = mailbox_id(1);
    let foreign = [
        Uidl::parse("whqtswO00WBw418f9t5JxYwZ").unwrap(),
        Uidl::parse(&"~".repeat(70)).unwrap(),
        Uidl::parse("deadbeef00000001").unwrap(),
    ];
    let store = database.store();
    for (name, number) in foreign.iter().zip(1..) {
        store.deliver(import(number, mailbox, name)).await.unwrap();
        // Names are unique in a mailbox, not beyond.
        store.deliver(import(number, mailbox_id(2), name)).await.unwrap();
    }
    assert_eq!(names(&*store, mailbox).await, foreign);
    drop(store);
    database.remount().await;
    assert_eq!(names(&*database.store(), mailbox).await, foreign);
}

async fn assert_taken(store: &dyn MailboxStore, number: u64, mailbox: MailboxId, name: &Uidl) {
    let before = current(store, mailbox).await;
    match store.deliver(import(number, mailbox, name)).await {
        Err(MailboxError::UidlTaken { uidl }) => assert_eq!(uidl, *name),
        other => panic!("not UidlTaken but {other:?}"),
    }
    assert_eq!(current(store, mailbox).await, before);
}

pub async fn imported_names_that_are_taken_are_refused(database: impl TestDatabase) {
    let (store, mailbox) = (database.store(), mailbox_id(1));
    deliver(&*store, 1, mailbox, b"delivered").await;
    store.deliver(import(2, mailbox, &Uidl::parse("theirs").unwrap())).await.unwrap();
    let keeper = snapshot(&*store, mailbox).await;
    for (name, number) in names(&*store, mailbox).await.iter().zip(10..) {
        assert_taken(&*store, number, mailbox, name).await;
    }
    // A deleted message has its name for as long as a session may see it.
    let uids = current(&*store, mailbox).await;
    store.delete(&keeper, &uids).await.unwrap();
    assert_taken(&*store, 20, mailbox, &Uidl::parse("theirs").unwrap()).await;
    drop(keeper);
}

pub async fn imported_names_that_are_yet_to_be_given_are_refused(database: impl TestDatabase) {
    let (store, mailbox) = (database.store(), mailbox_id(1));
    let uid = deliver(&*store, 1, mailbox, b"delivered").await;
    let name = names(&*store, mailbox).await.remove(0);
    let Some((epoch, at)) = name.as_derived() else { panic!("{name} does not come from epoch and uid") };
    assert_eq!(at, uid);
    assert_taken(&*store, 2, mailbox, &Uidl::derived(epoch, crate::Uid::new(uid.get() + 1))).await;
    assert_taken(&*store, 3, mailbox, &Uidl::derived(epoch, crate::Uid::new(uid.get() + 1000))).await;
}

pub async fn a_delivery_offered_again_is_stored_once(database: impl TestDatabase) {
    let (store, mailbox) = (database.store(), mailbox_id(1));
    let first = store.deliver(delivery(1, mailbox, b"once")).await.unwrap();
    let Delivered::Stored(uid) = first else { panic!("{first:?}") };
    for _ in 0..3 {
        let again = store.deliver(delivery(1, mailbox, b"once")).await.unwrap();
        assert_eq!(again, Delivered::AlreadyStored(uid));
    }
    // The first offer's quota counts: what is stored already needs no room.
    let tight = Delivery { quota: Some(Octets::new(1)), ..delivery(1, mailbox, b"once") };
    assert_eq!(store.deliver(tight).await.unwrap(), Delivered::AlreadyStored(uid));
    assert_eq!(current(&*store, mailbox).await, [uid]);
}

pub async fn a_delivery_is_found_by_its_id(mut database: impl TestDatabase) {
    let (store, mailbox) = (database.store(), mailbox_id(1));
    let id = delivery(1, mailbox, b"").id;
    assert_eq!(store.find_delivery(id, &mailbox).await.unwrap(), None);
    let quota = Some(Octets::new(10));
    store.deliver(Delivery { quota, ..delivery(1, mailbox, b"12345678") }).await.unwrap();
    let uid = current(&*store, mailbox).await[0];
    // It has filled the mailbox, which does not keep it from being found.
    assert!(store.admit(&mailbox, quota, Octets::new(10)).await.is_err());
    assert_eq!(store.find_delivery(id, &mailbox).await.unwrap(), Some(uid));
    assert_eq!(store.find_delivery(id, &mailbox_id(2)).await.unwrap(), None);
    drop(store);
    database.remount().await;
    assert_eq!(database.store().find_delivery(id, &mailbox).await.unwrap(), Some(uid));
}

pub async fn a_delivery_offered_again_after_a_remount_is_stored_once(mut database: impl TestDatabase) {
    let mailbox = mailbox_id(1);
    let uid = deliver(&*database.store(), 1, mailbox, b"once").await;
    database.remount().await;
    let store = database.store();
    let again = store.deliver(delivery(1, mailbox, b"once")).await.unwrap();
    assert_eq!(again, Delivered::AlreadyStored(uid));
    assert_eq!(current(&*store, mailbox).await, [uid]);
}

pub async fn a_delivery_offered_twice_at_once_is_stored_once(database: impl TestDatabase) {
    let (store, mailbox) = (database.store(), mailbox_id(1));
    let offers = (0..20).map(|number| store.deliver(delivery(number % 2, mailbox, b"once")));
    let answers: Vec<Delivered> = join_all(offers).await.into_iter().map(Result::unwrap).collect();
    let stored = answers.iter().filter(|answer| matches!(answer, Delivered::Stored(_))).count();
    assert_eq!(stored, 2, "{answers:?}");
    assert_eq!(current(&*store, mailbox).await.len(), 2);
}

pub async fn a_delivery_offered_again_after_its_deletion_is_not_stored(mut database: impl TestDatabase) {
    let (store, mailbox) = (database.store(), mailbox_id(1));
    let uid = deliver(&*store, 1, mailbox, b"once").await;
    store.delete(&snapshot(&*store, mailbox).await, &[uid]).await.unwrap();
    assert_eq!(database.kept(mailbox).await, 0);
    let again = store.deliver(delivery(1, mailbox, b"once")).await.unwrap();
    assert_eq!(again, Delivered::AlreadyStored(uid));
    assert_eq!(current(&*store, mailbox).await, []);
}

pub async fn one_delivery_to_two_mailboxes_is_stored_in_both(database: impl TestDatabase) {
    let store = database.store();
    let one = deliver(&*store, 1, mailbox_id(1), b"to both").await;
    let other = deliver(&*store, 1, mailbox_id(2), b"to both").await;
    assert_eq!(current(&*store, mailbox_id(1)).await, [one]);
    assert_eq!(current(&*store, mailbox_id(2)).await, [other]);
}

/// A spool file with a bad block behind its first chunk.
struct Unreadable;

impl WireMessage for Unreadable {
    fn lengths(&self) -> WireLengths {
        WireLengths { octets: Octets::new(100_000), header: 10, wire: 100_000 }
    }

    fn chunk(&self, index: u32) -> io::Result<Bytes> {
        if index == 0 { Ok(vec![b'x'; crate::CHUNK].into()) } else { Err(io::ErrorKind::InvalidData.into()) }
    }
}

pub async fn a_message_that_cannot_be_read_fails_alone(database: impl TestDatabase) {
    let (store, mailbox) = (database.store(), mailbox_id(1));
    let offers = (0..9).map(|number| {
        let sound = delivery(number, mailbox, b"sound");
        store.deliver(if number == 4 { Delivery { message: Arc::new(Unreadable), ..sound } } else { sound })
    });
    for (answer, number) in join_all(offers).await.into_iter().zip(0..) {
        match (answer, number) {
            (Err(MailboxError::Unreadable { source }), 4) => {
                assert_eq!(source.kind(), io::ErrorKind::InvalidData);
            }
            (Ok(Delivered::Stored(_)), 0..=3 | 5..=8) => {}
            (answer, number) => panic!("delivery {number}: {answer:?}"),
        }
    }
    let session = snapshot(&*store, mailbox).await;
    assert_eq!((session.messages(), session.octets().get()), (8, 8 * 7));
    assert_eq!(list(&*store, &session).await.len(), 8);
    // It failed, so it may be offered again.
    let again = store.deliver(delivery(4, mailbox, b"sound")).await.unwrap();
    assert!(matches!(again, Delivered::Stored(_)));
}

pub async fn a_message_that_does_not_fit_is_refused(database: impl TestDatabase) {
    let (store, mailbox) = (database.store(), mailbox_id(1));
    deliver(&*store, 1, mailbox, b"12345678").await;
    let quota = Some(Octets::new(20));
    let offer = |number, raw: &[u8]| Delivery { quota, ..delivery(number, mailbox, raw) };

    match store.deliver(offer(2, b"123456789")).await {
        Err(MailboxError::OverQuota { quota, used, size }) => {
            assert_eq!((quota.get(), used.get(), size.get()), (20, 10, 11));
        }
        other => panic!("not OverQuota but {other:?}"),
    }
    let asked = store.admit(&mailbox, quota, Octets::new(11)).await;
    assert!(matches!(asked, Err(MailboxError::OverQuota { .. })));
    assert_eq!(current(&*store, mailbox).await.len(), 1);

    store.admit(&mailbox, quota, Octets::new(10)).await.unwrap();
    store.deliver(offer(3, b"12345678")).await.unwrap();
    assert!(store.admit(&mailbox, quota, Octets::new(1)).await.is_err());
    // The quota is the mailbox's, and comes with each delivery.
    store.admit(&mailbox_id(2), quota, Octets::new(20)).await.unwrap();
    store.admit(&mailbox, None, Octets::new(1_000)).await.unwrap();
    assert_eq!(current(&*store, mailbox).await.len(), 2);
}

pub async fn quota_ignores_deleted_messages(database: impl TestDatabase) {
    let (store, mailbox) = (database.store(), mailbox_id(1));
    let quota = Some(Octets::new(10));
    let first = deliver(&*store, 1, mailbox, b"12345678").await;
    assert!(store.admit(&mailbox, quota, Octets::new(10)).await.is_err());
    let session = snapshot(&*store, mailbox).await;
    store.delete(&session, &[first]).await.unwrap();
    // The session still holds the message back in the storage.
    store.admit(&mailbox, quota, Octets::new(10)).await.unwrap();
    store.deliver(Delivery { quota, ..delivery(2, mailbox, b"12345678") }).await.unwrap();
    drop(session);
}
