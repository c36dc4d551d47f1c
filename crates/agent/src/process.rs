//! The process of an agent.

use reception::{Failure, Process};
use settings::{DataDirectory, ServerName};

/// Runs an agent until it is asked to stop.
pub async fn run(data: DataDirectory, server: ServerName) -> Result<(), Failure> {
    let mut process = Process::start("agent", &data, &server)?;
    process.serve().await;
    process.end();
    Ok(())
}
