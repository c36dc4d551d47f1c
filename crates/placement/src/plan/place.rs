//! The decision for one database.
//!
//! A move goes through the assignment: *handing over* (the holder is to dismount), then *moved* (the target is to
//! mount), and if that fails *move failed* (back home). Each pass reads from the assignment's reason which of these it
//! is, and does at most the next one.

use settings::ServerName;

use super::{Assign, FinishMove, Holder, Note, Plan, Step, orders};
use crate::fitness::{Candidate, Candidates, Purpose, candidates, verdict};
use crate::moment::Moment;
use crate::record::{Assignment, AssignmentReason, MountState, Move, MoveFailure, MoveOutcome, Wanted};
use crate::records::Kept;
use crate::world::{Hold, PlacedDatabase, World};

/// Adds to `plan` what is to be done about `database`.
pub(super) fn place(world: &World, database: &PlacedDatabase, now: Moment, plan: &mut Plan) {
    let assignment = world.records.assignments.get(&database.name);
    let requested = world.records.moves.get(&database.name);
    let mut place = Place { world, database, now, plan };
    match (assignment, requested) {
        (None, None) => place.assign_first(),
        (None, Some(requested)) => place.assign_by_move(requested),
        (Some(at), None) => place.keep(at),
        (Some(at), Some(requested)) => place.go_on(at, requested),
    }
}

struct Place<'a> {
    world: &'a World,
    database: &'a PlacedDatabase,
    now: Moment,
    plan: &'a mut Plan,
}

impl Place<'_> {
    /// Nobody has the database, and nobody asks for anything.
    fn assign_first(&mut self) {
        let judged = candidates(self.world, self.database, None);
        let until = self.world.leading_since.after(self.world.limits.start_grace);
        let preferred = self.database.copies.first();
        match (judged.best(), preferred) {
            (best, Some(preferred)) if best != Some(preferred) && self.now < until => {
                let (database, server) = (self.database.name.clone(), preferred.clone());
                self.plan.wait(until, Note::AwaitingServer { database, server, until });
            }
            (Some(best), _) => self.assign(None, best, Wanted::Mounted, AssignmentReason::FirstAssignment),
            (None, _) => self.nobody_fit(judged),
        }
    }

    /// Nobody has the database; a move says who is to.
    fn assign_by_move(&mut self, requested: &Kept<Move>) {
        match self.target(&requested.value, None) {
            Ok(target) => self.bring(None, requested, &target),
            Err(unfit) => self.refuse(requested, &unfit),
        }
    }

    /// Nobody asks for a move: the database stays where it is, unless that is impossible or forbidden.
    fn keep(&mut self, at: &Kept<Assignment>) {
        let server = &at.value.server;
        if at.value.dismounted_for_good() {
            return;
        }
        if at.value.wanted == Wanted::Dismounted {
            // Handed over by a move that is not there any more.
            match self.home(server, None) {
                Some(home) => self.assign(Some(at), &home, Wanted::Mounted, AssignmentReason::MoveGone),
                None => self.nobody_fit(candidates(self.world, self.database, None)),
            }
            return;
        }
        if self.world.gone(&self.database.name, server) {
            self.fail_over(at);
        } else if let Some(MountState::Failed { reason }) = self.state(at) {
            let reason = reason.clone();
            self.leave_failed(at, reason);
        } else {
            if !self.world.present(server) {
                let (database, server) = (self.database.name.clone(), server.clone());
                self.plan.notes.push(Note::AgentAbsent { database, server });
            }
            orders::standing(self.world, self.database, at, self.plan);
        }
    }

    /// The assigned server is gone. The expiry of its leases was the delay.
    fn fail_over(&mut self, at: &Kept<Assignment>) {
        let server = at.value.server.clone();
        let until = self.world.leading_since.after(self.world.limits.start_grace);
        if !self.world.seen.contains(&server) && self.now < until {
            let database = self.database.name.clone();
            self.plan.wait(until, Note::AwaitingServer { database, server, until });
            return;
        }
        let judged = candidates(self.world, self.database, None);
        match judged.best() {
            Some(best) => {
                self.assign(Some(at), best, Wanted::Mounted, AssignmentReason::ServerAbsent { server });
            }
            None => self.nobody_fit(judged),
        }
    }

    /// The assigned server could not mount the database. Each server is tried once: then its own report speaks against it.
    fn leave_failed(&mut self, at: &Kept<Assignment>, reason: String) {
        let server = at.value.server.clone();
        let candidates = candidates(self.world, self.database, None);
        if let Some(best) = candidates.best() {
            let why = AssignmentReason::MountFailed { server, reason };
            self.assign(Some(at), best, Wanted::Mounted, why);
        } else {
            let database = self.database.name.clone();
            self.plan.notes.push(Note::MountFailed { database, server, reason, candidates });
        }
    }

    /// A move is under way, or about to be.
    fn go_on(&mut self, at: &Kept<Assignment>, requested: &Kept<Move>) {
        let id = &requested.value.id;
        match &at.value.reason {
            AssignmentReason::HandingOver { to, id: of } if of == id => self.hand_over(at, requested, to),
            AssignmentReason::Moved { from, id: of, .. } if of == id => {
                self.arrive(at, requested, from.as_ref());
            }
            AssignmentReason::MoveFailed { why, id: of, .. } if of == id => {
                let (reason, back_on) = (why.to_string(), Some(at.value.server.clone()));
                self.finish(requested, MoveOutcome::Failed { reason, back_on });
            }
            _ => self.begin(at, requested),
        }
    }

    fn begin(&mut self, at: &Kept<Assignment>, requested: &Kept<Move>) {
        let holder = &at.value.server;
        if requested.value.to.as_ref() == Some(holder) {
            self.stay(at, requested);
            return;
        }
        match self.target(&requested.value, Some(holder)) {
            Err(unfit) => self.refuse(requested, &unfit),
            Ok(target) => match self.hold(at) {
                Hold::LetGo | Hold::Lost => self.bring(Some(at), requested, &target),
                Hold::LettingGo(until) => self.await_release(holder, until),
                Hold::Holding => {
                    let id = requested.value.id.clone();
                    let why = AssignmentReason::HandingOver { to: target, id };
                    self.assign(Some(at), holder, Wanted::Dismounted, why);
                }
            },
        }
    }

    /// The move asks for the server that has the database.
    fn stay(&mut self, at: &Kept<Assignment>, requested: &Kept<Move>) {
        let server = at.value.server.clone();
        if at.value.dismounted_for_good() {
            self.finish(requested, MoveOutcome::Succeeded { server });
            return;
        }
        match self.state(at) {
            // Dismounted by a move that is gone, or for a failure that may be mended: a new assignment is a new attempt.
            _ if at.value.wanted == Wanted::Dismounted => self.try_again(at, requested),
            Some(MountState::Failed { .. }) => self.try_again(at, requested),
            Some(MountState::Mounted) => self.finish(requested, MoveOutcome::Succeeded { server }),
            _ if !self.world.present(&server) => self.try_again(at, requested),
            _ => self.await_mount(at, |place| {
                let reason = MoveFailure::MountOverdue.to_string();
                place.finish(requested, MoveOutcome::Failed { reason, back_on: Some(server) });
            }),
        }
    }

    fn try_again(&mut self, at: &Kept<Assignment>, requested: &Kept<Move>) {
        match self.target(&requested.value, None) {
            Ok(target) => self.bring(Some(at), requested, &target),
            Err(unfit) => self.refuse(requested, &unfit),
        }
    }

    /// The holder was asked to dismount.
    fn hand_over(&mut self, at: &Kept<Assignment>, requested: &Kept<Move>, to: &ServerName) {
        let holder = &at.value.server;
        let purpose = purpose(&requested.value);
        let target = match verdict(self.world, self.database, to, purpose) {
            Ok(()) => Ok(to.clone()),
            Err(unfit) => {
                let next = requested.value.to.is_none().then(|| self.target(&requested.value, Some(holder)));
                next.and_then(Result::ok).ok_or(unfit)
            }
        };
        match (target, self.hold(at)) {
            (Err(unfit), _) => {
                let why = MoveFailure::TargetUnfit { reason: unfit.to_string() };
                self.give_up(at, requested, Some(holder), to, why);
            }
            (Ok(target), Hold::LetGo | Hold::Lost) => self.bring(Some(at), requested, &target),
            (Ok(_), Hold::LettingGo(until)) => self.await_release(holder, until),
            // Not while the assignment wants it dismounted.
            (Ok(_), Hold::Holding) => {}
        }
    }

    /// The target is to mount.
    fn arrive(&mut self, at: &Kept<Assignment>, requested: &Kept<Move>, from: Option<&ServerName>) {
        let target = &at.value.server;
        match self.state(at) {
            _ if at.value.dismounted_for_good() => {
                self.finish(requested, MoveOutcome::Succeeded { server: target.clone() });
            }
            Some(MountState::Mounted) => {
                self.finish(requested, MoveOutcome::Succeeded { server: target.clone() });
            }
            Some(MountState::Failed { reason }) => {
                let why = MoveFailure::MountFailed { reason: reason.clone() };
                self.give_up(at, requested, from, target, why);
            }
            _ if self.world.gone(&self.database.name, target) => {
                let why = MoveFailure::TargetUnfit { reason: format!("{target} went away") };
                self.give_up(at, requested, from, target, why);
            }
            _ => self.await_mount(at, |place| {
                place.give_up(at, requested, from, target, MoveFailure::MountOverdue);
            }),
        }
    }

    /// A move that was begun cannot be completed: the database goes back, and the next pass tells the outcome. If it can
    /// go nowhere, the outcome is told now, and the database stays assigned as it is until someone is fit.
    fn give_up(
        &mut self,
        at: &Kept<Assignment>,
        requested: &Kept<Move>,
        home: Option<&ServerName>,
        to: &ServerName,
        why: MoveFailure,
    ) {
        let home = match home {
            Some(home) if home != to => self.home(home, Some(to)),
            _ => candidates(self.world, self.database, Some(to)).best().cloned(),
        };
        match home {
            Some(home) => {
                let why =
                    AssignmentReason::MoveFailed { id: requested.value.id.clone(), to: to.clone(), why };
                self.assign(Some(at), &home, Wanted::Mounted, why);
            }
            None => {
                self.finish(requested, MoveOutcome::Failed { reason: why.to_string(), back_on: None });
            }
        }
    }

    /// Where the database goes back to: `first` if possible, otherwise the best copy but the one that failed.
    fn home(&self, first: &ServerName, but: Option<&ServerName>) -> Option<ServerName> {
        if verdict(self.world, self.database, first, Purpose::Return).is_ok() {
            return Some(first.clone());
        }
        candidates(self.world, self.database, but).best().cloned()
    }

    /// The server a move means, or why there is none.
    fn target(&self, requested: &Move, holder: Option<&ServerName>) -> Result<ServerName, Candidates> {
        let judged = if let Some(named) = &requested.to {
            // As the configuration spells it.
            let copy = self.database.copies.iter().find(|copy| *copy == named).unwrap_or(named);
            let verdict = verdict(self.world, self.database, copy, purpose(requested));
            Candidates(vec![Candidate { server: copy.clone(), verdict }])
        } else {
            candidates(self.world, self.database, holder)
        };
        judged.best().cloned().ok_or(judged)
    }

    /// Assigns the database to the target of a move. What a person wants dismounted stays so.
    fn bring(&mut self, at: Option<&Kept<Assignment>>, requested: &Kept<Move>, target: &ServerName) {
        let stays = at.is_some_and(|at| at.value.dismounted_for_good());
        let wanted = if stays { Wanted::Dismounted } else { Wanted::Mounted };
        let (id, by) = (requested.value.id.clone(), requested.value.by.clone());
        let from = at.map(|at| at.value.server.clone());
        self.assign(at, target, wanted, AssignmentReason::Moved { id, from, by });
    }

    fn assign(
        &mut self,
        at: Option<&Kept<Assignment>>,
        server: &ServerName,
        wanted: Wanted,
        reason: AssignmentReason,
    ) {
        let replaced = at.filter(|at| at.value.server != *server && self.hold(at) != Hold::LetGo);
        self.plan.steps.push(Step::Assign(Assign {
            database: self.database.name.clone(),
            server: server.clone(),
            wanted,
            expects: at.map(|at| at.revision),
            fence: replaced.map(|at| Holder { server: at.value.server.clone(), token: self.world.token(at) }),
            reason,
        }));
    }

    fn finish(&mut self, requested: &Kept<Move>, outcome: MoveOutcome) {
        let earlier = self.world.records.finished_moves.get(&self.database.name);
        self.plan.steps.push(Step::FinishMove(FinishMove {
            database: self.database.name.clone(),
            asked: requested.value.clone(),
            outcome,
            earlier: earlier.map(|kept| kept.value.as_earlier()).unwrap_or_default(),
            expects: requested.revision,
        }));
    }

    fn refuse(&mut self, requested: &Kept<Move>, unfit: &Candidates) {
        self.finish(requested, MoveOutcome::Refused { reason: unfit.to_string() });
    }

    fn nobody_fit(&mut self, candidates: Candidates) {
        self.plan.notes.push(Note::NobodyFit { database: self.database.name.clone(), candidates });
    }

    fn await_release(&mut self, holder: &ServerName, until: Moment) {
        let (database, holder) = (self.database.name.clone(), holder.clone());
        self.plan.wait(until, Note::AwaitingRelease { database, holder, until });
    }

    /// Waits for the assigned server to mount, and does `overdue` when it has had its time.
    fn await_mount(&mut self, at: &Kept<Assignment>, overdue: impl FnOnce(&mut Self)) {
        let until = self.world.deadline(&self.database.name, at, self.world.limits.mount, self.now);
        if self.now >= until {
            return overdue(self);
        }
        let (database, server) = (self.database.name.clone(), at.value.server.clone());
        self.plan.wait(until, Note::AwaitingMount { database, server, until });
    }

    /// What the assigned server says about the present assignment.
    fn state(&self, at: &Kept<Assignment>) -> Option<&MountState> {
        self.world.current_report(&self.database.name, at).map(|report| &report.state)
    }

    /// Whether the assigned server holds the database.
    fn hold(&self, at: &Kept<Assignment>) -> Hold {
        let dismounted = at.value.wanted == Wanted::Dismounted;
        match self.state(at) {
            Some(MountState::Failed { .. }) => return Hold::LetGo,
            Some(MountState::Dismounted) if dismounted => return Hold::LetGo,
            _ if self.world.gone(&self.database.name, &at.value.server) => return Hold::Lost,
            _ if !dismounted => return Hold::Holding,
            _ => {}
        }
        let until = self.world.deadline(&self.database.name, at, self.world.limits.hand_over, self.now);
        if self.now >= until { Hold::Lost } else { Hold::LettingGo(until) }
    }
}

/// What the target of a move is wanted for.
fn purpose(requested: &Move) -> Purpose {
    match requested.to {
        Some(_) => Purpose::Asked { by_human: requested.by.is_human(), force: requested.force },
        None => Purpose::Chosen,
    }
}
