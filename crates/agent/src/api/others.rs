//! What only the agent of another server can answer, asked of it.
//!
//! The agents of one data directory reach each other through its sockets, others by TLS with their certificates of the
//! cluster. Either way they pass on for whom they ask, and are believed.

use std::time::Duration;

use admin_api::{Caller, Unanswered};
use api_client::{Client, ClientError, Door, TlsIdentity};
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

/// Where the agent of a server listens: on a socket of this data directory, or where it says in the records.
fn door(api: &Api, server: &ServerName) -> Door {
    let socket = Door::Socket(api.data.server(server.as_str()).api_socket());
    match (&socket, elsewhere(api, server)) {
        (Door::Socket(path), Some(elsewhere)) if !path.exists() => elsewhere,
        _ => socket,
    }
}

/// The way to an agent on another machine: by TLS, each showing its certificate of the cluster.
fn elsewhere(api: &Api, server: &ServerName) -> Option<Door> {
    let address = api.world().records.agents.get(server)?.value.api?;
    let authority = api.data.cluster_authority();
    let own = |ending| authority.join(format!("{}.{ending}", api.server));
    let identity = TlsIdentity { authority: authority.join("ca.pem"), own: Some((own("pem"), own("key"))) };
    let config =
        identity.config().inspect_err(|error| tracing::error!(%error, "other agents cannot be asked"));
    let name = server.as_str().to_owned().try_into().ok()?;
    Some(Door::Tls { authority: address.to_string(), name, config: config.ok()?, token: None })
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
        let client = Client::new(door(api, &server)).in_the_name_of(caller.clone()).with_limit(PATIENCE);
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
