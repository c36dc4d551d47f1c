//! What the suite needs of an engine besides its store: to be mounted again, backed up and restored.

use std::{future::Future, sync::Arc};

use super::memory::{Contents, MemoryStore};
use crate::{MailboxId, MailboxStore};

/// A database of an engine, empty at first, in the hands of a test.
pub trait TestDatabase {
    /// The store as it is mounted now.
    fn store(&self) -> Arc<dyn MailboxStore>;

    /// Dismounts and mounts again.
    fn remount(&mut self) -> impl Future<Output = ()>;

    /// Makes a backup while mounted.
    fn back_up(&mut self) -> impl Future<Output = ()>;

    /// Replaces the database by the one restored from the last backup, mounted.
    fn restore(&mut self) -> impl Future<Output = ()>;

    /// How many messages the storage holds for `mailbox`, the stamped ones included, after the engine has removed all
    /// that it may remove now. To know when that is, a mailbox of the test's own may be used and removed.
    fn kept(&mut self, mailbox: MailboxId) -> impl Future<Output = u64>;
}

/// The reference engine in the hands of a test.
#[derive(Default)]
pub struct MemoryDatabase {
    store: Arc<MemoryStore>,
    backup: Option<Contents>,
    restores: u32,
}

impl MemoryDatabase {
    /// An empty database, mounted.
    pub fn new() -> Self {
        Self::default()
    }
}

impl TestDatabase for MemoryDatabase {
    fn store(&self) -> Arc<dyn MailboxStore> {
        self.store.clone()
    }

    async fn remount(&mut self) {
        let contents = self.store.contents();
        self.store.dismount();
        self.store = Arc::new(MemoryStore::mount(contents));
    }

    async fn back_up(&mut self) {
        self.backup = Some(self.store.contents());
    }

    async fn restore(&mut self) {
        let backup = self.backup.clone().expect("the test made a backup first");
        self.restores += 1;
        self.store.dismount();
        self.store = Arc::new(MemoryStore::mount(backup.restored(1 + self.restores)));
    }

    async fn kept(&mut self, mailbox: MailboxId) -> u64 {
        self.store.kept(&mailbox) as u64
    }
}
