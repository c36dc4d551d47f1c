//! How the services of a server are started, stopped, restarted and killed, and how a server itself is restarted or cut
//! from power.
//!
//! Two seams. [`ServiceControl`] is about the services of one server: [`InitControl`] asks our own init,
//! [`SystemdControl`] asks systemd. [`ServerPower`] is about servers: [`GridPower`] asks the power grid of `mailmedic up`,
//! [`LogindPower`] restarts the machine it runs on, [`CommandPower`] runs what the operator wrote down (IPMI, a cloud's
//! interface). Every call ends within limits that its engine was given, and an error says whether something may have
//! happened: [`ControlError::outcome_is_open`].
//!
//! Not here: whether anything should be done. Budgets, journals and the choice between a killed service and a server
//! without power are the agent's.
//!
//! With the feature `testing` come recording fakes of both seams.

mod command_power;
mod contract;
mod error;
mod grid_power;
mod init_control;
mod json_line;
mod kernel;
mod ledger;
mod logind_power;
mod name;
mod operation;
mod report;
mod seam;
mod systemd_bus;
mod systemd_control;

#[cfg(feature = "testing")]
pub mod testing;

pub use command_power::{CommandLine, CommandLineError, CommandPower, PowerCommands};
pub use error::{Cause, ControlError, Fault, Retry};
pub use grid_power::{GridLimits, GridPower};
pub use init_control::{InitControl, InitLimits};
pub use logind_power::LogindPower;
pub use name::{BootId, NameError, RequestId, ServiceName};
pub use operation::Operation;
pub use report::{Killed, PowerReport, PowerState, ServiceReport, ServiceState};
pub use seam::{Answer, ServerPower, ServiceControl};
pub use systemd_bus::Bus;
pub use systemd_control::{SystemdControl, SystemdLimits};
