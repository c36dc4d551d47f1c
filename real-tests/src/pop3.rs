//! A POP3 client that notices everything: what the server may not say is a panic.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use pop3::client::{Dialogue, DialogueError, Event, Limits, LogIn};
use pop3::{Command, MessageNumber, ResponseCode, Secret};
use rustls::ClientConfig;

use crate::wire::Wire;

/// Why a session, or a step of it, came to nothing. Both are ways in which a server may fail in good order.
#[derive(Debug)]
pub enum Fault {
    /// The server said no.
    Refused {
        /// Why, for programs.
        code: Option<ResponseCode>,
        /// Why, for people.
        text: String,
    },
    /// There is no connection, or none any more.
    Gone(String),
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Self::Gone(error.to_string())
    }
}

/// A message of a maildrop, by the number it has in this session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The number.
    pub number: MessageNumber,
    /// The unique id.
    pub uidl: String,
}

/// A session.
#[derive(Debug)]
pub struct Pop3Client {
    wire: Wire,
    dialogue: Dialogue,
}

impl Pop3Client {
    /// Connects in the clear, and is greeted.
    pub fn connect(at: SocketAddr) -> Result<Self, Fault> {
        Self::greeted(Wire::plain(at)?)
    }

    /// Connects with TLS, and is greeted.
    pub fn connect_tls(at: SocketAddr, trust: &Arc<ClientConfig>) -> Result<Self, Fault> {
        Self::greeted(Wire::tls(at, trust)?)
    }

    fn greeted(wire: Wire) -> Result<Self, Fault> {
        let mut client = Self { wire, dialogue: Dialogue::new(Limits::default()) };
        client.until(|event| matches!(event, Event::Greeting(_)).then_some(()))?;
        Ok(client)
    }

    /// Logs in with USER and PASS.
    pub fn log_in(&mut self, user: &str, password: &str) -> Result<(), Fault> {
        let log_in = LogIn::Password { user: user.to_owned(), password: Secret::new(password) };
        self.dialogue.log_in(log_in).unwrap();
        self.until(|event| matches!(event, Event::LoggedIn(_)).then_some(()))
    }

    /// How many messages there are, and their octets.
    pub fn stat(&mut self) -> Result<(u64, u64), Fault> {
        self.ask(&Command::Stat, |event| match event {
            Event::Stat { messages, octets } => Some((messages, octets)),
            _ => None,
        })
    }

    /// Every message.
    pub fn list(&mut self) -> Result<Vec<Entry>, Fault> {
        self.ask(&Command::Uidl(None), |event| match event {
            Event::Uidl(entries) => {
                Some(entries.into_iter().map(|(number, uidl)| Entry { number, uidl }).collect())
            }
            _ => None,
        })
    }

    /// A message, as it was before it was made ready for the wire.
    pub fn retrieve(&mut self, number: MessageNumber) -> Result<Vec<u8>, Fault> {
        let mut message = Vec::new();
        self.ask(&Command::Retr(number), |event| match event {
            Event::Body(piece) => {
                message.extend_from_slice(piece);
                None
            }
            Event::Retrieved => Some(()),
            _ => None,
        })?;
        Ok(message)
    }

    /// Asks for a message, whose octets are then taken by [`Self::take`].
    pub fn begin_to_retrieve(&mut self, number: MessageNumber) -> Result<(), Fault> {
        self.dialogue.say(&Command::Retr(number)).unwrap();
        let output = std::mem::take(self.dialogue.output());
        Ok(self.wire.send(&output)?)
    }

    /// Takes at most so many octets of what the server has sent, unseen.
    pub fn take(&mut self, octets: usize) -> Result<usize, Fault> {
        Ok(self.wire.receive(&mut vec![0; octets])?)
    }

    /// Marks a message as deleted.
    pub fn delete(&mut self, number: MessageNumber) -> Result<(), Fault> {
        self.ask(&Command::Dele(number), |event| matches!(event, Event::Deleted).then_some(()))
    }

    /// Takes back what was marked.
    pub fn reset(&mut self) -> Result<(), Fault> {
        self.ask(&Command::Rset, |event| matches!(event, Event::Reset).then_some(()))
    }

    /// Ends the session; what is marked is deleted.
    pub fn quit(mut self) -> Result<(), Fault> {
        self.ask(&Command::Quit, |event| matches!(event, Event::Quit).then_some(()))
    }

    fn ask<T>(&mut self, command: &Command, wanted: impl FnMut(Event<'_>) -> Option<T>) -> Result<T, Fault> {
        self.dialogue.say(command).unwrap();
        self.until(wanted)
    }

    fn until<T>(&mut self, mut wanted: impl FnMut(Event<'_>) -> Option<T>) -> Result<T, Fault> {
        let output = std::mem::take(self.dialogue.output());
        // If it fails, there may still be an answer that says why.
        let sent = self.wire.send(&output);
        let mut received = vec![0; 16 * 1024];
        loop {
            match self.dialogue.event() {
                Ok(Some(event)) => {
                    if let Some(found) = wanted(event) {
                        return Ok(found);
                    }
                }
                Ok(None) => {
                    let length = self.wire.receive(&mut received)?;
                    if length == 0 {
                        sent?;
                        return Err(Fault::Gone("the server hung up".to_owned()));
                    }
                    self.dialogue.receive(&received[..length]);
                }
                Err(DialogueError::Rejected { code, text, .. }) => return Err(Fault::Refused { code, text }),
                Err(error) => panic!("{error}"),
            }
        }
    }
}
