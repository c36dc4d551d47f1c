//! Services and the power of servers, through whoever starts them: the init of each server, and the power grid.
//!
//! All calls have a deadline. A refusal is somebody's decision; no answer is nobody's.

use std::time::Duration;

use init::control::{self, AskError};
use init::power::Action;
use init::power_control;
use init::status::{GridRequest, GridStatus, PowerStatus, ServerRequest, ServerStatus};
use settings::{DataDirectory, ServerName};
use tokio::time::timeout;

/// The service that holds databases, which a fence kills.
const BACK_END: &str = "backend";
/// How long an init or the grid may take to answer from memory.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long the grid may take to refuse a restart. Shorter than an agent that is told to end leaves those it answers: the
/// server may be its own.
const REFUSAL: Duration = Duration::from_millis(500);
/// How long a server may take to be restarted.
const RESTART: Duration = Duration::from_mins(2);

/// The servers of one data directory.
#[derive(Debug)]
pub(crate) struct Controls {
    data: DataDirectory,
}

impl Controls {
    pub(crate) fn new(data: DataDirectory) -> Self {
        Self { data }
    }

    /// Asks the init of a server, which answers how the server and its services are then.
    pub(crate) async fn ask(
        &self,
        server: &ServerName,
        request: &ServerRequest,
    ) -> Result<ServerStatus, AskError> {
        let folder = self.data.server(server.as_str());
        control::ask_async(server.as_str(), &folder, request, PATIENCE).await
    }

    /// The power of every server, if there is a grid that says so.
    pub(crate) async fn power(&self) -> Option<GridStatus> {
        power_control::ask(&self.data, &GridRequest::Status, PATIENCE).await.ok()
    }

    /// Has a server shut down in order and started again; twice with one `id` is once. Returns once it has begun.
    pub(crate) async fn restart(&self, server: &ServerName, id: &str) -> Result<(), AskError> {
        let (data, request) = (self.data.clone(), power(Action::Restart, server, id));
        let asked = tokio::spawn(async move { power_control::ask(&data, &request, RESTART).await });
        match timeout(REFUSAL, asked).await {
            Ok(Ok(answer)) => answer.map(drop),
            // It panicked, which has been told, or it is under way.
            Ok(Err(_)) | Err(_) => Ok(()),
        }
    }

    /// Makes certain that no back end of `server` that ran when this was asked is left. Returns when that is so.
    ///
    /// The init kills it. An init that is dead has taken its services with it; one that does not answer loses its power.
    pub(crate) async fn fence(&self, server: &ServerName, id: u64) -> Result<(), AskError> {
        let kill = ServerRequest::Kill { service: BACK_END.to_owned() };
        let unreachable = match self.ask(server, &kill).await {
            Ok(_) => return Ok(()),
            Err(refused @ AskError::Refused(_)) => return Err(refused),
            Err(unreachable) => unreachable,
        };
        if self.is_without_power(server).await {
            return Ok(());
        }
        tracing::warn!(%server, error = %unreachable, "the init does not answer; the power of the server is cut");
        let cut = power(Action::Cycle, server, &format!("fence-{id}"));
        // The answer comes when the power is back; all that counts is that it was out.
        if let Err(refused @ AskError::Refused(_)) = power_control::ask(&self.data, &cut, PATIENCE).await {
            return Err(refused);
        }
        if self.is_without_power(server).await { Ok(()) } else { Err(unreachable) }
    }

    async fn is_without_power(&self, server: &ServerName) -> bool {
        let grid = self.power().await;
        let found = grid.iter().flat_map(|grid| &grid.servers).find(|status| *server == *status.server);
        matches!(found, Some(PowerStatus { pid: None, .. }))
    }
}

fn power(action: Action, server: &ServerName, id: &str) -> GridRequest {
    GridRequest::Power { action, server: server.to_string(), id: id.to_owned() }
}
