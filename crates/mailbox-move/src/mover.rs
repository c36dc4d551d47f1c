//! The mover: one user's mailbox, from the first look to the removal of what is left.

use std::time::Duration;

use directory::administration::AdministrationError;
use directory::{Administration, MoveId, MovePhase, Moving, Name, User};
use service::admin::{ImportReport, ImportState, MoveAnswer, MoveStep};
use settings::DatabaseName;
use tokio::time::{Instant, sleep};

use crate::back_ends::BackEnds;
use crate::register::{LEASE, Register};
use crate::{MoveError, Site};

/// How often the target is asked how far it is.
const POLL: Duration = Duration::from_millis(100);
/// How often a mover gives a sign of life.
const RENEWAL: Duration = Duration::from_secs(20);
/// How long log-ins and deliveries may be kept waiting. Deliveries are held for a minute.
const FREEZE_LIMIT: Duration = Duration::from_secs(50);
/// How many rounds of copying may fail, before anything is frozen, by what may pass.
const ROUNDS: u32 = 3;

/// How far a move is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// What is being done.
    pub stage: Stage,
    /// How many messages are at the target.
    pub messages: u64,
    /// How many octets they have.
    pub octets: u64,
    /// How many messages there are to be, as far as is known.
    pub total_messages: u64,
    /// How many octets they have.
    pub total_octets: u64,
}

/// What is being done of a move.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Whether it can be done is found out; what earlier movers left is removed.
    Preparing,
    /// The mail is copied; the user works on.
    Copying,
    /// Log-ins and deliveries wait: what is under way is brought to an end, and the last difference is copied.
    Frozen,
    /// The user has moved; what is left at the source is removed.
    Leaving,
}

/// How a move ended well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The mailbox was at the target before.
    AlreadyThere,
    /// It is there now.
    Moved(Moved),
}

/// A move that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moved {
    /// Where the mailbox was.
    pub source: DatabaseName,
    /// Where it is.
    pub target: DatabaseName,
    /// How many messages moved.
    pub messages: u64,
    /// How many octets they have.
    pub octets: u64,
    /// For how long log-ins and deliveries waited.
    pub frozen: Duration,
    /// Why the source still has what the mailbox left there. Calling again, or [`recover`], removes it.
    pub left_behind: Option<String>,
}

/// What became of a move whose mover had died.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recovered {
    /// It had been made; what was left at the source is removed.
    Finished,
    /// It had not been made; what was copied to the target is removed.
    Undone,
}

/// Who is told how far a move is.
type Tell<'a> = &'a mut (dyn FnMut(Progress) + Send);

/// Moves the mailbox of `user` to the database called `target`. What an earlier mover began is gone on with, or undone if it
/// was meant for another database.
///
/// If this is dropped before it ends, the move is held until its lease is over, 2 minutes at most, as if the mover had died.
pub async fn move_mailbox(
    site: &Site,
    user: &Name,
    target: &str,
    progress: Tell<'_>,
) -> Result<Outcome, MoveError> {
    let target = site.target(target)?;
    let register = Register::open(site).await?;
    loop {
        tell(progress, Stage::Preparing, &ImportReport::default());
        let user = register.user(user).await?;
        if user.moving.is_none() {
            if user.database == target {
                return Ok(Outcome::AlreadyThere);
            }
            site.require_own(&user)?;
            prepare(site, &user, &target).await?;
        }
        let moving = match register.begin(&user.name, &target).await {
            // Another mover was faster.
            Err(AdministrationError::IsThere { .. }) => continue,
            begun => begun?,
        };
        let mut hold = Hold::of(site, &register, user, moving);
        if hold.moving.phase == MovePhase::Leaving {
            hold.leave().await?;
        } else if hold.moving.target != target || hold.moving.source != hold.user.database {
            hold.undo().await?;
        } else {
            return hold.move_over(progress).await.map(Outcome::Moved);
        }
    }
}

/// Takes up every move whose mover has died, and finishes or undoes it. To be called now and then.
pub async fn recover(site: &Site) -> Result<Vec<(Name, Result<Recovered, MoveError>)>, MoveError> {
    let register = Register::open(site).await?;
    let mut recovered = Vec::new();
    for user in register.users().await? {
        let Some(target) = user.moving.as_ref().map(|moving| moving.target.clone()) else { continue };
        let name = user.name.clone();
        let moving = match register.begin(&name, &target).await {
            // Its mover lives, or has ended it by now.
            Err(AdministrationError::UnderWay { .. } | AdministrationError::IsThere { .. }) => continue,
            begun => begun?,
        };
        let mut hold = Hold::of(site, &register, user, moving);
        let outcome = match hold.moving.phase {
            MovePhase::Leaving => hold.leave().await.map(|()| Recovered::Finished),
            MovePhase::Copying | MovePhase::Frozen => hold.undo().await.map(|()| Recovered::Undone),
        };
        recovered.push((name, outcome));
    }
    Ok(recovered)
}

/// Finds out, before anything is begun, whether the mailbox can move.
async fn prepare(site: &Site, user: &User, target: &DatabaseName) -> Result<(), MoveError> {
    let back_ends = BackEnds::about(site, user, None);
    let (_, octets) = measure(&back_ends, &user.database).await?;
    let (messages, _) = measure(&back_ends, target).await?;
    if messages > 0 {
        let (user, mailbox, database) = (user.name.clone(), user.mailbox.clone(), target.clone());
        return Err(MoveError::TargetHasMail { user, mailbox, database, messages });
    }
    let admit = MoveStep::Admit { quota: site.quota(user, target), octets };
    expect_done(&back_ends, target, &admit).await
}

/// Messages and octets of the mailbox in a database.
async fn measure(back_ends: &BackEnds<'_>, database: &DatabaseName) -> Result<(u64, u64), MoveError> {
    match back_ends.take(database, &MoveStep::Measure).await? {
        MoveAnswer::Holds { messages, octets } => Ok((messages, octets)),
        _ => Err(back_ends.out_of_turn(database, &MoveStep::Measure)),
    }
}

async fn expect_done(
    back_ends: &BackEnds<'_>,
    database: &DatabaseName,
    step: &MoveStep,
) -> Result<(), MoveError> {
    match back_ends.take(database, step).await? {
        MoveAnswer::Done => Ok(()),
        _ => Err(back_ends.out_of_turn(database, step)),
    }
}

/// A move that is ours.
struct Hold<'a> {
    register: &'a Register,
    back_ends: BackEnds<'a>,
    user: User,
    moving: Moving,
    renewed: Instant,
    /// Since when log-ins and deliveries wait.
    frozen: Option<Instant>,
}

impl<'a> Hold<'a> {
    fn of(site: &'a Site, register: &'a Register, user: User, moving: Moving) -> Self {
        let back_ends = BackEnds::about(site, &user, Some(&moving.id));
        Self { register, back_ends, user, moving, renewed: Instant::now(), frozen: None }
    }

    /// All of it, from the first copy to the removal of what is left.
    async fn move_over(mut self, progress: Tell<'_>) -> Result<Moved, MoveError> {
        let report = match self.up_to_the_switch(progress).await {
            Ok(report) => report,
            Err(error) => {
                self.give_up(&error).await;
                return Err(error);
            }
        };
        let frozen = self.frozen.take().map(|since| since.elapsed()).unwrap_or_default();
        tell(progress, Stage::Leaving, &report);
        let (source, target) = (self.moving.source.clone(), self.moving.target.clone());
        tracing::info!(user = %self.user.name, %source, %target, messages = report.messages, frozen_ms = frozen.as_millis(), "a mailbox has moved");
        let left_behind = self.leave().await.err().map(|error| error.to_string());
        Ok(Moved { source, target, messages: report.messages, octets: report.octets, frozen, left_behind })
    }

    async fn up_to_the_switch(&mut self, progress: Tell<'_>) -> Result<ImportReport, MoveError> {
        let mut round = 0;
        loop {
            round += 1;
            match self.copy(round, Stage::Copying, progress).await {
                Ok(_) => break,
                Err(MoveError::BackEnd { retry: true, .. }) if round < ROUNDS => sleep(POLL * 10).await,
                Err(error) => return Err(error),
            }
        }
        self.write(|administration, name, id| administration.freeze_move(name, id, LEASE)).await?;
        self.frozen = Some(Instant::now());
        expect_done(&self.back_ends, &self.moving.source, &MoveStep::Close).await?;
        let report = self.copy(round + 1, Stage::Frozen, progress).await?;
        let original = measure(&self.back_ends, &self.moving.source).await?;
        if original != (report.messages, report.octets) {
            return Err(MoveError::Differs {
                user: self.user.name.clone(),
                original: original.0,
                copied: report.messages,
            });
        }
        self.switch().await?;
        Ok(report)
    }

    /// One round of copying, until it is over.
    async fn copy(
        &mut self,
        round: u32,
        stage: Stage,
        progress: Tell<'_>,
    ) -> Result<ImportReport, MoveError> {
        let target = self.moving.target.clone();
        let step = MoveStep::Import { source: self.moving.source.to_string(), round };
        loop {
            self.stay_alive().await?;
            let MoveAnswer::Import(report) = self.back_ends.take(&target, &step).await? else {
                return Err(self.back_ends.out_of_turn(&target, &step));
            };
            tell(progress, stage, &report);
            match report.state {
                ImportState::Over => return Ok(report),
                ImportState::Failed { reason, retry } => {
                    return Err(self.back_ends.failed(&target, &step, reason, retry));
                }
                ImportState::UnderWay => {}
            }
            sleep(POLL).await;
        }
    }

    /// Gives a sign of life from time to time; an error if mail has waited for too long.
    async fn stay_alive(&mut self) -> Result<(), MoveError> {
        if self.frozen.is_some_and(|since| since.elapsed() > FREEZE_LIMIT) {
            return Err(MoveError::TooSlow { user: self.user.name.clone() });
        }
        if self.renewed.elapsed() > RENEWAL {
            self.write(|administration, name, id| administration.renew_move(name, id, LEASE)).await?;
        }
        Ok(())
    }

    /// The commit point.
    async fn switch(&self) -> Result<(), MoveError> {
        let (name, id) = (&self.user.name, &self.moving.id);
        let switched = self
            .register
            .step(name, id, |administration, name, id| administration.switch_move(name, id, LEASE));
        let Err(error) = switched.await else { return Ok(()) };
        if !matches!(error, AdministrationError::Directory(_)) {
            return Err(self.told(error));
        }
        // A commit that was not answered may have been made.
        match self.register.user(name).await {
            Ok(user) if user.moving.as_ref().is_some_and(|moving| moving.id == *id) => {
                if user.database == self.moving.target { Ok(()) } else { Err(error.into()) }
            }
            Ok(_) => Err(MoveError::NotHeld { user: name.clone() }),
            Err(_) => Err(MoveError::OutcomeUnknown { user: name.clone(), source: error }),
        }
    }

    /// Lets the user go on at the source and removes what was copied. What cannot be undone now is undone by whoever comes
    /// next.
    async fn give_up(&mut self, why: &MoveError) {
        tracing::warn!(user = %self.user.name, target = %self.moving.target, %why, "a mailbox is not moved");
        let ours = !matches!(why, MoveError::NotHeld { .. } | MoveError::OutcomeUnknown { .. });
        self.back_ends.hurry();
        if ours && let Err(error) = self.undo().await {
            tracing::warn!(user = %self.user.name, target = %self.moving.target, %error, "what was copied is not removed yet");
        }
    }

    /// Ends the freeze if there is one, removes what was copied and forgets the move.
    async fn undo(&mut self) -> Result<(), MoveError> {
        self.write(Administration::thaw_move).await?;
        self.frozen = None;
        let discarded = expect_done(&self.back_ends, &self.moving.target, &MoveStep::Discard).await;
        self.end(discarded).await
    }

    /// Removes what is left at the source and forgets the move.
    async fn leave(&mut self) -> Result<(), MoveError> {
        let left = expect_done(&self.back_ends, &self.moving.source, &MoveStep::Leave).await;
        let (user, database) = (self.user.name.clone(), self.moving.source.clone());
        let left = left.map_err(|error| MoveError::LeftBehind { user, database, reason: error.to_string() });
        self.end(left).await
    }

    /// Forgets a move of which nothing is left anywhere, or lets go of it so that anybody can take it up at once.
    async fn end(&mut self, removed: Result<(), MoveError>) -> Result<(), MoveError> {
        match removed {
            Ok(()) => self.write(Administration::end_move).await,
            Err(error) => {
                let released = self.write(Administration::release_move);
                if let Err(error) = released.await {
                    tracing::debug!(%error, "the move is let go of when its lease is over");
                }
                Err(error)
            }
        }
    }

    async fn write(
        &mut self,
        step: impl FnOnce(&mut Administration, &Name, &MoveId) -> Result<(), AdministrationError> + Send + 'static,
    ) -> Result<(), MoveError> {
        let (name, id) = (&self.user.name, &self.moving.id);
        let written = self.register.step(name, id, step).await;
        self.renewed = Instant::now();
        written.map_err(|error| self.told(error))
    }

    fn told(&self, error: AdministrationError) -> MoveError {
        match error {
            AdministrationError::NotHeld { .. } => MoveError::NotHeld { user: self.user.name.clone() },
            error => error.into(),
        }
    }
}

fn tell(progress: Tell<'_>, stage: Stage, report: &ImportReport) {
    let ImportReport { messages, octets, total_messages, total_octets, .. } = *report;
    progress(Progress { stage, messages, octets, total_messages, total_octets });
}
