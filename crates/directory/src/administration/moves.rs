//! What a mover writes: the record of its move, step by step.
//!
//! Each step is refused if the record is not the mover's any more, or has not come to that step: the comparison is in
//! the transaction of the step.

use std::time::Duration;

use rusqlite::Transaction;
use settings::DatabaseName;

use super::{Administration, AdministrationError, execute, known, now, ordinary, set};
use crate::{MoveId, MovePhase, Moving, Name, User};

impl Administration {
    /// Begins to move the mailbox of a user to `target`: from now on the move is the caller's, for as long as `lease`. A
    /// move whose mover has died is taken up instead, whatever its target, and its freeze lifted: see what is answered.
    pub fn begin_move(
        &mut self,
        name: &Name,
        target: &DatabaseName,
        lease: Duration,
    ) -> Result<Moving, AdministrationError> {
        self.change("begin to move a mailbox", |transaction| {
            let user = ordinary(transaction, name)?;
            refuse_moving(&user)?;
            let (id, until) = (MoveId::random()?, end_of(lease));
            let moving = match user.moving.clone() {
                Some(Moving { source, target, phase: MovePhase::Leaving, .. }) => {
                    Moving { id, source, target, phase: MovePhase::Leaving, until }
                }
                Some(Moving { source, target, phase: MovePhase::Copying | MovePhase::Frozen, .. }) => {
                    Moving { id, source, target, phase: MovePhase::Copying, until }
                }
                None if user.database == *target => {
                    return Err(AdministrationError::IsThere { user: user.name, database: user.database });
                }
                None => Moving {
                    id,
                    source: user.database.clone(),
                    target: target.clone(),
                    phase: MovePhase::Copying,
                    until,
                },
            };
            execute(
                transaction,
                "INSERT OR REPLACE INTO moves (user, id, source, target, phase, until)
                 SELECT users.id, ?2, ?3, ?4, ?5, ?6 FROM users WHERE mailbox = ?1",
                &[
                    &user.mailbox,
                    &moving.id.as_str(),
                    &moving.source.as_str(),
                    &moving.target.as_str(),
                    &moving.phase.as_str(),
                    &moving.until,
                ],
            )?;
            Ok(moving)
        })
    }

    /// Holds the move, and its freeze if there is one, for as long as `lease` from now.
    pub fn renew_move(
        &mut self,
        name: &Name,
        id: &MoveId,
        lease: Duration,
    ) -> Result<(), AdministrationError> {
        self.change("renew the hold on a move", |transaction| {
            let (_, moving) = held(transaction, name, id)?;
            write(transaction, id, moving.phase, end_of(lease))
        })
    }

    /// From now on nobody is let in and no mail is taken, for as long as `lease` unless that is renewed.
    pub fn freeze_move(
        &mut self,
        name: &Name,
        id: &MoveId,
        lease: Duration,
    ) -> Result<(), AdministrationError> {
        self.change("freeze a mailbox", |transaction| {
            held_at(transaction, name, id, MovePhase::Copying)?;
            write(transaction, id, MovePhase::Frozen, end_of(lease))
        })
    }

    /// The user goes on where they were. Nothing, if that is so already.
    pub fn thaw_move(&mut self, name: &Name, id: &MoveId) -> Result<(), AdministrationError> {
        self.change("lift the freeze of a mailbox", |transaction| {
            let (_, moving) = held(transaction, name, id)?;
            match moving.phase {
                MovePhase::Frozen => write(transaction, id, MovePhase::Copying, moving.until),
                MovePhase::Copying | MovePhase::Leaving => Ok(()),
            }
        })
    }

    /// The commit of a move: the user is at the target, and the freeze is over. Only out of a freeze that nobody has
    /// lifted.
    pub fn switch_move(
        &mut self,
        name: &Name,
        id: &MoveId,
        lease: Duration,
    ) -> Result<(), AdministrationError> {
        self.change("switch a mailbox to its new database", |transaction| {
            let (user, moving) = held_at(transaction, name, id, MovePhase::Frozen)?;
            set(transaction, &user, "database = ?3", &[&moving.target.as_str()])?;
            write(transaction, id, MovePhase::Leaving, end_of(lease))
        })
    }

    /// Forgets the move: what it left, at the source or at the target, is removed.
    pub fn end_move(&mut self, name: &Name, id: &MoveId) -> Result<(), AdministrationError> {
        self.change("end the move of a mailbox", |transaction| {
            let (user, moving) = held(transaction, name, id)?;
            if moving.phase == MovePhase::Frozen {
                return Err(AdministrationError::NotHeld { user: user.name, id: id.clone() });
            }
            execute(transaction, "DELETE FROM moves WHERE id = ?1", &[&id.as_str()])
        })
    }

    /// Lets go of the move without ending it, so that anybody may take it up at once.
    pub fn release_move(&mut self, name: &Name, id: &MoveId) -> Result<(), AdministrationError> {
        self.change("let go of a move", |transaction| {
            let (_, moving) = held(transaction, name, id)?;
            write(transaction, id, moving.phase, 0)
        })
    }
}

/// Refuses what would come between a mover and its move.
pub(super) fn refuse_moving(user: &User) -> Result<(), AdministrationError> {
    match &user.moving {
        Some(moving) if !moving.has_lapsed(now()) => Err(AdministrationError::UnderWay {
            user: user.name.clone(),
            source_database: moving.source.clone(),
            target: moving.target.clone(),
        }),
        _ => Ok(()),
    }
}

/// The user and the move, if it is the caller's.
fn held(
    transaction: &Transaction<'_>,
    name: &Name,
    id: &MoveId,
) -> Result<(User, Moving), AdministrationError> {
    let user = known(transaction, name)?;
    match user.moving.clone() {
        Some(moving) if moving.id == *id => Ok((user, moving)),
        _ => Err(AdministrationError::NotHeld { user: user.name, id: id.clone() }),
    }
}

fn held_at(
    transaction: &Transaction<'_>,
    name: &Name,
    id: &MoveId,
    phase: MovePhase,
) -> Result<(User, Moving), AdministrationError> {
    let (user, moving) = held(transaction, name, id)?;
    if moving.phase == phase {
        Ok((user, moving))
    } else {
        Err(AdministrationError::NotHeld { user: user.name, id: id.clone() })
    }
}

fn write(
    transaction: &Transaction<'_>,
    id: &MoveId,
    phase: MovePhase,
    until: u64,
) -> Result<(), AdministrationError> {
    execute(
        transaction,
        "UPDATE moves SET phase = ?2, until = ?3 WHERE id = ?1",
        &[&id.as_str(), &phase.as_str(), &until],
    )
}

/// When a lease that begins now is over.
fn end_of(lease: Duration) -> u64 {
    now().saturating_add(lease.as_secs())
}
