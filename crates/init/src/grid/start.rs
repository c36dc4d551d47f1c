//! The start of a grid: it lasts until every service serves, and fails if one does not come to.

use std::io;
use std::time::Duration;

use tokio::time::Instant;

use super::running::{Running, Woken};
use super::{Outcome, Progress};
use crate::control;
use crate::power::State;
use crate::server::INIT;
use crate::status::{Reply, ServerRequest, ServerStatus, ServiceState};
use crate::supervision::Life;

/// How often the services are asked whether they serve, until they do.
const POLL: Duration = Duration::from_millis(50);
/// How long an init may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// A service or a server that did not come up.
#[derive(Debug)]
pub(super) struct Fault {
    server: String,
    service: Option<String>,
    reason: String,
}

impl From<Fault> for Outcome {
    fn from(Fault { server, service, reason }: Fault) -> Self {
        Self::NotStarted { server, service, reason }
    }
}

impl Running<'_> {
    /// Until everything serves: then `Ok(true)`. `Ok(false)`: it was asked to stop before.
    pub(super) async fn come_up(&mut self) -> Result<bool, Fault> {
        let deadline = self.started + self.grid.start_limit;
        let mut told = Vec::new();
        loop {
            let missing = self.look(&mut told).await?;
            let late = Instant::now() >= deadline;
            match missing {
                Some(missing) if late => return Err(missing),
                None if late || self.coordinator_is_settled() => return Ok(true),
                _ => {}
            }
            if let Ok(woken) = tokio::time::timeout(POLL, self.next()).await
                && woken == Woken::Asked
            {
                return Ok(false);
            }
        }
    }

    /// Whether it is known how the coordinator is. One that is dead keeps nobody from mail.
    fn coordinator_is_settled(&self) -> bool {
        let life = self.coordinator.as_ref().map(|coordinator| coordinator.supervision().life());
        life.is_none_or(|life| matches!(life, Life::Running { .. } | Life::Failed(_)))
    }

    /// Looks at every service. `Ok(None)`: all that are wanted serve. `Ok(Some(…))`: one that does not yet.
    async fn look(&mut self, told: &mut Vec<(usize, String)>) -> Result<Option<Fault>, Fault> {
        let mut missing = None;
        for index in 0..self.servers.len() {
            let server = self.grid.servers[index].name.clone();
            let fault = |service: Option<&str>, reason: String| Fault {
                server: server.clone(),
                service: service.map(str::to_owned),
                reason,
            };
            if self.servers[index].0.losses() > 0 {
                return Err(fault(None, "its init died".to_owned()));
            }
            if self.servers[index].0.state() == (State::Off { by_hand: true }) {
                continue;
            }
            let status = match self.ask(index).await {
                Ok(status) => status,
                Err(error) => {
                    missing = Some(fault(None, format!("its init does not answer: {error}")));
                    continue;
                }
            };
            for one in status.services {
                let service = one.service.clone();
                let known = told.contains(&(index, service.clone()));
                match (one.state, one.failure) {
                    (_, Some(failure)) => return Err(fault(Some(&service), failure.to_string())),
                    (ServiceState::Running, _) if known => {}
                    (ServiceState::Running, _) => {
                        (self.tell)(Progress::Ready { server: server.clone(), service: service.clone() });
                        told.push((index, service));
                    }
                    _ if one.stopped_by_hand && known => {}
                    _ if one.stopped_by_hand => {
                        let (server, service) = (server.clone(), service.clone());
                        (self.tell)(Progress::StoppedByHand { server, service: service.clone() });
                        told.push((index, service));
                    }
                    _ => missing = Some(fault(Some(&service), "it is not ready in time".to_owned())),
                }
            }
        }
        Ok(missing)
    }

    async fn ask(&self, index: usize) -> io::Result<ServerStatus> {
        let path = self.grid.servers[index].folder.admin_socket(INIT);
        let status: ServerStatus = match control::request_at(&path, &ServerRequest::Status, PATIENCE).await? {
            Reply::Done(status) => status,
            Reply::Refused(reason) => return Err(io::Error::other(reason)),
        };
        // An earlier grid's init may still be on its way out.
        if self.servers[index].0.pid() == Some(status.pid) {
            Ok(status)
        } else {
            Err(io::Error::other("another process answers in its place"))
        }
    }
}
