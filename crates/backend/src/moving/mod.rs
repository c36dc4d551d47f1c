//! Mailboxes on their way to another database, as far as this back end has to do with it: it copies into the databases
//! that it has mounted, closes mailboxes in them, and removes what is left.
//!
//! A mover asks for each step at the admin socket. Nothing is done that the directory's record of the move does not allow,
//! and the steps of one mailbox in one database come one after the other: so a mover that was taken to be dead, and comes
//! back when another has its move, does no harm.

mod difference;
mod import;
mod source;

use std::collections::HashMap;
use std::error::Error;
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use directory::{MoveId, MovePhase, Moving, Name, User};
use mailbox::{MailboxError, MailboxId, Octets};
use service::admin::{MoveAnswer, MoveOrder, MoveStep};
use tokio::runtime::Handle;
use tokio::sync::Mutex as Turn;

use self::import::{Copying, Round};
use crate::mounts::Store;
use crate::occupancy::Home;
use crate::running::Backend;

/// How long sessions have to come to a boundary when their mailbox is closed.
const BOUNDARY: Duration = Duration::from_secs(5);
/// How long everything else that is under way may take then: the longest is a commit on a slow disk.
const END: Duration = Duration::from_secs(20);
/// As many finished rounds are remembered for movers that have not asked yet.
const REMEMBERED: usize = 100;

/// The moves that this back end takes part in.
pub(crate) struct Moves {
    /// Weak, since the back end's own admin socket holds this.
    backend: Weak<Backend>,
    desks: Mutex<HashMap<Home, Desk>>,
}

/// Where the steps of one mailbox in one database take turns: the round of copying that was asked for last.
type Desk = Arc<Turn<Option<Round>>>;

/// What the admin socket calls on its threads. A step is a task like any other, so it ends with the service.
pub(crate) fn steps(runtime: Handle, moves: Moves) -> service::Moves {
    let moves = Arc::new(moves);
    Box::new(move |order, step| {
        let (reply, answer) = channel();
        let moves = Arc::clone(&moves);
        runtime.spawn(async move {
            // Who has asked may be gone; they will ask again.
            let _ = reply.send(moves.take(&order, step).await);
        });
        answer.recv().unwrap_or(MoveAnswer::NotMounted)
    })
}

impl Moves {
    pub(crate) fn new(backend: &Arc<Backend>) -> Self {
        Self { backend: Arc::downgrade(backend), desks: Mutex::default() }
    }

    /// Takes a step.
    pub(crate) async fn take(&self, order: &MoveOrder, step: MoveStep) -> MoveAnswer {
        let Some(backend) = self.backend.upgrade() else { return MoveAnswer::NotMounted };
        let Some(store) = backend.mounts.get(&order.database) else { return MoveAnswer::NotMounted };
        let mailbox = match MailboxId::parse(&order.mailbox) {
            Ok(mailbox) => mailbox,
            Err(error) => return failed(&error, false),
        };
        let home = Home::new(&order.database, mailbox);
        let desk = self.desk(&home);
        let mut round = desk.lock().await;
        let name = format!("{step:?}");
        let taken = match step {
            MoveStep::Measure => measure(&store, &mailbox).await,
            MoveStep::Admit { quota, octets } => admit(&store, &mailbox, quota, octets).await,
            MoveStep::Import { source, round: number } => {
                import(&backend, order, (store, &home), &source, number, &mut round).await
            }
            MoveStep::Close => close(&backend, order, &store, &home).await,
            MoveStep::Discard => discard(&backend, order, &store, &home, &mut round).await,
            MoveStep::Leave => leave(&backend, order, &store, &home).await,
        };
        taken.unwrap_or_else(|refused| {
            tracing::warn!(
                user = order.user,
                database = order.database,
                id = order.id,
                step = name,
                ?refused,
                "a step of a move was not taken"
            );
            refused.into_answer()
        })
    }

    fn desk(&self, home: &Home) -> Desk {
        let mut desks = self.desks.lock().unwrap_or_else(PoisonError::into_inner);
        if desks.len() > REMEMBERED {
            // A mover that comes too late for a round has it done once more, which finds nothing to do.
            desks.retain(|_, desk| match (Arc::strong_count(desk), desk.try_lock()) {
                (1, Ok(round)) => round.as_ref().is_some_and(|round| !round.is_over()),
                _ => true,
            });
        }
        Arc::clone(desks.entry(home.clone()).or_default())
    }
}

/// Begins a round, or says how far it is.
async fn import(
    backend: &Arc<Backend>,
    order: &MoveOrder,
    (store, home): (Store, &Home),
    source: &str,
    number: u32,
    current: &mut Option<Round>,
) -> Result<MoveAnswer, Refused> {
    let (user, moving) = record(backend, order).await?;
    let copies = matches!(moving.phase, MovePhase::Copying | MovePhase::Frozen);
    let ours = moving.target == *order.database.as_str() && moving.source == *source;
    if !copies || !ours || user.database != moving.source {
        return Err(Refused::Superseded);
    }
    if let Some(round) = current.as_ref().filter(|round| round.is(&moving.id, number)) {
        return Ok(MoveAnswer::Import(round.report()));
    }
    if let Some(earlier) = current.take() {
        earlier.stop().await;
    }
    let copying = Copying {
        backend: Arc::clone(backend),
        store,
        folder: backend.data.database(source),
        mailbox: *home.mailbox(),
        user: user.name,
        id: moving.id,
    };
    tracing::info!(user = order.user, source, database = order.database, number, "copying a mailbox");
    Ok(MoveAnswer::Import(current.insert(Round::start(copying, number)).report()))
}

/// Closes the mailbox: when this is done, whatever was acknowledged is in the store and nothing more gets there.
async fn close(
    backend: &Backend,
    order: &MoveOrder,
    store: &Store,
    home: &Home,
) -> Result<MoveAnswer, Refused> {
    let (_, moving) = record(backend, order).await?;
    if moving.phase != MovePhase::Frozen || moving.source != *order.database.as_str() {
        return Err(Refused::Superseded);
    }
    let closed = backend.occupancy.close(home, BOUNDARY, END).await;
    closed.map_err(|inside| Refused::Failed { reason: inside.to_string(), retry: true })?;
    // A session or delivery that panicked may have left a change in the store's queue. This one is behind it.
    let snapshot = store.snapshot(home.mailbox()).await?;
    store.delete(&snapshot, &[]).await?;
    tracing::info!(user = order.user, database = order.database, "closed a mailbox that moves");
    Ok(MoveAnswer::Done)
}

/// Stops the copying and removes what was copied, if that is not where the user's mail is.
async fn discard(
    backend: &Arc<Backend>,
    order: &MoveOrder,
    store: &Store,
    home: &Home,
    current: &mut Option<Round>,
) -> Result<MoveAnswer, Refused> {
    let (user, moving) = record(backend, order).await?;
    let to_remove = moving.phase == MovePhase::Copying
        && moving.target == *order.database.as_str()
        && user.database != moving.target;
    if !to_remove {
        return Err(Refused::Superseded);
    }
    if let Some(round) = current.take() {
        round.stop().await;
    }
    store.remove_mailbox(home.mailbox()).await?;
    tracing::info!(
        user = order.user,
        database = order.database,
        "removed the copy of a mailbox that stays where it is"
    );
    Ok(MoveAnswer::Done)
}

/// Removes what was left here by a mailbox that is elsewhere.
async fn leave(
    backend: &Backend,
    order: &MoveOrder,
    store: &Store,
    home: &Home,
) -> Result<MoveAnswer, Refused> {
    let (user, moving) = record(backend, order).await?;
    let to_remove = moving.phase == MovePhase::Leaving
        && moving.source == *order.database.as_str()
        && user.database != moving.source;
    if !to_remove {
        return Err(Refused::Superseded);
    }
    store.remove_mailbox(home.mailbox()).await?;
    tracing::info!(user = order.user, database = order.database, "removed a mailbox that has moved");
    Ok(MoveAnswer::Done)
}

/// The directory's record of the move, if it is the one that the order is of.
async fn record(backend: &Backend, order: &MoveOrder) -> Result<(User, Moving), Refused> {
    let name: Name = order.user.parse().map_err(|_| Refused::Superseded)?;
    let id = MoveId::parse(&order.id).map_err(|_| Refused::Superseded)?;
    let (user, moving) = hold(backend, &name, &id).await?.ok_or(Refused::Superseded)?;
    if user.mailbox == order.mailbox { Ok((user, moving)) } else { Err(Refused::Superseded) }
}

/// The user and the record of the move `id`, if there is such a move.
async fn hold(backend: &Backend, name: &Name, id: &MoveId) -> Result<Option<(User, Moving)>, Refused> {
    let found = backend.directory.find(name).await;
    let found = found.map_err(|error| Refused::Failed { reason: tell(&error), retry: true })?;
    Ok(found.and_then(|user| {
        let moving = user.moving.clone().filter(|moving| moving.id == *id)?;
        Some((user, moving))
    }))
}

async fn measure(store: &Store, mailbox: &MailboxId) -> Result<MoveAnswer, Refused> {
    let snapshot = store.snapshot(mailbox).await?;
    Ok(MoveAnswer::Holds { messages: snapshot.messages(), octets: snapshot.octets().get() })
}

async fn admit(
    store: &Store,
    mailbox: &MailboxId,
    quota: Option<u64>,
    octets: u64,
) -> Result<MoveAnswer, Refused> {
    match store.admit(mailbox, quota.map(Octets::new), Octets::new(octets)).await {
        Err(error @ (MailboxError::OverQuota { .. } | MailboxError::NoSpace)) => {
            Ok(MoveAnswer::NoRoom { reason: error.to_string() })
        }
        admitted => admitted.map(|()| MoveAnswer::Done).map_err(Refused::from),
    }
}

/// Why a step was not taken.
#[derive(Debug)]
enum Refused {
    /// The record does not allow it.
    Superseded,
    /// The database is not mounted here any more.
    NotMounted,
    /// There is no room for the mailbox.
    NoRoom(String),
    /// It could not be done.
    Failed { reason: String, retry: bool },
}

impl Refused {
    fn into_answer(self) -> MoveAnswer {
        match self {
            Self::Superseded => MoveAnswer::Superseded,
            Self::NotMounted => MoveAnswer::NotMounted,
            Self::NoRoom(reason) => MoveAnswer::NoRoom { reason },
            Self::Failed { reason, retry } => MoveAnswer::Failed { reason, retry },
        }
    }
}

impl From<MailboxError> for Refused {
    fn from(error: MailboxError) -> Self {
        match error {
            MailboxError::NotMounted | MailboxError::Fenced { .. } => Self::NotMounted,
            MailboxError::NoSpace => Self::NoRoom(error.to_string()),
            error => Self::Failed { reason: tell(&error), retry: error.retry_helps() },
        }
    }
}

fn failed(error: &dyn Error, retry: bool) -> MoveAnswer {
    MoveAnswer::Failed { reason: tell(error), retry }
}

/// An error and what lies behind it, in one line.
fn tell(error: &dyn Error) -> String {
    let (mut text, mut source) = (error.to_string(), error.source());
    while let Some(cause) = source {
        let more = cause.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        source = cause.source();
    }
    text
}
