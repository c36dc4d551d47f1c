//! The reference engine: a database in memory, plain enough to be seen to be right.

use std::{
    collections::{BTreeMap, BTreeSet},
    future::ready,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;

use crate::{
    Answer, ChangeNumber, Delivered, Delivery, DeliveryId, Import, ImportedMessage, LivingSnapshots,
    MailboxError, MailboxId, MailboxState, MailboxStore, MailboxSummary, MessageEntry, Octets, Snapshot, Uid,
    Uidl, WireMessage,
};

/// A mailbox database in memory. Deliveries are remembered for good; every answer is ready at once.
pub struct MemoryStore {
    contents: Mutex<Contents>,
    living: LivingSnapshots,
}

/// All that a mount finds again.
#[derive(Clone)]
pub(super) struct Contents {
    epoch: u32,
    next_uid: u64,
    change: u64,
    mailboxes: BTreeMap<MailboxId, Mailbox>,
    delivered: BTreeMap<(DeliveryId, MailboxId), Uid>,
    corrupt: BTreeSet<(Uid, u32)>,
    space: bool,
    mounted: bool,
}

#[derive(Clone, Default)]
struct Mailbox {
    name: String,
    /// A mailbox that was removed is listed again only after a delivery.
    removed: bool,
    highest: Uid,
    change: ChangeNumber,
    messages: BTreeMap<Uid, Message>,
}

#[derive(Clone)]
struct Message {
    body: Arc<dyn WireMessage>,
    uidl: Uidl,
    stamp: Option<ChangeNumber>,
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::mount(Contents {
            epoch: 1,
            next_uid: 1,
            change: 0,
            mailboxes: BTreeMap::new(),
            delivered: BTreeMap::new(),
            corrupt: BTreeSet::new(),
            space: true,
            mounted: true,
        })
    }
}

impl MemoryStore {
    /// An empty database, mounted.
    pub fn new() -> Self {
        Self::default()
    }

    /// From now on, that chunk of that message is found to be corrupt.
    pub fn corrupt(&self, uid: Uid, chunk: u32) {
        self.lock().corrupt.insert((uid, chunk));
    }

    /// Whether there is space for mail from now on.
    pub fn set_space(&self, enough: bool) {
        self.lock().space = enough;
    }

    /// From now on, every answer is [`MailboxError::NotMounted`].
    pub fn dismount(&self) {
        self.lock().mounted = false;
    }

    pub(super) fn mount(contents: Contents) -> Self {
        Self { contents: Mutex::new(Contents { mounted: true, ..contents }), living: LivingSnapshots::new() }
    }

    pub(super) fn contents(&self) -> Contents {
        self.lock().clone()
    }

    /// How many messages are kept in `mailbox`, those included that only old sessions see.
    pub(super) fn kept(&self, mailbox: &MailboxId) -> usize {
        let mut contents = self.lock();
        contents.tidy(&self.living);
        contents.mailboxes.get(mailbox).map_or(0, |mailbox| mailbox.messages.len())
    }

    fn lock(&self) -> MutexGuard<'_, Contents> {
        self.contents.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answer<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&mut Contents) -> Result<T, MailboxError>,
    ) -> Answer<'_, T> {
        let mut contents = self.lock();
        let answer = if contents.mounted { ask(&mut contents) } else { Err(MailboxError::NotMounted) };
        contents.tidy(&self.living);
        Box::pin(ready(answer))
    }

    fn answer_for<T: Send + 'static>(
        &self,
        snapshot: &Snapshot,
        ask: impl FnOnce(&mut Contents) -> Result<T, MailboxError>,
    ) -> Answer<'_, T> {
        let ours = self.living.contains(snapshot);
        self.answer(|contents| if ours { ask(contents) } else { Err(MailboxError::NotMounted) })
    }
}

impl Contents {
    /// The same contents as a restored database has them: in an epoch that no database has been in, which is not the
    /// next one if a backup is restored twice.
    pub(super) fn restored(self, epoch: u32) -> Self {
        Self { epoch, ..self }
    }

    fn tidy(&mut self, living: &LivingSnapshots) {
        for (id, mailbox) in &mut self.mailboxes {
            let oldest = living.oldest(id);
            mailbox.messages.retain(|_, message| {
                message.stamp.is_none_or(|stamp| oldest.is_some_and(|oldest| stamp > oldest))
            });
        }
    }

    fn find(&self, snapshot: &Snapshot, uid: Uid) -> Result<&Message, MailboxError> {
        let message = self.mailboxes.get(snapshot.mailbox()).and_then(|mailbox| mailbox.messages.get(&uid));
        let message = message.filter(|message| snapshot.sees(uid, message.stamp));
        message.ok_or(MailboxError::NoSuchMessage { uid })
    }

    fn read(&self, snapshot: &Snapshot, uid: Uid, chunk: u32) -> Result<Bytes, MailboxError> {
        let message = self.find(snapshot, uid)?;
        if chunk >= message.body.chunks() {
            return Err(MailboxError::NoSuchMessage { uid });
        }
        if self.corrupt.contains(&(uid, chunk)) {
            return Err(MailboxError::Corrupt { mailbox: *snapshot.mailbox(), uid, chunk });
        }
        message.body.chunk(chunk).map_err(|error| MailboxError::Unavailable {
            operation: "read a message",
            source: Some(Arc::new(error)),
        })
    }

    fn stamp(&mut self, mailbox: MailboxId, uids: impl IntoIterator<Item = Uid>) {
        let Some(mailbox) = self.mailboxes.get_mut(&mailbox) else { return };
        let change = ChangeNumber::new(self.change + 1);
        for uid in uids {
            // A message that is gone was stamped long ago.
            if let Some(message) = mailbox.messages.get_mut(&uid)
                && message.stamp.is_none()
            {
                message.stamp = Some(change);
                mailbox.change = change;
                self.change = change.get();
            }
        }
    }

    fn admit(&self, mailbox: MailboxId, quota: Option<Octets>, size: Octets) -> Result<(), MailboxError> {
        let used = self.mailboxes.get(&mailbox).map(Mailbox::state).unwrap_or_default().octets;
        if let Some(quota) = quota
            && used + size > quota
        {
            return Err(MailboxError::OverQuota { quota, used, size });
        }
        if self.space { Ok(()) } else { Err(MailboxError::NoSpace) }
    }

    fn deliver(&mut self, delivery: Delivery) -> Result<Delivered, MailboxError> {
        let Delivery { id, mailbox, name, quota, message, uidl, received: _ } = delivery;
        if let Some(uid) = self.delivered.get(&(id, mailbox)) {
            return Ok(Delivered::AlreadyStored(*uid));
        }
        self.admit(mailbox, quota, message.lengths().octets)?;
        for chunk in 0..message.chunks() {
            message.chunk(chunk).map_err(|error| MailboxError::Unreadable { source: Arc::new(error) })?;
        }
        let uid = Uid::new(self.next_uid);
        let uidl = match uidl {
            None => Uidl::derived(self.epoch, uid),
            Some(uidl) if self.is_to_come(&uidl) || self.named(mailbox, &uidl).is_some() => {
                return Err(MailboxError::UidlTaken { uidl });
            }
            Some(uidl) => uidl,
        };
        self.next_uid += 1;
        self.delivered.insert((id, mailbox), uid);
        self.known(mailbox, name).add(uid, Message { body: message, uidl, stamp: None });
        Ok(Delivered::Stored(uid))
    }

    /// Whether the database may come to give the name.
    fn is_to_come(&self, uidl: &Uidl) -> bool {
        uidl.as_derived().is_some_and(|(epoch, at)| epoch == self.epoch && at.get() >= self.next_uid)
    }

    /// The message of that name, deleted or not.
    fn named(&self, mailbox: MailboxId, uidl: &Uidl) -> Option<&Message> {
        self.mailboxes.get(&mailbox)?.messages.values().find(|message| message.uidl == *uidl)
    }

    fn known(&mut self, mailbox: MailboxId, name: String) -> &mut Mailbox {
        let mailbox = self.mailboxes.entry(mailbox).or_default();
        mailbox.name = name;
        mailbox.removed = false;
        mailbox
    }

    /// On a copy, so that it is all or none.
    fn import(&mut self, import: Import) -> Result<u64, MailboxError> {
        let mut copy = self.clone();
        let stored = copy.take_over(import)?;
        *self = copy;
        Ok(stored)
    }

    fn take_over(&mut self, import: Import) -> Result<u64, MailboxError> {
        let Import { mailbox, name, messages, deliveries } = import;
        let mut stored = 0;
        for ImportedMessage { uidl, received: _, message, delivery } in messages {
            match self.named(mailbox, &uidl) {
                Some(Message { stamp: None, .. }) => continue,
                Some(_) => return Err(MailboxError::UidlTaken { uidl }),
                None if self.is_to_come(&uidl) => return Err(MailboxError::UidlTaken { uidl }),
                None => {}
            }
            self.admit(mailbox, None, message.lengths().octets)?;
            for chunk in 0..message.chunks() {
                message.chunk(chunk).map_err(|error| MailboxError::Unreadable { source: Arc::new(error) })?;
            }
            let uid = self.take_uid();
            self.known(mailbox, name.clone()).add(uid, Message { body: message, uidl, stamp: None });
            self.delivered.extend(delivery.map(|delivery| ((delivery.id, mailbox), uid)));
            stored += 1;
        }
        for delivery in deliveries {
            if !self.delivered.contains_key(&(delivery.id, mailbox)) {
                let uid = self.take_uid();
                self.delivered.insert((delivery.id, mailbox), uid);
            }
        }
        self.known(mailbox, name);
        Ok(stored)
    }

    fn take_uid(&mut self) -> Uid {
        self.next_uid += 1;
        Uid::new(self.next_uid - 1)
    }
}

impl Mailbox {
    fn add(&mut self, uid: Uid, message: Message) {
        self.highest = uid;
        self.messages.insert(uid, message);
    }

    /// Computed anew each time, so that nothing can go out of step: engines must keep it beside the mailbox.
    fn state(&self) -> MailboxState {
        let current = self.messages.values().filter(|message| message.stamp.is_none());
        MailboxState {
            key: 0,
            highest: self.highest,
            change: self.change,
            messages: current.clone().count() as u64,
            octets: current.map(|message| message.body.lengths().octets).sum(),
        }
    }
}

impl MailboxStore for MemoryStore {
    fn snapshot(&self, mailbox: &MailboxId) -> Answer<'_, Snapshot> {
        self.answer(|contents| {
            let reservation = self.living.reserve(*mailbox);
            Ok(reservation.fill(contents.mailboxes.get(mailbox).map(Mailbox::state).unwrap_or_default()))
        })
    }

    fn list(&self, snapshot: &Snapshot) -> Answer<'_, Vec<MessageEntry>> {
        self.answer_for(snapshot, |contents| {
            let mailbox = contents.mailboxes.get(snapshot.mailbox());
            let messages = mailbox.into_iter().flat_map(|mailbox| &mailbox.messages);
            let seen = messages.filter(|(uid, message)| snapshot.sees(**uid, message.stamp));
            let entry = |(uid, message): (&Uid, &Message)| {
                let lengths = message.body.lengths();
                MessageEntry {
                    uid: *uid,
                    octets: lengths.octets,
                    uidl: message.uidl.clone(),
                    header: lengths.header,
                    wire: lengths.wire,
                }
            };
            Ok(seen.map(entry).collect())
        })
    }

    fn read_chunk(&self, snapshot: &Snapshot, uid: Uid, index: u32) -> Answer<'_, Bytes> {
        self.answer_for(snapshot, |contents| contents.read(snapshot, uid, index))
    }

    fn read_ahead(&self, snapshot: &Snapshot, uids: &[Uid], limit: usize) -> Answer<'_, Vec<Bytes>> {
        self.answer_for(snapshot, |contents| {
            let (mut bodies, mut room) = (Vec::new(), limit);
            for uid in uids {
                let single = contents.find(snapshot, *uid).is_ok_and(|message| message.body.chunks() == 1);
                match contents.read(snapshot, *uid, 0) {
                    Ok(body) if single && body.len() <= room => {
                        room -= body.len();
                        bodies.push(body);
                    }
                    _ => break,
                }
            }
            Ok(bodies)
        })
    }

    fn delete(&self, snapshot: &Snapshot, uids: &[Uid]) -> Answer<'_, ()> {
        self.answer_for(snapshot, |contents| {
            for uid in uids {
                contents.find(snapshot, *uid)?;
            }
            contents.stamp(*snapshot.mailbox(), uids.iter().copied());
            Ok(())
        })
    }

    fn admit(&self, mailbox: &MailboxId, quota: Option<Octets>, size: Octets) -> Answer<'_, ()> {
        self.answer(|contents| contents.admit(*mailbox, quota, size))
    }

    fn deliver(&self, delivery: Delivery) -> Answer<'_, Delivered> {
        self.answer(|contents| contents.deliver(delivery))
    }

    fn find_delivery(&self, id: DeliveryId, mailbox: &MailboxId) -> Answer<'_, Option<Uid>> {
        self.answer(|contents| Ok(contents.delivered.get(&(id, *mailbox)).copied()))
    }

    fn import(&self, import: Import) -> Answer<'_, u64> {
        self.answer(|contents| contents.import(import))
    }

    fn mailboxes(&self) -> Answer<'_, Vec<MailboxSummary>> {
        self.answer(|contents| {
            let known = contents.mailboxes.iter().filter(|(_, mailbox)| !mailbox.removed);
            let mut summaries: Vec<_> = known
                .map(|(id, mailbox)| {
                    let MailboxState { messages, octets, .. } = mailbox.state();
                    MailboxSummary { mailbox: *id, name: mailbox.name.clone(), messages, octets }
                })
                .collect();
            summaries.sort_by(|a, b| (&a.name, a.mailbox).cmp(&(&b.name, b.mailbox)));
            Ok(summaries)
        })
    }

    fn remove_mailbox(&self, mailbox: &MailboxId) -> Answer<'_, ()> {
        self.answer(|contents| {
            if let Some(removed) = contents.mailboxes.get_mut(mailbox) {
                removed.removed = true;
                let uids: Vec<Uid> = removed.messages.keys().copied().collect();
                contents.stamp(*mailbox, uids);
            }
            Ok(())
        })
    }
}
