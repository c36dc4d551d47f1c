//! Services that are going down, and what their clients see of it.

use std::sync::Arc;
use std::time::Duration;

use lmtp::client::Event;
use mailbox::testing::{Operation, slow_store};
use service::admin::Ask;
use system_tests::{House, THREE_MESSAGES, Transport, in_time};

const USER: &str = "user1@example.com";
const GOING_DOWN: &str = "-ERR [SYS/TEMP] The server is going down; try again";

/// Calls the drains of both tiers off.
async fn admit_again(house: &House) {
    house.back_end().ask(Ask::Admit).await;
    house.front_end().ask(Ask::Admit).await;
    for door in [house.inner_address(), house.inner_lmtp_address(), house.pop3_address()] {
        house.is_open_at(door).await;
    }
}

#[tokio::test]
async fn load_balancers_are_told_while_a_front_end_drains_and_when_it_is_back() {
    let house = House::open().await;
    assert_eq!(house.readiness().await, Some(200));
    house.front_end().ask(Ask::Drain).await;
    assert_eq!(house.readiness().await, Some(503));
    house.is_closed_at(house.pop3_address()).await;
    house.is_closed_at(house.pop3s_address()).await;
    assert_eq!(house.readiness().await, Some(503));
    admit_again(&house).await;
    assert_eq!(house.readiness().await, Some(200));
    house.logged_in(USER).await;
}

#[tokio::test]
async fn sessions_end_at_a_boundary_when_the_front_end_drains() {
    let house = House::open().await;
    let (store, gates) = slow_store(house.mount_three_messages().await);
    house.back_end().mounts.insert("DB01", Arc::new(store));
    let mut stranger = house.client().await;
    let mut idle = house.logged_in(USER).await;
    let mut busy = house.logged_in(USER).await;
    busy.gets("DELE 3").await;
    gates.close(Operation::ReadChunk);
    busy.says("RETR 1").await;
    gates.reached(Operation::ReadChunk, 1).await;

    house.front_end().ask(Ask::Drain).await;
    for client in [&mut stranger, &mut idle] {
        assert_eq!(client.line().await, GOING_DOWN);
        client.is_closed().await;
    }
    assert!(!busy.has_heard_something().await);
    gates.open(Operation::ReadChunk);
    busy.hears("+OK 29 octets").await;
    assert_eq!(busy.message().await, THREE_MESSAGES[0]);
    assert_eq!(busy.line().await, GOING_DOWN);
    busy.is_closed().await;
    // Nothing was deleted: nobody said QUIT.
    admit_again(&house).await;
    assert_eq!(house.logged_in(USER).await.stat().await, (3, 78));
}

#[tokio::test]
async fn sessions_end_at_a_boundary_when_the_back_end_drains() {
    let house = House::open().await;
    let (store, gates) = slow_store(house.mount_three_messages().await);
    house.back_end().mounts.insert("DB01", Arc::new(store));
    let mut idle = house.logged_in(USER).await;
    let mut busy = house.logged_in(USER).await;
    busy.gets("LIST 1").await;
    gates.close(Operation::ReadChunk);
    busy.says("RETR 1").await;
    gates.reached(Operation::ReadChunk, 1).await;

    house.back_end().ask(Ask::Drain).await;
    assert_eq!(idle.line().await, GOING_DOWN);
    idle.is_closed().await;
    assert!(!busy.has_heard_something().await);
    gates.open(Operation::ReadChunk);
    busy.hears("+OK 29 octets").await;
    assert_eq!(busy.message().await, THREE_MESSAGES[0]);
    assert_eq!(busy.line().await, GOING_DOWN);
    busy.is_closed().await;
}

#[tokio::test]
async fn a_quit_under_way_deletes_while_a_back_end_drains() {
    let house = House::open().await;
    let memory = house.mount_three_messages().await;
    let (store, gates) = slow_store(Arc::clone(&memory) as _);
    house.back_end().mounts.insert("DB01", Arc::new(store));
    let mut client = house.logged_in(USER).await;
    client.gets("DELE 1").await;
    gates.close(Operation::Delete);
    client.says("QUIT").await;
    gates.reached(Operation::Delete, 1).await;
    house.back_end().ask(Ask::Drain).await;
    gates.open(Operation::Delete);
    assert_eq!(client.line().await, "+OK bye");
    client.is_closed().await;
    let kept = mailbox::testing::ready(mailbox::MailboxStore::mailboxes(&*memory)).unwrap();
    assert_eq!(kept[0].messages, 2);
}

#[tokio::test]
async fn a_session_that_never_comes_to_a_boundary_is_cut_off_after_the_limit() {
    for front_end in [true, false] {
        let mut house = House::open().await;
        let (store, gates) = slow_store(house.mount_three_messages().await);
        house.back_end().mounts.insert("DB01", Arc::new(store));
        let mut client = house.logged_in(USER).await;
        gates.close(Operation::ReadChunk);
        client.says("RETR 1").await;
        gates.reached(Operation::ReadChunk, 1).await;
        let limit = Duration::from_millis(100);
        if front_end {
            house.stop_front_end(limit).await;
        } else {
            // The store keeps waiting, which is what the limit is for.
            house.stop_back_end("mbx1", limit).await;
        }
        let last = String::from_utf8(client.rest().await).unwrap();
        assert!(last.is_empty() || last.starts_with("-ERR [SYS/TEMP] "), "{last}");
    }
}

#[tokio::test]
async fn a_message_under_way_is_still_delivered_while_both_tiers_drain() {
    let house = House::open().await;
    let mut idle = house.mail_server().await;
    let mut busy = house.mail_server().await;
    busy.begins(None).await;
    assert!(busy.names(USER).await.is_positive());
    busy.starts_message().await;
    house.front_end().ask(Ask::Drain).await;
    house.back_end().ask(Ask::Drain).await;
    assert!(matches!(idle.event().await, Event::Closing(reply) if reply.code() == 421));
    busy.ends_message(THREE_MESSAGES[0]).await;
    let reply = busy.delivered().await;
    assert!(reply.is_positive(), "{reply}");
    assert!(matches!(busy.event().await, Event::Closing(reply) if reply.code() == 421));
    admit_again(&house).await;
    assert_eq!(house.logged_in(USER).await.stat().await.0, 1);
}

#[tokio::test]
async fn a_stopped_front_end_has_let_go_of_everything() {
    let mut house = House::open().await;
    let mut client = house.client_over(Transport::Tls).await;
    house.stop_front_end(Duration::from_secs(5)).await;
    assert_eq!(client.line().await, GOING_DOWN);
    client.is_closed().await;
    assert_eq!(house.readiness().await, None);
    // The next one finds its bindings free.
    house.start_front_end().await;
    tokio::time::timeout_at(in_time(), house.logged_in(USER)).await.unwrap();
}
