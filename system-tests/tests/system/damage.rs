//! Damaged mail and bugs: they hurt nobody but those whom they hit.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::Duration;

use backend::mounts::Store;
use mailbox::Uid;
use mailbox::testing::{Interfered, Operation};
use system_tests::stores::Panics;
use system_tests::{House, THREE_MESSAGES};

const USER: &str = "user1@example.com";

#[tokio::test]
async fn a_damaged_message_is_told_and_the_others_are_fine() {
    let house = House::open().await;
    let store = house.mount_three_messages().await;
    store.corrupt(Uid::new(2), 0);
    let mut client = house.logged_in(USER).await;
    assert_eq!(client.retrieves(1).await, THREE_MESSAGES[0]);
    for command in ["RETR 2", "TOP 2 0"] {
        let told = client.asks(command).await;
        assert!(told.starts_with("-ERR [SYS/PERM] "), "{told}");
    }
    assert_eq!(client.retrieves(3).await, THREE_MESSAGES[2]);
    assert_eq!(client.stat().await, (3, 78));
    // It can be deleted.
    client.gets("DELE 2").await;
    client.gets("QUIT").await;
    assert_eq!(house.logged_in(USER).await.stat().await, (2, 47));
}

#[tokio::test]
async fn a_message_damaged_further_on_breaks_off_and_never_looks_whole() {
    let house = House::open().await;
    let store = house.mount_three_messages().await;
    let large = [THREE_MESSAGES[0], &b"0123456789abcdef\r\n".repeat(20_000)].concat();
    house.deliver_into(&(Arc::clone(&store) as Store), USER, &large).await;
    store.corrupt(Uid::new(4), 3);
    let mut client = house.logged_in(USER).await;
    client.says("RETR 4").await;
    client.hears("+OK ").await;
    let sent = client.rest().await;
    assert!(sent.len() < large.len() && !sent.ends_with(b"\r\n.\r\n"), "{} octets were sent", sent.len());
    assert!(!sent.windows(4).any(|part| part == b"-ERR"), "something of ours is in the message");
    // What TOP wants of it is sound.
    let mut client = house.logged_in(USER).await;
    client.gets("TOP 4 1").await;
    assert_eq!(client.message().await, b"Subject: one\r\n\r\nfirst\r\n");
    assert_eq!(client.retrieves(1).await, THREE_MESSAGES[0]);
}

#[tokio::test]
async fn a_bit_that_changed_on_the_disk_is_never_shown() {
    let mut house = House::open().await;
    house.deliver(USER, b"Subject: x\r\n\r\nThe parcel is behind the shed.\r\n").await;
    house.deliver(USER, THREE_MESSAGES[0]).await;
    house.stop_back_end("mbx1", Duration::ZERO).await;
    let file = house.data.database("DB01").join("mail.sqlite");
    let mut octets = std::fs::read(&file).unwrap();
    let place = octets.windows(6).position(|part| part == b"parcel").expect("bodies are stored as they are");
    octets[place] ^= 1;
    std::fs::write(&file, octets).unwrap();
    house.start_back_end("mbx1").await;
    let mut client = house.logged_in(USER).await;
    let told = client.asks("RETR 1").await;
    assert!(told.starts_with("-ERR [SYS/PERM] "), "{told}");
    assert_eq!(client.retrieves(2).await, THREE_MESSAGES[0]);
}

#[tokio::test]
async fn a_panic_in_one_session_ends_that_session_only() {
    let house = House::open().await;
    let store = house.mount_three_messages().await;
    let panics = Arc::new(Panics { at: Operation::ReadChunk, armed: AtomicBool::new(false) });
    let store: Store = Arc::new(Interfered::new(store, Arc::clone(&panics)));
    house.back_end().mounts.insert("DB01", store);
    let (mut hit, mut other) = (house.logged_in(USER).await, house.logged_in(USER).await);
    hit.gets("DELE 1").await;
    panics.armed.store(true, SeqCst);
    hit.says("RETR 2").await;
    let last = String::from_utf8(hit.rest().await).unwrap();
    assert!(last.is_empty() || last.starts_with("-ERR [SYS/TEMP] "), "{last}");
    panics.armed.store(false, SeqCst);
    assert_eq!(other.retrieves(2).await, THREE_MESSAGES[1]);
    assert_eq!(house.logged_in(USER).await.stat().await, (3, 78));
}

#[tokio::test]
async fn a_panic_in_a_delivery_is_neither_a_lost_nor_a_double_message() {
    let house = House::open().await;
    let panics = Arc::new(Panics { at: Operation::Deliver, armed: AtomicBool::new(true) });
    let store = Interfered::new(Arc::clone(&house.back_end().store) as Store, Arc::clone(&panics));
    house.back_end().mounts.insert("DB01", Arc::new(store));
    let mut mail_server = house.mail_server().await;
    let replies = mail_server.delivers(THREE_MESSAGES[0], &[USER]).await;
    // It may be the message that does it, so it is not offered for ever.
    assert_eq!(replies[0].code() / 100, 4, "{}", replies[0]);
    panics.armed.store(false, SeqCst);
    let replies = house.mail_server().await.delivers(THREE_MESSAGES[0], &[USER]).await;
    assert!(replies[0].is_positive(), "{}", replies[0]);
    assert_eq!(house.logged_in(USER).await.stat().await.0, 1);
}
