//! The services of a server whose init is ours.
//!
//! The init answers a request when it has taken it up, so this side looks again until it is done. An init that is
//! stopped does not answer, and nothing here gets round that: the power grid does ([`crate::GridPower`]).

use std::path::PathBuf;
use std::time::Duration;

use settings::ServerName;
use tokio::time::Instant;

use crate::contract::{self, NOT_UNDERSTOOD, Reply, ServerRequest, ServerStatus, ServiceStatus};
use crate::json_line::{self, NoAnswer};
use crate::{Answer, BootId, Cause, ControlError, Killed, Operation};
use crate::{ServiceControl, ServiceName, ServiceReport, ServiceState};

/// How long things may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InitLimits {
    /// For the init to answer: it does so from memory, or when a killed process is gone.
    pub answer: Duration,
    /// For a service to drain and end, and for the next process to serve.
    pub settle: Duration,
}

impl Default for InitLimits {
    fn default() -> Self {
        Self { answer: Duration::from_secs(5), settle: Duration::from_mins(1) }
    }
}

/// How often it is asked whether it is done.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// The init of one server, at its socket.
#[derive(Clone, Debug)]
pub struct InitControl {
    server: ServerName,
    socket: PathBuf,
    limits: InitLimits,
}

impl InitControl {
    /// The init of the server, which listens at `socket`: in the server's folder, `admin_socket("init")`.
    pub fn new(server: ServerName, socket: PathBuf, limits: InitLimits) -> Self {
        Self { server, socket, limits }
    }

    async fn ask(
        &self,
        operation: &Operation,
        request: ServerRequest<'_>,
    ) -> Result<ServerStatus, ControlError> {
        let controller = format!("the init of {}", self.server);
        let operation = operation.clone();
        match json_line::ask(&self.socket, &request, self.limits.answer).await {
            Ok(Reply::Done(status)) => Ok(status),
            Ok(Reply::Refused(reason)) if reason.starts_with(NOT_UNDERSTOOD) => {
                Err(ControlError::Unsupported {
                    operation,
                    reason: format!("{controller} is of an older version; restart the server"),
                })
            }
            Ok(Reply::Refused(reason)) => Err(ControlError::Refused { operation, reason }),
            Err(NoAnswer::Asked(source)) if !matches!(request, ServerRequest::Status) => {
                Err(ControlError::no_answer(operation, controller, source.into()))
            }
            Err(NoAnswer::Asked(source) | NoAnswer::NotAsked(source)) => {
                Err(ControlError::Unreachable { operation, controller, source: source.into() })
            }
        }
    }

    /// How the service is, before anything is done about it.
    async fn look(
        &self,
        operation: &Operation,
        service: &ServiceName,
    ) -> Result<ServiceStatus, ControlError> {
        let status = self.ask(operation, ServerRequest::Status).await?;
        let known: Vec<&str> = status.services.iter().map(|one| one.service.as_str()).collect();
        let unknown = || ControlError::Refused {
            operation: operation.clone(),
            reason: format!(
                "server {} has no service {service}; it has {}",
                self.server,
                known.join(" and ")
            ),
        };
        status.services.iter().find(|one| one.service == service.as_str()).cloned().ok_or_else(unknown)
    }

    /// Asks for something, and looks until it is `done`.
    async fn bring_about(
        &self,
        operation: Operation,
        service: &ServiceName,
        request: ServerRequest<'_>,
        done: impl Fn(&ServiceStatus) -> bool,
    ) -> Result<(), ControlError> {
        let deadline = Instant::now() + self.limits.settle;
        self.ask(&operation, request).await?;
        loop {
            let now = match self.look(&operation, service).await {
                Ok(now) => now,
                // It was asked for; that it cannot be seen now does not take it back.
                Err(error) => {
                    return Err(ControlError::OutcomeUnknown { operation, source: Cause::from(error) });
                }
            };
            if done(&now) {
                return Ok(());
            }
            if let Some(failure) = now.failure {
                return Err(ControlError::Failed {
                    operation,
                    reason: format!("{service} of {} is left dead: {failure}", self.server),
                });
            }
            if Instant::now() >= deadline {
                return Err(ControlError::Failed {
                    operation,
                    reason: format!(
                        "{service} of {} is {} after {:?}",
                        self.server,
                        ServiceState::from(now.state).word(),
                        self.limits.settle
                    ),
                });
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }
}

impl ServiceControl for InitControl {
    fn services(&self) -> Answer<'_, Vec<ServiceReport>> {
        Box::pin(async move {
            let status = self.ask(&Operation::ListServices, ServerRequest::Status).await?;
            let boot_id = BootId::new(&status.boot_id);
            status.services.into_iter().map(|service| self.report(service, &boot_id)).collect()
        })
    }

    fn start(&self, service: &ServiceName) -> Answer<'_, ()> {
        let service = service.clone();
        Box::pin(async move {
            let request = ServerRequest::Start { service: service.as_str() };
            self.bring_about(Operation::Start(service.clone()), &service, request, runs).await
        })
    }

    fn stop(&self, service: &ServiceName) -> Answer<'_, ()> {
        let service = service.clone();
        Box::pin(async move {
            let request = ServerRequest::Stop { service: service.as_str() };
            let stopped = |now: &ServiceStatus| matches!(now.state, contract::ServiceState::Stopped);
            self.bring_about(Operation::Stop(service.clone()), &service, request, stopped).await
        })
    }

    fn restart(&self, service: &ServiceName) -> Answer<'_, ()> {
        let service = service.clone();
        Box::pin(async move {
            let operation = Operation::Restart(service.clone());
            let before = self.look(&operation, &service).await?;
            let request = ServerRequest::Restart { service: service.as_str() };
            let replaced = |now: &ServiceStatus| runs(now) && now.pid != before.pid;
            self.bring_about(operation, &service, request, replaced).await
        })
    }

    fn kill(&self, service: &ServiceName) -> Answer<'_, Killed> {
        let service = service.clone();
        Box::pin(async move {
            let operation = Operation::Kill(service.clone());
            let before = self.look(&operation, &service).await?;
            // Asked for even if there seems to be no process: one may have been started since.
            self.ask(&operation, ServerRequest::Kill { service: service.as_str() }).await?;
            Ok(before.pid.map_or(Killed::WasNotRunning, |pid| Killed::Process { pid }))
        })
    }
}

impl InitControl {
    fn report(&self, status: ServiceStatus, boot_id: &BootId) -> Result<ServiceReport, ControlError> {
        let service = ServiceName::parse(&status.service).map_err(|error| ControlError::Unreachable {
            operation: Operation::ListServices,
            controller: format!("the init of {}", self.server),
            source: error.into(),
        })?;
        Ok(ServiceReport {
            service,
            state: status.state.into(),
            pid: status.pid,
            since: Some(status.since),
            restarts: status.restarts,
            stopped_by_hand: status.stopped_by_hand,
            failure: status.failure.map(|failure| failure.to_string()),
            boot_id: Some(boot_id.clone()),
        })
    }
}

fn runs(now: &ServiceStatus) -> bool {
    matches!(now.state, contract::ServiceState::Running)
}

impl From<contract::ServiceState> for ServiceState {
    fn from(state: contract::ServiceState) -> Self {
        match state {
            contract::ServiceState::Stopped => Self::Stopped,
            contract::ServiceState::Starting => Self::Starting,
            contract::ServiceState::Running => Self::Running,
            contract::ServiceState::Stopping => Self::Stopping,
            contract::ServiceState::Failed => Self::Failed,
        }
    }
}
