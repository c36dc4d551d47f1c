//! Databases that are not there for a while.

use std::time::Duration;

use tokio::time::Instant;

use crate::back_end::{Fate, mail_of};
use crate::scene::{Scene, USERS};

#[tokio::test(flavor = "multi_thread")]
async fn rcpt_waits_for_a_back_end_that_starts_again() {
    let scene = Scene::alone("").await;
    let mut mta = scene.mta().await;
    mta.says("MAIL FROM:<>").await;
    mta.hears("250").await;
    mta.says(&format!("RCPT TO:<{}>", USERS[0])).await;
    scene.waits_for_a_database().await;
    let _first = scene.back_end(0).await;
    mta.hears("250").await;
    mta.sends_message().await;
    mta.hears("250 2.0.0").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_moves_between_rcpt_and_data_gets_the_message_where_it_is() {
    let (scene, first, second) = Scene::new("").await;
    let mut mta = scene.mta().await;
    mta.names(&[USERS[0], USERS[2]]).await;
    first.conduct.is_to([Fate::NotMounted]);
    first.conduct.dismount(USERS[0]);
    mta.sends_message().await;
    scene.waits_for_a_database().await;
    scene.move_databases(["mbx2", "mbx2"]);
    mta.hears("250 2.0.0").await;
    mta.hears("250 2.0.0").await;
    assert_eq!((first.conduct.offered(), second.conduct.offered()), (1, 2));
    assert_eq!(mail_of(&scene.stored, USERS[0]).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recipient_who_has_an_answer_does_not_wait_for_one_who_is_held() {
    let (scene, first, _second) = Scene::new("").await;
    let mut mta = scene.mta().await;
    mta.names(&[USERS[2], USERS[0]]).await;
    first.conduct.is_to([Fate::NotMounted]);
    first.conduct.dismount(USERS[0]);
    mta.sends_message().await;
    mta.hears("250 2.0.0").await;
    scene.waits_for_a_database().await;
    first.conduct.mount(USERS[0]);
    mta.hears("250 2.0.0").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_hold_has_an_end_for_recipients_and_for_messages() {
    let (scene, first, _second) = Scene::new("hold = \"1 s\"").await;
    let mut mta = scene.mta().await;
    first.conduct.dismount(USERS[1]);
    mta.says("MAIL FROM:<>").await;
    mta.hears("250").await;
    let began = Instant::now();
    mta.says(&format!("RCPT TO:<{}>", USERS[1])).await;
    mta.hears("451 4.3.2").await;
    assert!(began.elapsed() >= Duration::from_secs(1));
    // Its patience is at an end; a database that is there needs none.
    mta.says(&format!("RCPT TO:<{}>", USERS[0])).await;
    mta.hears("250").await;
    first.kill().await;
    let began = Instant::now();
    mta.sends_message().await;
    mta.hears("451 4.3.2").await;
    assert!(began.elapsed() >= Duration::from_secs(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_back_end_that_says_yes_and_then_no_is_not_asked_without_pause() {
    let (scene, first, _second) = Scene::new("hold = \"1 s\"").await;
    first.conduct.is_to(std::iter::repeat_with(|| Fate::NotMounted).take(100));
    let mut mta = scene.mta().await;
    mta.names(&[USERS[0]]).await;
    mta.sends_message().await;
    mta.hears("451 4.3.2").await;
    assert!(first.conduct.offered() <= 3, "{}", first.conduct.offered());
}
