//! The process of a back end.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use cluster::Announcing;
use mailbox::MailboxId;
use placement::record::{MountReport, MountState};
use reception::{Failure, Process};
use serde_json::json;
use service::Particulars;
use service::lifecycle::Exit;
use settings::{DataDirectory, DatabaseName, ServerName};
use tokio::runtime::Handle;
use tokio::sync::{oneshot, watch};
use tokio::time::timeout;

use crate::assignments;
use crate::following::{Assigned, Following, Reports};
use crate::metrics;
use crate::mounts::Mounts;
use crate::running::{Running, Start, StartError};

/// How long a start waits for what is assigned to be mounted before it says that it serves: the rest comes when it can.
const FIRST_MOUNTS: Duration = Duration::from_secs(3);

/// Runs a back end until it is asked to stop.
pub async fn run(data: DataDirectory, server: ServerName) -> Result<(), Failure> {
    let mut process = Process::start("backend", &data, &server)?;
    let configuration = &process.service.live.snapshot().configuration;
    let coordinator =
        cluster::connect(configuration, &data).map_err(|error| Failure::of(Exit::Misconfigured, error))?;
    let cache = data.server(server.as_str()).assignments();
    let records = cluster::Following::start(Arc::clone(&coordinator), cluster::assignments(), Some(cache));
    let announcing =
        Arc::new(Announcing::start(coordinator, configuration.cluster().coordinator.lease.duration()));
    let mounts = Mounts::new();
    let (assign, assigned) = watch::channel(assignments::assigned_to(&server, configuration, &records.now()));
    let (reports, reported) = watch::channel(Reports::new());
    let live = Arc::clone(&process.service.live);
    tokio::spawn(assignments::follow(server.clone(), Arc::clone(&live), records.changes(), assign));
    let following =
        Following { data: data.clone(), live, mounts: mounts.clone(), assigned: assigned.clone(), reports };
    let (end, ended) = oneshot::channel::<()>();
    let following = tokio::spawn(following.run(async { drop(ended.await) }));
    tokio::spawn(assignments::report(server.clone(), reported.clone(), Arc::clone(&announcing)));
    let name = server.as_str().to_owned();
    let service = Arc::clone(&process.service);
    let running = Running::start(Start { data, server: name, service, mounts: mounts.clone() }).await?;
    let (listening, listed) = (running.listening(), reported.clone());
    process.service.set_particulars(Particulars {
        details: Box::new(
            move || json!({ "addresses": listening, "databases": databases(&listed.borrow()) }),
        ),
        gauges: Box::new(BTreeMap::new),
    });
    process.service.set_own_metrics(metrics::of(reported.clone()));
    let (runtime, stores) = (Handle::current(), mounts.clone());
    process
        .service
        .set_removal(Box::new(move |database, mailbox| remove(&runtime, &stores, database, mailbox)));
    let _ = timeout(FIRST_MOUNTS, settled(assigned, reported)).await;
    process.serve().await;
    let drain_time = process.service.live.snapshot().server.session.drain_time.duration();
    running.stop(drain_time).await;
    drop(end);
    if following.await.is_err() {
        tracing::error!("the follower of the assignments panicked");
    }
    announcing.withdraw().await;
    process.end();
    Ok(())
}

/// Waits until everything assigned is served or known not to be.
async fn settled(mut assigned: watch::Receiver<Assigned>, mut reports: watch::Receiver<Reports>) {
    loop {
        let is_settled = {
            let (assigned, reports) = (assigned.borrow_and_update(), reports.borrow_and_update());
            let under_way = |database| {
                reports.get(database).is_none_or(|report| matches!(report.state, MountState::Mounting))
            };
            !assigned.is_empty() && !assigned.keys().any(under_way)
        };
        if is_settled {
            return;
        }
        tokio::select! {
            Ok(()) = assigned.changed() => {}
            Ok(()) = reports.changed() => {}
            else => return,
        }
    }
}

/// The databases as `status` tells them.
fn databases(reports: &Reports) -> Vec<serde_json::Value> {
    let tell = |(name, report): (&DatabaseName, &MountReport)| {
        let reason = match &report.state {
            MountState::Failed { reason } => Some(reason),
            _ => None,
        };
        json!({ "name": name.as_str(), "state": word(&report.state), "reason": reason })
    };
    reports.iter().map(tell).collect()
}

/// The word for a state.
pub(crate) fn word(state: &MountState) -> &'static str {
    match state {
        MountState::Mounting => "mounting",
        MountState::Mounted => "mounted",
        MountState::Dismounting => "dismounting",
        MountState::Dismounted => "dismounted",
        MountState::Failed { .. } => "failed",
    }
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
