//! What the suite needs of an engine besides its clients.

use std::{future::Future, sync::Arc};

use super::MemoryCoordinator;
use crate::Coordinator;

/// The store of an engine, empty at first, in the hands of a test.
pub trait TestStore {
    /// One more client, as another process would have it.
    fn client(&self) -> Arc<dyn Coordinator>;

    /// Makes the store forget how it came to be as it is now: no watch can begin after an earlier revision. It may put
    /// entries to get there, below `filler/`.
    fn compact(&mut self) -> impl Future<Output = ()>;
}

/// The coordinator in memory in the hands of a test.
#[derive(Default)]
pub struct MemoryStore(MemoryCoordinator);

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }
}

impl TestStore for MemoryStore {
    fn client(&self) -> Arc<dyn Coordinator> {
        Arc::new(self.0.clone())
    }

    async fn compact(&mut self) {
        self.0.compact();
    }
}
