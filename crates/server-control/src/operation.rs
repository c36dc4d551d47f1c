//! What is asked of a server's control: the words of errors, and what the fakes record.

use std::fmt;

use settings::ServerName;

use crate::{RequestId, ServiceName};

/// One call of a seam.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Say how the services of a server are.
    ListServices,
    /// Start a service.
    Start(ServiceName),
    /// Stop a service.
    Stop(ServiceName),
    /// Replace the process of a service.
    Restart(ServiceName),
    /// Kill the process of a service.
    Kill(ServiceName),
    /// Say how the power of a server is.
    ReadPower(ServerName),
    /// Restart a server in order.
    RestartServer {
        /// Which one.
        server: ServerName,
        /// What makes it the same request again.
        id: RequestId,
    },
    /// Cut a server from power and give it power again.
    CyclePower {
        /// Which one.
        server: ServerName,
        /// What makes it the same request again.
        id: RequestId,
    },
}

impl Operation {
    /// Whether it only asks, so that nothing has happened whatever becomes of it.
    pub fn is_question(&self) -> bool {
        matches!(self, Self::ListServices | Self::ReadPower(_))
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ListServices => f.write_str("list the services"),
            Self::Start(service) => write!(f, "start {service}"),
            Self::Stop(service) => write!(f, "stop {service}"),
            Self::Restart(service) => write!(f, "restart {service}"),
            Self::Kill(service) => write!(f, "kill {service}"),
            Self::ReadPower(server) => write!(f, "see whether {server} has power"),
            Self::RestartServer { server, .. } => write!(f, "restart server {server}"),
            Self::CyclePower { server, .. } => write!(f, "power-cycle server {server}"),
        }
    }
}
