//! The mailbox databases mounted here, by name.
//!
//! A session asks for a database once, at log-in or at RCPT, and keeps the store it got: a dismount makes that store
//! answer `NotMounted`, so nobody has to be told.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use mailbox::MailboxStore;

/// A store as sessions hold it.
pub type Store = Arc<dyn MailboxStore>;

/// What is mounted. Clones are the same mounts.
#[derive(Clone, Default)]
pub struct Mounts {
    stores: Arc<RwLock<BTreeMap<String, Store>>>,
}

impl Mounts {
    /// Nothing mounted.
    pub fn new() -> Self {
        Self::default()
    }

    /// The store of `database`, if it is mounted here.
    pub fn get(&self, database: &str) -> Option<Store> {
        self.stores.read().unwrap_or_else(PoisonError::into_inner).get(database).cloned()
    }

    /// Serves `database` from `store` from now on.
    pub fn insert(&self, database: &str, store: Store) {
        self.stores.write().unwrap_or_else(PoisonError::into_inner).insert(database.to_owned(), store);
    }

    /// Serves `database` no more, and hands its store back to whoever dismounts it.
    pub fn remove(&self, database: &str) -> Option<Store> {
        self.stores.write().unwrap_or_else(PoisonError::into_inner).remove(database)
    }

    /// The names of the mounted databases, in order.
    pub fn names(&self) -> Vec<String> {
        self.stores.read().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect()
    }
}

impl std::fmt::Debug for Mounts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.names()).finish()
    }
}
