//! Power for servers that do not exist.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use settings::ServerName;

use super::FakeServices;
use super::orders::{Mishap, Orders};
use crate::{Answer, ControlError, Operation, PowerReport, PowerState, RequestId, ServerPower};

/// Servers in memory. A server that is restarted or cycled is back at once, with another boot id.
#[derive(Debug, Default)]
pub struct FakePower(Mutex<Grid>);

#[derive(Debug, Default)]
struct Grid {
    servers: BTreeMap<ServerName, (PowerReport, Arc<FakeServices>)>,
    done: Vec<Operation>,
    orders: Orders,
}

impl FakePower {
    /// Power for no server yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Gives power to a server with these services, which restart when it does.
    pub fn add(&self, server: ServerName, services: Arc<FakeServices>) {
        let report =
            PowerReport { server: server.clone(), state: PowerState::On, boot_id: None, losses: Some(0) };
        self.lock().servers.insert(server, (report, services));
    }

    /// From now on the power of the server is like this.
    pub fn set_state(&self, server: &ServerName, state: PowerState) {
        if let Some((report, _)) = self.lock().servers.get_mut(server) {
            report.state = state;
        }
    }

    /// Everything that was asked, questions and repeated requests too, oldest first.
    pub fn calls(&self) -> Vec<Operation> {
        self.lock().orders.calls()
    }

    /// Everything that was done, each request once, oldest first.
    pub fn deeds(&self) -> Vec<Operation> {
        self.lock().done.clone()
    }

    /// The next call that `which` is true of fails with this error, and nothing is done.
    pub fn fail_next(
        &self,
        which: impl Fn(&Operation) -> bool + Send + 'static,
        error: impl FnOnce(Operation) -> ControlError + Send + 'static,
    ) {
        self.lock().orders.add(which, Mishap::Fails(Box::new(error)));
    }

    /// The next call that `which` is true of never ends, and nothing is done.
    pub fn hang_next(&self, which: impl Fn(&Operation) -> bool + Send + 'static) {
        self.lock().orders.add(which, Mishap::Hangs);
    }

    fn lock(&self) -> MutexGuard<'_, Grid> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn call<'a, T: Send + 'a>(
        &'a self,
        operation: Operation,
        work: impl FnOnce(&mut Grid, Operation) -> Result<T, ControlError> + Send + 'a,
    ) -> Answer<'a, T> {
        Box::pin(async move {
            let mishap = self.lock().orders.take(&operation);
            match mishap {
                Some(mishap) => mishap.happen(operation).await,
                None => work(&mut self.lock(), operation),
            }
        })
    }
}

impl Grid {
    fn server(
        &mut self,
        server: &ServerName,
        operation: &Operation,
    ) -> Result<&mut (PowerReport, Arc<FakeServices>), ControlError> {
        self.servers.get_mut(server).ok_or_else(|| ControlError::Refused {
            operation: operation.clone(),
            reason: format!("there is no server {server}"),
        })
    }

    /// Restarts or cycles a server, once for each id.
    fn act(&mut self, server: &ServerName, id: &RequestId, operation: Operation) -> Result<(), ControlError> {
        if self.done.contains(&operation) {
            return Ok(());
        }
        if self.done.iter().any(|done| request_of(done) == Some((server, id))) {
            let reason = format!("the id {id} was given to another request about {server}");
            return Err(ControlError::Refused { operation, reason });
        }
        let (report, services) = self.server(server, &operation)?;
        if let Operation::CyclePower { .. } = operation {
            report.losses = report.losses.map(|losses| losses + 1);
        }
        report.state = PowerState::On;
        services.reboot();
        self.done.push(operation);
        Ok(())
    }
}

fn request_of(operation: &Operation) -> Option<(&ServerName, &RequestId)> {
    match operation {
        Operation::RestartServer { server, id } | Operation::CyclePower { server, id } => Some((server, id)),
        _ => None,
    }
}

impl ServerPower for FakePower {
    fn power(&self, server: &ServerName) -> Answer<'_, PowerReport> {
        let server = server.clone();
        self.call(Operation::ReadPower(server.clone()), move |grid, operation| {
            let (report, services) = grid.server(&server, &operation)?;
            let boot_id = (report.state == PowerState::On).then(|| services.boot_id());
            Ok(PowerReport { boot_id, ..report.clone() })
        })
    }

    fn restart(&self, server: &ServerName, id: &RequestId) -> Answer<'_, ()> {
        let (server, id) = (server.clone(), id.clone());
        let operation = Operation::RestartServer { server: server.clone(), id: id.clone() };
        self.call(operation, move |grid, operation| grid.act(&server, &id, operation))
    }

    fn cycle(&self, server: &ServerName, id: &RequestId) -> Answer<'_, ()> {
        let (server, id) = (server.clone(), id.clone());
        let operation = Operation::CyclePower { server: server.clone(), id: id.clone() };
        self.call(operation, move |grid, operation| grid.act(&server, &id, operation))
    }
}
