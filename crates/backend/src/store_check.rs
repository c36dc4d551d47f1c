//! The check of a store: it is used as sessions and deliveries use it, in the health mailbox of its database.
//!
//! Asked for at the admin socket. It leaves nothing behind: what it stores it deletes, and what it cannot delete is a stray.

use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

use directory::Directory;
use health_mailbox::{HealthMailbox, PROBE_HEADER};
use mailbox::{
    Delivery, DeliveryId, MailboxError, MailboxId, MemoryMessage, Octets, UnixSeconds, WireMessage,
};
use service::admin::{StoreCheck, StoreStep, StoreStepReport};
use settings::{DatabaseName, Value as _};
use tokio::runtime::Handle;
use tokio::time::{Instant, timeout_at};

use crate::mounts::{Mounts, Store};

/// How much longer than its limit a check may take to say so, before its asker is told instead.
const GRACE: Duration = Duration::from_millis(500);
/// For a message of what size there must be space.
const ROOM: u64 = 64 << 10;

/// What the admin socket calls on its threads.
pub(crate) fn checks(runtime: Handle, mounts: Mounts, directory: Arc<dyn Directory>) -> service::StoreChecks {
    Box::new(move |database, limit| {
        let Some(store) = mounts.get(database) else { return StoreCheck::NotMounted };
        let (reply, answer) = channel();
        let (directory, database) = (Arc::clone(&directory), database.to_owned());
        runtime.spawn(async move {
            // Who has asked may be gone.
            let _ = reply.send(check(&*directory, &database, store, limit).await);
        });
        answer.recv_timeout(limit + GRACE).unwrap_or_else(|_| StoreCheck::Checked {
            steps: Vec::new(),
            failure: Some("the back end does not come to it".to_owned()),
        })
    })
}

/// Checks a store, within `limit`.
async fn check(directory: &dyn Directory, database: &str, store: Store, limit: Duration) -> StoreCheck {
    let deadline = Instant::now() + limit;
    let mailbox = match timeout_at(deadline, mailbox(directory, database)).await {
        Ok(Ok(mailbox)) => mailbox,
        Ok(Err(reason)) => return StoreCheck::NoMailbox { reason },
        Err(_) => return StoreCheck::NoMailbox { reason: "the directory does not answer".to_owned() },
    };
    let mut steps = Vec::new();
    for step in [StoreStep::Read, StoreStep::Space, StoreStep::Write] {
        let began = Instant::now();
        let taken = async {
            match step {
                StoreStep::Read => read(&store, &mailbox).await,
                StoreStep::Space => store.admit(&mailbox.0, None, Octets::new(ROOM)).await,
                StoreStep::Write => write(&store, &mailbox).await,
            }
        };
        let taken = timeout_at(deadline, taken).await;
        let micros = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
        // A full disk may be told by the first write only.
        let step = if matches!(taken, Ok(Err(MailboxError::NoSpace))) { StoreStep::Space } else { step };
        steps.push(StoreStepReport { step, micros });
        let failure = match taken {
            Ok(Ok(())) => continue,
            // It was dismounted meanwhile.
            Ok(Err(MailboxError::NotMounted)) => return StoreCheck::NotMounted,
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("the store does not answer within {:.1} s", limit.as_secs_f64()),
        };
        return StoreCheck::Checked { steps, failure: Some(failure) };
    }
    StoreCheck::Checked { steps, failure: None }
}

/// The health mailbox of a database, and how its user is called.
async fn mailbox(directory: &dyn Directory, database: &str) -> Result<(MailboxId, String), String> {
    let database = DatabaseName::parse(database).map_err(|error| error.to_string())?;
    let user = HealthMailbox::of(&database).user().to_owned();
    let name = user.parse().map_err(|error: directory::NameError| error.to_string())?;
    let found = directory.find(&name).await.map_err(|error| error.to_string())?;
    let found = found.ok_or("the directory does not know it yet")?;
    let mailbox = MailboxId::parse(&found.mailbox).map_err(|error| error.to_string())?;
    Ok((mailbox, user))
}

/// Reads the message that came first, the known one.
async fn read(store: &Store, (mailbox, _): &(MailboxId, String)) -> Result<(), MailboxError> {
    let snapshot = store.snapshot(mailbox).await?;
    match store.list(&snapshot).await?.first() {
        Some(first) => store.read_chunk(&snapshot, first.uid, 0).await.map(drop),
        None => Ok(()),
    }
}

/// Stores a message and deletes it.
async fn write(store: &Store, (mailbox, name): &(MailboxId, String)) -> Result<(), MailboxError> {
    let mut id = [0; 16];
    getrandom::fill(&mut id).map_err(|error| MailboxError::Unavailable {
        operation: "deliver a message",
        source: Some(Arc::new(error)),
    })?;
    let message = format!("{PROBE_HEADER}: store-check\r\nSubject: A check of the store\r\n\r\n");
    let delivery = Delivery {
        id: DeliveryId::from_bytes(id),
        mailbox: *mailbox,
        name: name.clone(),
        quota: None,
        message: Arc::new(MemoryMessage::encode(message.as_bytes())) as Arc<dyn WireMessage>,
        uidl: None,
        received: UnixSeconds(u64::try_from(jiff::Timestamp::now().as_second()).unwrap_or(0)),
    };
    let stored = store.deliver(delivery).await?.uid();
    let snapshot = store.snapshot(mailbox).await?;
    store.delete(&snapshot, &[stored]).await
}

#[cfg(test)]
mod tests {
    use mailbox::Uid;
    use mailbox::testing::{Failures, MemoryStore, Operation, failing_store, slow_store};

    use super::*;
    use crate::health_mail::tests::{Alone, found};

    const LIMIT: Duration = Duration::from_secs(2);

    async fn checked(store: &Store) -> (Vec<StoreStep>, Option<String>) {
        match check(&*Alone::with_health_mailbox(), "DB01", Arc::clone(store), LIMIT).await {
            StoreCheck::Checked { steps, failure } => {
                (steps.into_iter().map(|step| step.step).collect(), failure)
            }
            other => panic!("{other:?}"),
        }
    }

    fn failing() -> (Store, Arc<Failures>) {
        let (store, failures) = failing_store(Arc::new(MemoryStore::new()));
        (Arc::new(store), failures)
    }

    #[tokio::test]
    async fn a_good_store_is_read_and_written_and_left_as_it_was() {
        let store: Store = Arc::new(MemoryStore::new());
        let (steps, failure) = checked(&store).await;
        assert_eq!(steps, [StoreStep::Read, StoreStep::Space, StoreStep::Write]);
        assert_eq!(failure, None);
        assert!(found(&store).await.is_empty());
    }

    #[tokio::test]
    async fn it_ends_at_the_step_that_fails() {
        let (store, failures) = failing();
        let unavailable = || MailboxError::Unavailable { operation: "do anything", source: None };
        failures.fail_always(Operation::List, unavailable());
        let (steps, failure) = checked(&store).await;
        assert_eq!(steps, [StoreStep::Read]);
        assert!(failure.unwrap().contains("did not answer"));
        failures.heal(Operation::List);
        failures.fail_always(Operation::Deliver, unavailable());
        let (steps, failure) = checked(&store).await;
        assert_eq!(steps.last(), Some(&StoreStep::Write));
        assert!(failure.is_some());
    }

    #[tokio::test]
    async fn a_full_disk_is_a_want_of_space_whoever_meets_it() {
        let (store, failures) = failing();
        failures.fail_always(Operation::Deliver, MailboxError::NoSpace);
        let (steps, failure) = checked(&store).await;
        assert_eq!(steps.last(), Some(&StoreStep::Space));
        assert!(failure.unwrap().contains("free space"));
    }

    #[tokio::test]
    async fn a_body_that_is_corrupt_is_found() {
        let memory = Arc::new(MemoryStore::new());
        let store = Arc::clone(&memory) as Store;
        crate::health_mail::tests::put(&store, 1, b"Subject: known\r\n\r\n").await;
        memory.corrupt(Uid::new(1), 0);
        let (steps, failure) = checked(&store).await;
        assert_eq!(steps, [StoreStep::Read]);
        assert!(failure.unwrap().contains("corrupt"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_store_that_hangs_is_given_up_after_the_limit() {
        let (slow, gates) = slow_store(Arc::new(MemoryStore::new()));
        gates.close(Operation::Snapshot);
        let (steps, failure) = checked(&(Arc::new(slow) as Store)).await;
        assert_eq!(steps, [StoreStep::Read]);
        assert!(failure.unwrap().contains("does not answer within 2.0 s"));
    }

    #[tokio::test]
    async fn without_a_health_mailbox_nothing_is_said_of_the_store() {
        let answer = check(&Alone(None), "DB01", Arc::new(MemoryStore::new()), LIMIT).await;
        assert!(matches!(answer, StoreCheck::NoMailbox { .. }), "{answer:?}");
    }
}
