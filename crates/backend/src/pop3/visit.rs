//! One connection of a POP3 peer, from its first octet to its last.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use directory::User;
use log_in::{Circumstances, offer};
use mailbox::MailboxId;
use net::connection::StreamError;
use net::drain::{Phase, SessionToken};
use net::tls::PeerIdentity;
use net::{Accepted, Connection, Role};
use pop3::session::{Closing, Exchange, Limits, Outcome, Session, Step};
use pop3::{Capability, Credentials, Mechanism, Offer, Refusal, ResponseCode, Xclient};
use service::OpenSession;
use service::session_id::SessionId;
use tokio::time::Instant;

use super::maildrop::{Maildrop, Top};
use super::outgoing::Outgoing;
use crate::occupancy::{Admission, Occupied};
use crate::replies;
use crate::running::Backend;

/// After so long without a word from the peer, everything that is only kept for speed is given back.
const QUIET: Duration = Duration::from_secs(5);
/// How long a last word may take.
const FAREWELL: Duration = Duration::from_secs(2);
/// The least a sending peer must take in this time, else it is gone: the kernel's buffers hide slow but living ones.
const SEND: Duration = Duration::from_mins(5);

/// How a peer came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Door {
    /// Without TLS at first.
    Plain,
    /// With TLS from the first octet.
    Tls,
    /// With TLS of the cluster: the inner leg.
    Inner,
    /// The same, to deliver by LMTP.
    InnerLmtp,
}

/// Why a visit ended.
type End = String;

/// One connection.
pub(crate) struct Visit {
    backend: Arc<Backend>,
    settings: Arc<service::live::Settled>,
    machine: Session,
    outgoing: Outgoing,
    entry: OpenSession,
    door: Door,
    /// Whether the connection is in TLS.
    tls: bool,
    /// The client as the front end or the socket tells.
    client: SocketAddr,
    loopback: bool,
    node: Option<PeerIdentity>,
    /// Whom the front end says it speaks for.
    introduced: Option<String>,
    /// Whether a command is under way that the list of sessions shows.
    in_flight: bool,
    token: SessionToken,
    /// When the session ends, whatever it does.
    end: Instant,
}

impl Visit {
    /// Serves a connection until its end.
    pub(crate) async fn serve(backend: Arc<Backend>, accepted: Accepted<Door>, token: SessionToken) {
        let settings = backend.service.live.snapshot();
        let Accepted { connection, peer, kind: door } = accepted;
        let handshake = Instant::now() + settings.server.session.tls_handshake_timeout.duration();
        let tls = match door {
            Door::Plain => None,
            Door::Tls => Some(backend.certificates.clients().clone()),
            Door::Inner | Door::InnerLmtp => Some(backend.certificates.inner().server()),
        };
        let connection = match tls {
            None => connection,
            Some(tls) => match connection.accept_tls(&tls, handshake).await {
                Ok(connection) => connection,
                Err(error) => {
                    tracing::info!(client = %peer, %error, "no TLS handshake");
                    return;
                }
            },
        };
        let node = match connection.peer_identity() {
            Ok(node) => node.filter(|node| door == Door::Inner && node.roles.contains(&Role::ClientAccess)),
            Err(error) => {
                tracing::warn!(client = %peer, %error, "a node certificate that names no node");
                None
            }
        };
        let session = &settings.server.session;
        let limits = Limits {
            line: settings.server.pop.max_command_size as usize,
            errors: session.error_limit,
            ..Limits::default()
        };
        let mut entry = backend.service.open_pop3(peer.local, peer.client);
        entry.forget();
        let mut visit = Self {
            end: Instant::now() + session.session_limit.duration(),
            machine: Session::new(Offer::default(), limits),
            outgoing: Outgoing::default(),
            client: peer.client,
            loopback: peer.is_loopback(),
            introduced: None,
            in_flight: false,
            backend,
            settings,
            tls: connection.is_tls(),
            entry,
            door,
            node,
            token,
        };
        visit.machine.set_offer(visit.offer());
        let end = visit.run(connection).await;
        visit.entry.set_farewell(&end);
    }

    async fn run(&mut self, connection: Connection) -> End {
        self.machine.greet(self.settings.server.pop.banner.as_str());
        let pre_authenticated = self.settings.server.pop.pre_authenticated_connection_timeout.duration();
        let deadline = Instant::now() + pre_authenticated;
        match self.authorization(connection, deadline).await {
            Ok((connection, maildrop)) => {
                let started = Instant::now();
                let user = self.entry.user().unwrap_or_default().to_owned();
                let end = self.transaction(connection, maildrop).await;
                tracing::info!(
                    session = %self.entry.id(), user, client = %self.client, end,
                    seconds = started.elapsed().as_secs(), "log-out"
                );
                end
            }
            Err(end) => end,
        }
    }

    /// Until somebody is logged in.
    async fn authorization(
        &mut self,
        mut connection: Connection,
        deadline: Instant,
    ) -> Result<(Connection, Maildrop), End> {
        self.entry.set_state("authorization");
        loop {
            let begun = Instant::now();
            match self.machine.step() {
                Step::Input => self.receive(&mut connection, deadline, None).await?,
                Step::Flush => self.send(&mut connection).await?,
                Step::Answered(exchange) => self.answered(&exchange, begun),
                Step::StartTls => connection = self.start_tls(connection).await?,
                Step::Forwarded(xclient) => self.forwarded(&xclient),
                Step::ScramSecret { user } => {
                    match self.backend.desk.scram_secret(&user, self.client.ip()).await {
                        Ok((secret, nonce)) => self.machine.scram_secret(&secret, &nonce),
                        Err(refusal) => self.machine.refused(&refusal),
                    }
                }
                Step::ScramRejected { .. } => {
                    let refusal = self.backend.desk.wrong_proof(self.client.ip());
                    self.machine.refused(&refusal);
                }
                Step::LogIn(credentials) => {
                    self.begin();
                    match self.log_in(credentials).await {
                        Ok(maildrop) => {
                            self.machine.logged_in(maildrop.summary());
                            return Ok((connection, maildrop));
                        }
                        Err(refusal) => self.machine.refused(&refusal),
                    }
                }
                Step::Close(closing) => {
                    self.farewell(connection).await;
                    return Err(closing.as_str().to_owned());
                }
                step @ (Step::Listing | Step::Retrieve { .. } | Step::Commit(_) | Step::Unanswered) => {
                    return Err(out_of_place(&step));
                }
            }
        }
    }

    /// From log-in on.
    async fn transaction(&mut self, mut connection: Connection, mut maildrop: Maildrop) -> End {
        self.entry.set_state("transaction");
        match self.transact(&mut connection, &mut maildrop).await {
            Ok(closing) => {
                // The place in the mailbox is free before the client can know that the session is over.
                drop(maildrop);
                self.farewell(connection).await;
                closing.as_str().to_owned()
            }
            Err(end) => end,
        }
    }

    async fn transact(
        &mut self,
        connection: &mut Connection,
        maildrop: &mut Maildrop,
    ) -> Result<Closing, End> {
        let idle = self.settings.server.pop.authenticated_connection_timeout.duration();
        loop {
            let begun = Instant::now();
            match self.machine.step() {
                Step::Input => {
                    self.receive(connection, (Instant::now() + idle).min(self.end), Some(maildrop)).await?;
                }
                Step::Flush => self.send(connection).await?,
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
                self.send(connection).await?;
            }
        }
        self.machine.retrieved(sent);
        Ok(())
    }

    /// Finds out whether the credentials are right, and takes the user's maildrop.
    async fn log_in(&mut self, credentials: Credentials) -> Result<Maildrop, Refusal> {
        let user = match credentials {
            Credentials::External { authzid } => self.introduced_user(authzid).await?,
            other => self.backend.desk.judge(other, self.client.ip()).await?,
        };
        self.entry.set_user(user.name.as_str());
        let maildrop = self.open(&user).await?;
        let summary = maildrop.summary();
        tracing::info!(
            session = %self.entry.id(), user = user.name.as_str(), client = %self.client, database = user.database.as_str(),
            messages = summary.messages, octets = summary.octets, "log-in"
        );
        Ok(maildrop)
    }

    /// The user whom a front end speaks for. Only its certificate lets it (RFC 4422 appendix A).
    async fn introduced_user(&self, authzid: Option<String>) -> Result<Box<User>, Refusal> {
        if self.node.is_none() {
            return Err(Refusal::new(ResponseCode::Auth, "EXTERNAL is not for this peer"));
        }
        match authzid.or_else(|| self.introduced.clone()) {
            Some(user) => self.backend.desk.introduced(&user).await,
            None => Err(Refusal::new(ResponseCode::Auth, "EXTERNAL needs a user to speak for")),
        }
    }

    async fn open(&self, user: &User) -> Result<Maildrop, Refusal> {
        let not_mounted = || replies::refusal(&mailbox::MailboxError::NotMounted);
        let store = self.backend.mounts.get(user.database.as_str()).ok_or_else(not_mounted)?;
        let mailbox = MailboxId::parse(&user.mailbox).map_err(|error| {
            tracing::error!(user = user.name.as_str(), %error, "the directory gives an impossible mailbox");
            Refusal::new(ResponseCode::SysPerm, "The directory has no proper mailbox for you")
        })?;
        let admission = if self.settings.server.session.exclusive_maildrop_lock {
            Admission::Exclusive
        } else {
            Admission::UpTo(self.settings.server.pop.max_connections_per_user)
        };
        let place = self.backend.occupancy.enter(mailbox, admission).map_err(|occupied| match occupied {
            Occupied::Locked => Refusal::new(ResponseCode::InUse, "Another session has the maildrop locked"),
            Occupied::Full { limit } => Refusal::new(
                ResponseCode::InUse,
                format!("You have {limit} sessions open, as many as you may have"),
            ),
        })?;
        let snapshot = store.snapshot(&mailbox).await.map_err(|error| self.refusal(&error))?;
        Ok(Maildrop::new(store, snapshot, place))
    }

    /// A front end says whom it speaks for. The machine lets nobody say it to whom it was not offered.
    fn forwarded(&mut self, xclient: &Xclient) {
        if xclient.ttl == Some(0) {
            self.machine
                .refused(&Refusal::new(ResponseCode::SysPerm, "This session runs in circles").closing());
            return;
        }
        if let (Some(address), Some(port)) = (xclient.address, xclient.port) {
            self.client = SocketAddr::new(address, port);
        }
        let id = xclient.session.as_deref().and_then(|id| id.parse::<SessionId>().ok());
        self.entry.forwarded(id.unwrap_or_else(|| self.entry.id()), self.client);
        self.loopback = self.client.ip().is_loopback();
        self.introduced.clone_from(&xclient.login);
        let offer = self.offer().without(Capability::Xclient);
        self.machine.forwarded(offer);
    }

    async fn start_tls(&mut self, mut connection: Connection) -> Result<Connection, End> {
        self.send(&mut connection).await?;
        let deadline = Instant::now() + self.settings.server.session.tls_handshake_timeout.duration();
        let secured = connection.accept_tls(self.backend.certificates.clients(), deadline).await;
        let connection = secured.map_err(|error| format!("no TLS handshake: {error}"))?;
        self.tls = true;
        let offer = self.offer();
        self.machine.tls_started(offer);
        Ok(connection)
    }

    /// What this peer may do before it logs in.
    fn offer(&self) -> Offer {
        let server = &self.settings.server;
        let offer = offer(Circumstances {
            login_type: server.pop.login_type,
            scram: server.log_in.scram_enabled,
            tls: self.tls,
            tls_available: self.door == Door::Plain,
            loopback: self.loopback,
        });
        if self.node.is_some() {
            offer.with(Capability::Xclient).with_mechanism(Mechanism::External)
        } else if self.may_forward(self.client.ip()) {
            offer.with(Capability::Xclient)
        } else {
            offer
        }
    }

    fn may_forward(&self, peer: IpAddr) -> bool {
        self.settings.server.peers.xclient.contains(peer)
    }

    /// Sends what is waiting and reads. A peer that says nothing for a while keeps no memory of ours.
    async fn receive(
        &mut self,
        connection: &mut Connection,
        deadline: Instant,
        mut maildrop: Option<&mut Maildrop>,
    ) -> Result<(), End> {
        self.send(connection).await?;
        if self.token.phase() != Phase::Admitting {
            self.machine.close_with(ResponseCode::SysTemp, "The server is going down; try again");
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
                () = self.token.draining() => {
                    self.machine.close_with(ResponseCode::SysTemp, "The server is going down; try again");
                    return Ok(());
                }
            };
            match received {
                Ok(()) => return Ok(()),
                Err(StreamError::Failed(error)) => return Err(format!("connection lost: {error}")),
                Err(StreamError::Deadline) if waiting_until < deadline => {
                    waiting_until = deadline;
                    self.machine.release_memory();
                    if let Some(maildrop) = maildrop.as_deref_mut() {
                        maildrop.release_memory();
                    }
                }
                Err(StreamError::Deadline) => {
                    self.machine.close_with(ResponseCode::SysTemp, "You were silent for too long");
                    return Ok(());
                }
            }
        }
    }

    /// Sends what is waiting. Meanwhile nothing is processed: the peer takes its time, not we.
    async fn send(&mut self, connection: &mut Connection) -> Result<(), End> {
        self.outgoing.reply(self.machine.output());
        self.entry.pause();
        let sent = self.outgoing.send(connection, Instant::now() + SEND).await;
        self.entry.resume();
        sent.map_err(|error| format!("connection lost: {error}"))
    }

    /// Sends the last words and closes. The peer may be gone, which changes nothing any more.
    async fn farewell(&mut self, mut connection: Connection) {
        self.outgoing.reply(self.machine.output());
        let _ = self.outgoing.send(&mut connection, Instant::now() + FAREWELL).await;
        connection.close(FAREWELL).await;
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
        let command = self.machine.command_under_way().map_or("OTHER", pop3::Keyword::as_str);
        self.entry.begin(command);
        self.in_flight = true;
    }

    /// A command has been answered: by the machine alone since `begun`, or with our help since [`Visit::begin`].
    fn answered(&mut self, exchange: &Exchange, begun: Instant) {
        let exchange = logged(exchange);
        if std::mem::take(&mut self.in_flight) {
            self.entry.end(&exchange);
        } else {
            let took = begun.elapsed();
            self.entry.note(&exchange, took, took);
        }
    }
}

fn logged(exchange: &Exchange) -> service::Exchange<'_> {
    service::Exchange {
        command: exchange.keyword.map_or("OTHER", pop3::Keyword::as_str),
        parameters: &exchange.parameters,
        ok: exchange.outcome == Outcome::Ok,
        request: exchange.request,
        reply: exchange.reply,
        context: "",
    }
}

/// A step that cannot come in this part of a session: our mistake, and the end of this session only.
fn out_of_place(step: &Step) -> End {
    tracing::error!(?step, "a step out of place");
    "internal error".to_owned()
}

/// What a connection is told for which there is no room. Nothing before a TLS handshake: it would not be understood.
pub(crate) fn turn_away(door: Door, why: &net::limits::Refusal) -> Vec<u8> {
    let mut words = Vec::new();
    if door == Door::Plain {
        pop3::reply::write_err(Some(ResponseCode::SysTemp), &format!("No connection: {why}"), &mut words);
    }
    words
}
