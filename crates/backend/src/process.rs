//! The process of a back end.

use std::collections::BTreeMap;
use std::sync::Arc;

use reception::{Failure, Process};
use serde_json::json;
use service::Particulars;
use service::lifecycle::Exit;
use settings::{DataDirectory, ServerName};

use crate::mounting::Mounted;
use crate::mounts::Mounts;
use crate::running::{Running, Start, StartError};

/// Runs a back end until it is asked to stop.
pub async fn run(data: DataDirectory, server: ServerName) -> Result<(), Failure> {
    let mut process = Process::start("backend", &data, &server)?;
    let settled = process.service.live.snapshot();
    let mounts = Mounts::new();
    let name = server.as_str().to_owned();
    let (mounted, failed) =
        Mounted::assigned_to(&name, &settled.configuration, &settled.server, &data, mounts.clone()).await;
    for error in &failed {
        tracing::error!(%error, "a database is not mounted");
    }
    let service = Arc::clone(&process.service);
    let running = Running::start(Start { data, server: name, service, mounts: mounts.clone() }).await?;
    let listening = running.listening();
    let failed: Vec<_> = failed.iter().map(|error| (error.database.clone(), error.to_string())).collect();
    process.service.set_particulars(Particulars {
        details: Box::new(move || {
            let mounted = mounts.names().into_iter().map(|name| json!({ "name": name, "state": "mounted" }));
            let failed =
                failed.iter().map(|(name, why)| json!({ "name": name, "state": "failed", "reason": why }));
            json!({ "addresses": listening, "databases": mounted.chain(failed).collect::<Vec<_>>() })
        }),
        gauges: Box::new(BTreeMap::new),
    });
    process.serve().await;
    let drain_time = process.service.live.snapshot().server.session.drain_time.duration();
    running.stop(drain_time).await;
    mounted.dismount().await;
    process.end();
    Ok(())
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        match error {
            StartError::Open(error) => Self::of_open(error),
            StartError::Realm(_) | StartError::Certificate(_) => Self::of(Exit::Misconfigured, error),
            StartError::Directory(_) | StartError::Desk(_) | StartError::Spool { .. } => {
                Self::of(Exit::Failed, error)
            }
        }
    }
}
