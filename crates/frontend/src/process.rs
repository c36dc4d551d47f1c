//! The process of a front end.

use std::collections::BTreeMap;
use std::sync::Arc;

use reception::{Failure, Process};
use serde_json::json;
use service::Particulars;
use service::lifecycle::Exit;
use settings::{DataDirectory, ServerName};

use crate::running::{Running, Start, StartError};

/// Runs a front end until it is asked to stop.
pub async fn run(data: DataDirectory, server: ServerName) -> Result<(), Failure> {
    let mut process = Process::start("frontend", &data, &server)?;
    let service = Arc::clone(&process.service);
    let running = Running::start(Start { data, server: server.as_str().to_owned(), service }).await?;
    let (listening, waiting) = (running.listening(), running.waiting());
    let free = running.free_connections();
    let (deliveries, idle) = (running.waiting_deliveries(), running.idle_delivery_connections());
    process.service.set_particulars(Particulars {
        details: Box::new(move || json!({ "addresses": listening })),
        gauges: Box::new(move || {
            BTreeMap::from([
                ("waiting-log-ins".to_owned(), waiting() as u64),
                ("idle-session-connections".to_owned(), free() as u64),
                ("waiting-deliveries".to_owned(), deliveries() as u64),
                ("idle-delivery-connections".to_owned(), idle() as u64),
            ])
        }),
    });
    process.serve().await;
    let drain_time = process.service.live.snapshot().server.session.drain_time.duration();
    running.stop(drain_time).await;
    process.end();
    Ok(())
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        match error {
            StartError::Open(error) => Self::of_open(error),
            StartError::Realm(_) | StartError::Certificate(_) | StartError::Route(_) => {
                Self::of(Exit::Misconfigured, error)
            }
            StartError::Directory(_) | StartError::Desk(_) | StartError::Spool { .. } => {
                Self::of(Exit::Failed, error)
            }
        }
    }
}
