//! Asking the power grid, from anywhere on its machine.

use std::time::Duration;

use settings::DataDirectory;

use crate::control::{AskError, request_at};
use crate::status::{GridRequest, GridStatus, Reply};

/// Asks the grid that runs the data directory, and waits for the answer until `deadline` is over.
///
/// What concerns power is answered once it is done: a cycle takes as long as the power stays out. Whoever does not want to
/// wait, or has lost the answer with its own power, asks again with the same id.
pub async fn ask(
    data: &DataDirectory,
    request: &GridRequest,
    deadline: Duration,
) -> Result<GridStatus, AskError> {
    let path = data.grid_socket();
    match request_at(&path, request, deadline).await {
        Ok(Reply::Done(status)) => Ok(status),
        Ok(Reply::Refused(reason)) => Err(AskError::Refused(reason)),
        Err(source) => Err(AskError::NoGrid { path, source }),
    }
}
