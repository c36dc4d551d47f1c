//! Mail on its way in, through both tiers.

use std::sync::Arc;
use std::time::Duration;

use backend::mounts::Store;
use mailbox::testing::{Operation, slow_store};
use settings::{Size, SizeLimit};
use system_tests::stores::Silent;
use system_tests::{House, PASSWORD, span, until, without_trace};

const USERS: [&str; 3] = ["user1@example.com", "user2@example.com", "user3@example.com"];
const MESSAGE: &[u8] = b"Subject: hello\r\nFrom: mara@example.org\r\n\r\nHi.\r\n.\r\nBye.\r\n";

/// The messages that a user finds, without what was added on the way.
async fn found(house: &House, user: &str) -> Vec<Vec<u8>> {
    let mut client = house.logged_in(user).await;
    let mut messages = Vec::new();
    for number in 1..=client.stat().await.0 {
        messages.push(without_trace(&client.retrieves(number).await).to_vec());
    }
    client.gets("QUIT").await;
    messages
}

#[tokio::test]
async fn one_message_reaches_recipients_in_several_databases_and_is_answered_in_their_order() {
    let mut house = House::open().await;
    house.start_back_end("mbx2").await;
    // The first recipient's store is slow: its answer comes first all the same.
    let (store, gates) = slow_store(Arc::clone(&house.back_end().store) as Store);
    house.back_end().mounts.insert("DB01", Arc::new(store));
    gates.close(Operation::Deliver);
    let mut mail_server = house.mail_server().await;
    mail_server.begins(None).await;
    assert!(mail_server.names(USERS[0]).await.is_positive());
    let unknown = mail_server.names("nobody@example.com").await;
    assert!(unknown.to_string().starts_with("550 5.1.1 "), "{unknown}");
    assert!(mail_server.names(USERS[2]).await.is_positive());
    assert!(mail_server.names(USERS[1]).await.is_positive());
    mail_server.sends_message(MESSAGE).await;
    gates.reached(Operation::Deliver, 2).await;
    // user3's copy is stored before anybody is told anything.
    let second = Arc::clone(&house.back_end_called("mbx2").store);
    let mut stored = 0;
    while stored == 0 {
        let mailboxes = mailbox::MailboxStore::mailboxes(&*second).await.unwrap();
        stored = mailboxes.iter().map(|mailbox| mailbox.messages).sum();
    }
    assert!(!mail_server.has_heard_something().await, "an answer came out of turn");
    gates.open(Operation::Deliver);
    for _ in 0..3 {
        let reply = mail_server.delivered().await;
        assert_eq!(reply.code(), 250, "{reply}");
    }
    for user in USERS {
        assert_eq!(found(&house, user).await, [MESSAGE], "{user}");
    }
}

#[tokio::test]
async fn each_copy_has_return_path_and_received_and_nothing_else_is_added() {
    let house = House::open().await;
    house.mail_server().await.delivers(MESSAGE, &[USERS[0]]).await;
    let sent = house.logged_in(USERS[0]).await.retrieves(1).await;
    assert_eq!(without_trace(&sent), MESSAGE);
    let text = String::from_utf8(sent).unwrap();
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("Return-Path: <mara@example.org>"));
    assert_eq!(lines.next(), Some("Received: from mx.example.org ([127.0.0.1])"));
    assert!(lines.next().is_some_and(|line| line.starts_with("\tby cas1 with LMTP id ")), "{text}");
    assert_eq!(lines.next(), Some("\tfor <user1@example.com>;"));
}

#[tokio::test]
async fn addresses_with_detail_and_in_any_case_reach_their_user() {
    let mut house = House::open().await;
    let user = USERS[0].parse().unwrap();
    house.administration.add_alias(&user, &"alias@example.com".parse().unwrap()).unwrap();
    let mut mail_server = house.mail_server().await;
    for recipient in ["user1+lists@example.com", "USER1@Example.COM", "user1", "alias+x@example.com"] {
        let replies = mail_server.delivers(MESSAGE, &[recipient]).await;
        assert!(replies[0].is_positive(), "{recipient}: {}", replies[0]);
    }
    // Twice in one transaction is one copy, with an answer for each.
    let replies = mail_server.delivers(MESSAGE, &["user1@example.com", "alias@example.com"]).await;
    assert!(replies.iter().all(lmtp::Reply::is_positive));
    assert_eq!(found(&house, USERS[0]).await.len(), 5);
}

#[tokio::test]
async fn who_is_over_quota_is_refused_before_the_message_is_sent() {
    let mut house = House::open().await;
    let quota = Some(SizeLimit::AtMost(Size::octets(1000)));
    house.administration.set_quota(&USERS[0].parse().unwrap(), quota).unwrap();
    let mut mail_server = house.mail_server().await;
    mail_server.begins(Some(2000)).await;
    let reply = mail_server.names(USERS[0]).await;
    assert!(reply.to_string().starts_with("552 5.2.2 "), "{reply}");
    // Others get it.
    assert!(mail_server.names(USERS[1]).await.is_positive());
    mail_server.sends_message(MESSAGE).await;
    assert!(mail_server.delivered().await.is_positive());
    // One that did not say how large it is, too.
    mail_server.begins(None).await;
    assert!(mail_server.names(USERS[0]).await.is_positive());
    mail_server.sends_message(&[MESSAGE, &b"x".repeat(2000)].concat()).await;
    let reply = mail_server.delivered().await;
    assert!(reply.to_string().starts_with("552 5.2.2 "), "{reply}");
    assert!(found(&house, USERS[0]).await.is_empty());
    // What fits is taken.
    assert!(mail_server.delivers(MESSAGE, &[USERS[0]]).await[0].is_positive());
}

#[tokio::test]
async fn quotas_do_not_count_what_was_deleted_though_a_session_still_sees_it() {
    let mut house = House::open().await;
    let quota = Some(SizeLimit::AtMost(Size::octets(1000)));
    house.administration.set_quota(&USERS[0].parse().unwrap(), quota).unwrap();
    let large = [MESSAGE, &b"x".repeat(500), b"\r\n"].concat();
    let mut mail_server = house.mail_server().await;
    assert!(mail_server.delivers(&large, &[USERS[0]]).await[0].is_positive());
    mail_server.begins(Some(600)).await;
    assert_eq!(mail_server.names(USERS[0]).await.code(), 552);
    let mut early = house.logged_in(USERS[0]).await;
    let mut late = house.logged_in(USERS[0]).await;
    late.gets("DELE 1").await;
    late.gets("QUIT").await;
    assert!(house.mail_server().await.delivers(&large, &[USERS[0]]).await[0].is_positive());
    assert_eq!(without_trace(&early.retrieves(1).await), large);
    assert_eq!(found(&house, USERS[0]).await, [large]);
}

#[tokio::test]
async fn the_same_message_twice_is_two_messages() {
    let house = House::open().await;
    let mut mail_server = house.mail_server().await;
    for _ in 0..2 {
        assert!(mail_server.delivers(MESSAGE, &[USERS[0]]).await[0].is_positive());
    }
    assert_eq!(found(&house, USERS[0]).await, [MESSAGE, MESSAGE]);
}

#[tokio::test]
async fn a_back_end_killed_before_it_has_stored_a_message_gets_it_once_more() {
    let mut house = House::open().await;
    let (store, gates) = slow_store(Arc::clone(&house.back_end().store) as Store);
    house.back_end().mounts.insert("DB01", Arc::new(store));
    gates.close(Operation::Deliver);
    let mut mail_server = house.mail_server().await;
    mail_server.hands_over(MESSAGE, &USERS[..2]).await;
    gates.reached(Operation::Deliver, 2).await;
    house.kill_back_end("mbx1").await;
    until("it waits for the back end", || house.front_end().waiting_deliveries() > 0).await;
    assert!(!mail_server.has_heard_something().await, "an answer came from nowhere");
    house.start_back_end("mbx1").await;
    for user in &USERS[..2] {
        let reply = mail_server.delivered().await;
        assert!(reply.is_positive(), "{reply}");
        assert_eq!(found(&house, user).await, [MESSAGE]);
    }
}

#[tokio::test]
async fn a_back_end_killed_after_it_has_stored_a_message_stores_it_no_second_time() {
    let mut house = House::open().await;
    // Its first copy fills the mailbox: the second offer must not fail for that.
    let quota = Some(SizeLimit::AtMost(Size::octets(MESSAGE.len() as u64 + 300)));
    house.administration.set_quota(&USERS[1].parse().unwrap(), quota).unwrap();
    let silent = Silent::new(Arc::clone(&house.back_end().store) as Store);
    house.back_end().mounts.insert("DB01", Arc::clone(&silent) as Store);
    let mut mail_server = house.mail_server().await;
    mail_server.hands_over(MESSAGE, &USERS[..2]).await;
    silent.has_stored(2).await;
    drop(silent);
    house.kill_back_end("mbx1").await;
    until("it waits for the back end", || house.front_end().waiting_deliveries() > 0).await;
    house.start_back_end("mbx1").await;
    for user in &USERS[..2] {
        let reply = mail_server.delivered().await;
        assert!(reply.is_positive(), "{user}: {reply}");
        assert_eq!(found(&house, user).await, [MESSAGE], "{user}");
    }
}

#[tokio::test]
async fn a_delivery_that_waits_longer_than_the_hold_is_put_off() {
    let mut house = House::with(|settings| settings.delivery.hold = span("500 ms")).await;
    let mut mail_server = house.mail_server().await;
    mail_server.begins(None).await;
    // Whose database is away is put off at RCPT already; others are served.
    let reply = mail_server.names(USERS[2]).await;
    assert_eq!(reply.code(), 451, "{reply}");
    assert!(mail_server.names(USERS[0]).await.is_positive());
    mail_server.starts_message().await;
    house.stop_back_end("mbx1", Duration::ZERO).await;
    mail_server.ends_message(MESSAGE).await;
    let reply = mail_server.delivered().await;
    assert_eq!(reply.code(), 451, "{reply}");
    house.start_back_end("mbx1").await;
    assert!(mail_server.delivers(MESSAGE, &[USERS[0]]).await[0].is_positive());
    assert_eq!(found(&house, USERS[0]).await, [MESSAGE]);
}

#[tokio::test]
async fn large_messages_are_spooled_and_arrive_octet_by_octet() {
    let house = House::open().await;
    let line =
        |number: usize| format!("{}{number:06} {}\r\n", ["", ".", ".."][number % 3], "x".repeat(number % 70));
    let body: String = (0..40_000).map(line).fold(String::new(), |text, line| text + &line);
    let large = [MESSAGE, body.as_bytes()].concat();
    assert!(large.len() > 1_000_000);
    let replies = house.mail_server().await.delivers(&large, &USERS[..2]).await;
    assert!(replies.iter().all(lmtp::Reply::is_positive), "{replies:?}");
    for user in &USERS[..2] {
        assert!(found(&house, user).await == [large.as_slice()], "{user}");
    }
    for (server, service) in [("cas1", "frontend"), ("mbx1", "backend")] {
        let spool = house.data.server(server).spool(service);
        assert_eq!(std::fs::read_dir(&spool).unwrap().count(), 0, "something is left in {}", spool.display());
    }
}

#[tokio::test]
async fn a_message_larger_than_may_be_is_refused_for_everybody_and_kept_nowhere() {
    let house = House::with(|settings| settings.delivery.max_message_size = Size::octets(10_000)).await;
    let mut mail_server = house.mail_server().await;
    mail_server.hands_over(&b"x".repeat(20_000), &USERS[..2]).await;
    for _ in 0..2 {
        let reply = mail_server.delivered().await;
        assert!(reply.to_string().starts_with("552 5.3.4 "), "{reply}");
    }
    assert!(mail_server.delivers(MESSAGE, &[USERS[0]]).await[0].is_positive());
    assert_eq!(found(&house, USERS[0]).await, [MESSAGE]);
}

#[tokio::test]
async fn only_a_dot_between_crlfs_ends_a_message() {
    let house = House::open().await;
    let smuggled = "MAIL FROM:<eve@example.org>\r\nRCPT TO:<user2@example.com>\r\nDATA\r\nSmuggled\r\n";
    for ending in ["\n.\n", "\n.\r\n", "\r\n.\n", "\r.\r", "\r\n.\r", "\r.\r\n", "\r\n.\0\r\n"] {
        let mut mail_server = house.mail_server().await;
        mail_server.begins(None).await;
        assert!(mail_server.names(USERS[0]).await.is_positive());
        let octets = format!("Subject: x\r\n\r\nbefore{ending}{smuggled}");
        mail_server.sends_octets(octets.as_bytes()).await;
        // One answer, and nothing was taken for a command.
        let reply = mail_server.delivered().await;
        assert!(reply.is_positive(), "{ending:?}: {reply}");
        assert!(!mail_server.has_heard_something().await, "{ending:?} ended the message");
        let messages = found(&house, USERS[0]).await;
        let last = String::from_utf8_lossy(messages.last().unwrap());
        assert!(last.contains("before") && last.contains("Smuggled"), "{ending:?}: {last:?}");
    }
    assert!(found(&house, USERS[1]).await.is_empty());
}

#[tokio::test]
async fn a_full_spool_puts_mail_off_at_either_tier_and_loses_none() {
    let house = House::with(|settings| settings.delivery.spool_memory = Size::octets(1000)).await;
    let large = [MESSAGE, &b"x".repeat(5000), b"\r\n"].concat();
    for (server, service) in [("cas1", "frontend"), ("mbx1", "backend")] {
        let spool = house.data.server(server).spool(service);
        std::fs::remove_dir(&spool).unwrap();
        let mut mail_server = house.mail_server().await;
        let replies = mail_server.delivers(&large, &[USERS[0]]).await;
        assert!(replies.iter().all(|reply| reply.code() / 100 == 4), "{service}: {replies:?}");
        // What fits into memory is no matter of the spool.
        let replies = house.mail_server().await.delivers(MESSAGE, &[USERS[1]]).await;
        assert!(replies[0].is_positive(), "{service}: {}", replies[0]);
        std::fs::create_dir(&spool).unwrap();
        assert!(house.mail_server().await.delivers(&large, &[USERS[0]]).await[0].is_positive());
    }
    assert_eq!(found(&house, USERS[0]).await, [large.as_slice(), &large]);
    assert_eq!(found(&house, USERS[1]).await.len(), 2);
}

#[tokio::test]
async fn a_full_disk_puts_mail_off_and_still_lets_mail_be_read_and_deleted() {
    let house = House::open().await;
    let store = house.mount_three_messages().await;
    store.set_space(false);
    let mut mail_server = house.mail_server().await;
    mail_server.begins(None).await;
    let reply = mail_server.names(USERS[0]).await;
    assert!(reply.to_string().starts_with("452 4.3.1 "), "{reply}");
    let mut client = house.logged_in(USERS[0]).await;
    client.retrieves(1).await;
    client.gets("DELE 1").await;
    client.gets("QUIT").await;
    assert_eq!(house.logged_in(USERS[0]).await.stat().await, (2, 49));
}

#[tokio::test]
async fn a_mail_server_that_goes_away_within_a_message_has_delivered_nothing() {
    let house = House::open().await;
    let mut mail_server = house.mail_server().await;
    mail_server.begins(None).await;
    assert!(mail_server.names(USERS[0]).await.is_positive());
    mail_server.starts_message().await;
    mail_server.sends_part(MESSAGE).await;
    drop(mail_server);
    until("the session is over", || house.front_end().service().roster.is_empty()).await;
    let mut client = house.client().await;
    assert_eq!(client.logs_in(USERS[0], PASSWORD).await, "+OK logged in");
    assert_eq!(client.stat().await, (0, 0));
}
