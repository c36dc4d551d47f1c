//! Which mailboxes there are.

#![allow(missing_docs, reason = "each function's name is the promise that it checks")]

use super::{current, deliver, list, read, snapshot};
use crate::{
    Delivery, MailboxStore, MailboxSummary, Octets,
    testing::{TestDatabase, delivery, mailbox_id},
};

async fn listed(store: &dyn MailboxStore) -> Vec<MailboxSummary> {
    store.mailboxes().await.expect("the store is mounted")
}

pub async fn mailboxes_are_listed_by_name(mut database: impl TestDatabase) {
    let store = database.store();
    assert_eq!(listed(&*store).await, []);
    let named = |number, mailbox, name: &str| Delivery {
        name: name.to_owned(),
        ..delivery(number, mailbox_id(mailbox), b"12345678")
    };
    store.deliver(named(1, 1, "ray@example.com")).await.unwrap();
    store.deliver(named(2, 2, "kim@example.com")).await.unwrap();
    store.deliver(named(3, 3, "kim@example.com")).await.unwrap();
    // The last delivery's name is the mailbox's.
    store.deliver(named(4, 1, "ann@example.com")).await.unwrap();
    let deleted = current(&*store, mailbox_id(3)).await;
    store.delete(&snapshot(&*store, mailbox_id(3)).await, &deleted).await.unwrap();
    // Log-in alone makes no mailbox.
    snapshot(&*store, mailbox_id(4)).await;

    let summary = |mailbox, name: &str, messages| MailboxSummary {
        mailbox: mailbox_id(mailbox),
        name: name.to_owned(),
        messages,
        octets: Octets::new(10 * messages),
    };
    let expected = [
        summary(1, "ann@example.com", 2),
        summary(2, "kim@example.com", 1),
        summary(3, "kim@example.com", 0),
    ];
    assert_eq!(listed(&*store).await, expected);
    drop(store);
    database.remount().await;
    assert_eq!(listed(&*database.store()).await, expected);
}

pub async fn a_removed_mailbox_is_empty_and_not_listed(mut database: impl TestDatabase) {
    let (store, mailbox) = (database.store(), mailbox_id(1));
    deliver(&*store, 1, mailbox, b"one").await;
    deliver(&*store, 2, mailbox, b"two").await;
    store.remove_mailbox(&mailbox).await.unwrap();
    assert_eq!(listed(&*store).await, []);
    assert_eq!(current(&*store, mailbox).await, []);
    assert_eq!(snapshot(&*store, mailbox).await.octets(), Octets::ZERO);
    assert_eq!(database.kept(mailbox).await, 0);
    drop(store);
    database.remount().await;
    assert_eq!(listed(&*database.store()).await, []);
}

pub async fn removal_leaves_sessions_what_they_see(mut database: impl TestDatabase) {
    let (store, mailbox) = (database.store(), mailbox_id(1));
    deliver(&*store, 1, mailbox, b"still read").await;
    let session = snapshot(&*store, mailbox).await;
    store.remove_mailbox(&mailbox).await.unwrap();
    assert_eq!(database.kept(mailbox).await, 1);
    let entries = list(&*store, &session).await;
    assert_eq!(read(&*store, &session, &entries[0]).await, b"still read\r\n");
    store.delete(&session, &[entries[0].uid]).await.unwrap();
    drop(session);
    assert_eq!(database.kept(mailbox).await, 0);
}

pub async fn removal_leaves_other_mailboxes_alone(database: impl TestDatabase) {
    let store = database.store();
    deliver(&*store, 1, mailbox_id(1), b"removed").await;
    let uid = deliver(&*store, 2, mailbox_id(2), b"left").await;
    store.remove_mailbox(&mailbox_id(1)).await.unwrap();
    assert_eq!(current(&*store, mailbox_id(2)).await, [uid]);
    assert_eq!(listed(&*store).await.len(), 1);
}

pub async fn a_mailbox_begins_anew_after_its_removal(mut database: impl TestDatabase) {
    let (store, mailbox) = (database.store(), mailbox_id(1));
    let old = deliver(&*store, 1, mailbox, b"old").await;
    let session = snapshot(&*store, mailbox).await;
    store.remove_mailbox(&mailbox).await.unwrap();
    // While an old session lives, and again after everything old is gone.
    let new = deliver(&*store, 2, mailbox, b"new").await;
    assert!(new > old);
    assert_eq!(current(&*store, mailbox).await, [new]);
    assert_eq!(list(&*store, &session).await.len(), 1);
    drop(session);
    store.remove_mailbox(&mailbox).await.unwrap();
    assert_eq!(database.kept(mailbox).await, 0);
    let newest = deliver(&*store, 3, mailbox, b"newest").await;
    assert!(newest > new);
    assert_eq!(current(&*store, mailbox).await, [newest]);
    assert_eq!(snapshot(&*store, mailbox).await.messages(), 1);
    assert_eq!(listed(&*store).await.len(), 1);
}

pub async fn removal_of_an_unknown_mailbox_is_done(database: impl TestDatabase) {
    let store = database.store();
    store.remove_mailbox(&mailbox_id(1)).await.unwrap();
    assert_eq!(listed(&*store).await, []);
}
