//! What the writer can be asked to do, and who waits for it.

use mailbox::MailboxError;
use tokio::sync::oneshot;

use super::Ledger;
use crate::error::Failure;

/// A kind of change. It is made by rules; whether it becomes durable is decided with others.
pub(crate) trait Kind: Send + 'static {
    /// What is answered when it is durable.
    type Answer: Send + 'static;

    /// What it does, as an infinitive.
    const OPERATION: &'static str;

    /// Whether it adds mail, which is refused on a disk too full for it; what removes mail is not.
    const ADDS_MAIL: bool;

    /// Makes the change in the ledger's transaction. It may be made again in another transaction, if this one could
    /// not be committed.
    fn make(&self, ledger: &mut Ledger<'_>) -> Result<Self::Answer, Failure>;

    /// About how much it writes.
    fn bytes(&self) -> u64;
}

/// A change of any kind, as the writer sees it.
pub(crate) trait Change: Send {
    fn adds_mail(&self) -> bool;

    fn bytes(&self) -> u64;

    /// Makes the change alone among those of the transaction: if the rules refuse it, the others are as they would be
    /// without it. An error concerns all of them.
    fn make(&mut self, ledger: &mut Ledger<'_>) -> Result<(), rusqlite::Error>;

    /// Answers: the change is durable, or could not be because of `error`.
    fn settle(self: Box<Self>, error: Option<MailboxError>);
}

/// A change somebody asked for.
pub(crate) struct Asked<C: Kind> {
    change: C,
    /// What will be answered when it is durable; none if it panicked.
    made: Option<Result<C::Answer, MailboxError>>,
    reply: oneshot::Sender<Result<C::Answer, MailboxError>>,
}

impl<C: Kind> Asked<C> {
    pub(crate) fn new(change: C) -> (Self, oneshot::Receiver<Result<C::Answer, MailboxError>>) {
        let (reply, answer) = oneshot::channel();
        (Self { change, made: None, reply }, answer)
    }
}

impl<C: Kind> Change for Asked<C> {
    fn adds_mail(&self) -> bool {
        C::ADDS_MAIL
    }

    fn bytes(&self) -> u64 {
        self.change.bytes()
    }

    fn make(&mut self, ledger: &mut Ledger<'_>) -> Result<(), rusqlite::Error> {
        self.made = ledger.attempt(C::OPERATION, |ledger| self.change.make(ledger))?;
        Ok(())
    }

    fn settle(self: Box<Self>, error: Option<MailboxError>) {
        let answer = match (self.made, error) {
            (Some(Ok(_)) | None, Some(error)) => Err(error),
            (Some(made), _) => made,
            // Without an answer the asker learns that there is none.
            (None, None) => return,
        };
        // Nobody waits any more if the asker went away.
        let _ = self.reply.send(answer);
    }
}
