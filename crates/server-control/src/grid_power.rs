//! The power of servers on the grid of `mailmedic up`.
//!
//! The grid is the parent of the inits, so it reaches a server whose init does not answer, and it remembers the ids of
//! requests. It answers one when the server has booted again; whoever cuts the power of a server in order to take over
//! from it does not wait for that, so this side watches how far the request is. The grid does not know boots; those the
//! inits tell, each in its server's folder.

use std::path::PathBuf;
use std::time::Duration;

use settings::{DataDirectory, ServerName};

use crate::contract::{
    Action, Fate, GridRequest, GridStatus, NOT_UNDERSTOOD, PowerStatus, Reply, ServerRequest, ServerStatus,
};
use crate::json_line::{self, NoAnswer};
use crate::{Answer, BootId, ControlError, Operation, PowerReport, PowerState, RequestId, ServerPower};

/// How long things may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GridLimits {
    /// For the grid to say how things are: it does so from memory.
    pub answer: Duration,
    /// For the grid to cut a server off, or to begin to restart it.
    pub act: Duration,
    /// For an init to say which boot it is. One that does not is no reason to say nothing.
    pub boot_id: Duration,
}

impl Default for GridLimits {
    fn default() -> Self {
        Self { answer: Duration::from_secs(5), act: Duration::from_secs(15), boot_id: Duration::from_secs(1) }
    }
}

/// The power grid of an installation, at its socket.
#[derive(Clone, Debug)]
pub struct GridPower {
    socket: PathBuf,
    data: DataDirectory,
    limits: GridLimits,
}

const GRID: &str = "the power grid";

/// How often it is asked how far a request is.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

impl GridPower {
    /// The grid that listens at `socket` and runs the data directory.
    pub fn new(socket: PathBuf, data: DataDirectory, limits: GridLimits) -> Self {
        Self { socket, data, limits }
    }

    async fn ask(
        &self,
        operation: &Operation,
        request: GridRequest<'_>,
        limit: Duration,
    ) -> Result<GridStatus, ControlError> {
        let operation = operation.clone();
        match json_line::ask(&self.socket, &request, limit).await {
            Ok(Reply::Done(status)) => Ok(status),
            Ok(Reply::Refused(reason)) if reason.starts_with(NOT_UNDERSTOOD) => {
                Err(ControlError::Unsupported {
                    operation,
                    reason: format!("{GRID} is of an older version; `mailmedic down`, then `mailmedic up`"),
                })
            }
            Ok(Reply::Refused(reason)) => Err(ControlError::Refused { operation, reason }),
            Err(NoAnswer::NotAsked(source)) => Err(ControlError::Unreachable {
                operation,
                controller: GRID.to_owned(),
                source: source.into(),
            }),
            // A question about something that was asked for is still a question.
            Err(NoAnswer::Asked(source)) if matches!(request, GridRequest::Status) => {
                Err(ControlError::Unreachable {
                    operation,
                    controller: GRID.to_owned(),
                    source: source.into(),
                })
            }
            Err(NoAnswer::Asked(source)) => {
                Err(ControlError::no_answer(operation, GRID.to_owned(), source.into()))
            }
        }
    }

    async fn act(&self, action: Action, server: ServerName, id: RequestId) -> Result<(), ControlError> {
        let (name, key) = (server.clone(), id.clone());
        let operation = match action {
            Action::Cycle => Operation::CyclePower { server: name, id: key },
            _ => Operation::RestartServer { server: name, id: key },
        };
        let request = GridRequest::Power { action, server: server.as_str(), id: id.as_str() };
        // Both at once: the grid forgets nothing if this side stops listening for the answer.
        tokio::select! {
            answer = self.ask(&operation, request, self.limits.act) => match answer {
                Ok(_) => Ok(()),
                // So it says as well about what it began and could not end.
                Err(ControlError::Refused { operation, reason }) => match self.far(action, &server, &id).await {
                    Some(_) => Err(ControlError::Failed { operation, reason }),
                    None => Err(ControlError::Refused { operation, reason }),
                },
                Err(error) => Err(error),
            },
            failure = self.watch(action, &server, &id) => match failure {
                None => Ok(()),
                Some(reason) => Err(ControlError::Failed { operation, reason }),
            },
        }
    }

    /// Watches the request until it is as far as this side waits for, or has failed for a reason. Without an end as long as
    /// the grid knows nothing of it, or does not answer.
    async fn watch(&self, action: Action, server: &ServerName, id: &RequestId) -> Option<String> {
        loop {
            match self.far(action, server, id).await {
                Some((Fate::Failed(reason), _)) => return Some(reason),
                Some((fate, power)) if is_far_enough(action, &fate, &power) => return None,
                _ => tokio::time::sleep(LOOK_AGAIN).await,
            }
        }
    }

    /// How far the request is, and the power of its server; nothing if the grid does not know it.
    async fn far(&self, action: Action, server: &ServerName, id: &RequestId) -> Option<(Fate, PowerStatus)> {
        let question = Operation::ReadPower(server.clone());
        let status = self.ask(&question, GridRequest::Status, self.limits.answer).await.ok()?;
        let is_it = |id_there: &str, there: &str| id_there == id.as_str() && *server == *there;
        let mut requests = status.requests.into_iter();
        let request = requests.find(|one| one.action == action && is_it(&one.id, &one.server))?;
        let power = status.servers.into_iter().find(|one| *server == *one.server)?;
        Some((request.fate, power))
    }

    /// Which boot the server's init says it is.
    async fn boot_id(&self, server: &ServerName) -> Option<BootId> {
        let socket = self.data.server(server.as_str()).admin_socket("init");
        match json_line::ask(&socket, &ServerRequest::Status, self.limits.boot_id).await {
            Ok(Reply::Done(ServerStatus { boot_id, .. })) => Some(BootId::new(&boot_id)),
            _ => None,
        }
    }

    async fn report(&self, server: &ServerName, status: PowerStatus) -> PowerReport {
        let state = match status {
            PowerStatus { switched_off: true, .. } => PowerState::Off,
            PowerStatus { returns: Some(returns), .. } => PowerState::Out { returns },
            PowerStatus { .. } => PowerState::On,
        };
        PowerReport {
            server: server.clone(),
            state,
            boot_id: if state == PowerState::On { self.boot_id(server).await } else { None },
            losses: Some(status.losses),
        }
    }
}

/// Whether this side may go on with what it does next.
fn is_far_enough(action: Action, fate: &Fate, power: &PowerStatus) -> bool {
    match fate {
        Fate::Done => true,
        // An orderly restart takes its time, and is begun. A server is cut off when its init is gone.
        Fate::UnderWay {} => action == Action::Restart || power.pid.is_none(),
        Fate::Failed(_) => false,
    }
}

impl ServerPower for GridPower {
    fn power(&self, server: &ServerName) -> Answer<'_, PowerReport> {
        let server = server.clone();
        Box::pin(async move {
            let operation = Operation::ReadPower(server.clone());
            let status = self.ask(&operation, GridRequest::Status, self.limits.answer).await?;
            match status.servers.into_iter().find(|one| server == *one.server) {
                Some(status) => Ok(self.report(&server, status).await),
                None => {
                    Err(ControlError::Refused { operation, reason: format!("{GRID} has no server {server}") })
                }
            }
        })
    }

    fn restart(&self, server: &ServerName, id: &RequestId) -> Answer<'_, ()> {
        Box::pin(self.act(Action::Restart, server.clone(), id.clone()))
    }

    fn cycle(&self, server: &ServerName, id: &RequestId) -> Answer<'_, ()> {
        Box::pin(self.act(Action::Cycle, server.clone(), id.clone()))
    }
}
