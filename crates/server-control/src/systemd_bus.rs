//! D-Bus, as far as systemd and logind need it: connecting, limits, and what an error on the bus means.

use std::future::Future;
use std::time::Duration;

use zbus_systemd::zbus::{self, Connection, connection, fdo};

use crate::{ControlError, Operation};

/// Where systemd is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bus {
    /// On the bus of this machine.
    System,
    /// On the bus at this address, such as `unix:path=/run/some/bus`.
    At(String),
}

impl Bus {
    /// A new connection. One is made for each call: calls are rare, and a bus or a systemd that was restarted is no
    /// special case then.
    pub(crate) async fn connect(&self) -> zbus::Result<Connection> {
        match self {
            Self::System => connection::Builder::system(),
            Self::At(address) => connection::Builder::address(address.as_str()),
        }
        .build()
        .await
    }
}

/// Does what comes before the deed, or no more than asks: a failure says that nothing was done.
pub(crate) async fn before<T>(
    operation: &Operation,
    controller: &str,
    limit: Duration,
    step: impl Future<Output = zbus::Result<T>>,
) -> Result<T, ControlError> {
    let unreachable = |source: Box<dyn std::error::Error + Send + Sync>| ControlError::Unreachable {
        operation: operation.clone(),
        controller: controller.to_owned(),
        source,
    };
    match tokio::time::timeout(limit, step).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => match refusal(&error) {
            Some(reason) => Err(ControlError::Refused { operation: operation.clone(), reason }),
            None => Err(unreachable(error.into())),
        },
        Err(_) => Err(unreachable(format!("no answer within {limit:?}").into())),
    }
}

/// Asks for the deed: without an answer nobody knows whether it was done.
pub(crate) async fn call<T>(
    operation: &Operation,
    controller: &str,
    limit: Duration,
    deed: impl Future<Output = zbus::Result<T>>,
) -> Result<T, ControlError> {
    let operation = operation.clone();
    let error = match tokio::time::timeout(limit, deed).await {
        Ok(Ok(value)) => return Ok(value),
        Ok(Err(error)) => error,
        Err(_) => {
            let late = format!("no answer within {limit:?}").into();
            return Err(ControlError::no_answer(operation, controller.to_owned(), late));
        }
    };
    if is_absent(&error) {
        let (controller, source) = (controller.to_owned(), error.into());
        return Err(ControlError::Unreachable { operation, controller, source });
    }
    match refusal(&error) {
        Some(reason) => Err(ControlError::Refused { operation, reason }),
        None => Err(ControlError::no_answer(operation, controller.to_owned(), error.into())),
    }
}

/// Whether the bus says that nobody of that name is there.
fn is_absent(error: &zbus::Error) -> bool {
    match error {
        zbus::Error::FDO(error) => {
            matches!(**error, fdo::Error::ServiceUnknown(_) | fdo::Error::NameHasNoOwner(_))
        }
        _ => false,
    }
}

/// The words of whoever answers that it will not.
fn refusal(error: &zbus::Error) -> Option<String> {
    match error {
        zbus::Error::MethodError(name, words, _) => {
            let words = words.as_deref().unwrap_or(name.as_str());
            Some(words.to_owned())
        }
        zbus::Error::FDO(error) => match &**error {
            fdo::Error::AccessDenied(words)
            | fdo::Error::AuthFailed(words)
            | fdo::Error::InteractiveAuthorizationRequired(words) => {
                Some(format!("{words}; a polkit rule may allow it to this user"))
            }
            fdo::Error::ServiceUnknown(_)
            | fdo::Error::NameHasNoOwner(_)
            | fdo::Error::NoReply(_)
            | fdo::Error::Timeout(_)
            | fdo::Error::TimedOut(_)
            | fdo::Error::Disconnected(_)
            | fdo::Error::NoServer(_)
            | fdo::Error::ZBus(_) => None,
            other => Some(other.to_string()),
        },
        _ => None,
    }
}
