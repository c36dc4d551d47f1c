//! A transaction at one back end.

use std::time::Duration;

use lmtp::client::Event;
use lmtp::{Address, EnhancedCode, Reply, Severity};

use super::inner::{Inner, Lost};
use super::letter::Envelope;
use super::message::Message;

/// How long a back end may take to forget a transaction before its connection is given up instead.
const FAREWELL: Duration = Duration::from_secs(2);

/// What a back end says to one recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Yes: the recipient is accepted, the message is on disk.
    Yes,
    /// The database is not there at this moment.
    NotThere(Reply),
    /// No, and the mail server is to be told so.
    No(Reply),
}

/// A transaction on a connection of the inner leg. Recipients go by their places in the caller's list.
pub(super) struct Leg {
    inner: Inner,
    /// Whom each RCPT was for, in the order in which they were said.
    named: Vec<usize>,
    accepted: Vec<usize>,
    /// What was answered to MAIL, if that was not yes.
    refused: Option<Reply>,
    /// Whether the message has been answered, so that the connection is free.
    over: bool,
}

/// What became of a message that was handed over.
pub(super) struct HandedOver {
    /// What was said to whom.
    pub(super) answers: Vec<(usize, Verdict)>,
    /// Why the others were told nothing.
    pub(super) lost: Option<Lost>,
    /// Whether the back end has been sent any of the message.
    pub(super) sent: bool,
}

impl Leg {
    /// Begins a transaction. Nothing is sent before the first recipient is asked about.
    pub(super) fn begin(mut inner: Inner, envelope: &Envelope) -> Self {
        inner.dialogue().mail(envelope.sender.as_ref(), &envelope.parameters());
        Self { inner, named: Vec::new(), accepted: Vec::new(), refused: None, over: false }
    }

    /// The connection it runs on.
    pub(super) fn inner(&self) -> &Inner {
        &self.inner
    }

    /// Who was accepted.
    pub(super) fn accepted(&self) -> &[usize] {
        &self.accepted
    }

    /// Asks about recipients, all in one write; one verdict for each.
    pub(super) async fn ask(
        &mut self,
        recipients: &[(usize, &Address)],
        limit: Duration,
    ) -> Result<Vec<Verdict>, Lost> {
        for (place, address) in recipients {
            self.inner.dialogue().recipient(address);
            self.named.push(*place);
        }
        let mut verdicts = Vec::with_capacity(recipients.len());
        while verdicts.len() < recipients.len() {
            match self.inner.answer(limit).await? {
                Event::Sender(reply) if reply.is_positive() => {}
                Event::Sender(reply) => self.refused = Some(reply),
                Event::Recipient(said, reply) => {
                    // A refused sender is the reason why there are no recipients either.
                    let verdict = Verdict::of(self.refused.as_ref().unwrap_or(&reply));
                    if verdict == Verdict::Yes {
                        self.accepted.push(self.named[said]);
                    }
                    verdicts.push(verdict);
                }
                event => return Err(Lost::out_of_turn(&event)),
            }
        }
        Ok(verdicts)
    }

    /// Hands the message over to everybody who was accepted.
    pub(super) async fn hand_over(&mut self, message: &Message, limit: Duration) -> HandedOver {
        let mut handed_over =
            HandedOver { answers: Vec::with_capacity(self.accepted.len()), lost: None, sent: false };
        handed_over.lost = self.send(message, limit, &mut handed_over).await.err();
        handed_over
    }

    async fn send(&mut self, message: &Message, limit: Duration, into: &mut HandedOver) -> Result<(), Lost> {
        self.inner.dialogue().data();
        match self.inner.answer(limit).await? {
            Event::Data(reply) if reply.severity() == Severity::Intermediate => {}
            Event::Data(reply) => {
                let verdict = Verdict::of(&reply);
                into.answers.extend(self.accepted.iter().map(|place| (*place, verdict.clone())));
                return Ok(());
            }
            event => return Err(Lost::out_of_turn(&event)),
        }
        into.sent = true;
        let mut offset = 0;
        while offset < message.len() {
            let piece = message.piece(offset).map_err(|error| Lost::by(&error))?;
            offset += piece.len() as u64;
            self.inner.dialogue().message(&piece).map_err(|error| Lost::by(&error))?;
            // The last piece goes with the end of the message.
            if offset < message.len() {
                self.inner.flush(limit).await?;
            }
        }
        self.inner.dialogue().end_message().map_err(|error| Lost::by(&error))?;
        while into.answers.len() < self.accepted.len() {
            match self.inner.answer(limit).await? {
                Event::Delivered(said, reply) => into.answers.push((self.named[said], Verdict::of(&reply))),
                event => return Err(Lost::out_of_turn(&event)),
            }
        }
        self.over = true;
        Ok(())
    }

    /// Ends the transaction, whatever state it is in: the connection, if it is still good for another.
    pub(super) async fn end(mut self) -> Option<Inner> {
        if !self.over {
            self.inner.dialogue().reset();
            match self.inner.answer(FAREWELL).await {
                Ok(Event::Reset(reply)) if reply.is_positive() => {}
                _ => return None,
            }
        }
        Some(self.inner)
    }
}

impl Verdict {
    /// What a reply of a back end says. Its text is passed on, in one line.
    fn of(reply: &Reply) -> Self {
        if reply.is_positive() {
            return Self::Yes;
        }
        let code = reply.enhanced().unwrap_or(EnhancedCode::new(0, 0, 0));
        let passed = Reply::new(reply.code(), code.subject, code.detail, reply.text());
        // RFC 3463 §3.4, X.3.2: what a back end says of a database that is mounted elsewhere, or nowhere at this moment.
        let not_there = (reply.code(), code.subject, code.detail) == (451, 3, 2);
        if not_there { Self::NotThere(passed) } else { Self::No(passed) }
    }
}
