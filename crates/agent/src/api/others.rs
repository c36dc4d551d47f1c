//! What only the agent of another server can answer, asked of it.
//!
//! The agents of one data directory reach each other through its sockets, others by TLS with their certificates of the
//! cluster. Either way they pass on for whom they ask, and are believed.

use std::time::Duration;

use admin_api::{Caller, Unanswered};
use api_client::{Client, ClientError, Door};
use settings::ServerName;
use tokio::task::JoinSet;

use super::Api;

/// How long another agent may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// What other agents answered.
pub(super) struct Answers<T>(Vec<(ServerName, Result<T, ClientError>)>);

impl<T> Answers<T> {
    /// The answers there are; the others are named.
    pub(super) fn rows(self, unanswered: &mut Vec<Unanswered>) -> Vec<(ServerName, T)> {
        let mut rows = Vec::new();
        for (server, answer) in self.0 {
            match answer {
                Ok(answer) => rows.push((server, answer)),
                Err(error) => {
                    unanswered.push(Unanswered { server: server.to_string(), why: error.to_string() });
                }
            }
        }
        rows
    }
}

/// Asks the agent of each server, all at once.
pub(super) async fn ask_each<T, F, Fut>(
    api: &Api,
    caller: &Caller,
    servers: Vec<ServerName>,
    ask: F,
) -> Answers<T>
where
    T: Send + 'static,
    F: Fn(Client, ServerName) -> Fut,
    Fut: Future<Output = Result<T, ClientError>> + Send + 'static,
{
    let mut asking = JoinSet::new();
    for server in servers {
        let door = Door::Socket(api.data.server(server.as_str()).api_socket());
        let client = Client::new(door).in_the_name_of(caller.clone()).with_limit(PATIENCE);
        let asked = ask(client, server.clone());
        asking.spawn(async move { (server, asked.await) });
    }
    let mut answers = Vec::new();
    // One that panicked has told so.
    while let Some(answer) = asking.join_next().await {
        answers.extend(answer);
    }
    answers.sort_by(|(one, _), (other, _)| one.cmp(other));
    Answers(answers)
}
