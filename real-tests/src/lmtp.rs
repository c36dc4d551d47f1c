//! A mail server that delivers by LMTP and keeps account of every reply.

use std::io;
use std::net::SocketAddr;

use lmtp::client::{Dialogue, Event, Limits};
use lmtp::{Address, MailParameters, Reply};

use crate::wire::Wire;

/// What became of a message for one recipient.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// The server has it.
    Accepted,
    /// The server does not have it, or says so.
    Refused(Reply),
    /// Nobody knows: there was no reply.
    Unknown,
}

impl Verdict {
    /// Whether the server has it.
    pub fn is_accepted(&self) -> bool {
        matches!(self, Self::Accepted)
    }

    /// The code of a refusal.
    pub fn refusal(&self) -> Option<u16> {
        match self {
            Self::Refused(reply) => Some(reply.code()),
            Self::Accepted | Self::Unknown => None,
        }
    }
}

/// A connection.
#[derive(Debug)]
pub struct LmtpClient {
    wire: Wire,
    dialogue: Dialogue,
}

impl LmtpClient {
    /// Connects, and says hello.
    pub fn connect(at: SocketAddr) -> io::Result<Self> {
        let mut client = Self { wire: Wire::plain(at)?, dialogue: Dialogue::new(Limits::default()) };
        client.dialogue.hello("sender.example.org");
        loop {
            match client.next()? {
                Event::Greeting(reply) | Event::Hello(reply, _) if !reply.is_positive() => {
                    return Err(io::Error::other(reply.to_string()));
                }
                Event::Hello(..) => return Ok(client),
                _ => {}
            }
        }
    }

    /// Delivers a message, and says what became of it for each recipient, in their order. A connection that ends is no
    /// error: what was not answered is unknown, and nothing more can be delivered here.
    pub fn deliver(&mut self, recipients: &[&str], message: &[u8]) -> Vec<Verdict> {
        let sender = Address::parse("sender@example.org").unwrap();
        self.dialogue.mail(Some(&sender), &MailParameters::default());
        for recipient in recipients {
            self.dialogue.recipient(&Address::parse(recipient).unwrap());
        }
        self.dialogue.data();
        let mut verdicts = vec![None; recipients.len()];
        while let Ok(event) = self.next() {
            match event {
                Event::Recipient(recipient, reply) if !reply.is_positive() => {
                    verdicts[recipient] = Some(Verdict::Refused(reply));
                }
                Event::Data(reply) if reply.code() == 354 => {
                    self.dialogue.message(message).unwrap();
                    self.dialogue.end_message().unwrap();
                }
                Event::Sender(reply) if !reply.is_positive() => {
                    verdicts.fill(Some(Verdict::Refused(reply)));
                }
                Event::Data(reply) => {
                    for verdict in verdicts.iter_mut().filter(|verdict| verdict.is_none()) {
                        *verdict = Some(Verdict::Refused(reply.clone()));
                    }
                    break;
                }
                Event::Delivered(recipient, reply) => {
                    let accepted = reply.is_positive();
                    verdicts[recipient] =
                        Some(if accepted { Verdict::Accepted } else { Verdict::Refused(reply) });
                    if verdicts.iter().all(Option::is_some) {
                        break;
                    }
                }
                Event::Closing(_) => break,
                _ => {}
            }
        }
        verdicts.into_iter().map(|verdict| verdict.unwrap_or(Verdict::Unknown)).collect()
    }

    /// Sends what there is to say and waits for the next answer.
    fn next(&mut self) -> io::Result<Event> {
        let output = std::mem::take(self.dialogue.output());
        let sent = self.wire.send(&output);
        let mut received = [0; 4096];
        loop {
            match self.dialogue.event() {
                Ok(Some(event)) => return Ok(event),
                Ok(None) => {}
                Err(error) => panic!("{error}"),
            }
            let length = self.wire.receive(&mut received)?;
            if length == 0 {
                sent?;
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.dialogue.receive(&received[..length]);
        }
    }
}
