//! The mailbox databases mounted here, by name.
//!
//! A session asks for a database once, at log-in or at RCPT, and keeps the store it got: a dismount makes that store
//! answer `NotMounted`, so nobody has to be told. Those who read mail are told all the same: a mount counts its sessions,
//! and a database that leaves in good order lets each of them come to a boundary first.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use mailbox::MailboxStore;
use net::Sessions;
use net::drain::SessionToken;
use tokio::sync::watch;

/// A store as sessions hold it.
pub type Store = Arc<dyn MailboxStore>;

/// What is mounted. Clones are the same mounts.
#[derive(Clone, Default)]
pub struct Mounts {
    mounted: Arc<RwLock<BTreeMap<String, Mount>>>,
    changed: Arc<watch::Sender<()>>,
}

/// A mounted database.
#[derive(Clone)]
pub struct Mount {
    /// Its mail.
    pub store: Store,
    /// Those who read it.
    pub sessions: Sessions,
}

impl Mounts {
    /// Nothing mounted.
    pub fn new() -> Self {
        Self::default()
    }

    /// The store of `database`, if it is mounted here.
    pub fn get(&self, database: &str) -> Option<Store> {
        self.read(database, |mount| Arc::clone(&mount.store))
    }

    /// The store of `database` for a session, which is counted as long as the token lives and asked to end through it.
    pub fn enter(&self, database: &str) -> Option<(Store, SessionToken)> {
        let mount = self.read(database, Mount::clone)?;
        // A mount that leaves is off the list already; whoever has found it before is turned away here.
        Some((mount.store, mount.sessions.admit().ok()?))
    }

    /// Serves `database` from `store` from now on.
    pub fn insert(&self, database: &str, store: Store) {
        let mount = Mount { store, sessions: Sessions::new() };
        self.mounted.write().unwrap_or_else(PoisonError::into_inner).insert(database.to_owned(), mount);
        self.changed.send_replace(());
    }

    /// Lets nobody else into `database`, and hands its mount to whoever dismounts it.
    pub fn remove(&self, database: &str) -> Option<Mount> {
        let removed = self.mounted.write().unwrap_or_else(PoisonError::into_inner).remove(database);
        self.changed.send_replace(());
        removed
    }

    /// Tells of every mount and dismount.
    pub(crate) fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// The names of the mounted databases, in order.
    pub fn names(&self) -> Vec<String> {
        self.mounted.read().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect()
    }

    /// How many sessions are in `database`.
    pub fn sessions(&self, database: &str) -> usize {
        self.read(database, |mount| mount.sessions.open()).unwrap_or(0)
    }

    fn read<T>(&self, database: &str, look: impl FnOnce(&Mount) -> T) -> Option<T> {
        self.mounted.read().unwrap_or_else(PoisonError::into_inner).get(database).map(look)
    }
}

impl std::fmt::Debug for Mounts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.names()).finish()
    }
}

#[cfg(test)]
mod tests {
    use mailbox::testing::MemoryStore;
    use net::drain::Phase;

    use super::*;

    #[test]
    fn a_database_that_leaves_takes_no_more_sessions_and_counts_those_that_are_left() {
        let mounts = Mounts::new();
        mounts.insert("DB01", Arc::new(MemoryStore::new()));
        let (_store, inside) = mounts.enter("DB01").unwrap();
        assert_eq!(mounts.sessions("DB01"), 1);
        let leaving = mounts.remove("DB01").unwrap();
        leaving.sessions.set_phase(Phase::Draining);
        assert!(mounts.enter("DB01").is_none() && mounts.get("DB01").is_none());
        assert_eq!(inside.phase(), Phase::Draining);
        assert_eq!(leaving.sessions.open(), 1);
        drop(inside);
        assert_eq!(leaving.sessions.open(), 0);
    }

    #[test]
    fn a_session_that_found_the_mount_just_before_it_left_is_turned_away() {
        let mounts = Mounts::new();
        mounts.insert("DB01", Arc::new(MemoryStore::new()));
        mounts.read("DB01", Mount::clone).unwrap().sessions.set_phase(Phase::Draining);
        assert!(mounts.enter("DB01").is_none());
    }
}
