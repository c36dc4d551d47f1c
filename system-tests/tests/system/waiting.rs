//! Log-ins to a database that is not there at the moment.

use std::time::Duration;

use system_tests::{Client, House, PASSWORD, Plan, span, until};
use tokio::task::JoinHandle;

const USER: &str = "user1@example.com";

/// Logs in, and waits for the answer elsewhere.
async fn logging_in(house: &House, user: &'static str) -> JoinHandle<(Client, String)> {
    let mut client = house.client().await;
    tokio::spawn(async move {
        let answer = client.logs_in(user, PASSWORD).await;
        (client, answer)
    })
}

#[tokio::test]
async fn log_ins_wait_for_a_back_end_that_is_away_and_succeed_when_it_is_back() {
    let mut house = House::with(|settings| settings.log_in.waiting_window = span("1 min")).await;
    house.logged_in(USER).await.gets("QUIT").await;
    house.stop_back_end("mbx1", Duration::ZERO).await;
    let mut waiting = Vec::new();
    for _ in 0..10 {
        waiting.push(logging_in(&house, USER).await);
    }
    until("everybody waits", || house.front_end().waiting() == 10).await;
    assert!(waiting.iter().all(|log_in| !log_in.is_finished()));
    house.start_back_end("mbx1").await;
    for log_in in waiting {
        let (mut client, answer) = log_in.await.unwrap();
        assert_eq!(answer, "+OK logged in");
        assert_eq!(client.stat().await, (0, 0));
    }
    assert_eq!(house.front_end().waiting(), 0);
}

#[tokio::test]
async fn log_ins_wait_for_a_database_that_its_back_end_has_not_mounted() {
    let house = House::with(|settings| settings.log_in.waiting_window = span("1 min")).await;
    let store = house.back_end().mounts.remove("DB01").unwrap();
    let waiting = logging_in(&house, USER).await;
    until("it waits", || house.front_end().waiting() == 1).await;
    house.back_end().mounts.insert("DB01", store.store);
    assert_eq!(waiting.await.unwrap().1, "+OK logged in");
}

#[tokio::test]
async fn one_more_than_may_wait_is_told_at_once() {
    let mut house = House::build(Plan {
        settings: Box::new(|settings| {
            settings.log_in.waiting_window = span("1 min");
            settings.log_in.waiting_log_ins = 2;
        }),
        ..Plan::default()
    });
    house.start_front_end().await;
    let waiting = [logging_in(&house, USER).await, logging_in(&house, USER).await];
    until("both wait", || house.front_end().waiting() == 2).await;
    let mut third = house.client().await;
    let told = third.logs_in(USER, PASSWORD).await;
    assert_eq!(told, "-ERR [SYS/TEMP] Your mailbox is not available at this moment; try again");
    assert_eq!(house.front_end().waiting(), 2);
    // Wrong passwords do not wait, and do not take places.
    assert_eq!(third.logs_in(USER, "wrong").await, "-ERR [AUTH] Wrong user name or password");
    house.start_back_end("mbx1").await;
    for log_in in waiting {
        assert_eq!(log_in.await.unwrap().1, "+OK logged in");
    }
    assert_eq!(third.logs_in(USER, PASSWORD).await, "+OK logged in");
}

#[tokio::test]
async fn nobody_waits_longer_than_the_window_and_the_session_goes_on() {
    let mut house = House::build(Plan {
        settings: Box::new(|settings| settings.log_in.waiting_window = span("500 ms")),
        ..Plan::default()
    });
    house.start_front_end().await;
    let (mut client, told) = logging_in(&house, USER).await.await.unwrap();
    assert_eq!(told, "-ERR [SYS/TEMP] Your mailbox is not available at this moment; try again");
    house.start_back_end("mbx1").await;
    assert_eq!(client.logs_in(USER, PASSWORD).await, "+OK logged in");
}

#[tokio::test]
async fn who_waits_for_one_database_keeps_nobody_from_another() {
    let mut house = House::with(|settings| settings.log_in.waiting_window = span("1 min")).await;
    let waiting = logging_in(&house, "user3@example.com").await;
    until("it waits", || house.front_end().waiting() == 1).await;
    house.logged_in(USER).await.gets("QUIT").await;
    house.start_back_end("mbx2").await;
    assert_eq!(waiting.await.unwrap().1, "+OK logged in");
}

#[tokio::test]
async fn a_back_end_that_is_killed_takes_its_sessions_with_it_and_no_others() {
    let mut house = House::with(|settings| settings.log_in.waiting_window = span("1 min")).await;
    house.start_back_end("mbx2").await;
    house.deliver(USER, b"Subject: one\r\n\r\n").await;
    let (mut lost, mut other) = (house.logged_in(USER).await, house.logged_in("user3@example.com").await);
    lost.gets("DELE 1").await;
    house.kill_back_end("mbx1").await;
    let told = String::from_utf8(lost.rest().await).unwrap();
    assert!(told.is_empty() || told.starts_with("-ERR [SYS/TEMP] "), "{told}");
    other.gets("NOOP").await;
    house.start_back_end("mbx1").await;
    assert_eq!(house.logged_in(USER).await.stat().await, (1, 16));
}
