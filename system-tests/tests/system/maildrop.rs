//! What a session sees of a mailbox, through both tiers.

use std::sync::Arc;

use backend::mounts::Store;
use mailbox::MailboxError;
use mailbox::testing::{Operation, failing_store};
use system_tests::{House, PASSWORD, THREE_MESSAGES, Transport, until, without_trace};

const USER: &str = "user1@example.com";

/// Raw messages as a mail server sends them, and what is stored of them.
fn awkward_messages() -> Vec<(Vec<u8>, Vec<u8>)> {
    let header = b"Subject: awkward\r\n\r\n".as_slice();
    let message = |raw: &[u8], stored: &[u8]| ([header, raw].concat(), [header, stored].concat());
    let same = |raw: &[u8]| message(raw, raw);
    let every_octet: Vec<u8> = (0..=255).collect();
    let every_octet_stored = [&every_octet[..10], b"\r\n", &every_octet[11..], b"\r\n"].concat();
    vec![
        same(b".\r\n..\r\n...x\r\n.last\r\n"),
        message(b"no line end", b"no line end\r\n"),
        message(b"a\nb\n.c\n.\n\nd", b"a\r\nb\r\n.c\r\n.\r\n\r\nd\r\n"),
        same(b"a\rb\r\r\n.\rc\r\n\r.\r\n"),
        message(&every_octet, &every_octet_stored),
        same(b""),
        (b"Subject: nothing but a header\r\n".to_vec(), b"Subject: nothing but a header\r\n".to_vec()),
        (b"\r\nno header\r\n".to_vec(), b"\r\nno header\r\n".to_vec()),
        // More than one chunk, of lines that grow on the wire and of one line without end.
        same(&b".\r\n".repeat(40_000)),
        message(&b"x".repeat(150_000), &[b"x".repeat(150_000).as_slice(), b"\r\n"].concat()),
    ]
}

#[tokio::test]
async fn what_is_listed_is_what_is_sent_whatever_the_message() {
    let house = House::open().await;
    let messages = awkward_messages();
    let mut mail_server = house.mail_server().await;
    for (raw, _) in &messages {
        let replies = mail_server.delivers(raw, &[USER]).await;
        assert!(replies[0].is_positive(), "{}", replies[0]);
    }
    for transport in Transport::ALL {
        let mut client = house.client_over(transport).await;
        client.logs_in(USER, PASSWORD).await;
        let listed: Vec<usize> =
            client.listing("LIST").await.iter().map(|octets| octets.parse().unwrap()).collect();
        assert_eq!(client.stat().await, (messages.len(), listed.iter().sum()));
        for (index, (raw, stored)) in messages.iter().enumerate() {
            let number = index + 1;
            let sent = client.retrieves(number).await;
            let shown = |octets: &[u8]| octets[..octets.len().min(300)].escape_ascii().to_string();
            assert!(without_trace(&sent) == stored, "{} became {}", shown(raw), shown(&sent));
            assert_eq!(sent.len(), listed[index], "message {number}");
        }
        client.gets("QUIT").await;
    }
}

#[tokio::test]
async fn unique_ids_are_the_same_after_a_restart_and_never_given_again() {
    let mut house = House::open().await;
    for message in THREE_MESSAGES {
        house.deliver(USER, message).await;
    }
    let mut client = house.logged_in(USER).await;
    let before = client.listing("UIDL").await;
    assert_eq!(before.len(), 3);
    assert!(before.iter().all(
        |uidl| (1..=70).contains(&uidl.len()) && uidl.bytes().all(|octet| (0x21..=0x7e).contains(&octet))
    ));
    client.gets("DELE 3").await;
    client.gets("QUIT").await;

    house.stop_front_end(std::time::Duration::ZERO).await;
    house.stop_back_end("mbx1", std::time::Duration::ZERO).await;
    house.start_back_end("mbx1").await;
    house.start_front_end().await;

    house.deliver(USER, THREE_MESSAGES[2]).await;
    let mut client = house.logged_in(USER).await;
    let after = client.listing("UIDL").await;
    assert_eq!(after[..2], before[..2]);
    assert!(!before.contains(&after[2]), "{after:?} gives a name of {before:?} again");
}

#[tokio::test]
async fn pipelined_commands_are_answered_in_order_at_every_packet_boundary() {
    let house = House::open().await;
    house.mount_three_messages().await;
    let commands =
        b"USER user1\r\nPASS secret\r\nSTAT\r\nBOGUS\r\nRETR 1\r\nTOP 2 0\r\nCAPA\r\nDELE 2\r\nLIST 2\r\n\
        RSET\r\nUIDL 3\r\nQUIT\r\n";
    let answers = "+OK\r\n+OK logged in\r\n+OK 3 78\r\n-ERR unknown command\r\n+OK 29 octets\r\nSubject: one\r\n\r\n\
        first\r\n..dot\r\n.\r\n+OK top of message follows\r\nSubject: two\r\n\r\n.\r\n+OK capabilities follow\r\nTOP\r\n\
        UIDL\r\nRESP-CODES\r\nAUTH-RESP-CODE\r\nPIPELINING\r\nEXPIRE NEVER\r\nIMPLEMENTATION mailmedic\r\n.\r\n\
        +OK marked deleted\r\n-ERR message is marked deleted\r\n+OK maildrop has 3 messages (78 octets)\r\n\
        +OK 3 0000000100000003\r\n+OK bye\r\n";
    let mut witness = house.client().await;
    for boundary in 0..=commands.len() {
        let mut client = house.client().await;
        client.sends(&commands[..boundary]).await;
        // By the time that somebody else has an answer, the first packet has been taken.
        witness.gets("CAPA").await;
        witness.lines().await;
        client.sends(&commands[boundary..]).await;
        assert_eq!(String::from_utf8_lossy(&client.rest().await), answers, "boundary at {boundary}");
    }
}

#[tokio::test]
async fn a_client_that_closes_its_sending_side_still_gets_its_answers() {
    let house = House::open().await;
    house.mount_three_messages().await;
    for transport in Transport::ALL {
        let mut client = house.client_over(transport).await;
        client.sends(b"USER user1\r\nPASS secret\r\nDELE 1\r\nSTAT\r\nRETR 3\r\n").await;
        client.closes_its_side().await;
        for expected in ["+OK", "+OK logged in", "+OK marked deleted", "+OK 2 49", "+OK 18 octets"] {
            assert_eq!(client.line().await, expected, "{transport:?}");
        }
        assert_eq!(client.message().await, THREE_MESSAGES[2]);
        client.is_closed().await;
        // It did not say QUIT.
        assert_eq!(house.logged_in(USER).await.stat().await, (3, 78), "{transport:?}");
    }
}

#[tokio::test]
async fn only_quit_deletes() {
    let house = House::open().await;
    house.mount_three_messages().await;
    let mut client = house.logged_in(USER).await;
    client.gets("DELE 1").await;
    drop(client);
    until("the back end has seen the end", || !house.is_on(Some(USER))).await;
    let mut client = house.logged_in(USER).await;
    assert_eq!(client.stat().await, (3, 78), "after a connection was lost");

    // A client that asks for what it never takes, and goes away.
    client.gets("DELE 1").await;
    client.sends(b"RETR 2\r\nQUI").await;
    drop(client);
    until("the back end has seen the end", || !house.is_on(Some(USER))).await;
    let mut client = house.logged_in(USER).await;
    assert_eq!(client.stat().await, (3, 78), "after half a QUIT");

    client.gets("DELE 1").await;
    client.gets("QUIT").await;
    let mut client = house.logged_in(USER).await;
    assert_eq!(client.stat().await, (2, 49), "after QUIT");
    assert_eq!(client.listing("UIDL").await, ["0000000100000002", "0000000100000003"]);
}

#[tokio::test]
async fn a_commit_that_fails_says_so_and_loses_nothing() {
    let house = House::open().await;
    let store = house.mount_three_messages().await;
    let (store, failures) = failing_store(store);
    house.back_end().mounts.insert("DB01", Arc::new(store));
    let error = MailboxError::Unavailable { operation: "delete messages", source: None };
    failures.fail_always(Operation::Delete, error);

    let mut client = house.logged_in(USER).await;
    client.gets("DELE 1").await;
    client.gets("DELE 3").await;
    client.says("QUIT").await;
    client.hears("-ERR [SYS/TEMP] ").await;
    client.is_closed().await;
    assert_eq!(failures.calls(Operation::Delete), 1);
    assert_eq!(house.logged_in(USER).await.stat().await, (3, 78));

    failures.heal(Operation::Delete);
    let mut client = house.logged_in(USER).await;
    client.gets("DELE 1").await;
    client.gets("DELE 3").await;
    client.gets("QUIT").await;
    assert_eq!(house.logged_in(USER).await.stat().await, (1, 31));
}

#[tokio::test]
async fn mail_that_arrives_during_a_session_does_not_appear_in_it() {
    let house = House::open().await;
    house.deliver(USER, THREE_MESSAGES[0]).await;
    // One that has its number list already, and one that has not.
    let (mut early, mut late) = (house.logged_in(USER).await, house.logged_in(USER).await);
    assert_eq!(early.listing("LIST").await, ["29"]);
    let replies = house.mail_server().await.delivers(THREE_MESSAGES[1], &[USER]).await;
    assert!(replies[0].is_positive());
    for client in [&mut early, &mut late] {
        assert_eq!(client.stat().await, (1, 29));
        assert_eq!(client.listing("LIST").await, ["29"]);
        assert_eq!(client.asks("RETR 2").await, "-ERR no such message");
        client.gets("RSET").await;
        assert_eq!(client.stat().await, (1, 29));
    }
    assert_eq!(house.logged_in(USER).await.stat().await.0, 2);
}

#[tokio::test]
async fn a_message_that_another_session_deleted_can_still_be_retrieved() {
    let house = House::open().await;
    for message in THREE_MESSAGES {
        house.deliver(USER, message).await;
    }
    let (mut early, mut late) = (house.logged_in(USER).await, house.logged_in(USER).await);
    assert_eq!(early.listing("LIST").await.len(), 3);
    let mut other = house.logged_in(USER).await;
    other.gets("DELE 1").await;
    other.gets("DELE 2").await;
    other.gets("QUIT").await;
    assert_eq!(house.logged_in(USER).await.stat().await, (1, 18));
    for client in [&mut early, &mut late] {
        assert_eq!(client.stat().await, (3, 78));
        assert_eq!(client.retrieves(1).await, THREE_MESSAGES[0]);
        // What is deleted already counts as done.
        client.gets("DELE 1").await;
    }
    early.gets("QUIT").await;
    assert_eq!(late.retrieves(2).await, THREE_MESSAGES[1]);
    late.gets("QUIT").await;
    assert_eq!(house.logged_in(USER).await.stat().await, (1, 18));
}

#[tokio::test]
async fn the_exclusive_lock_is_freed_at_once_when_its_holder_dies() {
    let mut house = House::with(|settings| settings.session.exclusive_maildrop_lock = true).await;
    let holder = house.logged_in(USER).await;
    let mut second = house.client().await;
    let answer = second.logs_in(USER, PASSWORD).await;
    assert!(answer.starts_with("-ERR [IN-USE] "), "{answer}");
    // Others' maildrops are not locked.
    house.logged_in("user2@example.com").await;

    // The client goes away. The session that was refused may try again.
    drop(holder);
    until("the back end has seen the end", || !house.is_on(Some(USER))).await;
    let answer = second.logs_in(USER, PASSWORD).await;
    assert!(answer.starts_with("+OK"), "{answer}");

    // The front end dies under its client.
    house.kill_front_end().await;
    house.start_front_end().await;
    until("the back end has seen the end", || !house.is_on(Some(USER))).await;
    house.logged_in(USER).await.gets("QUIT").await;
    // After QUIT there is not even a moment to wait.
    house.logged_in(USER).await;
}

#[tokio::test]
async fn a_user_has_as_many_sessions_as_the_limit_says() {
    let house = House::with(|settings| settings.pop.max_connections_per_user = 2).await;
    let mut first = house.logged_in(USER).await;
    // However the name is written, and over whichever transport.
    let mut second = house.client_over(Transport::Tls).await;
    second.logs_in("USER1", PASSWORD).await;
    let mut third = house.client().await;
    let answer = third.logs_in(USER, PASSWORD).await;
    assert!(answer.starts_with("-ERR [IN-USE] "), "{answer}");
    house.logged_in("user2@example.com").await;
    first.gets("QUIT").await;
    let answer = third.logs_in(USER, PASSWORD).await;
    assert!(answer.starts_with("+OK"), "{answer}");
    second.gets("NOOP").await;
}

#[tokio::test]
async fn what_is_said_after_quit_reaches_nobody_elses_session() {
    let house = House::open().await;
    house.mount_three_messages().await;
    house.deliver("user2@example.com", THREE_MESSAGES[0]).await;
    for _ in 0..3 {
        // The next user comes over the same connection between the tiers.
        let mut client = house.logged_in(USER).await;
        client.sends(b"STAT\r\nQUIT\r\nDELE 1\r\nRETR 1\r\nQUIT\r\nLIST").await;
        assert_eq!(client.line().await, "+OK 3 78");
        assert_eq!(client.line().await, "+OK bye");
        client.is_closed().await;
        let mut client = house.logged_in("user2@example.com").await;
        assert_eq!(client.stat().await, (1, 29));
        assert_eq!(client.retrieves(1).await, THREE_MESSAGES[0]);
        client.gets("QUIT").await;
    }
}

#[tokio::test]
async fn a_connection_between_the_tiers_that_died_while_it_was_free_costs_nobody_a_log_in() {
    let mut house = House::open().await;
    for _ in 0..3 {
        house.logged_in(USER).await.gets("QUIT").await;
        house.kill_back_end("mbx1").await;
        house.start_back_end("mbx1").await;
        house.logged_in(USER).await.gets("QUIT").await;
    }
}

#[tokio::test]
async fn a_large_maildrop_is_listed_whole_and_read_ahead_in_order() {
    let house = House::open().await;
    let store = Arc::clone(&house.back_end().store) as Store;
    let message = |number: usize| format!("Subject: {number}\r\n\r\n{}\r\n", "x".repeat(number % 97));
    for number in 1..=300 {
        house.deliver_into(&store, USER, message(number).as_bytes()).await;
    }
    let mut client = house.logged_in(USER).await;
    let listed = client.listing("LIST").await;
    assert_eq!(listed.len(), 300);
    let all: Vec<_> = (1..=300).map(|number| format!("RETR {number}\r\n")).collect();
    client.sends(all.concat().as_bytes()).await;
    for number in 1..=300 {
        assert_eq!(client.line().await, format!("+OK {} octets", listed[number - 1]));
        assert_eq!(client.message().await, message(number).into_bytes(), "message {number}");
    }
}
