//! Time-outs, lengths, numbers: every state of a session has a bound.

use system_tests::{House, PASSWORD, Transport, span, until};

const USER: &str = "user1@example.com";

#[tokio::test]
async fn a_client_that_takes_too_long_to_log_in_is_told_so_however_much_it_talks() {
    let house = House::with(|settings| settings.pop.pre_authenticated_connection_timeout = span("1 s")).await;
    for transport in Transport::ALL {
        let mut client = house.client_over(transport).await;
        loop {
            let answer = client.asks("CAPA").await;
            if answer != "+OK capabilities follow" {
                assert_eq!(answer, "-ERR [SYS/TEMP] You took too long to log in", "{transport:?}");
                break;
            }
            client.lines().await;
        }
        client.rest().await;
    }
}

#[tokio::test]
async fn a_client_that_says_nothing_is_told_so_by_the_front_end_and_nothing_is_deleted() {
    let house = House::open().await;
    house.mount_three_messages().await;
    house.front_end().change(|settings| settings.pop.authenticated_connection_timeout = span("1 s"));
    let mut client = house.logged_in(USER).await;
    client.gets("DELE 1").await;
    assert_eq!(client.line().await, "-ERR [SYS/TEMP] You were silent for too long");
    client.is_closed().await;
    assert_eq!(house.logged_in(USER).await.stat().await, (3, 78));
}

#[tokio::test]
async fn a_client_that_says_nothing_is_told_so_by_the_back_end_and_nothing_is_deleted() {
    let house = House::open().await;
    house.mount_three_messages().await;
    house.back_end().change(|settings| settings.pop.authenticated_connection_timeout = span("1 s"));
    let mut client = house.logged_in(USER).await;
    client.gets("DELE 1").await;
    assert_eq!(client.line().await, "-ERR [SYS/TEMP] You were silent for too long");
    client.is_closed().await;
    assert_eq!(house.logged_in(USER).await.stat().await, (3, 78));
}

#[tokio::test]
async fn a_session_ends_after_its_limit_however_busy_it_is() {
    let house = House::open().await;
    house.front_end().change(|settings| settings.session.session_limit = span("1 s"));
    let mut client = house.logged_in(USER).await;
    let last = loop {
        let answer = client.asks("NOOP").await;
        if answer != "+OK" {
            break answer;
        }
    };
    assert!(last.starts_with("-ERR [SYS/TEMP] "), "{last}");
    client.rest().await;
}

#[tokio::test]
async fn who_does_not_begin_the_handshake_is_not_waited_for() {
    let house = House::with(|settings| settings.session.tls_handshake_timeout = span("500 ms")).await;
    let mut silent = house.connect(house.pop3s_address()).await;
    silent.is_closed().await;
    let mut after_stls = house.client().await;
    after_stls.gets("STLS").await;
    after_stls.is_closed().await;
    let mut inner = house.connect(house.inner_address()).await;
    inner.is_closed().await;
    house.client_over(Transport::Tls).await;
}

#[tokio::test]
async fn a_line_that_is_too_long_is_refused_and_the_session_goes_on() {
    let house = House::open().await;
    house.mount_three_messages().await;
    let line = |length: usize| format!("STAT{}", " ".repeat(length - "STAT\r\n".len()));
    let mut client = house.client().await;
    assert_eq!(client.asks(&line(513)).await, "-ERR line too long");
    assert_eq!(client.asks(&line(512)).await, "-ERR log in first");
    assert_eq!(client.logs_in(USER, PASSWORD).await, "+OK logged in");
    assert_eq!(client.asks(&line(512)).await, "+OK 3 78");
    assert_eq!(client.asks(&line(513)).await, "-ERR line too long");
    assert_eq!(client.asks(&line(5000)).await, "-ERR line too long");
    assert_eq!(client.stat().await, (3, 78));

    // Within an exchange of SASL there is room for 12 KiB.
    let mut client = house.client().await;
    assert_eq!(client.asks("AUTH PLAIN").await, "+ ");
    // user1 and a password of some thousand octets.
    let long = format!("AHVzZXIxAHh4{}", "eHh4".repeat(2000));
    assert_eq!(client.asks(&long).await, "-ERR [AUTH] Wrong user name or password");
    assert_eq!(client.asks("AUTH PLAIN").await, "+ ");
    assert_eq!(client.asks(&"A".repeat(13_000)).await, "-ERR line too long");
    assert_eq!(client.logs_in(USER, PASSWORD).await, "+OK logged in");
}

#[tokio::test]
async fn a_line_without_end_ends_the_session() {
    let house = House::open().await;
    for logged_in in [false, true] {
        let mut client = if logged_in { house.logged_in(USER).await } else { house.client().await };
        for _ in 0..100 {
            client.tries_to_send(&[b'x'; 1024]).await;
        }
        let words = String::from_utf8(client.rest().await).unwrap();
        assert_eq!(words, "-ERR line too long\r\n", "logged in: {logged_in}");
    }
}

#[tokio::test]
async fn too_many_errors_in_a_row_end_a_session_and_a_success_breaks_the_row() {
    let house = House::with(|settings| settings.session.error_limit = 3).await;
    let mut client = house.logged_in(USER).await;
    for _ in 0..3 {
        for _ in 0..2 {
            assert_eq!(client.asks("BOGUS").await, "-ERR unknown command");
        }
        client.gets("NOOP").await;
    }
    for _ in 0..3 {
        assert_eq!(client.asks("BOGUS").await, "-ERR unknown command");
    }
    client.is_closed().await;

    // Before log-in nothing breaks it: failed log-ins count, whatever is said between.
    let mut client = house.client().await;
    for _ in 0..3 {
        client.gets("CAPA").await;
        client.lines().await;
        client.says("PASS guess").await;
        client.hears("-ERR ").await;
    }
    client.is_closed().await;
}

#[tokio::test]
async fn one_connection_too_many_is_told_so_at_once() {
    let house = House::with(|settings| settings.pop.max_connections = 2).await;
    let (first, _second) = (house.client().await, house.client().await);
    let mut third = house.connect(house.pop3_address()).await;
    assert_eq!(third.line().await, "-ERR [SYS/TEMP] No connection: all 2 connections are in use");
    third.is_closed().await;
    // It would not be understood by a client that waits for a handshake.
    let mut in_tls = house.connect(house.pop3s_address()).await;
    in_tls.is_closed().await;
    drop(first);
    until("the connection is over", || house.front_end().service().roster.len() < 2).await;
    house.client().await;
}

#[tokio::test]
async fn one_address_has_as_many_connections_as_it_may_have_and_others_have_theirs() {
    let house = House::with(|settings| settings.pop.max_connection_from_single_ip = 1).await;
    let _first = house.client_from(51).await;
    let mut second = house.connect_from(51, house.pop3_address()).await;
    let told = second.line().await;
    assert!(told.starts_with("-ERR [SYS/TEMP] No connection: "), "{told}");
    assert!(told.ends_with("has its 1 connections in use"), "{told}");
    second.is_closed().await;
    house.client_from(52).await;
}
