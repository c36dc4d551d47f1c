//! Counting in etcd, by several at once: whatever becomes of it, what was acknowledged was counted, once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use coordinator::etcd::EtcdCoordinator;
use coordinator::{Compare, Coordinator, CoordinatorError, Prefix, Revision, Txn};
use tokio::task::JoinHandle;

use crate::fixture::{key, put};

/// Those who count, each over a client of its own.
pub(crate) struct Counters {
    stop: Arc<AtomicBool>,
    workers: Vec<JoinHandle<(u64, u64)>>,
}

impl Counters {
    pub(crate) fn start(clients: impl Iterator<Item = EtcdCoordinator>) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let workers =
            clients.map(|client| tokio::spawn(count(Arc::new(client), Arc::clone(&stop)))).collect();
        Self { stop, workers }
    }

    /// Stops them, and compares what they know with what is there.
    pub(crate) async fn prove(self, looking: &dyn Coordinator) {
        self.stop.store(true, SeqCst);
        let (mut acknowledged, mut unknown) = (0, 0);
        for worker in self.workers {
            let (more, doubtful) = worker.await.unwrap();
            acknowledged += more;
            unknown += doubtful;
        }
        let (counted, _) = number(looking).await.unwrap();
        assert!(
            (acknowledged..=acknowledged + unknown).contains(&counted),
            "{counted}, {acknowledged} + {unknown}"
        );
    }
}

/// Counts up until told to stop: how often that was acknowledged, and how often the outcome is unknown.
async fn count(client: Arc<dyn Coordinator>, stop: Arc<AtomicBool>) -> (u64, u64) {
    let (mut acknowledged, mut unknown, mut last) = (0, 0, Revision(0));
    while !stop.load(SeqCst) {
        let Ok((number, at)) = number(&*client).await else { continue };
        let compare =
            if at == Revision(0) { Compare::Absent(key("n")) } else { Compare::Modified(key("n"), at) };
        let txn = Txn {
            compares: vec![compare],
            then: vec![put("n", (number + 1).to_string())],
            otherwise: vec![],
        };
        match client.txn(txn).await {
            Ok(outcome) if outcome.succeeded => {
                assert!(outcome.revision > last, "revisions go back");
                last = outcome.revision;
                acknowledged += 1;
            }
            Ok(_) => {}
            Err(CoordinatorError::OutcomeUnknown { .. }) => unknown += 1,
            Err(CoordinatorError::Unavailable { .. }) => tokio::task::yield_now().await,
            Err(error) => panic!("{error:?}"),
        }
    }
    (acknowledged, unknown)
}

/// The number that was reached, and when it was put.
pub(crate) async fn number(client: &dyn Coordinator) -> Result<(u64, Revision), CoordinatorError> {
    let reading = client.read(&Prefix::everything()).await?;
    Ok(reading.entries.first().map_or((0, Revision(0)), |entry| {
        (std::str::from_utf8(&entry.value).unwrap().parse().unwrap(), entry.modified)
    }))
}
