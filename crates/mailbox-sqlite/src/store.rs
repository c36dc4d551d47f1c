//! The store trait: each method hands a request to a thread and waits for its answer.

use std::sync::Arc;

use bytes::Bytes;
use mailbox::{
    Answer, Delivered, Delivery, DeliveryId, Import, MailboxError, MailboxId, MailboxStore, MailboxSummary,
    MessageEntry, Octets, Snapshot, Uid,
};
use tokio::sync::oneshot;

use crate::{
    error::Failure,
    mount::SqliteStore,
    reader::{Read, Reader},
    writer::{self, Asked, Deletion, Removal},
};

impl SqliteStore {
    fn read<T: Send + 'static>(
        &self,
        operation: &'static str,
        read: impl FnOnce(&mut Reader) -> Result<T, Failure> + Send + 'static,
    ) -> Answer<'_, T> {
        let mounted = &self.mounted;
        let (reply, answer) = oneshot::channel();
        let read: Read = Box::new(move |reader| {
            if reply.is_closed() {
                return; // The asker went away before its turn came.
            }
            let outcome = read(reader).map_err(|failure| reader.mounted.judge(operation, failure));
            let _ = reply.send(outcome);
        });
        Box::pin(async move {
            if mounted.reads.push(read).await.is_err() {
                return Err(mounted.no_answer(operation));
            }
            answer.await.unwrap_or_else(|_| Err(mounted.no_answer(operation)))
        })
    }

    fn read_snapshot<T: Send + 'static>(
        &self,
        operation: &'static str,
        snapshot: &Snapshot,
        read: impl FnOnce(&mut Reader, &Snapshot) -> Result<T, Failure> + Send + 'static,
    ) -> Answer<'_, T> {
        if !self.mounted.living.contains(snapshot) {
            return Box::pin(async { Err(MailboxError::NotMounted) });
        }
        let snapshot = snapshot.clone();
        self.read(operation, move |reader| read(reader, &snapshot))
    }

    fn change<C: writer::Kind>(&self, change: C) -> Answer<'_, C::Answer> {
        let mounted = &self.mounted;
        let (asked, answer) = Asked::new(change);
        Box::pin(async move {
            if mounted.changes.push(Box::new(asked)).await.is_err() {
                return Err(mounted.no_answer(C::OPERATION));
            }
            answer.await.unwrap_or_else(|_| Err(mounted.no_answer(C::OPERATION)))
        })
    }
}

impl MailboxStore for SqliteStore {
    fn snapshot(&self, mailbox: &MailboxId) -> Answer<'_, Snapshot> {
        let mailbox = *mailbox;
        self.read("open a mailbox", move |reader| reader.snapshot(mailbox))
    }

    fn list(&self, snapshot: &Snapshot) -> Answer<'_, Vec<MessageEntry>> {
        self.read_snapshot("list a mailbox", snapshot, Reader::list)
    }

    fn read_chunk(&self, snapshot: &Snapshot, uid: Uid, index: u32) -> Answer<'_, Bytes> {
        self.read_snapshot("read a message", snapshot, move |reader, snapshot| {
            reader.chunk(snapshot, uid, index)
        })
    }

    fn read_ahead(&self, snapshot: &Snapshot, uids: &[Uid], limit: usize) -> Answer<'_, Vec<Bytes>> {
        let uids: Arc<[Uid]> = uids.into();
        self.read_snapshot("read messages", snapshot, move |reader, snapshot| {
            reader.ahead(snapshot, &uids, limit)
        })
    }

    fn delete(&self, snapshot: &Snapshot, uids: &[Uid]) -> Answer<'_, ()> {
        if !self.mounted.living.contains(snapshot) {
            return Box::pin(async { Err(MailboxError::NotMounted) });
        }
        self.change(Deletion { snapshot: snapshot.clone(), uids: uids.to_vec() })
    }

    fn admit(&self, mailbox: &MailboxId, quota: Option<Octets>, size: Octets) -> Answer<'_, ()> {
        let mailbox = *mailbox;
        self.read("look at the space left", move |reader| reader.admit(mailbox, quota, size))
    }

    fn deliver(&self, delivery: Delivery) -> Answer<'_, Delivered> {
        self.change(delivery)
    }

    fn find_delivery(&self, id: DeliveryId, mailbox: &MailboxId) -> Answer<'_, Option<Uid>> {
        let mailbox = *mailbox;
        self.read("look for a delivery", move |reader| reader.delivery(id, mailbox))
    }

    fn import(&self, import: Import) -> Answer<'_, u64> {
        self.change(import)
    }

    fn mailboxes(&self) -> Answer<'_, Vec<MailboxSummary>> {
        self.read("list the mailboxes", Reader::mailboxes)
    }

    fn remove_mailbox(&self, mailbox: &MailboxId) -> Answer<'_, ()> {
        self.change(Removal(*mailbox))
    }
}

#[cfg(test)]
mod tests {
    use mailbox::{FencingToken, testing::mailbox_id};

    use super::*;
    use crate::{CreateOptions, MountOptions, create};

    #[test]
    fn a_read_that_panics_has_an_answer_and_the_next_one_too() {
        let home = tempfile::tempdir().unwrap();
        create(home.path(), CreateOptions::default()).unwrap();
        let options = MountOptions { readers: 1, ..MountOptions::default() };
        let store = SqliteStore::mount(home.path(), FencingToken::default(), options).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let panicked: Result<(), _> = store.read("look", |_| panic!("a mistake")).await;
            assert!(
                matches!(panicked, Err(MailboxError::Unavailable { operation: "look", .. })),
                "{panicked:?}"
            );
            store.snapshot(&mailbox_id(1)).await.unwrap();
        });
    }
}
