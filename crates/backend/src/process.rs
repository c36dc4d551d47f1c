//! The process of a back end.

use std::collections::BTreeMap;
use std::sync::Arc;

use mailbox::MailboxId;
use reception::{Failure, Process};
use serde_json::json;
use service::Particulars;
use service::lifecycle::Exit;
use settings::{DataDirectory, ServerName};
use tokio::runtime::Handle;

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
    let (listening, listed) = (running.listening(), mounts.clone());
    let failed: Vec<_> = failed.iter().map(|error| (error.database.clone(), error.to_string())).collect();
    process.service.set_particulars(Particulars {
        details: Box::new(move || {
            let mounted = listed.names().into_iter().map(|name| json!({ "name": name, "state": "mounted" }));
            let failed =
                failed.iter().map(|(name, why)| json!({ "name": name, "state": "failed", "reason": why }));
            json!({ "addresses": listening, "databases": mounted.chain(failed).collect::<Vec<_>>() })
        }),
        gauges: Box::new(BTreeMap::new),
    });
    let (runtime, stores) = (Handle::current(), mounts.clone());
    process
        .service
        .set_removal(Box::new(move |database, mailbox| remove(&runtime, &stores, database, mailbox)));
    process.serve().await;
    let drain_time = process.service.live.snapshot().server.session.drain_time.duration();
    running.stop(drain_time).await;
    mounted.dismount().await;
    process.end();
    Ok(())
}

/// Removes a mailbox for the admin socket, on one of its threads.
fn remove(runtime: &Handle, mounts: &Mounts, database: &str, mailbox: &str) -> Result<(), String> {
    let store = mounts.get(database).ok_or_else(|| format!("database {database} is not mounted here"))?;
    let mailbox = MailboxId::parse(mailbox).map_err(|error| format!("{mailbox:?} is no mailbox: {error}"))?;
    let removed = runtime.block_on(store.remove_mailbox(&mailbox));
    removed.map_err(|error| format!("mailbox {mailbox} is not removed: {error}"))
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
