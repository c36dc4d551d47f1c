//! Why a store could not do what it was asked.

use std::{error::Error, sync::Arc};

use crate::{FencingToken, MailboxId, Octets, Uid, Uidl};

/// Why a store could not do what it was asked. Nothing was changed, unless a variant says that it may have been.
///
/// [`MailboxError::fault`] says whose fault it is and [`MailboxError::retry_helps`] whether to try again; whether a
/// client has been answered is known above.
#[derive(Clone, Debug, thiserror::Error)]
pub enum MailboxError {
    /// The database is not mounted here (any more), or the snapshot is of an earlier mount.
    #[error("the mailbox database is not mounted here")]
    NotMounted,

    /// Another server holds the database now; it was dismounted here.
    #[error("the mailbox database was taken over: the store carries token {found}, this mount {held}")]
    Fenced {
        /// The token of this mount.
        held: FencingToken,
        /// The token found in the store.
        found: FencingToken,
    },

    /// The storage under the database failed and the database was dismounted. Whether the operation that met the
    /// failure took effect is unknown until the next mount.
    #[error("the mailbox database failed while it was to {operation}")]
    Failed {
        /// What was being done, as an infinitive: "deliver a message".
        operation: &'static str,
        /// What the storage said.
        source: Arc<dyn Error + Send + Sync>,
    },

    /// The message does not fit into the mailbox any more.
    #[error("{size} octets do not fit: {used} of {quota} are in use")]
    OverQuota {
        /// What the mailbox may hold.
        quota: Octets,
        /// What it holds, messages deleted by finished sessions not counted.
        used: Octets,
        /// What was to be added.
        size: Octets,
    },

    /// Too little free space to take mail. Deleting still works.
    #[error("the mailbox database has too little free space")]
    NoSpace,

    /// The stored bytes of a message are not those that were delivered. They are never shown.
    #[error("chunk {chunk} of message {uid} in mailbox {mailbox} is corrupt")]
    Corrupt {
        /// Whose message.
        mailbox: MailboxId,
        /// Which message.
        uid: Uid,
        /// Which of its chunks, from 0.
        chunk: u32,
    },

    /// The snapshot has no such message, or the message no such chunk.
    #[error("the snapshot has no message {uid}, or not that many chunks of it")]
    NoSuchMessage {
        /// The message that was asked for.
        uid: Uid,
    },

    /// An imported message brings a unique-id that the mailbox has already or may come to give.
    #[error("the unique-id {uidl} is taken")]
    UidlTaken {
        /// The name it was to have.
        uidl: Uidl,
    },

    /// The message to be delivered could not be read from where its giver keeps it.
    #[error("the message to be delivered could not be read")]
    Unreadable {
        /// What its [`crate::WireMessage`] answered.
        source: Arc<std::io::Error>,
    },

    /// The store gave no answer: it is being closed, or a part of it broke. Whether a change took effect is unknown;
    /// a delivery may be offered again under the same id, a deletion be repeated.
    #[error("the mailbox database did not answer when asked to {operation}")]
    Unavailable {
        /// What was asked, as an infinitive: "list a mailbox".
        operation: &'static str,
        /// Why, if known.
        source: Option<Arc<dyn Error + Send + Sync>>,
    },
}

/// Whose fault an error is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// The asker's: the same question will have the same answer.
    Asker,
    /// The mailbox's owner's: only they can make room.
    Owner,
    /// Nobody's: the database is served elsewhere, or will be in a moment.
    Placement,
    /// The server's: its disk, its space, its processes.
    Server,
}

impl MailboxError {
    /// Whose fault it is.
    pub const fn fault(&self) -> Fault {
        match self {
            Self::NotMounted | Self::Fenced { .. } => Fault::Placement,
            Self::NoSuchMessage { .. } | Self::UidlTaken { .. } | Self::Unreadable { .. } => Fault::Asker,
            Self::OverQuota { .. } => Fault::Owner,
            Self::Failed { .. } | Self::NoSpace | Self::Corrupt { .. } | Self::Unavailable { .. } => {
                Fault::Server
            }
        }
    }

    /// Whether the same request may succeed later, on this mount or on another.
    pub const fn retry_helps(&self) -> bool {
        match self {
            Self::NotMounted
            | Self::Fenced { .. }
            | Self::Failed { .. }
            | Self::OverQuota { .. }
            | Self::NoSpace
            | Self::Unreadable { .. }
            | Self::Unavailable { .. } => true,
            Self::Corrupt { .. } | Self::NoSuchMessage { .. } | Self::UidlTaken { .. } => false,
        }
    }
}
