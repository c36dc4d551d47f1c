//! The seam between mail access and the engines.

use std::{fmt, future::Future, pin::Pin, sync::Arc};

use bytes::Bytes;

use crate::{DeliveryId, MailboxError, MailboxId, MessageEntry, Octets, Snapshot, Uid, Uidl, WireMessage};

/// What a store answers, when it does. Dropping it unanswered loses nothing that the store has accepted already: a
/// delivery or deletion under way is carried out.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, MailboxError>> + Send + 'a>>;

/// One mounted mailbox database.
///
/// Every method may answer [`MailboxError::NotMounted`], [`MailboxError::Fenced`], [`MailboxError::Failed`] and
/// [`MailboxError::Unavailable`]; the others it may answer are named with it. Methods that take a [`Snapshot`] of
/// another mount answer [`MailboxError::NotMounted`].
pub trait MailboxStore: Send + Sync + 'static {
    /// What a session that begins now sees of `mailbox`, in constant time. A mailbox that never had mail is empty.
    fn snapshot(&self, mailbox: &MailboxId) -> Answer<'_, Snapshot>;

    /// The messages that the snapshot sees, by ascending uid.
    fn list(&self, snapshot: &Snapshot) -> Answer<'_, Vec<MessageEntry>>;

    /// The chunk `index` (from 0) of a message, in wire form: [`crate::CHUNK`] bytes, fewer only in the last chunk.
    ///
    /// # Errors
    /// [`MailboxError::NoSuchMessage`] for a message that the snapshot does not see and for a chunk beyond the last;
    /// [`MailboxError::Corrupt`].
    fn read_chunk(&self, snapshot: &Snapshot, uid: Uid, index: u32) -> Answer<'_, Bytes>;

    /// Whole messages in wire form, for a session that is downloading one after the other: the first of `uids`, for
    /// as long as each is a single chunk and all together have no more than `limit` bytes. It stops before the first
    /// message that is not so or that cannot be read ([`read_chunk`](Self::read_chunk) says why), so the answer may
    /// be empty.
    fn read_ahead(&self, snapshot: &Snapshot, uids: &[Uid], limit: usize) -> Answer<'_, Vec<Bytes>>;

    /// Deletes the messages for every session that begins later, all or none, and durably. A message that another
    /// session has deleted already counts as done; so does, after a lost answer, the whole deletion.
    ///
    /// # Errors
    /// [`MailboxError::NoSuchMessage`] for a message that the snapshot does not see: then none is deleted.
    fn delete(&self, snapshot: &Snapshot, uids: &[Uid]) -> Answer<'_, ()>;

    /// Whether a message of about `size` would be taken now: the question at RCPT.
    ///
    /// # Errors
    /// [`MailboxError::OverQuota`], [`MailboxError::NoSpace`].
    fn admit(&self, mailbox: &MailboxId, quota: Option<Octets>, size: Octets) -> Answer<'_, ()>;

    /// Stores a message and answers when it is durable. A delivery offered again within the hour, by the same id to
    /// the same mailbox, is not stored again.
    ///
    /// # Errors
    /// [`MailboxError::OverQuota`], [`MailboxError::NoSpace`], [`MailboxError::UidlTaken`],
    /// [`MailboxError::Unreadable`].
    fn deliver(&self, delivery: Delivery) -> Answer<'_, Delivered>;

    /// Whether a delivery has been stored in `mailbox` within the hour, and as which message. What is stored already
    /// need not be asked of [`admit`](Self::admit) again: its own first copy may have filled the mailbox.
    fn find_delivery(&self, id: DeliveryId, mailbox: &MailboxId) -> Answer<'_, Option<Uid>>;

    /// Takes a part of a mailbox over from another database, all or none, and durably: how many messages were stored.
    /// A message whose name the mailbox has already is there and is passed over, so a part offered again stores
    /// nothing twice. No quota counts, since what moves was taken in long ago.
    ///
    /// # Errors
    /// [`MailboxError::NoSpace`], [`MailboxError::Unreadable`]; [`MailboxError::UidlTaken`] for a name that the
    /// database may come to give, and for that of a deleted message which an older session may still see.
    fn import(&self, import: Import) -> Answer<'_, u64>;

    /// Every mailbox that the database knows, by name and then by id.
    fn mailboxes(&self) -> Answer<'_, Vec<MailboxSummary>>;

    /// Deletes all mail of a mailbox and forgets its name. Sessions that live keep what they see. A mailbox that the
    /// database does not know counts as removed; a later delivery begins an empty one.
    fn remove_mailbox(&self, mailbox: &MailboxId) -> Answer<'_, ()>;
}

/// Seconds since 1970 without leap seconds: a moment that a caller names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixSeconds(pub u64);

/// One message for one mailbox.
#[derive(Clone)]
pub struct Delivery {
    /// Which delivery this is, however often it is offered.
    pub id: DeliveryId,
    /// For whom.
    pub mailbox: MailboxId,
    /// The mailbox's name now, for listings only.
    pub name: String,
    /// What the mailbox may hold, this message included; `None` is without limit.
    pub quota: Option<Octets>,
    /// The message, ready for the wire. An engine may read it on a thread of its own, more than once.
    pub message: Arc<dyn WireMessage>,
    /// The name an imported message keeps. `None` for mail that arrives: it gets one from the database.
    pub uidl: Option<Uidl>,
    /// When it was received.
    pub received: UnixSeconds,
}

impl fmt::Debug for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delivery")
            .field("id", &self.id)
            .field("mailbox", &self.mailbox)
            .field("octets", &self.message.lengths().octets)
            .finish_non_exhaustive()
    }
}

/// A part of a mailbox that comes from another database: messages that keep their names, and what deliveries they
/// came by.
#[derive(Clone)]
pub struct Import {
    /// Whose mail.
    pub mailbox: MailboxId,
    /// The mailbox's name now, for listings only.
    pub name: String,
    /// The messages, in the order in which they are to be listed.
    pub messages: Vec<ImportedMessage>,
    /// Deliveries whose messages are gone, to be remembered all the same: offered again, they are not stored.
    pub deliveries: Vec<RememberedDelivery>,
}

/// A message that comes from another database.
#[derive(Clone)]
pub struct ImportedMessage {
    /// The name it keeps.
    pub uidl: Uidl,
    /// When it was received.
    pub received: UnixSeconds,
    /// The message, ready for the wire. An engine may read it on a thread of its own, more than once.
    pub message: Arc<dyn WireMessage>,
    /// The delivery that brought it, if that is still remembered.
    pub delivery: Option<RememberedDelivery>,
}

/// A delivery that has been stored, for as long as it may be offered again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RememberedDelivery {
    /// Which delivery.
    pub id: DeliveryId,
    /// When it was stored.
    pub at: UnixSeconds,
}

impl fmt::Debug for Import {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Import")
            .field("mailbox", &self.mailbox)
            .field("messages", &self.messages.len())
            .field("deliveries", &self.deliveries.len())
            .finish_non_exhaustive()
    }
}

/// How a delivery went well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivered {
    /// It is stored under this uid.
    Stored(Uid),
    /// An earlier offer of the same delivery had been stored under this uid.
    AlreadyStored(Uid),
}

impl Delivered {
    /// The message's uid, whichever offer stored it.
    pub const fn uid(self) -> Uid {
        match self {
            Self::Stored(uid) | Self::AlreadyStored(uid) => uid,
        }
    }
}

/// A mailbox in the listing of a database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailboxSummary {
    /// Which mailbox.
    pub mailbox: MailboxId,
    /// Its name at its last delivery.
    pub name: String,
    /// How many messages a session that begins now would see.
    pub messages: u64,
    /// The sum of their octets.
    pub octets: Octets,
}
