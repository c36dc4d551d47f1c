//! What comes from another database.

#![allow(missing_docs, reason = "each function's name is the promise that it checks")]

use std::{io, sync::Arc};

use bytes::Bytes;

use super::{current, deliver, list, read, snapshot};
use crate::{
    Delivered, Delivery, Import, ImportedMessage, MailboxError, MailboxId, MailboxStore, MemoryMessage,
    Octets, RememberedDelivery, Uid, Uidl, UnixSeconds, WireLengths, WireMessage,
    testing::{Pattern, TestDatabase, delivery, delivery_id, mailbox_id},
};

/// A message called `name`, which says so.
fn message(name: &str) -> ImportedMessage {
    ImportedMessage {
        uidl: Uidl::parse(name).expect("a test's names are names"),
        received: UnixSeconds(1_600_000_000),
        message: Arc::new(MemoryMessage::encode(format!("Subject: {name}\r\n\r\n.").as_bytes())),
        delivery: None,
    }
}

fn part(mailbox: MailboxId, messages: Vec<ImportedMessage>) -> Import {
    Import { mailbox, name: format!("{mailbox}@example.com"), messages, deliveries: Vec::new() }
}

fn remembered(number: u64) -> RememberedDelivery {
    RememberedDelivery { id: delivery_id(number), at: UnixSeconds(u64::from(u32::MAX)) }
}

async fn names(store: &dyn MailboxStore, mailbox: MailboxId) -> Vec<String> {
    let snapshot = snapshot(store, mailbox).await;
    list(store, &snapshot).await.iter().map(|entry| entry.uidl.to_string()).collect()
}

/// All of a mailbox, as an import into another.
async fn copy(store: &dyn MailboxStore, mailbox: MailboxId) -> Vec<ImportedMessage> {
    let snapshot = snapshot(store, mailbox).await;
    let mut messages = Vec::new();
    for entry in list(store, &snapshot).await {
        let lengths = WireLengths { octets: entry.octets, header: entry.header, wire: entry.wire };
        let body = MemoryMessage::from_wire(read(store, &snapshot, &entry).await, lengths);
        messages.push(ImportedMessage { message: Arc::new(body), uidl: entry.uidl, ..message("copied") });
    }
    messages
}

#[track_caller]
fn assert_taken(answer: Result<u64, MailboxError>, name: &str) {
    match answer {
        Err(MailboxError::UidlTaken { uidl }) => assert_eq!(uidl.to_string(), name),
        other => panic!("not UidlTaken but {other:?}"),
    }
}

pub async fn an_import_keeps_names_order_and_bodies(mut database: impl TestDatabase) {
    let (store, mailbox) = (database.store(), mailbox_id(1));
    deliver(&*store, 1, mailbox_id(2), b"another's").await;
    let given = ["zebra", "deadbeef00000009", "ant"];
    assert_eq!(store.import(part(mailbox, given.map(message).to_vec())).await.unwrap(), 3);
    drop(store);
    database.remount().await;

    let store = database.store();
    let session = snapshot(&*store, mailbox).await;
    let entries = list(&*store, &session).await;
    assert_eq!((session.messages(), session.octets()), (3, entries.iter().map(|entry| entry.octets).sum()));
    assert_eq!(session.highest(), entries[2].uid);
    for (entry, name) in entries.iter().zip(given) {
        assert_eq!(entry.uidl.to_string(), name);
        let body = read(&*store, &session, entry).await;
        assert_eq!(body, format!("Subject: {name}\r\n\r\n..\r\n").as_bytes());
    }
    let summaries = store.mailboxes().await.unwrap();
    assert_eq!(summaries[0].name, format!("{mailbox}@example.com"));
    assert_eq!(current(&*store, mailbox_id(2)).await.len(), 1);
}

pub async fn an_import_offered_again_stores_nothing_twice(mut database: impl TestDatabase) {
    let mailbox = mailbox_id(1);
    for (given, new) in [(&["a", "b"][..], 2), (&["a", "b"], 0), (&["b", "c", "c"], 1), (&[], 0)] {
        let store = database.store();
        let messages = given.iter().map(|name| message(name)).collect();
        assert_eq!(store.import(part(mailbox, messages)).await.unwrap(), new, "{given:?}");
        drop(store);
        database.remount().await;
    }
    assert_eq!(names(&*database.store(), mailbox).await, ["a", "b", "c"]);
    assert_eq!(snapshot(&*database.store(), mailbox).await.messages(), 3);
}

/// A message whose body is lost.
struct Unreadable;

impl WireMessage for Unreadable {
    fn lengths(&self) -> WireLengths {
        WireLengths { octets: Octets::new(10), header: 10, wire: 10 }
    }

    fn chunk(&self, _index: u32) -> io::Result<Bytes> {
        Err(io::ErrorKind::InvalidData.into())
    }
}

pub async fn an_import_is_all_or_nothing(database: impl TestDatabase) {
    let (store, mailbox) = (database.store(), mailbox_id(1));
    let bad = ImportedMessage { message: Arc::new(Unreadable), ..message("b") };
    let answer = store.import(part(mailbox, vec![message("a"), bad, message("c")])).await;
    assert!(matches!(answer, Err(MailboxError::Unreadable { .. })), "{answer:?}");
    assert_eq!(current(&*store, mailbox).await, []);
    assert_eq!(store.mailboxes().await.unwrap(), []);
    assert_eq!(store.import(part(mailbox, vec![message("a"), message("c")])).await.unwrap(), 2);
}

pub async fn an_imported_message_of_50_mb_is_read_chunk_by_chunk(database: impl TestDatabase) {
    let (store, mailbox) = (database.store(), mailbox_id(1));
    let large = Pattern::new(50_000_000);
    let imported = ImportedMessage { message: Arc::new(large), ..message("large") };
    assert_eq!(store.import(part(mailbox, vec![imported])).await.unwrap(), 1);
    let session = snapshot(&*store, mailbox).await;
    let entry = list(&*store, &session).await.remove(0);
    for index in [0, 1, entry.chunks() - 1] {
        let chunk = store.read_chunk(&session, entry.uid, index).await.unwrap();
        assert_eq!(chunk, large.chunk(index).unwrap());
    }
}

pub async fn an_import_needs_no_room_in_the_quota(database: impl TestDatabase) {
    let (store, mailbox) = (database.store(), mailbox_id(1));
    let quota = Some(Octets::new(10));
    store.deliver(Delivery { quota, ..delivery(1, mailbox, b"12345678") }).await.unwrap();
    assert_eq!(store.import(part(mailbox, vec![message("beyond")])).await.unwrap(), 1);
    assert!(store.admit(&mailbox, quota, Octets::new(1)).await.is_err());
}

pub async fn imported_deliveries_are_remembered(mut database: impl TestDatabase) {
    let mailbox = mailbox_id(1);
    let brought = ImportedMessage { delivery: Some(remembered(7)), ..message("brought") };
    database.store().import(part(mailbox, vec![brought.clone()])).await.unwrap();
    for _ in 0..2 {
        let store = database.store();
        let uid = current(&*store, mailbox).await[0];
        let again = store.deliver(delivery(7, mailbox, b"brought")).await.unwrap();
        assert_eq!(again, Delivered::AlreadyStored(uid));
        assert_eq!(store.find_delivery(delivery_id(7), &mailbox).await.unwrap(), Some(uid));
        assert_eq!(store.import(part(mailbox, vec![brought.clone()])).await.unwrap(), 0);
        drop(store);
        database.remount().await;
    }
    let elsewhere = database.store().deliver(delivery(7, mailbox_id(2), b"to another")).await.unwrap();
    assert!(matches!(elsewhere, Delivered::Stored(_)));
}

pub async fn deliveries_without_messages_are_remembered_too(mut database: impl TestDatabase) {
    let mailbox = mailbox_id(1);
    let deliveries =
        || Import { deliveries: vec![remembered(7), remembered(8)], ..part(mailbox, Vec::new()) };
    for _ in 0..2 {
        assert_eq!(database.store().import(deliveries()).await.unwrap(), 0);
        database.remount().await;
    }
    let store = database.store();
    let again = store.deliver(delivery(7, mailbox, b"read and deleted before the move")).await.unwrap();
    assert!(matches!(again, Delivered::AlreadyStored(_)), "{again:?}");
    assert_eq!(current(&*store, mailbox).await, []);
    let new = deliver(&*store, 9, mailbox, b"new").await;
    assert_ne!(again.uid(), new);
    assert_eq!(current(&*store, mailbox).await, [new]);
}

pub async fn a_removed_mailbox_can_be_imported_again(database: impl TestDatabase) {
    let (store, mailbox) = (database.store(), mailbox_id(1));
    let all = || part(mailbox, vec![message("a"), message("b")]);
    for round in 0..3 {
        // At once, before the engine has tidied up.
        assert_eq!(store.import(all()).await.unwrap(), 2, "round {round}");
        assert_eq!(names(&*store, mailbox).await, ["a", "b"]);
        store.remove_mailbox(&mailbox).await.unwrap();
        assert_eq!(current(&*store, mailbox).await, []);
    }
}

pub async fn a_mailbox_comes_home_under_the_names_it_left_with(mut database: impl TestDatabase) {
    let (store, mailbox) = (database.store(), mailbox_id(1));
    for number in 0..3 {
        deliver(&*store, number, mailbox, b"well travelled").await;
    }
    let (before, away) = (names(&*store, mailbox).await, copy(&*store, mailbox).await);
    store.remove_mailbox(&mailbox).await.unwrap();
    let deliveries = (0..3).map(remembered).collect();
    assert_eq!(store.import(Import { deliveries, ..part(mailbox, away) }).await.unwrap(), 3);
    assert_eq!(names(&*store, mailbox).await, before);
    assert_eq!(database.kept(mailbox).await, 3);
    deliver(&*store, 9, mailbox, b"new at home").await;
    let after = names(&*store, mailbox).await;
    assert_eq!((&after[..3], after.len()), (&before[..], 4));
}

pub async fn a_name_that_an_old_session_sees_is_not_imported(mut database: impl TestDatabase) {
    let (store, mailbox) = (database.store(), mailbox_id(1));
    store.import(part(mailbox, vec![message("seen")])).await.unwrap();
    let session = snapshot(&*store, mailbox).await;
    store.remove_mailbox(&mailbox).await.unwrap();
    let answer = store.import(part(mailbox, vec![message("unseen"), message("seen")])).await;
    assert_taken(answer, "seen");
    assert_eq!(names(&*store, mailbox).await, [""; 0]);
    assert_eq!(list(&*store, &session).await.len(), 1);
    drop(session);
    assert_eq!(database.kept(mailbox).await, 0);
    assert_eq!(store.import(part(mailbox, vec![message("seen")])).await.unwrap(), 1);
}

pub async fn names_that_are_yet_to_be_given_are_not_imported(database: impl TestDatabase) {
    let (store, mailbox) = (database.store(), mailbox_id(1));
    let uid = deliver(&*store, 1, mailbox_id(2), b"delivered").await;
    let given = names(&*store, mailbox_id(2)).await.remove(0);
    let Some((epoch, _)) = Uidl::parse(&given).unwrap().as_derived() else {
        panic!("{given} is not derived")
    };
    let to_come = Uidl::derived(epoch, Uid::new(uid.get() + 1)).to_string();
    assert_taken(store.import(part(mailbox, vec![message(&to_come)])).await, &to_come);
    assert_eq!(current(&*store, mailbox).await, []);
}

pub async fn mail_that_arrives_after_an_import_is_behind_it(database: impl TestDatabase) {
    let (store, mailbox) = (database.store(), mailbox_id(1));
    let before = snapshot(&*store, mailbox).await;
    store.import(part(mailbox, vec![message("a"), message("b")])).await.unwrap();
    let arrived = deliver(&*store, 1, mailbox, b"arrived").await;
    let uids = current(&*store, mailbox).await;
    assert!(uids.is_sorted_by(|a, b| a < b), "{uids:?}");
    assert_eq!((uids.len(), uids[2]), (3, arrived));
    assert_eq!(list(&*store, &before).await, []);
}
