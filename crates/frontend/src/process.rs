//! The process of a front end.

use std::collections::BTreeMap;
use std::sync::Arc;

use cluster::Placed;
use placement::record::Wanted;
use reception::{Failure, Process};
use serde_json::json;
use service::Particulars;
use service::lifecycle::Exit;
use settings::{DataDirectory, ServerName};
use tokio::sync::watch;

use crate::route::Whereabouts;
use crate::running::{Running, Start, StartError};

/// Runs a front end until it is asked to stop.
pub async fn run(data: DataDirectory, server: ServerName) -> Result<(), Failure> {
    let mut process = Process::start("frontend", &data, &server)?;
    let configuration = &process.service.live.snapshot().configuration;
    let coordinator =
        cluster::connect(configuration, &data).map_err(|error| Failure::of(Exit::Misconfigured, error))?;
    let cache = data.server(server.as_str()).assignments();
    let records = cluster::Following::start(coordinator, cluster::assignments(), Some(cache));
    let (find, whereabouts) = watch::channel(whereabouts(&records.now()));
    tokio::spawn(follow(records.changes(), find));
    let service = Arc::clone(&process.service);
    let server = server.as_str().to_owned();
    let running = Running::start(Start { data, server, service, whereabouts }).await?;
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

/// Where the assignments say that databases are. Those which are being dismounted are nowhere.
fn whereabouts(placed: &Placed) -> Arc<Whereabouts> {
    let assignments = placed.records.assignments.iter().map(|(database, kept)| (database, &kept.value));
    let mounted = assignments.filter(|(_, assignment)| assignment.wanted == Wanted::Mounted);
    Arc::new(mounted.map(|(database, assignment)| (database.clone(), assignment.server.clone())).collect())
}

/// Keeps the whereabouts what the assignments say, for ever.
async fn follow(mut placed: watch::Receiver<Arc<Placed>>, find: watch::Sender<Arc<Whereabouts>>) {
    while placed.changed().await.is_ok() {
        let now = whereabouts(&placed.borrow_and_update());
        find.send_if_modified(|known| {
            let news = *known != now;
            *known = now;
            news
        });
    }
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
