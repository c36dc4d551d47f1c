//! A logged-in client and its back end, until one of them is done.

use std::io::IoSlice;
use std::sync::Arc;
use std::time::Duration;

use ::log_in::{Arrival, End, Lobby, Timing, log};
use net::Connection;
use net::drain::{Phase, SessionToken};
use pop3::relay::{Answered, Passage, Relay, RelayLimits};
use pop3::session::{Exchange, HandOver, Outcome};
use pop3::{Keyword, Offer, ResponseCode, reply::write_err};
use service::OpenSession;
use tokio::time::{Instant, sleep_until};

use super::inner::Inner;
use crate::running::Frontend;

/// After so long without a word from either side, everything that is only kept for speed is given back.
const QUIET: Duration = Duration::from_secs(5);
/// How long a last word may take.
const FAREWELL: Duration = Duration::from_secs(2);
/// A peer that takes nothing for so long is gone.
const SEND: Duration = Duration::from_mins(5);

/// A session from log-in on.
pub(super) struct Relaying {
    frontend: Arc<Frontend>,
    relay: Relay<Instant>,
    inner: Inner,
    entry: OpenSession,
    token: SessionToken,
    /// What the back end said and has not been passed yet.
    from_back_end: Vec<u8>,
    /// What the client is sent after that: words of our own.
    own: Vec<u8>,
    /// Whether the back end has ended the session in order.
    quit: bool,
    /// How long the client may say nothing.
    idle: Duration,
    /// How long the back end may take to answer.
    patience: Duration,
    /// When the session ends, whatever it does.
    end: Instant,
}

/// What woke the relay.
enum Woken {
    /// The client sent something, or ended.
    Client { ended: bool },
    /// The back end did.
    BackEnd { ended: bool },
    /// The service is going down.
    Draining,
    /// Nothing happened for a while.
    Quiet,
}

/// How far both sides were understood.
struct Moved {
    /// How much of what the back end said is the client's now; our own words come after it.
    passed: usize,
    /// Whether there may be more, after words of our own.
    interrupted: bool,
}

impl Relaying {
    /// Takes over a client that has logged in.
    pub(super) fn new(frontend: Arc<Frontend>, lobby: Lobby, mut inner: Inner) -> Self {
        let server = &lobby.settings.server;
        let limits = RelayLimits {
            line: server.pop.max_command_size as usize,
            errors: server.session.error_limit,
            ..RelayLimits::default()
        };
        let (idle, patience) =
            (server.pop.authenticated_connection_timeout.duration(), server.inner.reply_timeout.duration());
        let end = Instant::now() + server.session.session_limit.duration();
        let Lobby { machine, mut entry, arrival: Arrival { token, .. }, .. } = lobby;
        entry.set_state("relay");
        let HandOver { output, input, exchange } = machine.hand_over();
        if let Some(exchange) = exchange {
            log(&mut entry, &exchange, Timing::Roster, &inner.place);
        }
        let mut relay = Relay::new(limits, &Offer::standard().with_implementation("mailmedic"));
        relay.receive(&input);
        let from_back_end = std::mem::take(&mut inner.rest);
        Self {
            frontend,
            relay,
            inner,
            entry,
            token,
            from_back_end,
            own: output,
            quit: false,
            idle,
            patience,
            end,
        }
    }

    /// Relays until the end.
    pub(super) async fn run(mut self, mut client: Connection) {
        let started = Instant::now();
        let end = self.relay(&mut client).await.err().unwrap_or_else(|| "quit".to_owned());
        // Either may be gone, which changes nothing any more.
        let _ = client.send_before(Instant::now() + FAREWELL, &self.own).await;
        client.close(FAREWELL).await;
        if self.quit {
            self.inner.rest = self.from_back_end;
            self.inner.keep(&self.frontend.free);
        } else {
            self.inner.connection.close(FAREWELL).await;
        }
        tracing::info!(
            session = %self.entry.id(), user = self.entry.user(), end, seconds = started.elapsed().as_secs(), "log-out"
        );
        self.entry.set_farewell(&end);
    }

    async fn relay(&mut self, client: &mut Connection) -> Result<(), End> {
        // The answer to the log-in.
        self.send(client, 0).await?;
        loop {
            loop {
                let Moved { passed, interrupted } = self.move_on()?;
                self.send(client, passed).await?;
                if !interrupted {
                    break;
                }
            }
            if self.relay.is_over() {
                return Ok(());
            }
            if self.token.phase() != Phase::Admitting && self.relay.at_command_boundary() {
                return Err(self.part("The server is going down; try again"));
            }
            let waited_for = if self.relay.at_command_boundary() { self.idle } else { self.patience };
            let deadline = (Instant::now() + waited_for).min(self.end);
            match self.wait(client, deadline).await? {
                Woken::Client { ended: true } => self.relay.input_closed(),
                Woken::BackEnd { ended: true } => {
                    return Err(self.part("The mailbox server closed the connection"));
                }
                Woken::Client { .. } | Woken::BackEnd { .. } | Woken::Draining => {}
                Woken::Quiet if self.relay.at_command_boundary() => {
                    return Err(self.part("You were silent for too long"));
                }
                Woken::Quiet => return Err(self.part("The mailbox server does not answer")),
            }
        }
    }

    /// Takes commands from what the client said and replies from what the back end said, up to the next words of our own.
    fn move_on(&mut self) -> Result<Moved, End> {
        let mut passed = 0;
        loop {
            if self.relay.is_over() {
                // What follows belongs to the connection's next session.
                return Ok(Moved { passed, interrupted: false });
            }
            self.relay.take_commands(&Instant::now());
            let passage = self.relay.pass(&self.from_back_end[passed..]).map_err(|error| {
                tracing::error!(session = %self.entry.id(), server = self.inner.server, %error, "a back end breaks the protocol");
                format!("protocol violation: {error}")
            })?;
            match passage {
                None => return Ok(Moved { passed, interrupted: false }),
                Some(Passage::Part(length) | Passage::Farewell(length)) => passed += length,
                Some(Passage::Reply(length, exchange)) => {
                    passed += length;
                    self.note(&exchange);
                }
                Some(Passage::Own(reply, exchange)) => {
                    self.own.extend_from_slice(&reply);
                    self.note(&exchange);
                    return Ok(Moved { passed, interrupted: true });
                }
            }
        }
    }

    /// Sends the back end its commands, and the client what was `passed` of the back end's and then our own.
    async fn send(&mut self, client: &mut Connection, passed: usize) -> Result<(), End> {
        let deadline = Instant::now() + SEND;
        let commands = std::mem::take(self.relay.to_back_end());
        if !commands.is_empty() {
            let sent = self.inner.connection.send_before(deadline, &commands).await;
            sent.map_err(|error| format!("back end lost: {error}"))?;
        }
        let own = std::mem::take(&mut self.own);
        if passed > 0 || !own.is_empty() {
            let mut slices = [IoSlice::new(&self.from_back_end[..passed]), IoSlice::new(&own)];
            let sent = client.send_slices_before(deadline, &mut slices).await;
            sent.map_err(|error| format!("connection lost: {error}"))?;
            self.from_back_end.drain(..passed);
        }
        Ok(())
    }

    /// Waits for something to do. Both sides idle for a while keep no memory of ours.
    async fn wait(&mut self, client: &mut Connection, deadline: Instant) -> Result<Woken, End> {
        let mut until = (Instant::now() + QUIET).min(deadline);
        loop {
            let (wants_input, idle) = (self.relay.wants_input(), self.relay.at_command_boundary());
            let (relay, from_back_end) = (&mut self.relay, &mut self.from_back_end);
            let woken = tokio::select! {
                biased;
                received = self.inner.connection.receive(|bytes| {
                    from_back_end.extend_from_slice(bytes);
                    bytes.is_empty()
                }) => match received {
                    Ok(ended) => Some(Woken::BackEnd { ended }),
                    Err(error) => return Err(format!("back end lost: {error}")),
                },
                received = client.receive(|bytes| {
                    relay.receive(bytes);
                    bytes.is_empty()
                }), if wants_input => match received {
                    Ok(ended) => Some(Woken::Client { ended }),
                    Err(error) => return Err(format!("connection lost: {error}")),
                },
                () = self.token.draining(), if idle => Some(Woken::Draining),
                () = sleep_until(until) => None,
            };
            match woken {
                Some(woken) => return Ok(woken),
                None if until >= deadline => return Ok(Woken::Quiet),
                None => {
                    until = deadline;
                    self.relay.release_memory();
                    self.from_back_end.shrink_to_fit();
                }
            }
        }
    }

    /// Says a last word of our own, unless the client is in the middle of a reply, and why the session ends.
    fn part(&mut self, text: &str) -> End {
        if !self.relay.is_inside_reply() {
            write_err(Some(ResponseCode::SysTemp), text, &mut self.own);
        }
        text.to_owned()
    }

    fn note(&mut self, answered: &Answered<Instant>) {
        let Exchange { keyword, outcome, .. } = answered.exchange;
        self.quit |= keyword == Some(Keyword::Quit) && outcome == Outcome::Ok;
        let place = if answered.own { "" } else { self.inner.place.as_str() };
        // An answer of our own waited for those of the back end before it.
        log(&mut self.entry, &answered.exchange, Timing::Passed(answered.mark), place);
    }
}
