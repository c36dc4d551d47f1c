//! The power of the machine this runs on, by systemd-logind: it restarts in order, and cannot cut itself off.
//!
//! Tried against a stand-in on a bus of the tests' own, not yet against a real logind. That lets an ordinary user do this
//! only by a polkit rule for `org.freedesktop.login1.reboot` and `…reboot-multiple-sessions`.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use settings::ServerName;
use zbus_systemd::login1::ManagerProxy;

use crate::ledger::{Deed, Ledger};
use crate::systemd_bus::{self, Bus};
use crate::{Answer, ControlError, Operation, PowerReport, PowerState, RequestId, ServerPower, kernel};

const LOGIND: &str = "systemd-logind";

/// The logind of this machine.
#[derive(Clone, Debug)]
pub struct LogindPower {
    server: ServerName,
    bus: Bus,
    limit: Duration,
    ledger: Arc<Ledger>,
}

impl LogindPower {
    /// The logind of the machine that `server` is, reached over `bus`, which answers within `limit`. Which requests have
    /// been carried out is kept in `folder`, since the first of them ends this process.
    pub fn new(server: ServerName, bus: Bus, limit: Duration, folder: PathBuf) -> Self {
        Self { server, bus, limit, ledger: Ledger::new(folder) }
    }

    fn is_ours(&self, server: &ServerName, operation: &Operation) -> Result<(), ControlError> {
        if *server == self.server {
            return Ok(());
        }
        Err(ControlError::Unsupported {
            operation: operation.clone(),
            reason: format!("{LOGIND} of {} knows no other server; ask the agent there", self.server),
        })
    }
}

impl ServerPower for LogindPower {
    fn power(&self, server: &ServerName) -> Answer<'_, PowerReport> {
        let server = server.clone();
        Box::pin(async move {
            self.is_ours(&server, &Operation::ReadPower(server.clone()))?;
            // It runs: this does.
            Ok(PowerReport { server, state: PowerState::On, boot_id: kernel::boot_id(), losses: None })
        })
    }

    fn restart(&self, server: &ServerName, id: &RequestId) -> Answer<'_, ()> {
        let (server, id) = (server.clone(), id.clone());
        Box::pin(async move {
            let operation = Deed::Restart.operation(&server, &id);
            self.is_ours(&server, &operation)?;
            let reboot = reboot(self.bus.clone(), self.limit, operation);
            // Connecting and asking have a limit each.
            self.ledger.once(Deed::Restart, &server, &id, self.limit * 2, reboot).await
        })
    }

    fn cycle(&self, server: &ServerName, id: &RequestId) -> Answer<'_, ()> {
        let operation = Deed::Cycle.operation(server, id);
        let reason = format!("{LOGIND} cannot cut a machine from power; configure a command in [power]");
        Box::pin(async move { Err(ControlError::Unsupported { operation, reason }) })
    }
}

async fn reboot(bus: Bus, limit: Duration, operation: Operation) -> Result<(), ControlError> {
    let begin = async { ManagerProxy::new(&bus.connect().await?).await };
    let manager = systemd_bus::before(&operation, LOGIND, limit, begin).await?;
    // Nobody sits here who could be asked for a password.
    systemd_bus::call(&operation, LOGIND, limit, manager.reboot(false)).await
}
