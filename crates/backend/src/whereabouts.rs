//! Where on this server a user's mail is, if it is here.

use directory::{DirectoryError, User};
use lmtp::Reply;
use mailbox::{IdError, MailboxError, MailboxId};
use pop3::{Refusal, ResponseCode};

use crate::mounts::Store;
use crate::occupancy::Home;
use crate::replies;
use crate::running::Backend;

/// Why a user is not served.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unserved {
    /// The mailbox is not here, or is about to be elsewhere.
    #[error("the mailbox is not here")]
    NotHere,
    /// The directory cannot be asked once more.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// The directory gives a mailbox that is none.
    #[error("the directory gives an impossible mailbox: {0}")]
    Impossible(#[from] IdError),
}

impl Backend {
    /// The store and the mailbox of a user whom the directory has just named.
    pub(crate) async fn whereabouts(&self, user: &User) -> Result<(Store, Home), Unserved> {
        let home = Home::new(user.database.as_str(), MailboxId::parse(&user.mailbox)?);
        if user.is_frozen() {
            return Err(Unserved::NotHere);
        }
        let store = self.mounts.get(user.database.as_str()).ok_or(Unserved::NotHere)?;
        if let Some(closed) = self.occupancy.closed(&home) {
            // What the directory said may be older than the closing. What it says now is not.
            let now = self.directory.find(&user.name).await?;
            let is_here = now.is_some_and(|now| {
                now.mailbox == user.mailbox && now.database == user.database && !now.is_frozen()
            });
            if !is_here {
                return Err(Unserved::NotHere);
            }
            self.occupancy.reopen(&home, closed);
        }
        Ok((store, home))
    }
}

impl Unserved {
    /// The POP3 reply.
    pub(crate) fn refusal(&self) -> Refusal {
        match self {
            Self::NotHere => replies::refusal(&MailboxError::NotMounted),
            Self::Directory(_) => {
                Refusal::new(ResponseCode::SysTemp, "Your mailbox cannot be found at this moment; try again")
            }
            Self::Impossible(_) => {
                Refusal::new(ResponseCode::SysPerm, "The directory has no proper mailbox for you")
            }
        }
    }

    /// The LMTP reply for one recipient.
    pub(crate) fn reply(&self) -> Reply {
        match self {
            Self::NotHere => replies::reply(&MailboxError::NotMounted),
            Self::Directory(_) => Reply::new(451, 4, 3, "Recipients cannot be looked up at this moment"),
            Self::Impossible(_) => Reply::new(451, 3, 5, "The directory has no proper mailbox for this user"),
        }
    }
}
