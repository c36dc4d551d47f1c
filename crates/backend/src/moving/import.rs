//! A round of copying: passes over the mailbox, until one finds next to nothing to do.
//!
//! Each pass reads the source as it is at one moment, compares, removes from the copy what the source has no more, and adds
//! what is new, in its order. Nothing is kept from one pass to the next, so a round that was cut short is begun again by
//! whoever is there then, and finds what is done.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use directory::{MoveId, MovePhase, Name};
use mailbox::{Import, MailboxId, Octets};
use mailbox_sqlite::DatabaseError;
use service::admin::{ImportReport, ImportState};
use tokio::task::JoinHandle;

use super::difference::Difference;
use super::source::Source;
use super::{Refused, hold, tell};
use crate::mounts::Store;
use crate::running::Backend;

/// Most messages and wire bytes in one transaction of the target.
const PART: usize = 256;
const PART_BYTES: u64 = 4 << 20;
/// Most wire bytes that are copied before the source is opened anew, so that its log can be moved into its file.
const PASS_BYTES: u64 = 64 << 20;
/// A round is over when a pass had no more to do than this, and the mailbox is still in use.
const FEW: usize = 16;
/// A mailbox that changes as fast as it is copied is not followed for ever.
const PASSES: u32 = 10;

/// What is copied, and where to.
pub(super) struct Copying {
    pub(super) backend: Arc<Backend>,
    /// The target.
    pub(super) store: Store,
    /// The folder of the source.
    pub(super) folder: PathBuf,
    pub(super) mailbox: MailboxId,
    pub(super) user: Name,
    pub(super) id: MoveId,
}

/// A round that was begun.
pub(super) struct Round {
    id: MoveId,
    number: u32,
    report: Arc<Mutex<ImportReport>>,
    task: JoinHandle<()>,
}

impl Round {
    /// Begins it.
    pub(super) fn start(copying: Copying, number: u32) -> Self {
        let report = Arc::new(Mutex::new(ImportReport { round: number, ..ImportReport::default() }));
        let (id, told) = (copying.id.clone(), Arc::clone(&report));
        let task = tokio::spawn(async move {
            let outcome = copying.copy(&told).await;
            let state = match outcome {
                Ok(()) => ImportState::Over,
                Err(refused) => state(refused),
            };
            tell_how_far(&told, |report| report.state = state);
        });
        Self { id, number, report, task }
    }

    /// Whether it is this round of this move, and need not be begun again.
    pub(super) fn is(&self, id: &MoveId, number: u32) -> bool {
        self.id == *id && self.number == number && (!self.task.is_finished() || self.has_outcome())
    }

    /// Whether it goes on no more.
    pub(super) fn is_over(&self) -> bool {
        self.task.is_finished()
    }

    /// How far it is.
    pub(super) fn report(&self) -> ImportReport {
        self.report.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Ends it. What it has handed to the store already is stored before anything that comes later.
    pub(super) async fn stop(self) {
        self.task.abort();
        // An aborted task ends with an error, and that is how it is known to have ended.
        let _ = self.task.await;
    }

    /// Whether it came to an end by itself: one that panicked is begun again.
    fn has_outcome(&self) -> bool {
        self.report().state != ImportState::UnderWay
    }
}

/// What one pass found to do, and did.
struct Pass {
    touched: usize,
    /// Whether all of it was done.
    whole: bool,
    /// Whether the mailbox was in use meanwhile.
    frozen: bool,
}

impl Copying {
    async fn copy(&self, report: &Mutex<ImportReport>) -> Result<(), Refused> {
        let mut passes = 0;
        loop {
            let pass = self.pass(report).await?;
            passes += u32::from(pass.whole);
            let enough = if pass.frozen { 0 } else { FEW };
            if pass.whole && (pass.touched <= enough || (!pass.frozen && passes >= PASSES)) {
                return Ok(());
            }
        }
    }

    async fn pass(&self, report: &Mutex<ImportReport>) -> Result<Pass, Refused> {
        // Before the source is read, so that a mailbox which is frozen now is frozen in what is read.
        let held = hold(&self.backend, &self.user, &self.id).await?;
        let frozen = match held.map(|(_, moving)| moving.phase) {
            Some(MovePhase::Frozen) => true,
            Some(MovePhase::Copying) => false,
            Some(MovePhase::Leaving) | None => return Err(Refused::Superseded),
        };
        let (folder, mailbox) = (self.folder.clone(), self.mailbox);
        let opening = tokio::task::spawn_blocking(move || Source::open(&folder, mailbox)).await;
        let source = opening.map_err(|panicked| lost(&panicked))?.map_err(|error| unreadable(&error))?;
        let snapshot = self.store.snapshot(&self.mailbox).await?;
        let copy = self.store.list(&snapshot).await?;
        let difference = Difference::of(source.messages.iter().map(|message| &message.entry), &copy);
        if !difference.agrees {
            return Err(Refused::Failed {
                reason: "the copy is not like the original".to_owned(),
                retry: true,
            });
        }
        let octets = source.messages.iter().map(|message| message.entry.octets).sum::<Octets>();
        tell_how_far(report, |report| {
            (report.total_messages, report.total_octets) = (source.messages.len() as u64, octets.get());
            (report.messages, report.octets) = (snapshot.messages(), snapshot.octets().get());
        });
        if !difference.surplus.is_empty() {
            self.store.delete(&snapshot, &difference.surplus).await?;
        }
        drop(snapshot);
        let whole = self.add(&source, &difference, report).await?;
        Ok(Pass { touched: difference.len(), whole, frozen })
    }

    /// Adds what is missing, as much as may be in one pass; whether that is all.
    async fn add(
        &self,
        source: &Source,
        difference: &Difference,
        report: &Mutex<ImportReport>,
    ) -> Result<bool, Refused> {
        let mut missing = difference.missing.as_slice();
        let mut copied = 0;
        let mut deliveries = source.deliveries.clone();
        while !missing.is_empty() || !deliveries.is_empty() {
            if copied >= PASS_BYTES {
                return Ok(false);
            }
            let (mut messages, mut bytes, mut octets) = (Vec::new(), 0, Octets::ZERO);
            while messages.len() < PART
                && bytes < PART_BYTES
                && let Some((place, rest)) = missing.split_first()
            {
                let message = &source.messages[*place];
                missing = rest;
                bytes += message.entry.wire;
                octets = octets + message.entry.octets;
                messages.push(source.message(message));
            }
            copied += bytes;
            let part = Import {
                mailbox: self.mailbox,
                name: self.user.as_str().to_owned(),
                messages,
                deliveries: std::mem::take(&mut deliveries),
            };
            let stored = self.store.import(part).await?;
            tell_how_far(report, |report| {
                report.messages += stored;
                report.octets += octets.get();
            });
        }
        Ok(true)
    }
}

fn tell_how_far(report: &Mutex<ImportReport>, tell: impl FnOnce(&mut ImportReport)) {
    tell(&mut report.lock().unwrap_or_else(PoisonError::into_inner));
}

fn state(refused: Refused) -> ImportState {
    let (reason, retry) = match refused {
        Refused::Superseded => ("the move is somebody else's now, or nobody's".to_owned(), false),
        Refused::NotMounted => ("the target is not mounted here any more".to_owned(), true),
        Refused::NoRoom(reason) => (reason, true),
        Refused::Failed { reason, retry } => (reason, retry),
    };
    tracing::warn!(reason, retry, "a mailbox is not copied further");
    ImportState::Failed { reason, retry }
}

fn lost(panicked: &tokio::task::JoinError) -> Refused {
    Refused::Failed { reason: format!("the source was not read: {panicked}"), retry: true }
}

fn unreadable(error: &DatabaseError) -> Refused {
    Refused::Failed { reason: tell(error), retry: true }
}
