//! Power by a command that the operator wrote down: IPMI, a cloud's interface, a switched socket.
//!
//! The command is an argument list, never a shell's line. Exit code 0 says that it is done; anything else is reported
//! with the last the command said. One that is not over within its limit is killed, and the outcome is unknown.

mod line;
mod run;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

pub use line::{CommandLine, CommandLineError};
use settings::ServerName;

use crate::ledger::{Deed, Ledger};
use crate::{Answer, ControlError, Operation, PowerReport, RequestId, ServerPower};

/// The commands of an installation.
#[derive(Clone, Debug)]
pub struct PowerCommands {
    /// Cuts a server from power and gives it power again.
    pub cycle: Option<CommandLine>,
    /// Restarts a server in order.
    pub restart: Option<CommandLine>,
    /// How long a command may take.
    pub limit: Duration,
}

/// Configured commands as the power of servers.
#[derive(Clone, Debug)]
pub struct CommandPower {
    commands: PowerCommands,
    ledger: Arc<Ledger>,
}

impl CommandPower {
    /// Runs these commands, and keeps in `folder` which requests it has carried out.
    pub fn new(commands: PowerCommands, folder: PathBuf) -> Self {
        Self { commands, ledger: Ledger::new(folder) }
    }

    async fn act(
        &self,
        deed: Deed,
        line: Option<&CommandLine>,
        server: ServerName,
        id: RequestId,
    ) -> Result<(), ControlError> {
        let operation = deed.operation(&server, &id);
        let Some(line) = line else {
            let reason = "no command for it is configured in [power]".to_owned();
            return Err(ControlError::Unsupported { operation, reason });
        };
        let limit = self.commands.limit;
        let run = run::run(line.filled(&server, &id), limit, operation);
        self.ledger.once(deed, &server, &id, limit, run).await
    }
}

impl ServerPower for CommandPower {
    fn power(&self, server: &ServerName) -> Answer<'_, PowerReport> {
        let reason = "a configured command acts and does not look".to_owned();
        let operation = Operation::ReadPower(server.clone());
        Box::pin(async move { Err(ControlError::Unsupported { operation, reason }) })
    }

    fn restart(&self, server: &ServerName, id: &RequestId) -> Answer<'_, ()> {
        Box::pin(self.act(Deed::Restart, self.commands.restart.as_ref(), server.clone(), id.clone()))
    }

    fn cycle(&self, server: &ServerName, id: &RequestId) -> Answer<'_, ()> {
        Box::pin(self.act(Deed::Cycle, self.commands.cycle.as_ref(), server.clone(), id.clone()))
    }
}
