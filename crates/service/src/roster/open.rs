//! A session in the hands of the task that serves it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::{Live, Roster};
use crate::counters::Verb;
use crate::protocol_log::Line;
use crate::ring::{Kept, KeptExchange, Slot, lock};
use crate::session_id::SessionId;

/// How many exchanges wait for the decision whether the session is kept.
const UNDECIDED: usize = 16;

/// What is to be said of an exchange that is over.
#[derive(Debug, Clone, Copy, Default)]
pub struct Exchange<'a> {
    /// The command.
    pub command: &'a str,
    /// What followed it, secrets masked.
    pub parameters: &'a str,
    /// Whether it was answered with success.
    pub ok: bool,
    /// Octets of the command.
    pub request: u64,
    /// Octets of the reply.
    pub reply: u64,
    /// What became of it, and who else was involved: on a front end the back end, the database and the outcome.
    pub context: &'a str,
}

/// A session that is on. Dropping it takes it off the list and writes `CloseSession`.
///
/// An exchange is either bracketed by [`begin`](Self::begin) and [`end`](Self::end), so that it shows while it is processed,
/// or told at once with [`note`](Self::note) by a relay that has many under way.
pub struct OpenSession {
    roster: Arc<Roster>,
    key: u64,
    live: Arc<Live>,
    id: SessionId,
    client: SocketAddr,
    user: Option<Arc<str>>,
    verb: Verb,
    sequence: u32,
    announced: bool,
    farewell: Option<String>,
    keeping: Keeping,
}

/// Whether the session goes into the ring.
enum Keeping {
    /// Nobody has said yet: the first exchanges are held for the case that it does.
    Undecided(Vec<KeptExchange>),
    /// It does.
    Kept(Slot),
    /// It does not.
    Forgotten,
}

impl OpenSession {
    pub(super) fn new(roster: Arc<Roster>, key: u64, live: Arc<Live>) -> Self {
        let (id, client) = {
            let identity = lock(&live.identity);
            (identity.id, identity.client)
        };
        Self {
            verb: live.counters.verb(""),
            roster,
            key,
            live,
            id,
            client,
            user: None,
            sequence: 0,
            announced: false,
            farewell: None,
            keeping: Keeping::Undecided(Vec::new()),
        }
    }

    /// The id.
    pub fn id(&self) -> SessionId {
        self.id
    }

    /// The client's real address, as far as it is known.
    pub fn client(&self) -> SocketAddr {
        self.client
    }

    /// Who has logged in.
    pub fn user(&self) -> Option<&str> {
        self.user.as_deref()
    }

    /// Whether somebody will read what is said of exchanges: not worth putting together otherwise.
    pub fn is_written(&self) -> bool {
        self.roster.log.enabled() || !matches!(self.keeping, Keeping::Forgotten)
    }

    /// Takes over the id that the front end gave (XCLIENT), and the client's real address.
    pub fn forwarded(&mut self, id: SessionId, client: SocketAddr) {
        (self.id, self.client) = (id, client);
        let mut identity = lock(&self.live.identity);
        (identity.id, identity.client) = (id, client);
    }

    /// Corrects the client's address (PROXY protocol).
    pub fn set_client(&mut self, client: SocketAddr) {
        self.forwarded(self.id, client);
    }

    /// Says who has logged in, or, for lines of the log, is trying to.
    pub fn set_user(&mut self, user: &str) {
        let user: Arc<str> = user.into();
        if let Keeping::Kept(slot) = &self.keeping {
            user.as_ref().clone_into(&mut lock(slot).user);
        }
        lock(&self.live.identity).user = Some(Arc::clone(&user));
        self.user = Some(user);
    }

    /// Says where the session stands, in the words of its protocol.
    pub fn set_state(&self, state: &'static str) {
        lock(&self.live.identity).state = state;
    }

    /// Puts the session into the ring, with what was held of it so far. For probes.
    pub fn keep(&mut self) {
        let held = match &mut self.keeping {
            Keeping::Kept(_) => return,
            Keeping::Undecided(held) => std::mem::take(held),
            Keeping::Forgotten => Vec::new(),
        };
        let mut kept = Kept::new(self.id, self.live.server, self.client, self.user().unwrap_or(""));
        for exchange in held {
            kept.push(exchange);
        }
        self.keeping = Keeping::Kept(self.roster.ring.keep(kept));
    }

    /// Decides that the session is not worth keeping, and frees what was held of it.
    pub fn forget(&mut self) {
        if matches!(self.keeping, Keeping::Undecided(_)) {
            self.keeping = Keeping::Forgotten;
        }
    }

    /// A command has been read completely: its processing time begins.
    pub fn begin(&mut self, command: &str) {
        self.verb = self.live.counters.verb(command);
        self.live.begin(self.verb.0, self.roster.micros());
    }

    /// What follows is not our processing: the client takes its time, a failed log-in is slowed, another service works.
    pub fn pause(&self) {
        self.live.pause(self.roster.micros());
    }

    /// What follows is our processing again.
    pub fn resume(&self) {
        self.live.resume(self.roster.micros());
    }

    /// The reply is complete: the exchange begun last is counted and logged.
    pub fn end(&mut self, exchange: &Exchange<'_>) {
        let (whole, processing) = self.live.end(self.roster.micros());
        self.live.counters.record(self.verb, exchange.ok, processing);
        self.log(exchange, whole);
    }

    /// Counts and logs an exchange that was not bracketed: how long it took as a whole, and of that in our own processing.
    pub fn note(&mut self, exchange: &Exchange<'_>, whole: Duration, processing: Duration) {
        let counters = &self.live.counters;
        counters.record(counters.verb(exchange.command), exchange.ok, processing);
        self.live.exchanges.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        self.log(exchange, whole);
    }

    /// Writes `OpenSession`. Without this it is written before the first exchange, so that a back end can learn before whose
    /// session it serves.
    pub fn announce(&mut self, context: &str) {
        if !std::mem::replace(&mut self.announced, true) {
            self.line(&Exchange { command: "OpenSession", context, ..Exchange::default() }, Duration::ZERO);
        }
    }

    /// Why the session ends, for the context of `CloseSession`.
    pub fn set_farewell(&mut self, context: &str) {
        self.farewell = Some(context.to_owned());
    }

    fn log(&mut self, exchange: &Exchange<'_>, whole: Duration) {
        self.announce("");
        self.line(exchange, whole);
    }

    fn line(&mut self, exchange: &Exchange<'_>, duration: Duration) {
        let sequence = self.sequence;
        self.sequence = sequence.wrapping_add(1);
        let log = &self.roster.log;
        if log.enabled() {
            log.write(&Line {
                session: self.id,
                sequence,
                server: self.live.server,
                client: self.client,
                user: self.user.as_deref().unwrap_or(""),
                duration,
                request: exchange.request,
                reply: exchange.reply,
                command: exchange.command,
                parameters: exchange.parameters,
                context: exchange.context,
            });
        }
        let wanted = match &self.keeping {
            Keeping::Kept(_) => true,
            Keeping::Undecided(held) => held.len() < UNDECIDED,
            Keeping::Forgotten => false,
        };
        if !wanted {
            return;
        }
        let kept = KeptExchange {
            at: self.roster.clock.now(),
            sequence,
            duration_micros: super::micros(duration),
            request: exchange.request,
            reply: exchange.reply,
            command: exchange.command.to_owned(),
            parameters: exchange.parameters.to_owned(),
            context: exchange.context.to_owned(),
        };
        match &mut self.keeping {
            Keeping::Kept(slot) => lock(slot).push(kept),
            Keeping::Undecided(held) => held.push(kept),
            Keeping::Forgotten => {}
        }
    }
}

impl Drop for OpenSession {
    fn drop(&mut self) {
        self.announce("");
        let context = self.farewell.take().unwrap_or_default();
        self.line(
            &Exchange { command: "CloseSession", context: &context, ..Exchange::default() },
            Duration::ZERO,
        );
        self.roster.close(self.key, &self.live);
    }
}
