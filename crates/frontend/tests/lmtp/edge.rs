//! What a mail server sees.

use std::sync::Arc;
use std::time::Duration;

use lmtp::Reply;
use tokio::sync::Semaphore;

use crate::back_end::{Fate, mail_of};
use crate::scene::{MESSAGE, Scene, USERS, name};

/// Nobody waits for what is not there.
const NO_HOLD: &str = "hold = \"0 s\"";

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_delivered_with_its_trace_in_front() {
    let (scene, _first, _second) = Scene::new("").await;
    let mut mta = scene.mta().await;
    mta.names(&["User1+lists@Example.com"]).await;
    mta.sends_message().await;
    let reply = mta.reply().await;
    let id = reply.strip_prefix("250 2.0.0 Delivered as ").unwrap();
    let mail = mail_of(&scene.stored, USERS[0]);
    let [mail] = mail.as_slice() else { panic!("{mail:?}") };
    let expected = format!(
        "Return-Path: <mara@example.org>\r\nReceived: from mx.example.org ([127.0.0.1])\r\n\
         \tby cas1.example.com with LMTP id {id}\r\n\tfor <User1+lists@Example.com>;\r\n\t"
    );
    let rest = mail.strip_prefix(&expected).unwrap_or_else(|| panic!("{mail}"));
    let (date, message) = rest.split_once("\r\n").unwrap();
    assert!(date.ends_with(" +0000"), "{date}");
    assert_eq!(message, MESSAGE);
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_in_one_packet_is_answered_in_order() {
    let (scene, _first, _second) = Scene::new("").await;
    let mut mta = scene.mta().await;
    let one = format!(
        "MAIL FROM:<>\r\nRCPT TO:<{}>\r\nRCPT TO:<nobody@example.com>\r\nRCPT TO:<{}>\r\nDATA\r\n\r\nhello\r\n.\r\nQUIT\r\n",
        USERS[2], USERS[0]
    );
    mta.sends(&one).await;
    let expected =
        ["250 2.1.0", "250 2.1.5", "550 5.1.1", "250 2.1.5", "354", "250 2.0.0", "250 2.0.0", "221"];
    for reply in expected {
        mta.hears(reply).await;
    }
    mta.is_closed().await;
    let [mail] = &mail_of(&scene.stored, USERS[0])[..] else { panic!("one message") };
    assert!(mail.starts_with("Return-Path: <>\r\n"), "{mail}");
    assert!(!mail.contains("for <"), "none of several recipients is named: {mail}");
    assert!(mail.ends_with("\r\n\r\nhello\r\n"), "{mail}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_of_nothing_is_delivered() {
    let (scene, _first, _second) = Scene::new("").await;
    let mut mta = scene.mta().await;
    mta.names(&[USERS[0]]).await;
    mta.says("DATA").await;
    mta.hears("354").await;
    mta.says(".").await;
    mta.hears("250 2.0.0").await;
    assert!(mail_of(&scene.stored, USERS[0])[0].starts_with("Return-Path: <mara@example.org>\r\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_and_an_alias_of_one_user_deliver_once_and_answer_both() {
    let (scene, first, _second) = Scene::new("").await;
    let mut mta = scene.mta().await;
    mta.delivers(&["alias1@example.com", USERS[1], USERS[0], "user1+x@example.com"]).await;
    assert_eq!(mail_of(&scene.stored, USERS[0]).len(), 1);
    assert_eq!(mail_of(&scene.stored, USERS[1]).len(), 1);
    assert_eq!(first.conduct.asked(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn replies_come_in_the_order_of_rcpt_whoever_is_first() {
    let (scene, first, second) = Scene::new("").await;
    let permits = Arc::new(Semaphore::new(0));
    first.conduct.is_to([Fate::StoredAfter(Arc::clone(&permits))]);
    second.conduct.is_to([Fate::StoredExceptFor(USERS[3], Reply::new(452, 3, 1, "Little space"))]);
    let mut mta = scene.mta().await;
    mta.names(&[USERS[2], USERS[0], USERS[3]]).await;
    mta.sends_message().await;
    // The second is not known yet; the first does not wait for it.
    mta.hears("250 2.0.0").await;
    permits.add_permits(1);
    mta.hears("250 2.0.0").await;
    mta.hears("452 4.3.1 Little space").await;
    assert_eq!(mail_of(&scene.stored, USERS[3]).len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_cannot_get_mail_is_told_at_rcpt() {
    let (mut scene, first, _second) = Scene::new("").await;
    first.conduct.fill(USERS[1]);
    scene.administration.set_enabled(&name(USERS[3]), false).unwrap();
    let mut mta = scene.mta().await;
    mta.says("MAIL FROM:<mara@example.org> SIZE=1000").await;
    mta.hears("250").await;
    for (recipient, reply) in [
        ("nobody@example.com", "550 5.1.1 No such user"),
        ("user1@elsewhere.example", "550 5.1.1 No such user"),
        ("user1@[192.0.2.1]", "550 5.1.1 No such user"),
        ("\"a b\"@example.com", "550 5.1.1 No such user"),
        (USERS[3], "550 5.1.1 No such user"),
        (USERS[1], "552 5.2.2 The mailbox is full"),
    ] {
        mta.says(&format!("RCPT TO:<{recipient}>")).await;
        mta.hears(reply).await;
    }
    mta.says("DATA").await;
    mta.hears("503").await;
    // Without a domain it is the default realm's.
    mta.says("RCPT TO:<user1>").await;
    mta.hears("250").await;
    mta.sends_message().await;
    mta.hears("250 2.0.0").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mail_for_a_user_of_another_server_is_put_off_with_a_clear_text() {
    let (mut scene, _first, _second) = Scene::new("").await;
    let elsewhere = settings::Value::parse("elsewhere").unwrap();
    scene.administration.set_database(&name(USERS[0]), &elsewhere).unwrap();
    let mut mta = scene.mta().await;
    mta.says("MAIL FROM:<>").await;
    mta.hears("250").await;
    mta.says(&format!("RCPT TO:<{}>", USERS[0])).await;
    mta.hears("451 4.3.5 This user's mail is delivered at another server").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_is_not_listed_is_told_so_and_the_unix_socket_needs_no_list() {
    let (scene, _first, _second) = Scene::new("trusted-peers = [\"192.0.2.0/24\"]").await;
    let mut stranger = scene.stranger().await;
    stranger.hears("550 5.7.1").await;
    stranger.is_closed().await;
    let mut mta = scene.unix_mta().await;
    mta.hears("220").await;
    mta.says("LHLO localhost").await;
    mta.hears("250").await;
    mta.delivers(&[USERS[0]]).await;
    assert!(mail_of(&scene.stored, USERS[0])[0].contains("from localhost (local socket)\r\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_runs_in_circles_is_refused_for_everybody() {
    let (scene, first, second) = Scene::new("").await;
    let mut mta = scene.mta().await;
    mta.names(&[USERS[0], USERS[2]]).await;
    mta.says("DATA").await;
    mta.hears("354").await;
    mta.sends(&format!("{}\r\nhello\r\n.\r\n", "Received: again\r\n".repeat(101))).await;
    mta.hears("554 5.4.6").await;
    mta.hears("554 5.4.6").await;
    mta.delivers(&[USERS[0], USERS[2]]).await;
    assert_eq!(
        (first.conduct.connections(), second.conduct.connections()),
        (1, 1),
        "and costs no connection"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_message_goes_through_the_spool_unchanged() {
    let (scene, _first, _second) = Scene::new("spool-memory = \"64 KB\"").await;
    let mut mta = scene.mta().await;
    mta.names(&[USERS[0], USERS[2]]).await;
    mta.says("DATA").await;
    mta.hears("354").await;
    let lines = "..a line with a dot\r\nand one with none\r\n".repeat(50_000);
    mta.sends(&format!("\r\n{lines}.\r\n")).await;
    mta.hears("250").await;
    mta.hears("250").await;
    let mail = mail_of(&scene.stored, USERS[0]);
    assert!(mail[0].ends_with(&format!("\r\n\r\n{}", lines.replace("..a", ".a"))));
    assert_eq!(mail, mail_of(&scene.stored, USERS[2]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spool_that_is_full_puts_mail_off() {
    let (scene, first, _second) = Scene::new("spool-memory = \"0 B\"").await;
    std::fs::remove_dir(scene.spool()).unwrap();
    let mut mta = scene.mta().await;
    mta.names(&[USERS[0], USERS[1]]).await;
    mta.sends_message().await;
    mta.hears("452 4.3.1").await;
    mta.hears("452 4.3.1").await;
    assert_eq!(first.conduct.offered(), 0);
    std::fs::create_dir(scene.spool()).unwrap();
    mta.delivers(&[USERS[0]]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_over_the_limit_is_refused_and_the_session_goes_on() {
    let (scene, first, _second) = Scene::new("max-message-size = \"64 KB\"").await;
    let mut mta = scene.mta().await;
    mta.says("MAIL FROM:<> SIZE=65537").await;
    mta.hears("552 5.3.4").await;
    mta.names(&[USERS[0]]).await;
    mta.says("DATA").await;
    mta.hears("354").await;
    mta.sends(&format!("{}.\r\n", "x\r\n".repeat(30_000))).await;
    mta.hears("552 5.3.4").await;
    mta.delivers(&[USERS[0]]).await;
    assert_eq!(first.conduct.offered(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drain_ends_idle_sessions_at_once_and_the_others_after_their_message() {
    let (scene, first, _second) = Scene::new(NO_HOLD).await;
    let permits = Arc::new(Semaphore::new(0));
    first.conduct.is_to([Fate::StoredAfter(Arc::clone(&permits))]);
    let (mut idle, mut busy, mut slow) = (scene.mta().await, scene.mta().await, scene.mta().await);
    busy.names(&[USERS[0]]).await;
    busy.sends_message().await;
    slow.names(&[USERS[1]]).await;
    let (stored, stopping) = (Arc::clone(&scene.stored), tokio::spawn(scene.stop(Duration::from_secs(2))));
    idle.hears("421 4.3.2").await;
    idle.is_closed().await;
    permits.add_permits(1);
    busy.hears("250 2.0.0").await;
    busy.hears("421 4.3.2").await;
    busy.is_closed().await;
    // Whoever takes too long is told too.
    slow.hears("421 4.3.2").await;
    slow.is_closed().await;
    stopping.await.unwrap();
    assert_eq!(mail_of(&stored, USERS[0]).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_are_counted() {
    let (scene, _first, _second) = Scene::new("").await;
    let mut mta = scene.mta().await;
    mta.delivers(&[USERS[0], USERS[2]]).await;
    mta.says("MAIL FROM:<>").await;
    mta.hears("250").await;
    mta.says("RCPT TO:<nobody@example.com>").await;
    mta.hears("550").await;
    mta.says("QUIT").await;
    mta.hears("221").await;
    mta.is_closed().await;
    assert_eq!(
        (scene.counted("MAIL"), scene.counted("RCPT"), scene.counted("DATA")),
        ((2, 0), (3, 1), (1, 0))
    );
}
