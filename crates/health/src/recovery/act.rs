//! A thing to be done to the world, with everything that is needed to do it.

use std::fmt;

use serde::{Deserialize, Serialize};
use settings::{DatabaseName, ServerName};

use super::ladder::Action;

/// What a rung does, as it is written down before it is done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case")]
pub enum Act {
    /// A service of the server is ended and started again.
    RestartService {
        /// Which: `frontend`, `backend`.
        service: String,
    },
    /// One database leaves the server.
    MoveDatabase {
        /// Which.
        database: DatabaseName,
    },
    /// The server is blocked, and everything that is active there leaves.
    FailOver {
        /// What was active there when it was decided.
        databases: Vec<DatabaseName>,
    },
    /// The server is shut down in order and started again.
    RestartServer,
    /// The power of another server is cut and comes back.
    PowerCycle {
        /// Which.
        server: ServerName,
    },
    /// Protocol logging of the server is switched on for an hour.
    ProtocolLogOn {
        /// What was set there before; none: nothing was.
        was: Option<String>,
    },
    /// Protocol logging goes back to what it was.
    ProtocolLogOff,
    /// A database comes back to be tested.
    BringOneBack {
        /// Which.
        database: DatabaseName,
    },
    /// The recovery's block is lifted and these come back.
    Return {
        /// What left and has not been moved by anybody else since.
        databases: Vec<DatabaseName>,
    },
    /// The restart command of a third-party target is run.
    RunCommand {
        /// Whose.
        target: String,
    },
    /// A person is called.
    Escalate {
        /// Whether the recovery's block is lifted first: the server is not what is at fault.
        lift_block: bool,
        /// Whether the database that came back to be tested leaves again.
        send_away: Option<DatabaseName>,
    },
}

impl Act {
    /// The kind of action.
    pub fn action(&self) -> Action {
        match self {
            Self::RestartService { .. } => Action::RestartService,
            Self::MoveDatabase { .. } => Action::MoveDatabase,
            Self::FailOver { .. } => Action::FailOver,
            Self::RestartServer => Action::RestartServer,
            Self::PowerCycle { .. } => Action::PowerCycle,
            Self::ProtocolLogOn { .. } => Action::ProtocolLogOn,
            Self::ProtocolLogOff => Action::ProtocolLogOff,
            Self::BringOneBack { .. } => Action::BringOneBack,
            Self::Return { .. } => Action::Return,
            Self::RunCommand { .. } => Action::RunCommand,
            Self::Escalate { .. } => Action::Escalate,
        }
    }

    /// The databases that it is about.
    pub fn databases(&self) -> &[DatabaseName] {
        match self {
            Self::FailOver { databases } | Self::Return { databases } => databases,
            Self::MoveDatabase { database } | Self::BringOneBack { database } => {
                std::slice::from_ref(database)
            }
            _ => &[],
        }
    }
}

impl fmt::Display for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list =
            |names: &[DatabaseName]| names.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        match self {
            Self::RestartService { service } => write!(f, "restart {service}"),
            Self::MoveDatabase { database } => write!(f, "move {database} to another server"),
            Self::FailOver { databases } if databases.is_empty() => {
                f.write_str("block the server; nothing is active there")
            }
            Self::FailOver { databases } => write!(f, "block the server and move {} away", list(databases)),
            Self::RestartServer => f.write_str("restart the server"),
            Self::PowerCycle { server } => write!(f, "cut the power of {server}"),
            Self::ProtocolLogOn { .. } => f.write_str("switch protocol logging on for an hour"),
            Self::ProtocolLogOff => f.write_str("put protocol logging back to what it was"),
            Self::BringOneBack { database } => write!(f, "bring {database} back to be tested"),
            Self::Return { databases } if databases.is_empty() => f.write_str("lift the block"),
            Self::Return { databases } => write!(f, "lift the block and bring {} back", list(databases)),
            Self::RunCommand { target } => write!(f, "run the restart command of {target}"),
            Self::Escalate { .. } => f.write_str("call a person"),
        }
    }
}
