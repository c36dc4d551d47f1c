//! A server killed at any moment: what was acknowledged is there, once, and nothing goes back.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use coordinator::{Compare, Coordinator, CoordinatorError, Prefix, Revision, Txn};
use tempfile::TempDir;

use crate::fixture::{ServerProcess, block_on, client, eventually, key, number, put};

const WORKERS: usize = 4;

/// What one worker knows of its counter and of what all count together.
#[derive(Default)]
struct Diary {
    acknowledged: u64,
    unknown: u64,
    last: Revision,
}

/// Counts one up, both a counter of the worker and one that all share, until told to stop.
async fn work(home: Arc<TempDir>, name: String, stop: Arc<AtomicBool>) -> Diary {
    let client = client(home.path());
    let mut diary = Diary::default();
    while !stop.load(SeqCst) {
        match increment(&client, &name).await {
            Ok(Some(revision)) => {
                assert!(revision > diary.last, "revisions go back: {revision} after {}", diary.last);
                diary.last = revision;
                diary.acknowledged += 1;
            }
            Ok(None) => {}
            Err(CoordinatorError::OutcomeUnknown { .. }) => diary.unknown += 1,
            Err(CoordinatorError::Unavailable { .. }) => tokio::task::yield_now().await,
            Err(error) => panic!("{error:?}"),
        }
    }
    diary
}

async fn increment(client: &dyn Coordinator, name: &str) -> Result<Option<Revision>, CoordinatorError> {
    let (shared, shared_at) = number(client, "shared").await?;
    let (own, own_at) = number(client, name).await?;
    let compare = |name: &str, at: Revision| match at {
        Revision(0) => Compare::Absent(key(name)),
        at => Compare::Modified(key(name), at),
    };
    let txn = Txn {
        compares: vec![compare("shared", shared_at), compare(name, own_at)],
        then: vec![put("shared", (shared + 1).to_string()), put(name, (own + 1).to_string())],
        otherwise: vec![],
    };
    let outcome = client.txn(txn).await?;
    Ok(outcome.succeeded.then_some(outcome.revision))
}

/// Twenty, or as many as `MAILMEDIC_KILLS` says.
fn kills() -> u64 {
    std::env::var("MAILMEDIC_KILLS").map_or(20, |kills| kills.parse().unwrap())
}

#[test]
fn what_was_acknowledged_survives_kills_at_any_moment() {
    block_on(async {
        let home = Arc::new(TempDir::new().unwrap());
        let mut server = ServerProcess::start(home.path()).await;
        let epoch = client(home.path()).epoch().await.unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let names: Vec<_> = (0..WORKERS).map(|worker| format!("own/{worker}")).collect();
        let workers: Vec<_> = names
            .iter()
            .map(|name| tokio::spawn(work(Arc::clone(&home), name.clone(), Arc::clone(&stop))))
            .collect();
        let mut reached = Revision(0);
        for round in 0..kills() {
            // Kills come at the moment at which a number of changes has been seen, which differs from round to round.
            let goal = Revision(reached.0 + 1 + round * 7919 % 23);
            reached = eventually("the counting goes on", async || {
                let now = client(home.path()).read(&Prefix::everything()).await.ok()?;
                assert!(now.revision >= reached, "the store went back");
                (now.revision >= goal).then_some(now.revision)
            })
            .await;
            server.kill();
            server = ServerProcess::start(home.path()).await;
        }
        stop.store(true, SeqCst);
        let (mut acknowledged, mut unknown) = (0, 0);
        for (worker, name) in workers.into_iter().zip(&names) {
            let diary = worker.await.unwrap();
            let (counted, _) = number(&client(home.path()), name).await.unwrap();
            let most = diary.acknowledged + diary.unknown;
            assert!((diary.acknowledged..=most).contains(&counted), "{name}: {counted} of {most}");
            acknowledged += counted;
            unknown += diary.unknown;
        }
        let (shared, _) = number(&client(home.path()), "shared").await.unwrap();
        assert_eq!(shared, acknowledged, "half of a transaction was done, or one twice");
        assert_eq!(client(home.path()).epoch().await.unwrap(), epoch);
        assert!(shared > kills(), "the workers did not get to work: {shared}, {unknown} unknown");
        server.kill();
        require_sound(home.path());
    });
}

/// The file is whole, and its history leads to what is there.
fn require_sound(home: &Path) {
    let connection = rusqlite::Connection::open(home.join("store/coordinator.sqlite")).unwrap();
    let verdict: String = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(verdict, "ok");
    let wrong = "SELECT count(*) FROM entry JOIN (SELECT key, max(revision) AS last FROM history GROUP BY key) \
                 USING (key) WHERE modified != last";
    let wrong: u64 = connection.query_row(wrong, [], |row| row.get(0)).unwrap();
    assert_eq!(wrong, 0, "entries differ from their history");
}
