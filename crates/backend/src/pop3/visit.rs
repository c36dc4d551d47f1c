//! One connection of a POP3 peer, from its first octet to its last.

use std::sync::Arc;
use std::time::Duration;

use directory::User;
use log_in::{Arrival, Door, End, Lobby, Timing};
use mailbox::MailboxError;
use net::connection::StreamError;
use net::drain::{Phase, SessionToken};
use net::{Accepted, Connection};
use pop3::session::{Closing, Exchange, Session, Step};
use pop3::{Credentials, Refusal, ResponseCode};
use service::OpenSession;
use tokio::time::Instant;

use super::maildrop::{Maildrop, Top};
use super::outgoing::Outgoing;
use crate::occupancy::{Admission, Occupied, Place};
use crate::replies;
use crate::running::Backend;

/// After so long without a word from the peer, everything that is only kept for speed is given back.
const QUIET: Duration = Duration::from_secs(5);
/// How long a last word may take.
const FAREWELL: Duration = Duration::from_secs(2);
/// What sessions are told when the service stops.
const GOING_DOWN: &str = "The server is going down; try again";
/// What sessions are told when their database goes to another server, or their mailbox to another database.
const MOVING: &str = "Your mailbox is moving; log in again";
/// A peer that takes nothing for so long is gone.
const SEND: Duration = Duration::from_mins(5);

/// Serves a connection that came in by `door`, until its end.
pub(crate) async fn serve<K>(backend: Arc<Backend>, door: Door, accepted: Accepted<K>, token: SessionToken) {
    let tls = match door {
        Door::Plain => None,
        Door::Tls => Some(backend.certificates.clients().clone()),
        Door::Inner => Some(backend.certificates.inner().server()),
    };
    let clients = backend.certificates.clients().clone();
    let received = Lobby::receive(
        &backend.service,
        Arc::clone(&backend.desk),
        clients,
        (door, tls.as_ref()),
        accepted,
        token,
    );
    let Some((mut connection, mut lobby)) = received.await else { return };
    loop {
        match let_in(&backend, &mut lobby, connection).await {
            Ok((let_in, maildrop)) => match Visit::new(lobby).run(let_in, maildrop).await {
                Some((free, arrival)) => {
                    (connection, lobby) = (free, Lobby::again(&backend.service, arrival));
                }
                None => return,
            },
            Err(end) => {
                lobby.entry.set_farewell(&end);
                return;
            }
        }
    }
}

/// Waits until somebody has logged in and takes their maildrop.
async fn let_in(
    backend: &Backend,
    lobby: &mut Lobby,
    mut connection: Connection,
) -> Result<(Connection, Maildrop), End> {
    loop {
        let credentials;
        (connection, credentials) = lobby.credentials(connection).await?;
        match log_in(backend, lobby, credentials).await {
            Ok(maildrop) => {
                lobby.machine.logged_in(maildrop.summary());
                return Ok((connection, maildrop));
            }
            Err(refusal) => lobby.machine.refused(&refusal),
        }
    }
}

/// Finds out whether the credentials are right, and takes the user's maildrop.
async fn log_in(backend: &Backend, lobby: &mut Lobby, credentials: Credentials) -> Result<Maildrop, Refusal> {
    let user = match credentials {
        Credentials::External { authzid } => introduced(lobby, authzid).await?,
        other => lobby.judge(other).await?,
    };
    lobby.entry.set_user(user.name.as_str());
    let maildrop = open(backend, lobby, &user).await?;
    let summary = maildrop.summary();
    tracing::info!(
        session = %lobby.entry.id(), user = user.name.as_str(), client = %lobby.client,
        database = user.database.as_str(), messages = summary.messages, octets = summary.octets, "log-in"
    );
    Ok(maildrop)
}

/// The user whom a front end speaks for. Only its certificate lets it (RFC 4422 appendix A).
async fn introduced(lobby: &mut Lobby, authzid: Option<String>) -> Result<Box<User>, Refusal> {
    if lobby.arrival.node.is_none() {
        return Err(Refusal::new(ResponseCode::Auth, "EXTERNAL is not for this peer"));
    }
    let login = lobby.forwarded.as_ref().and_then(|forwarded| forwarded.login.clone());
    match authzid.or(login) {
        Some(user) => lobby.introduced(&user).await,
        None => Err(Refusal::new(ResponseCode::Auth, "EXTERNAL needs a user to speak for")),
    }
}

async fn open(backend: &Backend, lobby: &Lobby, user: &User) -> Result<Maildrop, Refusal> {
    let told = |error: MailboxError| {
        tracing::warn!(session = %lobby.entry.id(), user = user.name.as_str(), %error, "no maildrop");
        replies::refusal(&error)
    };
    let (_, home) = backend.whereabouts(user).await.map_err(|unserved| {
        tracing::warn!(session = %lobby.entry.id(), user = user.name.as_str(), %unserved, "no maildrop");
        unserved.refusal()
    })?;
    let entered = backend.mounts.enter(user.database.as_str());
    let (store, token) = entered.ok_or_else(|| told(MailboxError::NotMounted))?;
    let server = &lobby.settings.server;
    let admission = if user.is_health_mailbox() {
        // Several probers read it, and none of them is to wait for another.
        Admission::Any
    } else if server.session.exclusive_maildrop_lock {
        Admission::Exclusive
    } else {
        Admission::UpTo(server.pop.max_connections_per_user)
    };
    let place = backend.occupancy.enter(&home, admission).map_err(|occupied| match occupied {
        Occupied::Closed => told(MailboxError::NotMounted),
        Occupied::Locked => Refusal::new(ResponseCode::InUse, "Another session has the maildrop locked"),
        Occupied::Full { limit } => Refusal::new(
            ResponseCode::InUse,
            format!("You have {limit} sessions open, as many as you may have"),
        ),
    })?;
    let snapshot = store.snapshot(home.mailbox()).await.map_err(told)?;
    Ok(Maildrop::new(store, snapshot, place, token))
}

/// A session from log-in on.
struct Visit {
    machine: Session,
    entry: OpenSession,
    arrival: Arrival,
    outgoing: Outgoing,
    /// How long the peer may say nothing.
    idle: Duration,
    /// When the session ends, whatever it does.
    end: Instant,
    /// Whether a command is under way that the roster shows. The log-in is.
    in_flight: bool,
}

impl Visit {
    fn new(lobby: Lobby) -> Self {
        let server = &lobby.settings.server;
        lobby.entry.set_state("transaction");
        Self {
            idle: server.pop.authenticated_connection_timeout.duration(),
            end: Instant::now() + server.session.session_limit.duration(),
            machine: lobby.machine,
            entry: lobby.entry,
            arrival: lobby.arrival,
            outgoing: Outgoing::default(),
            in_flight: true,
        }
    }

    /// Serves the session until its end. A front end that ended it in order may bring another client over the same
    /// connection, which saves both of us a handshake.
    async fn run(
        mut self,
        mut connection: Connection,
        mut maildrop: Maildrop,
    ) -> Option<(Connection, Arrival)> {
        let started = Instant::now();
        let ended = self.transact(&mut connection, &mut maildrop).await;
        // The place in the mailbox is free before the client can know that the session is over.
        drop(maildrop);
        let mut free = None;
        let end = match ended {
            Ok(closing) => {
                self.outgoing.reply(self.machine.output());
                let sent = self.outgoing.send(&mut connection, Instant::now() + FAREWELL).await;
                let goes_on = closing == Closing::Quit
                    && self.arrival.node.is_some()
                    && self.arrival.token.phase() == Phase::Admitting
                    && sent.is_ok();
                if goes_on {
                    free = Some(connection);
                } else {
                    connection.close(FAREWELL).await;
                }
                closing.as_str().to_owned()
            }
            Err(end) => end,
        };
        tracing::info!(
            session = %self.entry.id(), user = self.entry.user(), end, seconds = started.elapsed().as_secs(), "log-out"
        );
        self.entry.set_farewell(&end);
        free.map(|connection| (connection, self.arrival))
    }

    async fn transact(
        &mut self,
        connection: &mut Connection,
        maildrop: &mut Maildrop,
    ) -> Result<Closing, End> {
        loop {
            let begun = Instant::now();
            match self.machine.step() {
                Step::Input => {
                    self.receive(connection, (Instant::now() + self.idle).min(self.end), maildrop).await?;
                }
                Step::Flush => {
                    // A listing so long that it is sent in parts is in flight until its last one.
                    if self.machine.command_under_way().is_some() {
                        self.begin();
                    }
                    self.send(connection, maildrop.place()).await?;
                }
                Step::Answered(exchange) => self.answered(&exchange, begun),
                Step::Listing => {
                    self.begin();
                    match maildrop.list().await {
                        Ok(list) => self.machine.listing(list),
                        Err(error) => self.refused(&error),
                    }
                }
                Step::Retrieve { index, lines, .. } => {
                    self.begin();
                    self.retrieve(connection, maildrop, index, lines).await?;
                }
                Step::Commit(indexes) => {
                    self.begin();
                    match maildrop.delete(&indexes).await {
                        Ok(()) => self.machine.committed(),
                        Err(error) => self.refused(&error),
                    }
                }
                Step::Close(closing) => return Ok(closing),
                step @ (Step::StartTls
                | Step::Forwarded(_)
                | Step::ScramSecret { .. }
                | Step::ScramRejected { .. }
                | Step::LogIn(_)
                | Step::Unanswered) => return Err(out_of_place(&step)),
            }
        }
    }

    /// Sends a message, or of it what TOP asks for.
    async fn retrieve(
        &mut self,
        connection: &mut Connection,
        maildrop: &mut Maildrop,
        index: usize,
        lines: Option<u64>,
    ) -> Result<(), End> {
        let Some((header, chunks)) = maildrop.entry(index).map(|entry| (entry.header, entry.chunks())) else {
            self.machine.refused(&Refusal::new(None, "No such message"));
            return Ok(());
        };
        let mut top = lines.map(|lines| Top::new(header, lines));
        let mut sent = 0;
        for chunk in 0..chunks {
            let piece = match maildrop.chunk(index, chunk).await {
                Ok(piece) => piece,
                Err(error) => {
                    self.refused(&error);
                    return Ok(());
                }
            };
            if chunk == 0 {
                self.machine.retrieving();
                self.outgoing.reply(self.machine.output());
            }
            let (length, over) = top.as_mut().map_or((piece.len(), false), |top| top.cut(&piece));
            sent += length as u64;
            self.outgoing.body(piece.slice(..length));
            if over {
                break;
            }
            if self.outgoing.is_enough() {
                self.send(connection, maildrop.place()).await?;
            }
        }
        self.machine.retrieved(sent);
        Ok(())
    }

    /// Sends what is waiting and reads. A peer that says nothing for a while keeps no memory of ours.
    async fn receive(
        &mut self,
        connection: &mut Connection,
        deadline: Instant,
        maildrop: &mut Maildrop,
    ) -> Result<(), End> {
        self.send(connection, maildrop.place()).await?;
        if self.arrival.token.phase() != Phase::Admitting {
            self.machine.close_with(ResponseCode::SysTemp, GOING_DOWN);
            return Ok(());
        }
        if maildrop.is_leaving() {
            self.machine.close_with(ResponseCode::SysTemp, MOVING);
            return Ok(());
        }
        let quiet = Instant::now() + QUIET;
        let mut waiting_until = quiet.min(deadline);
        loop {
            let machine = &mut self.machine;
            let received = tokio::select! {
                biased;
                received = connection.receive_before(waiting_until, |bytes| match bytes {
                    [] => machine.input_closed(),
                    bytes => machine.receive(bytes),
                }) => received,
                () = self.arrival.token.draining() => {
                    self.machine.close_with(ResponseCode::SysTemp, GOING_DOWN);
                    return Ok(());
                }
                () = maildrop.leaving() => {
                    self.machine.close_with(ResponseCode::SysTemp, MOVING);
                    return Ok(());
                }
            };
            match received {
                Ok(()) => return Ok(()),
                Err(StreamError::Failed(error)) => return Err(format!("connection lost: {error}")),
                Err(StreamError::Deadline) if waiting_until < deadline => {
                    waiting_until = deadline;
                    self.machine.release_memory();
                    maildrop.release_memory();
                }
                Err(StreamError::Deadline) => {
                    self.machine.close_with(ResponseCode::SysTemp, "You were silent for too long");
                    return Ok(());
                }
            }
        }
    }

    /// Sends what is waiting. Meanwhile nothing is processed: the peer takes its time, not we. It has less of it when the
    /// mailbox is to move.
    async fn send(&mut self, connection: &mut Connection, place: &mut Place) -> Result<(), End> {
        self.outgoing.reply(self.machine.output());
        self.entry.pause();
        let sent = tokio::select! {
            biased;
            sent = self.outgoing.send(connection, Instant::now() + SEND) => sent,
            () = place.cut() => return Err("cut off: the mailbox moves to another database".to_owned()),
        };
        self.entry.resume();
        sent.map_err(|error| format!("connection lost: {error}"))
    }

    /// Passes an error of the store on.
    fn refused(&mut self, error: &mailbox::MailboxError) {
        let refusal = self.refusal(error);
        self.machine.refused(&refusal);
    }

    fn refusal(&self, error: &mailbox::MailboxError) -> Refusal {
        tracing::warn!(session = %self.entry.id(), user = self.entry.user(), %error, "a store could not answer");
        replies::refusal(error)
    }

    /// A command begins that needs more than the machine. It shows as in flight until it is answered.
    fn begin(&mut self) {
        // A message is retrieved after the list has been read: that is one command all the same.
        if !std::mem::replace(&mut self.in_flight, true) {
            let command = self.machine.command_under_way().map_or("OTHER", pop3::Keyword::as_str);
            self.entry.begin(command);
        }
    }

    /// A command has been answered: by the machine alone since `begun`, or with our help since [`Visit::begin`].
    fn answered(&mut self, exchange: &Exchange, begun: Instant) {
        let timing = if std::mem::take(&mut self.in_flight) { Timing::Roster } else { Timing::Ours(begun) };
        log_in::log(&mut self.entry, exchange, timing, "");
    }
}

/// A step that cannot come in this part of a session: our mistake, and the end of this session only.
fn out_of_place(step: &Step) -> End {
    tracing::error!(?step, "a step out of place");
    "internal error".to_owned()
}
