//! Health mailboxes in stores in memory, under a clock that the test moves.

use directory::{Answer, Candidate, Credential, InstallationSecret, Upgrade, User};
use health_mailbox::HealthKey;
use mailbox::testing::{MemoryStore, Operation, delivery, failing_store, mailbox_id};
use tokio::task::JoinHandle;

use super::*;

const STRAY: &[u8] = b"Subject: stray\r\n\r\nHi.\r\n";

/// A directory that knows the health mailbox of DB01 and nobody else, or nobody at all.
pub(crate) struct Alone(pub(crate) Option<User>);

impl Alone {
    pub(crate) fn with_health_mailbox() -> Arc<Self> {
        let mailbox = HealthMailbox::of(&db01());
        Arc::new(Self(Some(User {
            name: mailbox.user().parse().unwrap(),
            aliases: Vec::new(),
            mailbox: mailbox_id(1).to_string(),
            database: db01(),
            quota: None,
            enabled: true,
            credential: Credential::of_health_mailbox(&HealthKey::new([7; 32]).secret(&mailbox)),
            credential_version: 1,
            scram: None,
            moving: None,
            created: 0,
            changed: 0,
        })))
    }
}

impl Directory for Alone {
    fn find<'a>(&'a self, name: &'a Name) -> Answer<'a, Option<User>> {
        Box::pin(async move { Ok(self.0.clone().filter(|user| user.name == *name)) })
    }

    fn candidate<'a>(&'a self, _name: &'a Name) -> Answer<'a, Candidate> {
        Box::pin(async { Ok(Candidate::Unknown { stand_in: None }) })
    }

    fn installation_secret(&self) -> Answer<'_, InstallationSecret> {
        Box::pin(async { Ok(InstallationSecret::new([0; 32])) })
    }

    fn takes_upgrades(&self) -> bool {
        false
    }

    fn upgrade(&self, _upgrade: Upgrade) {}
}

fn db01() -> DatabaseName {
    DatabaseName::parse("DB01").unwrap()
}

fn known() -> MemoryMessage {
    MemoryMessage::encode(&known_message(&db01()))
}

fn ward(store: &Store) -> Ward {
    Ward::new(Alone::with_health_mailbox(), "DB01", Arc::clone(store)).unwrap()
}

pub(crate) async fn put(store: &Store, number: u64, message: &[u8]) {
    store.deliver(delivery(number, mailbox_id(1), message)).await.unwrap();
}

/// The uids in the health mailbox, and whether each is the known message.
pub(crate) async fn found(store: &Store) -> Vec<(u64, bool)> {
    let snapshot = store.snapshot(&mailbox_id(1)).await.unwrap();
    let mut found = Vec::new();
    for message in store.list(&snapshot).await.unwrap() {
        let body = store.read_chunk(&snapshot, message.uid, 0).await.unwrap();
        found.push((message.uid.get(), body == *known().wire()));
    }
    found
}

/// A caretaker at work, and what it looks after.
fn caretaker(directory: Arc<dyn Directory>) -> (Mounts, JoinHandle<()>) {
    let mounts = Mounts::new();
    (mounts.clone(), tokio::spawn(Caretaker { directory, mounts }.run()))
}

/// Waits until DB01's health mailbox has so many messages. The clock goes on by itself meanwhile.
async fn until_it_has(store: &Store, messages: usize) {
    let has = async {
        while found(store).await.len() != messages {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    };
    timeout(Duration::from_hours(1), has).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_mounted_database_gets_its_known_message_and_keeps_it() {
    let store: Store = Arc::new(MemoryStore::new());
    let (mounts, _caretaker) = caretaker(Alone::with_health_mailbox());
    mounts.insert("DB01", Arc::clone(&store));
    until_it_has(&store, 1).await;
    tokio::time::sleep(10 * STAY).await;
    assert_eq!(found(&store).await, [(1, true)]);
}

#[tokio::test(start_paused = true)]
async fn the_next_mount_finds_the_known_message_and_makes_no_other() {
    let store: Store = Arc::new(MemoryStore::new());
    ward(&store).tidy().await.unwrap();
    ward(&store).tidy().await.unwrap();
    assert_eq!(found(&store).await, [(1, true)]);
}

#[tokio::test(start_paused = true)]
async fn what_only_calls_itself_the_known_message_is_replaced_at_once() {
    let store: Store = Arc::new(MemoryStore::new());
    let mut other = known_message(&db01());
    *other.last_mut().unwrap() = b'\t';
    put(&store, 1, &other).await;
    put(&store, 2, STRAY).await;
    ward(&store).tidy().await.unwrap();
    assert_eq!(found(&store).await, [(2, false), (3, true)]);
}

#[tokio::test(start_paused = true)]
async fn of_two_known_messages_one_stays() {
    let store: Store = Arc::new(MemoryStore::new());
    put(&store, 1, &known_message(&db01())).await;
    put(&store, 2, &known_message(&db01())).await;
    ward(&store).tidy().await.unwrap();
    assert_eq!(found(&store).await, [(1, true)]);
}

#[tokio::test(start_paused = true)]
async fn a_known_message_that_cannot_be_read_is_replaced() {
    let memory = Arc::new(MemoryStore::new());
    let store = Arc::clone(&memory) as Store;
    put(&store, 1, &known_message(&db01())).await;
    memory.corrupt(Uid::new(1), 0);
    ward(&store).tidy().await.unwrap();
    assert_eq!(found(&store).await, [(2, true)]);
}

#[tokio::test(start_paused = true)]
async fn a_known_message_that_somebody_has_deleted_is_made_again() {
    let store: Store = Arc::new(MemoryStore::new());
    let mut ward = ward(&store);
    ward.tidy().await.unwrap();
    let snapshot = store.snapshot(&mailbox_id(1)).await.unwrap();
    store.delete(&snapshot, &[Uid::new(1)]).await.unwrap();
    ward.tidy().await.unwrap();
    assert_eq!(found(&store).await, [(2, true)]);
}

#[tokio::test(start_paused = true)]
async fn other_messages_go_when_they_have_been_there_for_ten_minutes() {
    let store: Store = Arc::new(MemoryStore::new());
    let mut ward = ward(&store);
    put(&store, 1, b"X-Mailmedic-Probe: cas1\r\n\r\n").await;
    ward.tidy().await.unwrap();
    tokio::time::advance(STAY / 2).await;
    put(&store, 2, STRAY).await;
    ward.tidy().await.unwrap();
    tokio::time::advance(STAY / 2).await;
    ward.tidy().await.unwrap();
    assert_eq!(found(&store).await, [(2, true), (3, false)]);
    tokio::time::advance(STAY / 2).await;
    ward.tidy().await.unwrap();
    assert_eq!(found(&store).await, [(2, true)]);
}

#[tokio::test(start_paused = true)]
async fn a_store_without_space_is_served_and_gets_the_message_when_there_is_some() {
    let (failing, failures) = failing_store(Arc::new(MemoryStore::new()));
    let store: Store = Arc::new(failing);
    failures.fail_always(Operation::Deliver, MailboxError::NoSpace);
    let (mounts, _caretaker) = caretaker(Alone::with_health_mailbox());
    mounts.insert("DB01", Arc::clone(&store));
    while failures.calls(Operation::Deliver) < 3 {
        tokio::time::sleep(RETRY).await;
    }
    assert!(mounts.get("DB01").is_some() && found(&store).await.is_empty());
    failures.heal(Operation::Deliver);
    until_it_has(&store, 1).await;
}

#[tokio::test(start_paused = true)]
async fn a_database_without_a_health_mailbox_is_left_alone() {
    let store: Store = Arc::new(MemoryStore::new());
    let (mounts, _caretaker) = caretaker(Arc::new(Alone(None)));
    mounts.insert("DB01", Arc::clone(&store));
    tokio::time::sleep(STAY).await;
    assert!(found(&store).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_store_that_has_left_is_let_go_of() {
    let store: Store = Arc::new(MemoryStore::new());
    let (mounts, _caretaker) = caretaker(Alone::with_health_mailbox());
    mounts.insert("DB01", Arc::clone(&store));
    until_it_has(&store, 1).await;
    drop(mounts.remove("DB01"));
    while Arc::strong_count(&store) > 1 {
        tokio::task::yield_now().await;
    }
}
