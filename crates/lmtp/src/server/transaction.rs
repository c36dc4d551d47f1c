//! One message on its way in: what a session knows from MAIL to the last reply.

use crate::Reply;
use crate::data::Decoder;

/// What the client may send next, and what is known so far. Each state owns only what it needs.
#[derive(Debug)]
pub(super) enum State {
    /// LHLO has not been said.
    Greeted,
    /// XCLIENT was sent; the driver judges it.
    JudgingForwarded,
    /// LHLO has been said; no transaction.
    Idle,
    /// MAIL was sent; the driver judges it.
    JudgingSender,
    /// MAIL was accepted, and so many recipients.
    Recipients(usize),
    /// RCPT was sent; the driver judges it. So many were accepted before.
    JudgingRecipient(usize),
    /// The message is coming.
    Message(Incoming),
    /// The message is complete; the driver delivers it.
    Delivering(Outcomes),
    /// Nothing more will be read.
    Closed,
}

/// A message while it comes in.
#[derive(Debug)]
pub(super) struct Incoming {
    pub(super) decoder: Decoder,
    /// Octets of content so far.
    pub(super) octets: u64,
    /// How many recipients were accepted.
    pub(super) recipients: usize,
    /// The message exceeded the limit: the rest of it is thrown away.
    pub(super) too_large: bool,
}

/// What became of a message for each recipient, while replies are owed.
#[derive(Debug)]
pub(super) struct Outcomes {
    /// One for each accepted recipient, in the order of RCPT.
    replies: Vec<Option<Reply>>,
    /// How many of them have been written.
    written: usize,
}

impl Outcomes {
    pub(super) fn of(recipients: usize) -> Self {
        Self { replies: vec![None; recipients], written: 0 }
    }

    /// Notes one outcome; the first word about a recipient counts. RFC 2033 §4.2: replies are written in the
    /// order of RCPT, each as soon as those before it are known. Whether all are written now.
    pub(super) fn note(&mut self, recipient: usize, reply: Reply, output: &mut Vec<u8>) -> bool {
        if let Some(slot @ None) = self.replies.get_mut(recipient) {
            *slot = Some(reply);
        }
        while let Some(Some(reply)) = self.replies.get(self.written) {
            reply.write_to(output);
            self.written += 1;
        }
        self.written == self.replies.len()
    }
}
