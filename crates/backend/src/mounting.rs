//! Mounting: from the assignments to stores that serve.
//!
//! The back end follows what it is assigned and takes nothing by itself. There is one assignment so far: a database is
//! mounted on the first server of its copies, under a token that grows with every start.

use std::sync::Arc;
use std::time::Duration;

use mailbox::FencingToken;
use mailbox_sqlite::{DatabaseError, MountOptions, SqliteStore, Standing};
use settings::{Configuration, DataDirectory, ServerSettings};

use crate::mounts::Mounts;

/// How long to wait for a predecessor that is on its way out to let go of a database.
const PREDECESSOR: Duration = Duration::from_secs(10);

/// The databases that this process has mounted.
pub(crate) struct Mounted {
    stores: Vec<(String, Arc<SqliteStore>)>,
    mounts: Mounts,
}

/// A database that could not be mounted.
#[derive(Debug, thiserror::Error)]
#[error("database {database}: {source}")]
pub struct MountError {
    /// Which.
    pub database: String,
    /// Why.
    pub source: DatabaseError,
}

impl Mounted {
    /// Mounts what is assigned to `server`. A database that cannot be mounted keeps no other from being served.
    pub(crate) async fn assigned_to(
        server: &str,
        configuration: &Configuration,
        settings: &ServerSettings,
        data: &DataDirectory,
        mounts: Mounts,
    ) -> (Self, Vec<MountError>) {
        let (mut stores, mut failed) = (Vec::new(), Vec::new());
        let assigned = configuration
            .databases
            .iter()
            .filter(|database| database.copies.first().is_some_and(|holder| holder.as_str() == server));
        for database in assigned {
            let name = database.name.as_str().to_owned();
            let folder = data.database(&name);
            let mut options = MountOptions::default();
            options.low_water = settings.delivery.low_water_mark.get();
            options.lock_wait = PREDECESSOR;
            let token = token();
            let mounting = tokio::task::spawn_blocking(move || SqliteStore::mount(&folder, token, options));
            match mounting.await {
                Ok(Ok(store)) => {
                    let store = Arc::new(store);
                    mounts.insert(&name, Arc::clone(&store) as crate::mounts::Store);
                    tokio::spawn(tell_when_lost(name.clone(), Arc::clone(&store), mounts.clone()));
                    stores.push((name, store));
                }
                Ok(Err(source)) => failed.push(MountError { database: name, source }),
                // The thread panicked, which has been told already.
                Err(_) => {}
            }
        }
        (Self { stores, mounts }, failed)
    }

    /// Dismounts everything, what was accepted being done first.
    pub(crate) async fn dismount(self) {
        for (name, store) in self.stores {
            self.mounts.remove(&name);
            store.dismount().await;
            tracing::info!(database = name, "dismounted");
        }
    }
}

/// Takes a database off the list once its mount has ended by itself, so that log-ins are sent elsewhere.
async fn tell_when_lost(name: String, store: Arc<SqliteStore>, mounts: Mounts) {
    let mut standing = store.standing();
    drop(store);
    let ended = standing
        .wait_for(|standing| !matches!(standing, Standing::Mounted))
        .await
        .map(|now| format!("{now:?}"));
    if let Ok(standing) = ended
        && mounts.remove(&name).is_some()
    {
        tracing::error!(database = name, standing, "a database was lost");
    }
}

/// Later than every token this server has used: there is no coordinator yet, and the lock file keeps others out.
fn token() -> FencingToken {
    let now = jiff::Timestamp::now().as_microsecond();
    FencingToken { epoch: 0, revision: u64::try_from(now).unwrap_or(0) }
}
