//! Mailbox databases that misbehave as a test wants, besides those of `mailbox::testing`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use bytes::Bytes;
use mailbox::testing::{Interference, Operation};
use mailbox::{
    Answer, Delivered, Delivery, DeliveryId, Import, MailboxId, MailboxStore, MailboxSummary, MessageEntry,
    Octets, Snapshot, Uid,
};
use tokio::sync::watch;

/// Panics in the middle of an operation.
#[derive(Debug)]
pub struct Panics {
    /// Which.
    pub at: Operation,
    /// Whether it does now.
    pub armed: AtomicBool,
}

impl Interference for Panics {
    fn before(&self, operation: Operation) -> Answer<'_, ()> {
        Box::pin(async move {
            assert!(operation != self.at || !self.armed.load(SeqCst), "a store has a bug");
            Ok(())
        })
    }
}

/// A store that delivers and keeps the answers back, so that whoever asked can be killed in between.
pub struct Silent {
    store: Arc<dyn MailboxStore>,
    stored: watch::Sender<usize>,
}

impl Silent {
    /// `store`, which never says that it has delivered.
    pub fn new(store: Arc<dyn MailboxStore>) -> Arc<Self> {
        Arc::new(Self { store, stored: watch::Sender::new(0) })
    }

    /// Waits until so many deliveries are done and not answered.
    pub async fn has_stored(&self, count: usize) {
        let mut stored = self.stored.subscribe();
        let enough = tokio::time::timeout_at(crate::in_time(), stored.wait_for(|stored| *stored >= count));
        enough.await.expect("deliveries in time").unwrap();
    }
}

impl MailboxStore for Silent {
    fn snapshot(&self, mailbox: &MailboxId) -> Answer<'_, Snapshot> {
        self.store.snapshot(mailbox)
    }

    fn list(&self, snapshot: &Snapshot) -> Answer<'_, Vec<MessageEntry>> {
        self.store.list(snapshot)
    }

    fn read_chunk(&self, snapshot: &Snapshot, uid: Uid, index: u32) -> Answer<'_, Bytes> {
        self.store.read_chunk(snapshot, uid, index)
    }

    fn read_ahead(&self, snapshot: &Snapshot, uids: &[Uid], limit: usize) -> Answer<'_, Vec<Bytes>> {
        self.store.read_ahead(snapshot, uids, limit)
    }

    fn delete(&self, snapshot: &Snapshot, uids: &[Uid]) -> Answer<'_, ()> {
        self.store.delete(snapshot, uids)
    }

    fn admit(&self, mailbox: &MailboxId, quota: Option<Octets>, size: Octets) -> Answer<'_, ()> {
        self.store.admit(mailbox, quota, size)
    }

    fn deliver(&self, delivery: Delivery) -> Answer<'_, Delivered> {
        Box::pin(async move {
            self.store.deliver(delivery).await?;
            self.stored.send_modify(|stored| *stored += 1);
            std::future::pending().await
        })
    }

    fn find_delivery(&self, id: DeliveryId, mailbox: &MailboxId) -> Answer<'_, Option<Uid>> {
        self.store.find_delivery(id, mailbox)
    }

    fn import(&self, import: Import) -> Answer<'_, u64> {
        self.store.import(import)
    }

    fn mailboxes(&self) -> Answer<'_, Vec<MailboxSummary>> {
        self.store.mailboxes()
    }

    fn remove_mailbox(&self, mailbox: &MailboxId) -> Answer<'_, ()> {
        self.store.remove_mailbox(mailbox)
    }
}
