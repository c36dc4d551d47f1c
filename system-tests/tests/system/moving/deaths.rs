//! Whoever dies in the middle of a move: nothing is lost, nothing is there twice, and nobody is locked out.

use std::sync::Arc;
use std::time::Duration;

use backend::mounts::Store;
use mailbox::testing::Operation;
use mailbox_move::{MoveError, Outcome, Recovered, recover};
use system_tests::{House, MailServer};

use super::{
    USER, database, found, gates, house, impatient_mover, is_frozen, kept, lapse, moved, mover, name,
};

const MESSAGES: [&[u8]; 3] = [b"Subject: one\r\n\r\n", b"Subject: two\r\n\r\n", b"Subject: three\r\n\r\n"];

/// A house in which the user has three messages.
async fn house_with_mail() -> House {
    let house = house().await;
    for message in MESSAGES {
        house.deliver(USER, message).await;
    }
    house
}

/// A delivery that keeps the mailbox from being closed, for as long as the gate at mbx1 is.
async fn delivery_under_way(house: &House) -> (MailServer, Arc<mailbox::testing::Gates>) {
    let gates = gates(house, "mbx1", "DB01");
    gates.close(Operation::Deliver);
    let mut mail_server = house.mail_server().await;
    mail_server.hands_over(b"Subject: under way\r\n\r\n", &[USER]).await;
    gates.reached(Operation::Deliver, 1).await;
    (mail_server, gates)
}

#[tokio::test]
async fn the_target_dies_while_it_copies() {
    let mut house = house_with_mail().await;
    let before = found(&house).await;
    let gates = gates(&house, "mbx2", "DB02");
    gates.close(Operation::Import);
    let moving = mover(&house, "DB02");
    gates.reached(Operation::Import, 1).await;
    house.kill_back_end("mbx2").await;
    house.start_back_end("mbx2").await;
    moved(moving).await;
    assert_eq!(found(&house).await, before);
    assert_eq!((kept(&house, "mbx1").await, kept(&house, "mbx2").await), (0, 3));
}

#[tokio::test]
async fn the_target_dies_while_it_copies_the_last_difference() {
    let mut house = house_with_mail().await;
    let (mut mail_server, source) = delivery_under_way(&house).await;
    let target = gates(&house, "mbx2", "DB02");
    let moving = mover(&house, "DB02");
    is_frozen(&house).await;
    target.close(Operation::Import);
    source.open(Operation::Deliver);
    assert_eq!(mail_server.delivered().await.code(), 250);
    target.reached(Operation::Import, 1).await;
    house.kill_back_end("mbx2").await;
    house.start_back_end("mbx2").await;
    moved(moving).await;
    assert_eq!(found(&house).await.len(), 4);
    assert_eq!((kept(&house, "mbx1").await, kept(&house, "mbx2").await), (0, 4));
}

#[tokio::test]
async fn the_source_dies_while_it_closes_the_mailbox() {
    let mut house = house_with_mail().await;
    let (mut mail_server, _gates) = delivery_under_way(&house).await;
    let moving = mover(&house, "DB02");
    is_frozen(&house).await;
    house.kill_back_end("mbx1").await;
    house.start_back_end("mbx1").await;
    moved(moving).await;
    // Nobody was told that it was stored, so it is offered where the mailbox is now.
    assert_eq!(mail_server.delivered().await.code(), 250);
    assert_eq!(found(&house).await.len(), 4);
    assert_eq!((kept(&house, "mbx1").await, kept(&house, "mbx2").await), (0, 4));
}

#[tokio::test]
async fn the_source_dies_before_it_has_removed_what_is_left() {
    let mut house = house_with_mail().await;
    let gates = gates(&house, "mbx1", "DB01");
    gates.close(Operation::RemoveMailbox);
    let moving = mover(&house, "DB02");
    gates.reached(Operation::RemoveMailbox, 1).await;
    assert_eq!(database(&house), "DB02");
    assert_eq!(found(&house).await.len(), 3);
    house.kill_back_end("mbx1").await;
    house.start_back_end("mbx1").await;
    moved(moving).await;
    assert_eq!((kept(&house, "mbx1").await, kept(&house, "mbx2").await), (0, 3));
}

#[tokio::test]
async fn the_front_end_dies_and_the_move_goes_on() {
    let mut house = house_with_mail().await;
    let (_mail_server, gates) = delivery_under_way(&house).await;
    let moving = mover(&house, "DB02");
    is_frozen(&house).await;
    house.kill_front_end().await;
    gates.open(Operation::Deliver);
    moved(moving).await;
    house.start_front_end().await;
    // The one under way was stored, though its mail server does not know.
    assert_eq!(found(&house).await.len(), 4);
}

#[tokio::test]
async fn a_mover_that_dies_while_it_copies_leaves_the_user_where_they_are() {
    let mut house = house_with_mail().await;
    let gates = gates(&house, "mbx2", "DB02");
    gates.close(Operation::Import);
    let moving = mover(&house, "DB02");
    gates.reached(Operation::Import, 1).await;
    moving.abort();
    assert!(matches!(moving.await, Err(error) if error.is_cancelled()));
    gates.open(Operation::Import);
    // While it is taken to be alive, nobody else moves the mailbox.
    let error = mover(&house, "DB02").await.unwrap().unwrap_err();
    assert_eq!(error.to_string(), "the mailbox of user1@example.com is being moved from DB01 to DB02");
    assert_eq!(recover(&house.site()).await.unwrap().len(), 0);
    lapse(&mut house);
    assert_eq!(found(&house).await.len(), 3);
    let recovered = recover(&house.site()).await.unwrap();
    assert!(matches!(&recovered[..], [(user, Ok(Recovered::Undone))] if *user == name()), "{recovered:?}");
    assert_eq!((kept(&house, "mbx1").await, kept(&house, "mbx2").await), (3, 0));
    moved(mover(&house, "DB02")).await;
    assert_eq!((kept(&house, "mbx1").await, kept(&house, "mbx2").await), (0, 3));
}

#[tokio::test]
async fn a_mover_that_dies_in_the_freeze_locks_nobody_out() {
    let mut house = house_with_mail().await;
    let (mut mail_server, gates) = delivery_under_way(&house).await;
    let moving = mover(&house, "DB02");
    is_frozen(&house).await;
    moving.abort();
    assert!(matches!(moving.await, Err(error) if error.is_cancelled()));
    gates.open(Operation::Deliver);
    assert_eq!(mail_server.delivered().await.code(), 250);
    lapse(&mut house);
    // The next one to come finds the freeze over, and the mailbox open.
    assert_eq!(found(&house).await.len(), 4);
    assert_eq!(mail_server.delivers(MESSAGES[0], &[USER]).await[0].code(), 250);
    assert_eq!(database(&house), "DB01");
    // The next mover goes on, and what has come meanwhile moves too.
    moved(mover(&house, "DB02")).await;
    assert_eq!(found(&house).await.len(), 5);
    assert_eq!((kept(&house, "mbx1").await, kept(&house, "mbx2").await), (0, 5));
}

#[tokio::test]
async fn a_mover_that_was_only_slow_cannot_switch_a_mailbox_that_is_in_use_again() {
    let mut house = house_with_mail().await;
    let target = gates(&house, "mbx2", "DB02");
    let (mut mail_server, source) = delivery_under_way(&house).await;
    let moving = mover(&house, "DB02");
    is_frozen(&house).await;
    target.close(Operation::Import);
    source.open(Operation::Deliver);
    assert_eq!(mail_server.delivered().await.code(), 250);
    target.reached(Operation::Import, 1).await;
    // The freeze is over, somebody logs in, and mail comes behind the last copy.
    lapse(&mut house);
    assert_eq!(found(&house).await.len(), 4);
    assert_eq!(mail_server.delivers(MESSAGES[0], &[USER]).await[0].code(), 250);
    target.open(Operation::Import);
    let error = moving.await.unwrap().unwrap_err();
    assert!(matches!(error, MoveError::Differs { .. } | MoveError::NotHeld { .. }), "{error}");
    assert_eq!(database(&house), "DB01");
    assert_eq!(found(&house).await.len(), 5);
}

#[tokio::test]
async fn a_mover_that_dies_after_the_switch_has_moved_the_mailbox() {
    for by in ["another mover", "recovery", "a mover back"] {
        let mut house = house_with_mail().await;
        let before = found(&house).await;
        let gates = gates(&house, "mbx1", "DB01");
        gates.close(Operation::RemoveMailbox);
        let moving = mover(&house, "DB02");
        gates.reached(Operation::RemoveMailbox, 1).await;
        moving.abort();
        assert!(matches!(moving.await, Err(error) if error.is_cancelled()));
        house.kill_back_end("mbx1").await;
        house.start_back_end("mbx1").await;
        lapse(&mut house);
        assert_eq!(found(&house).await, before);
        assert_eq!((kept(&house, "mbx1").await, kept(&house, "mbx2").await), (3, 3), "{by}");
        match by {
            "another mover" => {
                assert_eq!(mover(&house, "DB02").await.unwrap().unwrap(), Outcome::AlreadyThere);
            }
            "recovery" => {
                let recovered = recover(&house.site()).await.unwrap();
                assert!(matches!(&recovered[..], [(_, Ok(Recovered::Finished))]), "{recovered:?}");
            }
            _ => {
                // What was left must not be taken for the mailbox.
                house.mail_server().await.delivers(b"Subject: new\r\n\r\n", &[USER]).await;
                moved(mover(&house, "DB01")).await;
                assert_eq!((kept(&house, "mbx1").await, kept(&house, "mbx2").await), (4, 0));
                assert_eq!(found(&house).await[..3], before);
                continue;
            }
        }
        assert_eq!((kept(&house, "mbx1").await, kept(&house, "mbx2").await), (0, 3), "{by}");
        assert_eq!(house.administration.show(&name()).unwrap().moving, None);
    }
}

#[tokio::test]
async fn a_source_that_is_away_in_the_freeze_costs_the_move_and_not_the_mail() {
    let mut house = house_with_mail().await;
    let (mut mail_server, _gates) = delivery_under_way(&house).await;
    let moving = impatient_mover(&house, "DB02");
    is_frozen(&house).await;
    house.kill_back_end("mbx1").await;
    let error = moving.await.unwrap().unwrap_err();
    assert!(matches!(error, MoveError::NotMounted { .. }), "{error}");
    assert!(error.retry_helps());
    assert!(!house.administration.show(&name()).unwrap().is_frozen());
    assert_eq!(kept(&house, "mbx2").await, 0);
    house.start_back_end("mbx1").await;
    assert_eq!(mail_server.delivered().await.code(), 250);
    assert_eq!(found(&house).await.len(), 4);
}

#[tokio::test]
async fn a_target_that_is_away_is_tidied_by_the_next_mover() {
    let mut house = house_with_mail().await;
    let gates = gates(&house, "mbx2", "DB02");
    gates.close(Operation::Import);
    let moving = impatient_mover(&house, "DB02");
    gates.reached(Operation::Import, 1).await;
    house.stop_back_end("mbx2", Duration::ZERO).await;
    let error = moving.await.unwrap().unwrap_err();
    assert!(matches!(error, MoveError::NotMounted { .. }), "{error}");
    assert_eq!(found(&house).await.len(), 3);
    house.start_back_end("mbx2").await;
    let store = Arc::clone(&house.back_end_called("mbx2").store) as Store;
    house.back_end_called("mbx2").mounts.insert("DB02", store);
    // It was let go of, so nobody has to wait for a lease to end.
    moved(mover(&house, "DB02")).await;
    assert_eq!((kept(&house, "mbx1").await, kept(&house, "mbx2").await), (0, 3));
}
