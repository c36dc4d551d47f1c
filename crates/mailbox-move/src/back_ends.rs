//! The back ends that have the databases of a move mounted, wherever that is at the moment.

use std::time::Duration;

use directory::{MoveId, Name, User};
use service::admin::{Answer, Ask, AskError, MoveAnswer, MoveOrder, MoveStep, ask};
use settings::DatabaseName;
use tokio::time::{Instant, sleep};

use crate::register::blocking;
use crate::{MoveError, Site};

/// How long a database may be mounted nowhere when a move is given up: what cannot be tidied now is tidied by the next mover.
const LITTLE_PATIENCE: Duration = Duration::from_secs(2);
/// How long a back end may take for a step: the longest is to close a mailbox.
const STEP: Duration = Duration::from_secs(30);
/// The pause before everybody is asked again.
const BETWEEN_TRIES: Duration = Duration::from_millis(200);

/// Back ends, as they are asked about one user's mailbox.
pub(crate) struct BackEnds<'a> {
    site: &'a Site,
    user: Name,
    mailbox: String,
    /// Empty before there is a record, when only harmless questions are answered.
    id: String,
    patience: Duration,
}

impl<'a> BackEnds<'a> {
    /// About the mailbox of `user`, in the move that is held, if one is.
    pub(crate) fn about(site: &'a Site, user: &User, id: Option<&MoveId>) -> Self {
        let id = id.map(MoveId::to_string).unwrap_or_default();
        Self { site, user: user.name.clone(), mailbox: user.mailbox.clone(), id, patience: site.patience }
    }

    /// From now on a database that is mounted nowhere is not waited for much.
    pub(crate) fn hurry(&mut self) {
        self.patience = self.patience.min(LITTLE_PATIENCE);
    }

    /// Has the back end that has `database` mounted take a step, or says why that is not done.
    pub(crate) async fn take(
        &self,
        database: &DatabaseName,
        step: &MoveStep,
    ) -> Result<MoveAnswer, MoveError> {
        let (sockets, deadline) = (self.site.sockets(database.as_str()), Instant::now() + self.patience);
        loop {
            let mut why = Vec::new();
            for socket in &sockets {
                let (socket, question) = (socket.clone(), self.question(database, step));
                match blocking(move || ask(&socket, &question, STEP)).await {
                    Ok(Answer::Move(MoveAnswer::NotMounted)) => {}
                    Ok(Answer::Move(MoveAnswer::Superseded)) => {
                        return Err(MoveError::NotHeld { user: self.user.clone() });
                    }
                    Ok(Answer::Move(MoveAnswer::NoRoom { reason })) => {
                        return Err(self.no_room(database, reason));
                    }
                    Ok(Answer::Move(MoveAnswer::Failed { reason, retry })) => {
                        return Err(self.failed(database, step, reason, retry));
                    }
                    Ok(Answer::Move(answer)) => return Ok(answer),
                    Ok(_) => return Err(self.out_of_turn(database, step)),
                    Err(error @ AskError::NotAllowed { .. }) => {
                        return Err(self.failed(database, step, error.to_string(), false));
                    }
                    // It is on its way down, or has failed: another may take over.
                    Err(error) => why.push(error.to_string()),
                }
            }
            if Instant::now() >= deadline {
                let why = if why.is_empty() { "no back end has it".to_owned() } else { why.join("; ") };
                return Err(MoveError::NotMounted { database: database.clone(), why });
            }
            sleep(BETWEEN_TRIES).await;
        }
    }

    /// The mailbox does not fit.
    pub(crate) fn no_room(&self, database: &DatabaseName, reason: String) -> MoveError {
        MoveError::NoRoom { user: self.user.clone(), database: database.clone(), reason }
    }

    /// A step that could not be taken.
    pub(crate) fn failed(
        &self,
        database: &DatabaseName,
        step: &MoveStep,
        reason: String,
        retry: bool,
    ) -> MoveError {
        MoveError::BackEnd {
            user: self.user.clone(),
            database: database.clone(),
            step: verb(step),
            reason,
            retry,
        }
    }

    /// A back end has answered something else than it was asked, as another version of the program may.
    pub(crate) fn out_of_turn(&self, database: &DatabaseName, step: &MoveStep) -> MoveError {
        let reason = "the back end answers what it was not asked: is it of another version?".to_owned();
        self.failed(database, step, reason, false)
    }

    fn question(&self, database: &DatabaseName, step: &MoveStep) -> Ask {
        let order = MoveOrder {
            id: self.id.clone(),
            user: self.user.to_string(),
            mailbox: self.mailbox.clone(),
            database: database.to_string(),
        };
        Ask::Move { order, step: step.clone() }
    }
}

fn verb(step: &MoveStep) -> &'static str {
    match step {
        MoveStep::Measure => "measure",
        MoveStep::Admit { .. } => "make room for",
        MoveStep::Import { .. } => "copy",
        MoveStep::Close => "close",
        MoveStep::Discard => "remove the copy of",
        MoveStep::Leave => "remove what is left of",
    }
}
