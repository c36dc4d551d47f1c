//! What only the agent of another server can answer, asked of it.
//!
//! The agents of one data directory reach each other through its sockets, others by TLS with their certificates of the
//! cluster. Either way they pass on for whom they ask, and are believed.

use std::sync::Arc;
use std::time::Duration;

use admin_api::{Caller, Kind, Problem, Unanswered};
use api_client::{Client, ClientError, Door};
use net::ClientTls;
use placement::World;
use settings::{DataDirectory, ServerName};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// How long another agent may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// The agents of the other servers, as one of them reaches them.
pub(crate) struct Neighbours {
    /// Whose neighbours they are.
    pub(crate) server: ServerName,
    pub(crate) data: DataDirectory,
    pub(crate) world: watch::Receiver<Arc<World>>,
    /// How agents of other data directories are reached. It follows the certificate files.
    pub(crate) tls: ClientTls,
}

/// What other agents answered.
pub(crate) struct Answers<T>(Vec<(ServerName, Result<T, Problem>)>);

impl<T> Answers<T> {
    /// The answers there are; the others are named.
    pub(crate) fn rows(self, unanswered: &mut Vec<Unanswered>) -> Vec<(ServerName, T)> {
        let mut rows = Vec::new();
        for (server, answer) in self.0 {
            match answer {
                Ok(answer) => rows.push((server, answer)),
                Err(why) => {
                    unanswered.push(Unanswered { server: server.to_string(), why: why.to_string() });
                }
            }
        }
        rows
    }

    /// Every answer, or why there is none.
    pub(crate) fn all(self) -> Vec<(ServerName, Result<T, Problem>)> {
        self.0
    }
}

impl Neighbours {
    /// Whether `server` has another data directory: its services and its init answer no socket of this one.
    pub(crate) fn is_elsewhere(&self, server: &ServerName) -> bool {
        let folder = self.data.server(server.as_str());
        *server != self.server && !folder.admin_socket("init").exists() && !folder.api_socket().exists()
    }

    /// Where the agent of a server listens: on a socket of this data directory, or where it says in the records, by TLS. Then
    /// each shows its certificate of the cluster.
    fn door(&self, server: &ServerName) -> Result<Door, Problem> {
        if !self.is_elsewhere(server) {
            return Ok(Door::Socket(self.data.server(server.as_str()).api_socket()));
        }
        let unreachable = |why: &str| Problem::new(Kind::Unavailable, why);
        let world = Arc::clone(&self.world.borrow());
        let presence =
            world.records.agents.get(server).ok_or_else(|| unreachable("its agent is not there"))?;
        let address = presence.value.api.ok_or_else(|| {
            unreachable(
                "its agent is on another machine, and listens on no address with TLS; see bindings in [api]",
            )
        })?;
        let name = server.as_str().to_owned().try_into();
        let name = name.map_err(|_| unreachable("its name can stand in no certificate"))?;
        Ok(Door::Tls { authority: address.to_string(), name, config: self.tls.config(), token: None })
    }

    pub(crate) fn client(&self, caller: &Caller, server: &ServerName) -> Result<Client, Problem> {
        let client = Client::new(self.door(server)?);
        Ok(client.in_the_name_of(caller.clone()).with_limit(PATIENCE))
    }

    /// Asks the agent of each server, all at once.
    pub(crate) async fn ask_each<T, F, Fut>(
        &self,
        caller: &Caller,
        servers: Vec<ServerName>,
        ask: F,
    ) -> Answers<T>
    where
        T: Send + 'static,
        F: Fn(Client, ServerName) -> Fut,
        Fut: Future<Output = Result<T, ClientError>> + Send + 'static,
    {
        let (mut asking, mut answers) = (JoinSet::new(), Vec::new());
        for server in servers {
            match self.client(caller, &server) {
                Err(why) => answers.push((server, Err(why))),
                Ok(client) => {
                    let asked = ask(client, server.clone());
                    asking.spawn(async move { (server, asked.await.map_err(Problem::from)) });
                }
            }
        }
        // One that panicked has told so.
        while let Some(answer) = asking.join_next().await {
            answers.extend(answer);
        }
        answers.sort_by(|(one, _), (other, _)| one.cmp(other));
        Answers(answers)
    }

    /// Has the agent of a server do what was asked of this one. What it answers is in its audit log already; the outer error
    /// says that it did not answer or does not let this agent in, which nobody else writes down.
    pub(crate) async fn pass_on<T, Fut>(
        &self,
        caller: &Caller,
        server: &ServerName,
        ask: impl FnOnce(Client) -> Fut,
    ) -> Result<Result<T, Problem>, Problem>
    where
        Fut: Future<Output = Result<T, ClientError>>,
    {
        let named = |problem: Problem| Problem { detail: format!("{server}: {}", problem.detail), ..problem };
        match ask(self.client(caller, server).map_err(named)?).await {
            Ok(done) => Ok(Ok(done)),
            // Whether the caller may was decided here, by the same roles: it refuses this agent.
            Err(ClientError::Problem(problem))
                if !matches!(problem.kind, Kind::Unauthenticated | Kind::Forbidden) =>
            {
                Ok(Err(problem))
            }
            Err(unanswered) => Err(named(unanswered.into())),
        }
    }
}
