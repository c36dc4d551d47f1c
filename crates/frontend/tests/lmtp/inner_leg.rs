//! Connections to back ends, and back ends that die.

use crate::back_end::{Fate, mail_of};
use crate::scene::{Scene, USERS};

#[tokio::test(flavor = "multi_thread")]
async fn deliveries_one_after_another_share_a_connection() {
    let (scene, first, _second) = Scene::new("").await;
    for _ in 0..3 {
        let mut mta = scene.mta().await;
        for _ in 0..3 {
            mta.delivers(&[USERS[0], USERS[1]]).await;
        }
    }
    assert_eq!(first.conduct.connections(), 1);
    assert_eq!(mail_of(&scene.stored, USERS[0]).len(), 9);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_that_was_reset_leaves_its_connection_for_the_next() {
    let (scene, first, _second) = Scene::new("").await;
    let mut mta = scene.mta().await;
    mta.names(&[USERS[0]]).await;
    mta.says("RSET").await;
    mta.hears("250").await;
    mta.delivers(&[USERS[0]]).await;
    assert_eq!(first.conduct.connections(), 1);
    assert_eq!(mail_of(&scene.stored, USERS[0]).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_free_connection_that_has_died_costs_nobody_a_delivery() {
    let (scene, first, _second) = Scene::new("hold = \"0 s\"").await;
    let mut mta = scene.mta().await;
    mta.delivers(&[USERS[0]]).await;
    first.kill().await;
    let first = scene.back_end(0).await;
    mta.delivers(&[USERS[0]]).await;
    assert_eq!(first.conduct.connections(), 2);
    assert_eq!(mail_of(&scene.stored, USERS[0]).len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_back_end_that_restarts_after_rcpt_gets_the_message_all_the_same() {
    let (scene, first, _second) = Scene::new("hold = \"0 s\"").await;
    let mut mta = scene.mta().await;
    mta.names(&[USERS[0]]).await;
    first.kill().await;
    let _first = scene.back_end(0).await;
    // A further recipient finds out, and the one before is not forgotten.
    mta.says(&format!("RCPT TO:<{}>", USERS[1])).await;
    mta.hears("250").await;
    mta.sends_message().await;
    mta.hears("250 2.0.0").await;
    mta.hears("250 2.0.0").await;
    assert_eq!(mail_of(&scene.stored, USERS[0]).len(), 1);
    assert_eq!(mail_of(&scene.stored, USERS[1]).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_back_end_that_dies_before_it_stores_is_offered_the_message_again() {
    let (scene, first, _second) = Scene::new("").await;
    first.conduct.is_to([Fate::Killed]);
    scene.mta().await.delivers(&[USERS[0], USERS[2]]).await;
    assert_eq!(first.conduct.offered(), 2);
    assert_eq!(mail_of(&scene.stored, USERS[0]).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_back_end_that_dies_after_it_stored_does_not_store_again() {
    let (scene, first, _second) = Scene::new("").await;
    first.conduct.is_to([Fate::StoredAndKilled]);
    scene.mta().await.delivers(&[USERS[0], USERS[1]]).await;
    assert_eq!(first.conduct.offered(), 2);
    assert_eq!(mail_of(&scene.stored, USERS[0]).len(), 1);
    assert_eq!(mail_of(&scene.stored, USERS[1]).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_kills_back_ends_is_not_offered_a_third_time() {
    let (scene, first, _second) = Scene::new("").await;
    first.conduct.is_to([Fate::Killed, Fate::Killed]);
    let mut mta = scene.mta().await;
    mta.names(&[USERS[0], USERS[2]]).await;
    mta.sends_message().await;
    mta.hears("451 4.3.2").await;
    mta.hears("250 2.0.0").await;
    assert_eq!(first.conduct.offered(), 2);
    assert_eq!(scene.counted("DATA"), (1, 1));
}
