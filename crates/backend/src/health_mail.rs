//! The mail in the health mailboxes of the databases mounted here: the known message is there, and strays go.
//!
//! Beside each mount, so that no mount waits for it: it may be that the store is full, or that the directory does not know
//! the mailbox yet. Then the database is served all the same and this is tried again.
//!
//! The content of the known message is looked at once a mount. What breaks it later is for the probes to find, not to be
//! mended in silence; only if it is gone, it is made again.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use directory::{Directory, DirectoryError, Name};
use health_mailbox::{HealthMailbox, Whose, known_message, whose};
use mailbox::{
    Delivery, DeliveryId, IdError, MailboxError, MailboxId, MemoryMessage, MessageEntry, Snapshot, Uid,
    UnixSeconds, WireMessage,
};
use settings::{DatabaseName, Invalid, Value as _};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use crate::mounts::{Mounts, Store};

/// How often strays are looked for.
const LOOK: Duration = Duration::from_mins(1);
/// How soon what could not be done is tried again.
const RETRY: Duration = Duration::from_secs(5);
/// How long a message that is not the known one may stay. Its prober deletes it within seconds, unless it has died.
const STAY: Duration = Duration::from_mins(10);

/// Looks after the health mailboxes of whatever is mounted.
pub(crate) struct Caretaker {
    pub(crate) directory: Arc<dyn Directory>,
    pub(crate) mounts: Mounts,
}

/// The health mailbox of one mount.
struct Ward {
    directory: Arc<dyn Directory>,
    store: Store,
    name: Name,
    known: MemoryMessage,
    /// Which message is the known one, once it is there.
    place: Option<Uid>,
    /// The others, and since when this mount has seen them. Not when they were received: a clock that jumps would delete
    /// what a prober has just delivered.
    others: BTreeMap<Uid, Instant>,
}

/// Why a health mailbox is not in order.
#[derive(Debug, thiserror::Error)]
enum Disorder {
    #[error("the database has a name that none can have: {0}")]
    Database(#[from] Invalid),
    #[error("the health mailbox has a name that none can have: {0}")]
    Name(#[from] directory::NameError),
    #[error("the directory does not know it yet")]
    Unknown,
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    #[error("the directory gives an impossible mailbox: {0}")]
    Impossible(#[from] IdError),
    #[error(transparent)]
    Store(#[from] MailboxError),
    #[error("the system gives no random numbers: {0}")]
    Randomness(#[from] getrandom::Error),
}

impl Caretaker {
    /// Looks after them until it is dropped.
    pub(crate) async fn run(self) {
        let mut changes = self.mounts.changes();
        let mut tended = BTreeMap::<String, Store>::new();
        let mut beside = JoinSet::new();
        loop {
            changes.borrow_and_update();
            let mounted = self.mounts.names().into_iter();
            let mounted: BTreeMap<_, _> =
                mounted.filter_map(|name| self.mounts.get(&name).map(|store| (name, store))).collect();
            for (database, store) in &mounted {
                if !tended.get(database).is_some_and(|tended| Arc::ptr_eq(tended, store)) {
                    let (directory, mounts) = (Arc::clone(&self.directory), self.mounts.clone());
                    beside.spawn(tend(directory, mounts, database.clone(), Arc::clone(store)));
                }
            }
            // A store that has left is held by nobody here any longer than its task takes to see it.
            tended = mounted;
            tokio::select! {
                told = changes.changed() => if told.is_err() { return },
                Some(_) = beside.join_next() => {}
            }
        }
    }
}

/// Looks after one mount until it is none any more.
async fn tend(directory: Arc<dyn Directory>, mounts: Mounts, database: String, store: Store) {
    let mut changes = mounts.changes();
    let mut ward = match Ward::new(directory, &database, Arc::clone(&store)) {
        Ok(ward) => ward,
        Err(disorder) => {
            tracing::error!(database, %disorder, "there is no health mailbox");
            return;
        }
    };
    let mut told = String::new();
    loop {
        let pause = match ward.tidy().await {
            Ok(()) => {
                told.clear();
                LOOK
            }
            Err(disorder) => {
                let disorder = disorder.to_string();
                if disorder != told {
                    tracing::warn!(
                        database,
                        disorder,
                        "the health mailbox is not in order; it is tried again"
                    );
                    told = disorder;
                }
                RETRY
            }
        };
        if timeout(pause, left(&mounts, &mut changes, &database, &store)).await.is_ok() {
            return;
        }
    }
}

/// Resolves when the store does not serve the database any more.
async fn left(mounts: &Mounts, changes: &mut watch::Receiver<()>, database: &str, store: &Store) {
    loop {
        changes.borrow_and_update();
        if !mounts.get(database).is_some_and(|mounted| Arc::ptr_eq(&mounted, store)) {
            return;
        }
        if changes.changed().await.is_err() {
            return;
        }
    }
}

impl Ward {
    fn new(directory: Arc<dyn Directory>, database: &str, store: Store) -> Result<Self, Disorder> {
        let database = DatabaseName::parse(database)?;
        Ok(Self {
            directory,
            store,
            name: HealthMailbox::of(&database).user().parse()?,
            known: MemoryMessage::encode(&known_message(&database)),
            place: None,
            others: BTreeMap::new(),
        })
    }

    /// Sees to it that the known message is there once, and deletes what has been there for too long.
    async fn tidy(&mut self) -> Result<(), Disorder> {
        let user = self.directory.find(&self.name).await?.ok_or(Disorder::Unknown)?;
        let mailbox = MailboxId::parse(&user.mailbox)?;
        let snapshot = self.store.snapshot(&mailbox).await?;
        let messages = self.store.list(&snapshot).await?;
        let now = Instant::now();
        let mut gone = Vec::new();
        let mut place = self.place.filter(|place| messages.iter().any(|message| message.uid == *place));
        if place.is_none() {
            for message in &messages {
                match self.judge(&snapshot, message, place.is_some()).await? {
                    Verdict::Known => place = Some(message.uid),
                    Verdict::Pretender => gone.push(message.uid),
                    Verdict::Other => {}
                }
            }
        }
        self.others.retain(|uid, _| messages.iter().any(|message| message.uid == *uid));
        let others = messages.iter().map(|message| message.uid).filter(|uid| Some(*uid) != place);
        for uid in others {
            let since = *self.others.entry(uid).or_insert(now);
            if now.duration_since(since) >= STAY && !gone.contains(&uid) {
                gone.push(uid);
            }
        }
        if !gone.is_empty() {
            tracing::info!(user = self.name.as_str(), messages = gone.len(), "strays are deleted");
            self.store.delete(&snapshot, &gone).await?;
        }
        self.place = match place {
            Some(place) => Some(place),
            None => Some(self.make(mailbox).await?),
        };
        Ok(())
    }

    /// What a message is, and whether the known one has been found before it.
    async fn judge(
        &self,
        snapshot: &Snapshot,
        message: &MessageEntry,
        found: bool,
    ) -> Result<Verdict, Disorder> {
        let beginning = match self.store.read_chunk(snapshot, message.uid, 0).await {
            Ok(beginning) => beginning,
            // Nobody can read it, so nobody misses it.
            Err(MailboxError::Corrupt { .. }) => return Ok(Verdict::Pretender),
            Err(error) => return Err(error.into()),
        };
        let is_known = message.chunks() == 1 && beginning == *self.known.wire();
        Ok(match (is_known, found) {
            (true, false) => Verdict::Known,
            (true, true) => Verdict::Pretender,
            (false, _) if whose(&beginning) == Whose::Known => Verdict::Pretender,
            (false, _) => Verdict::Other,
        })
    }

    async fn make(&self, mailbox: MailboxId) -> Result<Uid, Disorder> {
        let mut id = [0; 16];
        getrandom::fill(&mut id)?;
        let received = u64::try_from(jiff::Timestamp::now().as_second()).unwrap_or(0);
        let delivered = self.store.deliver(Delivery {
            id: DeliveryId::from_bytes(id),
            mailbox,
            name: self.name.as_str().to_owned(),
            quota: None,
            message: Arc::new(self.known.clone()) as Arc<dyn WireMessage>,
            uidl: None,
            received: UnixSeconds(received),
        });
        Ok(delivered.await?.uid())
    }
}

/// What a message of a health mailbox is.
enum Verdict {
    /// The known message.
    Known,
    /// Another that is taken for it: with other content, a second one, or one that cannot be read.
    Pretender,
    /// Somebody else's.
    Other,
}

#[cfg(test)]
pub(crate) mod tests;
