//! One connection to a back end, in a transaction or between two.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use lmtp::Reply;
use lmtp::client::{Dialogue, Event, Limits};
use net::{ClientTls, Connection};
use tokio::time::Instant;

use crate::route::Own;

/// How much memory for what is to be sent an idle connection keeps.
const KEPT: usize = 4 * 1024;

/// A connection with its dialogue.
pub(super) struct Inner {
    connection: Connection,
    dialogue: Dialogue,
    own: Arc<Own>,
}

/// The back end is not there, or goes away: somebody else may do better, or itself a moment later. The text is for the log.
#[derive(Debug)]
pub(super) struct Lost(String);

impl Inner {
    /// Connects to the back end that `own` names and says hello. Its answers come with the first transaction's: our own
    /// back ends take commands as they come, so nothing waits for the greeting.
    pub(super) async fn connect(
        own: Arc<Own>,
        tls: &ClientTls,
        name: &str,
        limit: Duration,
    ) -> Result<Self, Lost> {
        let deadline = Instant::now() + limit;
        let connection = Connection::connect(own.lmtp, deadline).await.map_err(|error| Lost::by(&error))?;
        let connection =
            connection.connect_tls(tls, &own.server, deadline).await.map_err(|error| Lost::by(&error))?;
        let mut dialogue = Dialogue::new(Limits::default());
        dialogue.hello(name);
        Ok(Self { connection, dialogue, own })
    }

    /// A connection to nowhere.
    #[cfg(test)]
    pub(super) fn to(own: Own, connection: Connection) -> Self {
        Self { connection, dialogue: Dialogue::new(Limits::default()), own: Arc::new(own) }
    }

    /// Where it leads.
    pub(super) fn own(&self) -> &Arc<Own> {
        &self.own
    }

    /// What is to be said next.
    pub(super) fn dialogue(&mut self) -> &mut Dialogue {
        &mut self.dialogue
    }

    /// Sends what was said.
    pub(super) async fn flush(&mut self, limit: Duration) -> Result<(), Lost> {
        if self.dialogue.output().is_empty() {
            return Ok(());
        }
        let sent = self.connection.send_before(Instant::now() + limit, self.dialogue.output()).await;
        self.dialogue.output().clear();
        sent.map_err(|error| Lost::by(&error))
    }

    /// Sends what was said and waits for the next answer that is one of a transaction.
    pub(super) async fn answer(&mut self, limit: Duration) -> Result<Event, Lost> {
        // Before anything else: what is not sent has no answer, whatever has come.
        self.flush(limit).await?;
        loop {
            while let Some(event) = self.dialogue.event().map_err(|error| Lost::by(&error))? {
                match event {
                    // RFC 5321 §3.8: whatever was asked, this back end is closing.
                    Event::Closing(reply) => return Err(Lost::closing(&reply)),
                    event if reply_of(&event).code() == 421 => return Err(Lost::closing(reply_of(&event))),
                    Event::Greeting(reply) | Event::Hello(reply, _) if !reply.is_positive() => {
                        return Err(Lost(format!("it refuses to talk: {reply}")));
                    }
                    Event::Greeting(_) | Event::Hello(..) => {}
                    event => return Ok(event),
                }
            }
            let dialogue = &mut self.dialogue;
            let received = self.connection.receive_before(Instant::now() + limit, |octets| {
                dialogue.receive(octets);
                octets.is_empty()
            });
            if received.await.map_err(|error| Lost::by(&error))? {
                return Err(Lost(
                    self.dialogue.closed().map_or("closed".to_owned(), |error| error.to_string()),
                ));
            }
        }
    }

    /// Gives back the memory that a large message took.
    pub(super) fn rest(&mut self) {
        self.dialogue.output().shrink_to(KEPT);
    }
}

impl Lost {
    /// Lost by an error of ours or the network's.
    pub(super) fn by(error: &(dyn Error + 'static)) -> Self {
        let causes = std::iter::successors(error.source(), |error| (*error).source());
        Self(causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}")))
    }

    /// Lost because it answered `event` where that is no answer.
    pub(super) fn out_of_turn(event: &Event) -> Self {
        Self(format!("it answers what was not asked: {}", reply_of(event)))
    }

    fn closing(reply: &Reply) -> Self {
        Self(format!("it is closing: {reply}"))
    }
}

impl std::fmt::Display for Lost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

fn reply_of(event: &Event) -> &Reply {
    match event {
        Event::Greeting(reply)
        | Event::Hello(reply, _)
        | Event::Forwarded(reply)
        | Event::Sender(reply)
        | Event::Recipient(_, reply)
        | Event::Data(reply)
        | Event::Delivered(_, reply)
        | Event::Reset(reply)
        | Event::Noop(reply)
        | Event::Quit(reply)
        | Event::Closing(reply) => reply,
    }
}
