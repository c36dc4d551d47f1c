//! Moves that are not made, and say why before anything is frozen.

use std::sync::Arc;

use backend::mounts::Store;
use mailbox::testing::MemoryStore;
use mailbox_move::{Fault, MoveError, Outcome, recover};
use settings::{LoopbackPorts, Size, SizeLimit};
use system_tests::{House, PASSWORD, Plan};

use super::{USER, database, found, house, kept, mover, moves, name};

async fn refused(house: &House, target: &'static str) -> MoveError {
    let before = found(house).await;
    let error = mover(house, target).await.unwrap().unwrap_err();
    assert_eq!(database(house), "DB01");
    assert_eq!(house.administration.show(&name()).unwrap().moving, None);
    assert_eq!(found(house).await, before);
    error
}

#[tokio::test]
async fn a_database_that_does_not_exist_is_answered_with_the_one_that_was_meant() {
    let house = house().await;
    let error = refused(&house, "DB2").await;
    assert_eq!(error.to_string(), "there is no database called DB2; did you mean DB02?");
    assert_eq!((error.fault(), error.retry_helps()), (Fault::Asker, false));
}

#[tokio::test]
async fn a_mailbox_is_there_already() {
    let house = house().await;
    assert_eq!(mover(&house, "db01").await.unwrap().unwrap(), Outcome::AlreadyThere);
    moves(&house).await;
    assert_eq!(mover(&house, "DB02").await.unwrap().unwrap(), Outcome::AlreadyThere);
    assert_eq!(recover(&house.site()).await.unwrap().len(), 0);
}

#[tokio::test]
async fn third_party_routes_neither_give_nor_take() {
    let mut house = House::build(Plan {
        configuration: Box::new(|addresses| {
            let address = format!("{}:{}", addresses.at(21), LoopbackPorts::default().pop3);
            format!(
                "[[route]]\nname = \"elsewhere\"\nkind = \"pass-through\"\naddress = \"{address}\"\ntls = \"none\"\n"
            )
        }),
        ..Plan::default()
    });
    let error = mover(&house, "elsewhere").await.unwrap().unwrap_err();
    assert_eq!(
        error.to_string(),
        "elsewhere is a third-party route: mailboxes are moved between databases only"
    );
    house.administration.set_database(&name(), &settings::Value::parse("elsewhere").unwrap()).unwrap();
    let error = mover(&house, "DB02").await.unwrap().unwrap_err();
    assert_eq!(
        error.to_string(),
        "the mail of user1@example.com is kept elsewhere, by the third-party route elsewhere"
    );
}

#[tokio::test]
async fn mail_that_no_move_has_left_at_the_target_is_neither_mixed_nor_removed() {
    let house = house().await;
    house.deliver(USER, b"Subject: here\r\n\r\n").await;
    let elsewhere = Arc::clone(&house.back_end_called("mbx2").store) as Store;
    house.deliver_into(&elsewhere, USER, b"Subject: there\r\n\r\n").await;
    let error = refused(&house, "DB02").await;
    assert!(matches!(error, MoveError::TargetHasMail { messages: 1, .. }), "{error}");
    assert_eq!(kept(&house, "mbx2").await, 1);
}

#[tokio::test]
async fn a_mailbox_that_does_not_fit_is_told_before_anything_is_frozen() {
    let mut house = house().await;
    house.deliver(USER, b"Subject: ten thousand words\r\n\r\n").await;
    let full = Arc::new(MemoryStore::new());
    full.set_space(false);
    house.back_end_called("mbx2").mounts.insert("DB02", full);
    let error = refused(&house, "DB02").await;
    assert_eq!(
        error.to_string(),
        "the mailbox of user1@example.com does not fit into DB02: the mailbox database has too little free space"
    );
    assert_eq!((error.fault(), error.retry_helps()), (Fault::Space, true));
    let sound = Arc::clone(&house.back_end_called("mbx2").store) as Store;
    house.back_end_called("mbx2").mounts.insert("DB02", sound);

    let tight = Some(SizeLimit::AtMost(Size::octets(10)));
    house.administration.set_quota(&name(), tight).unwrap();
    let error = refused(&house, "DB02").await;
    assert!(error.to_string().ends_with("31 octets do not fit: 0 of 10 are in use"), "{error}");
    house.administration.set_quota(&name(), None).unwrap();
    moves(&house).await;
}

#[tokio::test]
async fn a_damaged_message_stays_where_it_can_be_restored() {
    let mut house = house().await;
    house.deliver(USER, b"Subject: sound\r\n\r\n").await;
    house.deliver(USER, b"Subject: to be damaged\r\n\r\n").await;
    house.stop_back_end("mbx1", std::time::Duration::ZERO).await;
    let file = house.data.database("DB01").join("mail.sqlite");
    let mut octets = std::fs::read(&file).unwrap();
    let at = octets.windows(13).position(|octets| octets == b"to be damaged").unwrap();
    octets[at] = b'X';
    std::fs::write(&file, octets).unwrap();
    house.start_back_end("mbx1").await;
    let error = mover(&house, "DB02").await.unwrap().unwrap_err();
    assert!(error.to_string().contains("is corrupt"), "{error}");
    assert_eq!(database(&house), "DB01");
    assert_eq!(kept(&house, "mbx2").await, 0);
    let mut client = house.client().await;
    client.logs_in(USER, PASSWORD).await;
    assert_eq!(client.stat().await.0, 2);
}
