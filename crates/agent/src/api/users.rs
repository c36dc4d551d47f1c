//! Moves of users' mailboxes from one database to another.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use admin_api::rows::UserMoveRow;
use admin_api::{Kind, Problem, routes};

use super::Api;
use super::asked::Asked;

/// The moves that this agent has begun, the last one of each user.
#[derive(Debug, Default)]
pub(crate) struct UserMoves(Mutex<BTreeMap<String, UserMoveRow>>);

pub(super) async fn begin(_: Arc<Api>, _: Asked<routes::MoveUser>) -> Result<UserMoveRow, Problem> {
    Err(Problem::new(Kind::Refused, "mailboxes do not move yet"))
}

pub(super) async fn show(api: Arc<Api>, asked: Asked<routes::ShowUserMove>) -> Result<UserMoveRow, Problem> {
    let user = asked.path("user");
    let moves = api.user_moves.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    moves
        .get(user)
        .cloned()
        .ok_or_else(|| Problem::new(Kind::Unknown, format!("no move of {user} was asked for here")))
}
