//! Mailboxes that move to another database.

mod deaths;
mod in_use;
mod refusals;

use std::sync::Arc;
use std::time::Duration;

use backend::mounts::Store;
use directory::Name;
use mailbox::testing::{Gates, slow_store};
use mailbox_move::{MoveError, Moved, Outcome, Site, move_mailbox};
use system_tests::{House, PASSWORD, until};
use tokio::task::JoinHandle;

/// Who moves, from DB01 on mbx1 to DB02 on mbx2.
const USER: &str = "user1@example.com";

fn name() -> Name {
    USER.parse().unwrap()
}

/// A house with both back ends.
async fn house() -> House {
    let mut house =
        House::with(|settings| settings.log_in.waiting_window = system_tests::span("1 min")).await;
    house.start_back_end("mbx2").await;
    house
}

/// Moves the user elsewhere, in a task of its own.
fn mover(house: &House, target: &'static str) -> JoinHandle<Result<Outcome, MoveError>> {
    mover_with(house.site(), target)
}

/// The same, by somebody who does not wait long for a database that is away.
fn impatient_mover(house: &House, target: &'static str) -> JoinHandle<Result<Outcome, MoveError>> {
    mover_with(Site { patience: Duration::from_millis(500), ..house.site() }, target)
}

fn mover_with(site: Site, target: &'static str) -> JoinHandle<Result<Outcome, MoveError>> {
    tokio::spawn(async move { move_mailbox(&site, &name(), target, &mut |_| ()).await })
}

/// Moves the user to DB02.
async fn moves(house: &House) -> Moved {
    moved(mover(house, "DB02")).await
}

async fn moved(mover: JoinHandle<Result<Outcome, MoveError>>) -> Moved {
    match mover.await.unwrap() {
        Ok(Outcome::Moved(made)) => {
            assert_eq!(made.left_behind, None);
            made
        }
        other => panic!("{other:?}"),
    }
}

/// Serves a back end's database behind gates.
fn gates(house: &House, server: &str, database: &str) -> Arc<Gates> {
    let back_end = house.back_end_called(server);
    let (store, gates) = slow_store(Arc::clone(&back_end.store) as Store);
    back_end.mounts.insert(database, Arc::new(store));
    gates
}

/// Which database the user is in.
fn database(house: &House) -> String {
    house.administration.show(&name()).unwrap().database.to_string()
}

async fn is_frozen(house: &House) {
    until("the mailbox is frozen", || house.administration.show(&name()).unwrap().is_frozen()).await;
}

/// The mover is taken to be dead from now on.
fn lapse(house: &mut House) {
    let moving = house.administration.show(&name()).unwrap().moving.expect("a move");
    house.administration.renew_move(&name(), &moving.id, Duration::ZERO).unwrap();
}

/// How many messages a server's database has of the user's.
async fn kept(house: &House, server: &str) -> u64 {
    let store = &house.back_end_called(server).store;
    let mailboxes = mailbox::MailboxStore::mailboxes(&**store).await.unwrap();
    let mailbox = house.mailbox(USER);
    mailboxes.iter().filter(|summary| summary.mailbox == mailbox).map(|summary| summary.messages).sum()
}

/// The listing of names and the messages that the user finds.
async fn found(house: &House) -> Vec<(String, Vec<u8>)> {
    let mut client = house.client().await;
    assert_eq!(client.logs_in(USER, PASSWORD).await, "+OK logged in");
    let mut found = Vec::new();
    for (uidl, number) in client.listing("UIDL").await.into_iter().zip(1..) {
        found.push((uidl, client.retrieves(number).await));
    }
    client.gets("QUIT").await;
    found
}
