//! Killing the process of a unit, and knowing that it is gone.

use std::time::Duration;

use zbus_systemd::systemd1::ManagerProxy;

use super::{SYSTEMD, SystemdLimits, unit};
use crate::kernel::Process;
use crate::systemd_bus;
use crate::{ControlError, Killed, Operation, ServiceName};

/// SIGKILL, by its number on every architecture of Linux.
const SIGKILL: i32 = 9;
/// The process of a unit may change while it is looked at: so often it is looked at again.
const LOOKS: u32 = 20;

/// Kills every process of the service's unit, and waits for the main one to be gone.
pub(super) async fn kill(
    manager: &ManagerProxy<'_>,
    operation: &Operation,
    service: &ServiceName,
    limits: SystemdLimits,
) -> Result<Killed, ControlError> {
    let failed = |reason: String| ControlError::Failed { operation: operation.clone(), reason };
    let faces = unit::faces(manager, service);
    let (unit, details) = systemd_bus::before(operation, SYSTEMD, limits.answer, faces).await?;
    for _ in 0..LOOKS {
        let look = async { Ok((unit.active_state().await?, details.main_pid().await?)) };
        let (active, pid) = systemd_bus::before(operation, SYSTEMD, limits.answer, look).await?;
        if pid == 0 && matches!(active.as_str(), "inactive" | "failed") {
            return Ok(Killed::WasNotRunning);
        }
        let process = if pid == 0 { None } else { process(pid, operation)? };
        let Some(process) = process else {
            // On its way in or out.
            tokio::time::sleep(limits.kill / LOOKS).await;
            continue;
        };
        // The id came from systemd: only if it still names this process, the handle does.
        let again = async { details.main_pid().await };
        if systemd_bus::before(operation, SYSTEMD, limits.answer, again).await? != pid {
            continue;
        }
        let kill = manager.kill_unit(unit::name(service), "all".to_owned(), SIGKILL);
        let asked = systemd_bus::call(operation, SYSTEMD, limits.answer, kill).await;
        // One that has ended by itself is refused to be killed, and gone all the same.
        let ended = process.ends_within(if asked.is_ok() { limits.kill } else { Duration::ZERO }).await;
        return match (ended, asked) {
            (Ok(true), _) => Ok(Killed::Process { pid }),
            (_, Err(error)) => Err(error),
            (Ok(false), Ok(())) => {
                Err(failed(format!("process {pid} is still there {:?} after SIGKILL", limits.kill)))
            }
            (Err(source), Ok(())) => {
                Err(ControlError::OutcomeUnknown { operation: operation.clone(), source: source.into() })
            }
        };
    }
    Err(failed(format!("the process of {} changes all the time", unit::name(service))))
}

fn process(pid: u32, operation: &Operation) -> Result<Option<Process>, ControlError> {
    Process::open(pid).map_err(|source| ControlError::Unreachable {
        operation: operation.clone(),
        controller: format!("process {pid}"),
        source: source.into(),
    })
}
