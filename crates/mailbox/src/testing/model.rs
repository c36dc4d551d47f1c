//! Random operations against the reference and an engine side by side: what one answers, the other must.
//!
//! The numbers come from the caller's generator, so this crate needs none; smaller numbers make simpler operations,
//! which lets a generator shrink a failure. Uids and names may differ between engines, so messages are compared by
//! their place in a listing, and names by being given once only.

use std::{collections::BTreeMap, mem::discriminant, sync::Arc};

use super::{MemoryDatabase, TestDatabase, delivery, mailbox_id};
use crate::{
    CHUNK, Delivered, Delivery, MailboxError, MailboxId, MailboxStore, MessageEntry, Octets, Snapshot, Uid,
    Uidl,
};

/// One step of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A new message.
    Deliver {
        /// To which mailbox.
        mailbox: u64,
        /// How long it is.
        length: usize,
        /// What the mailbox may hold.
        quota: Option<u64>,
    },
    /// The `back`th last delivery once more.
    DeliverAgain {
        /// How far back.
        back: u64,
    },
    /// A session begins.
    LogIn {
        /// In which mailbox.
        mailbox: u64,
    },
    /// A session ends without deleting.
    Leave {
        /// Which of the living ones.
        session: usize,
    },
    /// A session lists its mailbox and reads all of it.
    ReadAll {
        /// Which of the living ones.
        session: usize,
    },
    /// A session asks for a few whole messages.
    ReadAhead {
        /// Which of the living ones.
        session: usize,
        /// With which limit.
        limit: usize,
    },
    /// A session deletes some of what it sees, and lives on.
    Delete {
        /// Which of the living ones.
        session: usize,
        /// Bit n stands for the nth message, modulo 16.
        choice: u16,
    },
    /// A mailbox is removed.
    Remove {
        /// Which one.
        mailbox: u64,
    },
    /// The database is mounted again; every session ends.
    Remount,
}

impl Step {
    /// The step that three numbers of a generator stand for.
    pub fn from_numbers((kind, a, b): (u8, u16, u16)) -> Self {
        let mailbox = u64::from(a) % 3;
        let session = usize::from(a);
        match kind % 16 {
            0..=2 => Self::Deliver { mailbox, length: usize::from(b) % 300, quota: None },
            3 => Self::Deliver { mailbox, length: usize::from(b) % 300, quota: Some(600) },
            4 => Self::Deliver { mailbox, length: CHUNK - 100 + usize::from(b) % 200, quota: None },
            5 => Self::DeliverAgain { back: u64::from(a) % 5 },
            6..=7 => Self::LogIn { mailbox },
            8 => Self::Leave { session },
            9..=10 => Self::ReadAll { session },
            11 => Self::ReadAhead { session, limit: usize::from(b) },
            12..=13 => Self::Delete { session, choice: b },
            14 => Self::Remove { mailbox },
            _ => Self::Remount,
        }
    }
}

/// Takes all steps in both databases and checks that they cannot be told apart.
///
/// # Panics
/// At the first difference.
pub async fn agree(steps: &[Step], engine: impl TestDatabase) {
    let mut run = Run {
        reference: MemoryDatabase::new(),
        engine,
        deliveries: Vec::new(),
        sessions: Vec::new(),
        names: BTreeMap::new(),
    };
    for step in steps {
        run.take(*step).await;
    }
    run.finish().await;
}

struct Run<T> {
    reference: MemoryDatabase,
    engine: T,
    deliveries: Vec<Delivery>,
    sessions: Vec<(Snapshot, Snapshot)>,
    /// Every name the engine gave, and the uid in the reference of the message that has it.
    names: BTreeMap<(MailboxId, Uidl), Uid>,
}

impl<T: TestDatabase> Run<T> {
    async fn take(&mut self, step: Step) {
        match step {
            Step::Deliver { mailbox, length, quota } => {
                let number = self.deliveries.len() as u64;
                let raw = message(number, length);
                let quota = quota.map(Octets::new);
                self.deliver(Delivery { quota, ..delivery(number, mailbox_id(mailbox), &raw) }).await;
            }
            Step::DeliverAgain { back } => {
                let index = self.deliveries.len().checked_sub(1 + usize::try_from(back).unwrap_or(0));
                if let Some(index) = index {
                    self.deliver(self.deliveries[index].clone()).await;
                }
            }
            Step::LogIn { mailbox } => self.log_in(mailbox_id(mailbox)).await,
            Step::Leave { session } => {
                if !self.sessions.is_empty() {
                    self.sessions.remove(session % self.sessions.len());
                }
            }
            Step::ReadAll { session } => {
                if let Some(session) = self.session(session) {
                    self.read_all(&session).await;
                }
            }
            Step::ReadAhead { session, limit } => {
                if let Some(session) = self.session(session) {
                    self.read_ahead(&session, limit).await;
                }
            }
            Step::Delete { session, choice } => {
                if let Some(session) = self.session(session) {
                    self.delete(&session, choice).await;
                }
            }
            Step::Remove { mailbox } => {
                let (reference, engine) = self.stores();
                reference.remove_mailbox(&mailbox_id(mailbox)).await.expect("the reference is mounted");
                engine.remove_mailbox(&mailbox_id(mailbox)).await.expect("the engine is mounted");
            }
            Step::Remount => {
                self.sessions.clear();
                self.reference.remount().await;
                self.engine.remount().await;
            }
        }
        let (reference, engine) = self.stores();
        assert_eq!(engine.mailboxes().await.unwrap(), reference.mailboxes().await.unwrap(), "after {step:?}");
    }

    async fn finish(mut self) {
        for session in std::mem::take(&mut self.sessions) {
            self.read_all(&session).await;
        }
        for mailbox in (0..3).map(mailbox_id) {
            let kept = self.reference.kept(mailbox).await;
            assert_eq!(self.engine.kept(mailbox).await, kept, "what is kept of {mailbox}");
            self.log_in(mailbox).await;
        }
    }

    fn stores(&self) -> (Arc<dyn MailboxStore>, Arc<dyn MailboxStore>) {
        (self.reference.store(), self.engine.store())
    }

    fn session(&self, number: usize) -> Option<(Snapshot, Snapshot)> {
        self.sessions.get(number % self.sessions.len().max(1)).cloned()
    }

    async fn deliver(&mut self, delivery: Delivery) {
        let (reference, engine) = self.stores();
        self.deliveries.push(delivery.clone());
        let expected = reference.deliver(delivery.clone()).await;
        let answer = engine.deliver(delivery).await;
        match (answer, expected) {
            (Ok(answer), Ok(expected)) => {
                let stored = |delivered| matches!(delivered, Delivered::Stored(_));
                assert_eq!(stored(answer), stored(expected), "{answer:?} instead of {expected:?}");
            }
            (Err(answer), Err(expected)) => assert_same_kind(&answer, &expected),
            (answer, expected) => panic!("{answer:?} instead of {expected:?}"),
        }
    }

    async fn log_in(&mut self, mailbox: MailboxId) {
        let (reference, engine) = self.stores();
        let session = (reference.snapshot(&mailbox).await.unwrap(), engine.snapshot(&mailbox).await.unwrap());
        assert_eq!(session.1.messages(), session.0.messages());
        assert_eq!(session.1.octets(), session.0.octets());
        self.read_all(&session).await;
        self.sessions.push(session);
    }

    async fn list(&self, session: &(Snapshot, Snapshot)) -> Vec<(MessageEntry, MessageEntry)> {
        let (reference, engine) = self.stores();
        let expected = reference.list(&session.0).await.unwrap();
        let entries = engine.list(&session.1).await.unwrap();
        assert_eq!(entries.len(), expected.len());
        assert!(entries.is_sorted_by(|a, b| a.uid < b.uid), "{entries:?}");
        expected.into_iter().zip(entries).collect()
    }

    async fn read_all(&mut self, session: &(Snapshot, Snapshot)) {
        let (reference, engine) = self.stores();
        for (expected, entry) in self.list(session).await {
            assert_eq!(
                (entry.octets, entry.header, entry.wire),
                (expected.octets, expected.header, expected.wire)
            );
            let name = (*session.1.mailbox(), entry.uidl.clone());
            let first = *self.names.entry(name).or_insert(expected.uid);
            assert_eq!(first, expected.uid, "{} names two messages", entry.uidl);
            for chunk in 0..expected.chunks() {
                assert_eq!(
                    engine.read_chunk(&session.1, entry.uid, chunk).await.unwrap(),
                    reference.read_chunk(&session.0, expected.uid, chunk).await.unwrap(),
                );
            }
        }
    }

    async fn read_ahead(&self, session: &(Snapshot, Snapshot), limit: usize) {
        let (reference, engine) = self.stores();
        let (expected, uids): (Vec<Uid>, Vec<Uid>) =
            self.list(session).await.iter().map(|(expected, entry)| (expected.uid, entry.uid)).unzip();
        assert_eq!(
            engine.read_ahead(&session.1, &uids, limit).await.unwrap(),
            reference.read_ahead(&session.0, &expected, limit).await.unwrap(),
        );
    }

    async fn delete(&self, session: &(Snapshot, Snapshot), choice: u16) {
        let (reference, engine) = self.stores();
        let listed = self.list(session).await;
        let chosen = listed.iter().zip(0_u32..).filter(|(_, place)| choice >> (place % 16) & 1 == 1);
        let (expected, uids): (Vec<Uid>, Vec<Uid>) =
            chosen.map(|((expected, entry), _)| (expected.uid, entry.uid)).unzip();
        reference.delete(&session.0, &expected).await.unwrap();
        engine.delete(&session.1, &uids).await.unwrap();
    }
}

fn assert_same_kind(answer: &MailboxError, expected: &MailboxError) {
    assert_eq!(discriminant(answer), discriminant(expected), "{answer:?} instead of {expected:?}");
}

/// A message that differs from every other, with dots and bare line ends in it.
fn message(number: u64, length: usize) -> Vec<u8> {
    let mut raw = format!("Subject: {number}\n\n").into_bytes();
    while raw.len() < length {
        raw.extend_from_slice(if raw.len() % 3 == 0 { b".a line\n" } else { b"another\r\n" });
    }
    raw
}
