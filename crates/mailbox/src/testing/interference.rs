//! A store with something between it and its asker.

use std::sync::Arc;

use bytes::Bytes;

use crate::{
    Answer, Delivered, Delivery, DeliveryId, Import, MailboxId, MailboxStore, MailboxSummary, MessageEntry,
    Octets, Snapshot, Uid,
};

/// The methods of [`MailboxStore`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "each is the method of its name")]
pub enum Operation {
    Snapshot,
    List,
    ReadChunk,
    ReadAhead,
    Delete,
    Admit,
    Deliver,
    FindDelivery,
    Import,
    Mailboxes,
    RemoveMailbox,
}

/// What comes before an operation reaches the store, and may keep it from doing so.
pub trait Interference: Send + Sync + 'static {
    /// Ready when the operation may go on; an error is its answer.
    fn before(&self, operation: Operation) -> Answer<'_, ()>;
}

/// A store behind an [`Interference`].
#[derive(Clone)]
pub struct Interfered<I> {
    store: Arc<dyn MailboxStore>,
    interference: Arc<I>,
}

impl<I: Interference> Interfered<I> {
    /// `store`, interfered with.
    pub fn new(store: Arc<dyn MailboxStore>, interference: Arc<I>) -> Self {
        Self { store, interference }
    }
}

impl<I: Interference> MailboxStore for Interfered<I> {
    fn snapshot(&self, mailbox: &MailboxId) -> Answer<'_, Snapshot> {
        let mailbox = *mailbox;
        Box::pin(async move {
            self.interference.before(Operation::Snapshot).await?;
            self.store.snapshot(&mailbox).await
        })
    }

    fn list(&self, snapshot: &Snapshot) -> Answer<'_, Vec<MessageEntry>> {
        let snapshot = snapshot.clone();
        Box::pin(async move {
            self.interference.before(Operation::List).await?;
            self.store.list(&snapshot).await
        })
    }

    fn read_chunk(&self, snapshot: &Snapshot, uid: Uid, index: u32) -> Answer<'_, Bytes> {
        let snapshot = snapshot.clone();
        Box::pin(async move {
            self.interference.before(Operation::ReadChunk).await?;
            self.store.read_chunk(&snapshot, uid, index).await
        })
    }

    fn read_ahead(&self, snapshot: &Snapshot, uids: &[Uid], limit: usize) -> Answer<'_, Vec<Bytes>> {
        let (snapshot, uids) = (snapshot.clone(), uids.to_vec());
        Box::pin(async move {
            self.interference.before(Operation::ReadAhead).await?;
            self.store.read_ahead(&snapshot, &uids, limit).await
        })
    }

    fn delete(&self, snapshot: &Snapshot, uids: &[Uid]) -> Answer<'_, ()> {
        let (snapshot, uids) = (snapshot.clone(), uids.to_vec());
        Box::pin(async move {
            self.interference.before(Operation::Delete).await?;
            self.store.delete(&snapshot, &uids).await
        })
    }

    fn admit(&self, mailbox: &MailboxId, quota: Option<Octets>, size: Octets) -> Answer<'_, ()> {
        let mailbox = *mailbox;
        Box::pin(async move {
            self.interference.before(Operation::Admit).await?;
            self.store.admit(&mailbox, quota, size).await
        })
    }

    fn deliver(&self, delivery: Delivery) -> Answer<'_, Delivered> {
        Box::pin(async move {
            self.interference.before(Operation::Deliver).await?;
            self.store.deliver(delivery).await
        })
    }

    fn find_delivery(&self, id: DeliveryId, mailbox: &MailboxId) -> Answer<'_, Option<Uid>> {
        let mailbox = *mailbox;
        Box::pin(async move {
            self.interference.before(Operation::FindDelivery).await?;
            self.store.find_delivery(id, &mailbox).await
        })
    }

    fn import(&self, import: Import) -> Answer<'_, u64> {
        Box::pin(async move {
            self.interference.before(Operation::Import).await?;
            self.store.import(import).await
        })
    }

    fn mailboxes(&self) -> Answer<'_, Vec<MailboxSummary>> {
        Box::pin(async move {
            self.interference.before(Operation::Mailboxes).await?;
            self.store.mailboxes().await
        })
    }

    fn remove_mailbox(&self, mailbox: &MailboxId) -> Answer<'_, ()> {
        let mailbox = *mailbox;
        Box::pin(async move {
            self.interference.before(Operation::RemoveMailbox).await?;
            self.store.remove_mailbox(&mailbox).await
        })
    }
}
