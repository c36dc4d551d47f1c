//! The services of a server that does not exist.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::orders::{Mishap, Orders};
use crate::{Answer, BootId, ControlError, Killed, Operation};
use crate::{ServiceControl, ServiceName, ServiceReport, ServiceState};

/// Services in memory. What is started runs at once; what is killed is started again, unless rung 0 is switched off.
#[derive(Debug)]
pub struct FakeServices(Mutex<Server>);

#[derive(Debug)]
struct Server {
    boots: u64,
    last_pid: u32,
    rung_zero: bool,
    broken: BTreeSet<ServiceName>,
    services: BTreeMap<ServiceName, ServiceReport>,
    orders: Orders,
}

impl FakeServices {
    /// A server that has just booted, with these services running.
    pub fn running<'a>(services: impl IntoIterator<Item = &'a str>) -> Self {
        let names = services.into_iter().map(|name| ServiceName::parse(name).expect("a test knows names"));
        let mut server = Server {
            boots: 0,
            last_pid: 1000,
            rung_zero: true,
            broken: BTreeSet::new(),
            services: names.map(|name| (name.clone(), stopped(name))).collect(),
            orders: Orders::default(),
        };
        server.boot();
        Self(Mutex::new(server))
    }

    /// Everything that was asked, questions too, oldest first.
    pub fn calls(&self) -> Vec<Operation> {
        self.lock().orders.calls()
    }

    /// Everything that was asked to be done, oldest first.
    pub fn deeds(&self) -> Vec<Operation> {
        self.calls().into_iter().filter(|operation| !operation.is_question()).collect()
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

    /// How the service is, without a call.
    pub fn report(&self, service: &ServiceName) -> Option<ServiceReport> {
        self.lock().services.get(service).cloned()
    }

    /// From now on the service dies when it is started.
    pub fn break_service(&self, service: &ServiceName) {
        self.lock().broken.insert(service.clone());
    }

    /// Whether a service that was killed is started again at once.
    pub fn set_rung_zero(&self, on: bool) {
        self.lock().rung_zero = on;
    }

    /// The server restarts, however that comes: new processes of all that no human stopped, and a new boot id.
    pub fn reboot(&self) {
        self.lock().boot();
    }

    /// The present boot.
    pub fn boot_id(&self) -> BootId {
        self.lock().boot_id()
    }

    fn lock(&self) -> MutexGuard<'_, Server> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records the call, and does it unless something else was ordered.
    fn call<'a, T: Send + 'a>(
        &'a self,
        operation: Operation,
        work: impl FnOnce(&mut Server, &Operation) -> Result<T, ControlError> + Send + 'a,
    ) -> Answer<'a, T> {
        Box::pin(async move {
            let mishap = self.lock().orders.take(&operation);
            match mishap {
                Some(mishap) => mishap.happen(operation).await,
                None => work(&mut self.lock(), &operation),
            }
        })
    }
}

fn stopped(service: ServiceName) -> ServiceReport {
    ServiceReport {
        service,
        state: ServiceState::Stopped,
        pid: None,
        since: None,
        restarts: 0,
        stopped_by_hand: false,
        failure: None,
        boot_id: None,
    }
}

impl Server {
    fn boot_id(&self) -> BootId {
        BootId::new(&format!("boot{}", self.boots))
    }

    fn boot(&mut self) {
        self.boots += 1;
        let names: Vec<ServiceName> = self.services.keys().cloned().collect();
        for name in names {
            let by_hand = self.services.get(&name).is_some_and(|service| service.stopped_by_hand);
            let fresh = ServiceReport { stopped_by_hand: by_hand, ..stopped(name.clone()) };
            self.services.insert(name.clone(), fresh);
            if !by_hand {
                self.spawn(&name);
            }
        }
    }

    fn spawn(&mut self, name: &ServiceName) {
        self.last_pid += 1;
        let (pid, boot_id, broken) = (self.last_pid, self.boot_id(), self.broken.contains(name));
        if let Some(service) = self.services.get_mut(name) {
            service.boot_id = Some(boot_id);
            service.pid = (!broken).then_some(pid);
            service.state = if broken { ServiceState::Failed } else { ServiceState::Running };
            service.failure = broken.then(|| "it dies when it is started".to_owned());
        }
    }

    fn service(
        &mut self,
        name: &ServiceName,
        operation: &Operation,
    ) -> Result<&mut ServiceReport, ControlError> {
        self.services.get_mut(name).ok_or_else(|| ControlError::Refused {
            operation: operation.clone(),
            reason: format!("the server has no service {name}"),
        })
    }

    fn start(&mut self, name: &ServiceName, operation: &Operation) -> Result<(), ControlError> {
        let service = self.service(name, operation)?;
        service.stopped_by_hand = false;
        if service.pid.is_none() {
            self.spawn(name);
        }
        match self.service(name, operation)?.failure.clone() {
            Some(reason) => Err(ControlError::Failed { operation: operation.clone(), reason }),
            None => Ok(()),
        }
    }

    fn end(&mut self, name: &ServiceName, operation: &Operation) -> Result<Option<u32>, ControlError> {
        let service = self.service(name, operation)?;
        service.state = ServiceState::Stopped;
        service.failure = None;
        Ok(service.pid.take())
    }

    fn kill(&mut self, name: &ServiceName, operation: &Operation) -> Result<Killed, ControlError> {
        if self.service(name, operation)?.pid.is_none() {
            return Ok(Killed::WasNotRunning);
        }
        let Some(pid) = self.end(name, operation)? else { return Ok(Killed::WasNotRunning) };
        let rung_zero = self.rung_zero;
        let service = self.service(name, operation)?;
        if rung_zero {
            service.restarts += 1;
            self.spawn(name);
        } else {
            service.state = ServiceState::Failed;
            service.failure = Some("it was ended by signal 9, and restarting is switched off".to_owned());
        }
        Ok(Killed::Process { pid })
    }
}

impl ServiceControl for FakeServices {
    fn services(&self) -> Answer<'_, Vec<ServiceReport>> {
        self.call(Operation::ListServices, |server, _| Ok(server.services.values().cloned().collect()))
    }

    fn start(&self, service: &ServiceName) -> Answer<'_, ()> {
        let service = service.clone();
        self.call(Operation::Start(service.clone()), move |server, operation| {
            server.start(&service, operation)
        })
    }

    fn stop(&self, service: &ServiceName) -> Answer<'_, ()> {
        let service = service.clone();
        self.call(Operation::Stop(service.clone()), move |server, operation| {
            server.end(&service, operation)?;
            server.service(&service, operation)?.stopped_by_hand = true;
            Ok(())
        })
    }

    fn restart(&self, service: &ServiceName) -> Answer<'_, ()> {
        let service = service.clone();
        self.call(Operation::Restart(service.clone()), move |server, operation| {
            server.end(&service, operation)?;
            server.start(&service, operation)
        })
    }

    fn kill(&self, service: &ServiceName) -> Answer<'_, Killed> {
        let service = service.clone();
        self.call(Operation::Kill(service.clone()), move |server, operation| server.kill(&service, operation))
    }
}
