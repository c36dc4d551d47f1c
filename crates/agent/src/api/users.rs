//! Moves of users' mailboxes from one database to another.
//!
//! The agent that was asked is the mover, and tells how far it is from memory. What must survive it is in the directory:
//! whoever leads takes up what a dead mover has left.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use admin_api::rows::{UserMoveRow, UserMoveState};
use admin_api::{Kind, Problem, routes};
use directory::{Name, Realm};
use mailbox_move::{Fault, MoveError, Outcome, Progress, Site, Stage, move_mailbox};
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use super::asked::Asked;
use super::{Api, shown, words};
use crate::clock::now;

/// How long a caller waits for the first thing there is to say.
const FIRST: Duration = Duration::from_secs(2);

/// The moves that this agent has begun, the last one of each user.
#[derive(Debug, Default)]
pub(crate) struct UserMoves(Mutex<BTreeMap<String, watch::Receiver<UserMoveRow>>>);

impl UserMoves {
    fn of(&self, user: &str) -> Option<watch::Receiver<UserMoveRow>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(user).cloned()
    }

    fn begin(&self, row: UserMoveRow) -> watch::Sender<UserMoveRow> {
        let (tell, told) = watch::channel(row.clone());
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(row.user, told);
        tell
    }
}

pub(super) async fn begin(api: Arc<Api>, asked: Asked<routes::MoveUser>) -> Result<UserMoveRow, Problem> {
    let name = name(&api, asked.path("user"))?;
    if api.user_moves.of(name.as_str()).is_some_and(|told| !told.borrow().state.is_over()) {
        return Err(Problem::new(Kind::Conflict, format!("the mailbox of {name} is being moved already")));
    }
    let row = UserMoveRow {
        user: name.to_string(),
        from: String::new(),
        to: asked.request.to.clone(),
        by: asked.caller.name.clone(),
        reason: shown(&words(asked.request.reason.as_deref())),
        requested: now(),
        state: UserMoveState::Waiting,
        messages_done: 0,
        messages_total: None,
        outcome: None,
        took_millis: None,
    };
    let tell = api.user_moves.begin(row);
    let mut told = tell.subscribe();
    tokio::spawn(carry_out(Arc::clone(&api), name, asked, tell));
    // What is refused is refused at once, and is then no move.
    let settled = told.wait_for(|row| row.state != UserMoveState::Waiting);
    let in_time = timeout_at(Instant::now() + FIRST, settled).await.is_ok();
    let row = told.borrow().clone();
    if !in_time {
        tracing::debug!(user = row.user, "a move of a mailbox is still being prepared");
    }
    match (row.state, &row.outcome) {
        (UserMoveState::Refused, Some(why)) => Err(Problem::new(Kind::BadInput, why.clone())),
        _ => Ok(row),
    }
}

/// Moves the mailbox, tells how far it is, and writes down what came of it.
async fn carry_out(
    api: Arc<Api>,
    name: Name,
    asked: Asked<routes::MoveUser>,
    tell: watch::Sender<UserMoveRow>,
) {
    let began = Instant::now();
    let site = site(&api);
    let mut progress = |progress: Progress| tell.send_modify(|row| show_progress(row, progress));
    let moved = move_mailbox(&site, &name, &asked.request.to, &mut progress).await;
    let took = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    let outcome = match &moved {
        Ok(outcome) => Ok(said(outcome)),
        Err(error) => Err(Problem::new(kind(error), error.to_string())),
    };
    let target = format!("{name} to {}", asked.request.to);
    let reason = asked.request.reason.as_deref();
    api.audit.note(&asked.caller, ("move mailbox", &target), reason, outcome.as_deref().map(str::to_owned));
    tell.send_modify(|row| {
        row.state = match &moved {
            Ok(_) => UserMoveState::Succeeded,
            Err(error) if error.fault() == Fault::Asker => UserMoveState::Refused,
            Err(_) => UserMoveState::Failed,
        };
        if let Ok(Outcome::Moved(moved)) = &moved {
            row.from = moved.source.to_string();
        }
        row.outcome = Some(outcome.unwrap_or_else(|problem| problem.detail));
        row.took_millis = Some(took);
    });
}

fn show_progress(row: &mut UserMoveRow, progress: Progress) {
    row.state = match progress.stage {
        Stage::Preparing => UserMoveState::Waiting,
        Stage::Copying => UserMoveState::Copying,
        Stage::Frozen | Stage::Leaving => UserMoveState::Switching,
    };
    row.messages_done = progress.messages;
    row.messages_total = Some(progress.total_messages).filter(|total| *total > 0);
}

fn said(outcome: &Outcome) -> String {
    match outcome {
        Outcome::AlreadyThere => "the mailbox was there already".to_owned(),
        Outcome::Moved(moved) => {
            let left = moved.left_behind.as_ref();
            let left = left.map_or_else(String::new, |why| {
                format!("; what is left in {} stays for now: {why}", moved.source)
            });
            let (messages, frozen) = (moved.messages, moved.frozen.as_millis());
            format!("{messages} messages moved; log-ins and deliveries waited for {frozen} ms{left}")
        }
    }
}

fn kind(error: &MoveError) -> Kind {
    match error.fault() {
        Fault::Asker => Kind::BadInput,
        Fault::Space => Kind::Refused,
        Fault::Placement => Kind::Conflict,
        Fault::Server => Kind::Unavailable,
    }
}

pub(super) async fn show(api: Arc<Api>, asked: Asked<routes::ShowUserMove>) -> Result<UserMoveRow, Problem> {
    let name = name(&api, asked.path("user"))?;
    let Some(mut told) = api.user_moves.of(name.as_str()) else {
        return Err(Problem::new(Kind::Unknown, format!("no move of {name} was asked of this agent")));
    };
    let deadline = Instant::now() + Duration::from_secs(asked.query.seconds().into());
    let before = told.borrow().state;
    loop {
        let row = told.borrow_and_update().clone();
        let news = row.state != before || row.state.is_over();
        if news || !matches!(timeout_at(deadline, told.changed()).await, Ok(Ok(()))) {
            return Ok(row);
        }
    }
}

fn name(api: &Api, typed: &str) -> Result<Name, Problem> {
    let realm = Realm::from(&api.live.snapshot().configuration.default_realm);
    Name::parse(typed, &realm).map_err(|error| Problem::new(Kind::BadInput, format!("{typed:?}: {error}")))
}

/// The installation, as movers see it.
fn site(api: &Api) -> Site {
    Site::new(api.data.clone(), api.live.snapshot().configuration.clone())
}
