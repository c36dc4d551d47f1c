//! A transaction at one back end.

use std::time::Duration;

use lmtp::client::Event;
use lmtp::{Address, EnhancedCode, Reply, Severity};

use super::envelope::Envelope;
use super::inner::{Inner, Lost};
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

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use net::Connection;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::UnixStream;

    use super::*;
    use crate::lmtp::message::Incoming;
    use crate::route::Own;

    const LIMIT: Duration = Duration::from_mins(1);

    /// A transaction with somebody who says all of `replies` in advance.
    async fn leg(replies: &str) -> (Leg, UnixStream) {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        theirs.write_all(format!("220 ready\r\n{replies}").as_bytes()).await.unwrap();
        let address = "192.0.2.1:1024".parse().unwrap();
        let own =
            Own { database: "DB01".to_owned(), server: "mbx1".to_owned(), pop3: address, lmtp: address };
        let envelope = Envelope::new(None, Some(7), Timestamp::UNIX_EPOCH, [0; 10]);
        (Leg::begin(Inner::to(own, Connection::from(ours)), &envelope), theirs)
    }

    async fn asked(leg: &mut Leg, count: usize) -> Result<Vec<Verdict>, Lost> {
        let address = Address::parse("user1@example.com").unwrap();
        let recipients: Vec<_> = (0..count).map(|place| (place + 10, &address)).collect();
        leg.ask(&recipients, LIMIT).await
    }

    fn message() -> Message {
        Incoming::new(std::path::Path::new("/nowhere"), 1000, ".x\r\n").finish().unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn everybody_who_is_accepted_gets_the_message() {
        let (mut leg, mut back_end) =
            leg("250 OK\r\n250 OK\r\n451 4.3.2 Moved\r\n354 Go\r\n250 OK\r\n").await;
        let verdicts = asked(&mut leg, 2).await.unwrap();
        let moved = Reply::new(451, 3, 2, "Moved");
        assert_eq!(verdicts, [Verdict::Yes, Verdict::NotThere(moved)]);
        let mut heard = [0; 1000];
        let length = back_end.read(&mut heard).await.unwrap();
        assert_eq!(
            std::str::from_utf8(&heard[..length]).unwrap(),
            "MAIL FROM:<> SIZE=7 XDELIVERYID=00000000000000000000000000000000\r\n\
             RCPT TO:<user1@example.com>\r\nRCPT TO:<user1@example.com>\r\n"
        );
        let handed_over = leg.hand_over(&message(), LIMIT).await;
        assert_eq!(handed_over.answers, [(10, Verdict::Yes)]);
        assert!(handed_over.lost.is_none());
        let length = back_end.read(&mut heard).await.unwrap();
        assert_eq!(std::str::from_utf8(&heard[..length]).unwrap(), "DATA\r\n..x\r\n.\r\n");
        assert!(leg.end().await.is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_of_several_lines_is_passed_on_in_one() {
        let (mut leg, _back_end) = leg("250 OK\r\n552-5.2.2 Full\r\n552 5.2.2 250 2.0.0 Not\r\n").await;
        let verdicts = asked(&mut leg, 1).await.unwrap();
        assert_eq!(verdicts, [Verdict::No(Reply::new(552, 2, 2, "Full 5.2.2 250 2.0.0 Not"))]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_refused_sender_is_what_every_recipient_is_told() {
        let (mut leg, _back_end) =
            leg("552 5.3.4 Too large\r\n503 5.5.1 Send MAIL\r\n503 5.5.1 Send MAIL\r\n").await;
        let too_large = Verdict::No(Reply::new(552, 3, 4, "Too large"));
        assert_eq!(asked(&mut leg, 2).await.unwrap(), [too_large.clone(), too_large]);
        assert!(leg.accepted().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_back_end_that_is_closing_is_lost() {
        let (mut closing, _back_end) = leg("250 OK\r\n421 4.3.2 Down\r\n").await;
        let lost = asked(&mut closing, 1).await.unwrap_err();
        assert_eq!(lost.to_string(), "it is closing: 421 4.3.2 Down");
        let (mut refusing, gone) = leg("").await;
        drop(gone);
        let lost = asked(&mut refusing, 1).await.unwrap_err();
        assert!(lost.to_string().starts_with("the connection failed"), "{lost}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_back_end_that_hangs_is_lost_after_the_limit() {
        let (mut leg, _back_end) = leg("250 OK\r\n").await;
        let began = tokio::time::Instant::now();
        assert_eq!(asked(&mut leg, 1).await.unwrap_err().to_string(), "nothing moved before the deadline");
        assert_eq!(began.elapsed(), LIMIT);
    }

    #[tokio::test(start_paused = true)]
    async fn a_message_that_was_not_answered_leaves_no_free_connection() {
        let (mut leg, back_end) = leg("250 OK\r\n250 OK\r\n354 Go\r\n").await;
        asked(&mut leg, 1).await.unwrap();
        let hanging = leg.hand_over(&message(), LIMIT).await;
        assert!(hanging.sent && hanging.lost.is_some() && hanging.answers.is_empty());
        drop(back_end);
        assert!(leg.end().await.is_none());
    }
}
