//! What clients are told when a store cannot do what they asked: one table for POP3, one for LMTP.
//!
//! The cause goes to the log; a reply says no more than whose fault it is and whether to try again.

use lmtp::Reply;
use mailbox::MailboxError;
use pop3::{Refusal, ResponseCode};

/// The POP3 reply, and whether the session can go on.
pub(crate) fn refusal(error: &MailboxError) -> Refusal {
    match error {
        MailboxError::NotMounted | MailboxError::Fenced { .. } => {
            Refusal::new(ResponseCode::XNotMounted, "The mailbox database is not mounted here").closing()
        }
        MailboxError::Failed { .. } => {
            Refusal::new(ResponseCode::SysTemp, "The mailbox database has failed").closing()
        }
        MailboxError::Unavailable { .. } | MailboxError::NoSpace => {
            Refusal::new(ResponseCode::SysTemp, "The mailbox database does not answer; nothing was changed")
        }
        MailboxError::Corrupt { .. } => Refusal::new(
            ResponseCode::SysPerm,
            "The message is damaged; ask your administrator to restore it",
        ),
        MailboxError::NoSuchMessage { .. } => Refusal::new(None, "No such message"),
        // Only deliveries meet these; a session that does has met a bug of ours, and a retry changes nothing.
        MailboxError::OverQuota { .. } | MailboxError::UidlTaken { .. } | MailboxError::Unreadable { .. } => {
            Refusal::new(ResponseCode::SysPerm, "The mailbox database gave an impossible answer")
        }
    }
}

/// The LMTP reply for one recipient (RFC 3463 gives the enhanced codes).
pub(crate) fn reply(error: &MailboxError) -> Reply {
    match error {
        MailboxError::OverQuota { .. } => Reply::new(552, 2, 2, "The mailbox is full"),
        MailboxError::NoSpace => Reply::new(452, 3, 1, "There is too little space for mail at this moment"),
        MailboxError::NotMounted | MailboxError::Fenced { .. } => {
            Reply::new(451, 3, 2, "The mailbox database is not mounted here")
        }
        MailboxError::UidlTaken { .. }
        | MailboxError::Corrupt { .. }
        | MailboxError::NoSuchMessage { .. } => {
            Reply::new(554, 3, 0, "The mailbox database gave an impossible answer")
        }
        MailboxError::Failed { .. } | MailboxError::Unavailable { .. } | MailboxError::Unreadable { .. } => {
            Reply::new(451, 3, 0, "The mailbox database does not answer at this moment")
        }
    }
}
