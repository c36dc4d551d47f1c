//! The services of a machine whose init is systemd: units called `mailmedic-SERVICE.service`.
//!
//! Every request becomes a job, and is done when systemd has removed the job. Tried against a stand-in on a bus of the
//! tests' own, not yet against a real systemd. That lets an ordinary user do this only by a polkit rule for
//! `org.freedesktop.systemd1.manage-units`.
//!
//! A unit that was stopped starts again with the machine, as administrators of systemd expect: whoever wants it stopped
//! beyond that disables the unit.

mod kill;
mod unit;

use std::pin::Pin;
use std::time::Duration;

use futures_core::Stream;
use settings::ServerName;
use zbus_systemd::systemd1::{JobRemovedStream, ManagerProxy};
use zbus_systemd::zbus::OwnedObjectPath;

use crate::systemd_bus::{self, Bus};
use crate::{
    Answer, Cause, ControlError, Killed, Operation, ServiceControl, ServiceName, ServiceReport, kernel,
};

/// How long things may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SystemdLimits {
    /// For the bus or systemd to answer.
    pub answer: Duration,
    /// For a service to drain and end, and for the next process to serve.
    pub settle: Duration,
    /// For a killed process to be gone. One that waits for a broken disk may not be.
    pub kill: Duration,
}

impl Default for SystemdLimits {
    fn default() -> Self {
        Self { answer: Duration::from_secs(5), settle: Duration::from_mins(2), kill: Duration::from_secs(5) }
    }
}

const SYSTEMD: &str = "systemd";

/// The systemd of one server.
#[derive(Clone, Debug)]
pub struct SystemdControl {
    server: ServerName,
    services: Vec<ServiceName>,
    bus: Bus,
    limits: SystemdLimits,
}

/// What a unit is asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Job {
    Start,
    Stop,
    Restart,
}

impl SystemdControl {
    /// The systemd of `server`, reached over `bus`, for these services of the server.
    pub fn new(server: ServerName, services: Vec<ServiceName>, bus: Bus, limits: SystemdLimits) -> Self {
        Self { server, services, bus, limits }
    }

    /// A systemd that can be asked. The connection lasts as long as this is kept.
    async fn manager(&self, operation: &Operation) -> Result<ManagerProxy<'static>, ControlError> {
        let connect = async { ManagerProxy::new(&self.bus.connect().await?).await };
        systemd_bus::before(operation, SYSTEMD, self.limits.answer, connect).await
    }

    fn known(&self, operation: &Operation, service: &ServiceName) -> Result<(), ControlError> {
        if self.services.contains(service) {
            return Ok(());
        }
        let known: Vec<&str> = self.services.iter().map(ServiceName::as_str).collect();
        Err(ControlError::Refused {
            operation: operation.clone(),
            reason: format!(
                "server {} has no service {service}; it has {}",
                self.server,
                known.join(" and ")
            ),
        })
    }

    async fn run(&self, job: Job, operation: Operation, service: ServiceName) -> Result<(), ControlError> {
        self.known(&operation, &service)?;
        let limit = self.limits.answer;
        let manager = self.manager(&operation).await?;
        let unit = unit::name(&service);
        let listen = async {
            // Before the job exists, so that its end cannot be missed.
            let removed = manager.receive_job_removed().await?;
            manager.subscribe().await?;
            Ok(removed)
        };
        let mut removed = systemd_bus::before(&operation, SYSTEMD, limit, listen).await?;
        if job != Job::Stop {
            // Someone wants the service: what happened before is forgiven. A unit that was never loaded has nothing to
            // forgive, which is an error here and none.
            let _ = tokio::time::timeout(limit, manager.reset_failed_unit(unit.clone())).await;
        }
        let mode = || "replace".to_owned();
        let ask = async {
            match job {
                Job::Start => manager.start_unit(unit.clone(), mode()).await,
                Job::Stop => manager.stop_unit(unit.clone(), mode()).await,
                Job::Restart => manager.restart_unit(unit.clone(), mode()).await,
            }
        };
        let path = systemd_bus::call(&operation, SYSTEMD, limit, ask).await?;
        let result = match tokio::time::timeout(self.limits.settle, result_of(&path, &mut removed)).await {
            Ok(result) => result,
            Err(_) => Err(format!("the job of {unit} is not over after {:?}", self.limits.settle).into()),
        };
        match result {
            // A job that had nothing to do is skipped.
            Ok(result) if matches!(result.as_str(), "done" | "skipped") => Ok(()),
            Ok(result) => {
                let because = self.because(&manager, &service).await;
                let reason = format!("systemd says of the job of {unit}: {result}{because}");
                Err(ControlError::Failed { operation, reason })
            }
            Err(source) => Err(ControlError::OutcomeUnknown { operation, source }),
        }
    }

    /// What the unit says of its last run, as the end of a sentence.
    async fn because(&self, manager: &ManagerProxy<'_>, service: &ServiceName) -> String {
        let report = unit::report(manager, service, None);
        match tokio::time::timeout(self.limits.answer, report).await {
            Ok(Ok(report)) => report.failure.map_or_else(String::new, |failure| format!("; {failure}")),
            _ => String::new(),
        }
    }
}

impl ServiceControl for SystemdControl {
    fn services(&self) -> Answer<'_, Vec<ServiceReport>> {
        Box::pin(async move {
            let operation = Operation::ListServices;
            let manager = self.manager(&operation).await?;
            let boot_id = kernel::boot_id();
            let read = async {
                let mut reports = Vec::new();
                for service in &self.services {
                    reports.push(unit::report(&manager, service, boot_id.clone()).await?);
                }
                Ok(reports)
            };
            systemd_bus::before(&operation, SYSTEMD, self.limits.answer, read).await
        })
    }

    fn start(&self, service: &ServiceName) -> Answer<'_, ()> {
        Box::pin(self.run(Job::Start, Operation::Start(service.clone()), service.clone()))
    }

    fn stop(&self, service: &ServiceName) -> Answer<'_, ()> {
        Box::pin(self.run(Job::Stop, Operation::Stop(service.clone()), service.clone()))
    }

    fn restart(&self, service: &ServiceName) -> Answer<'_, ()> {
        Box::pin(self.run(Job::Restart, Operation::Restart(service.clone()), service.clone()))
    }

    fn kill(&self, service: &ServiceName) -> Answer<'_, Killed> {
        let service = service.clone();
        Box::pin(async move {
            let operation = Operation::Kill(service.clone());
            self.known(&operation, &service)?;
            let manager = self.manager(&operation).await?;
            kill::kill(&manager, &operation, &service, self.limits).await
        })
    }
}

/// Waits for the job to be removed. An error says that the bus is gone.
async fn result_of(job: &OwnedObjectPath, removed: &mut JobRemovedStream) -> Result<String, Cause> {
    while let Some(signal) = std::future::poll_fn(|context| Pin::new(&mut *removed).poll_next(context)).await
    {
        let signal = signal.args()?;
        if signal.job == *job {
            return Ok(signal.result.clone());
        }
    }
    Err("the bus is gone".into())
}
