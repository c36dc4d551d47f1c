//! Where a POP3 client is until it has been let in.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use net::connection::StreamError;
use net::drain::{Phase, SessionToken};
use net::tls::PeerIdentity;
use net::{Accepted, Connection, Peer, Role, ServerTls};
use pop3::sasl::Nonce;
use pop3::session::{Exchange, Limits, Outcome, Session, Step};
use pop3::{Capability, Credentials, Mechanism, Offer, Refusal, ResponseCode, ScramSecret, Xclient};
use service::live::Settled;
use service::{OpenSession, Service, SessionId};
use tokio::time::Instant;

use crate::desk::wrong;
use crate::{Circumstances, Desk, offer};

/// How long a last word may take.
const FAREWELL: Duration = Duration::from_secs(2);
/// What sessions are told when the service stops.
const GOING_DOWN: &str = "The server is going down; try again";

/// How a POP3 client came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Door {
    /// Without TLS at first.
    Plain,
    /// With TLS from the first octet.
    Tls,
    /// With TLS of the cluster: the inner leg.
    Inner,
}

/// Why a session ended, for its log.
pub type End = String;

/// How a connection arrived: what stays true of it from one session to the next.
pub struct Arrival {
    /// When its sessions are to end.
    pub token: SessionToken,
    /// The front end at the other side, if its certificate says so.
    pub node: Option<PeerIdentity>,
    desk: Arc<Desk>,
    clients: ServerTls,
    door: Door,
    /// Both ends as the socket and listed proxies tell.
    peer: Peer,
}

/// One client that has not been let in yet, and everything known of it. Whoever lets it in takes it apart.
pub struct Lobby {
    /// The settings that this session goes by.
    pub settings: Arc<Settled>,
    /// The machine of the session.
    pub machine: Session,
    /// The session on the roster and in the logs.
    pub entry: OpenSession,
    /// How its connection arrived.
    pub arrival: Arrival,
    /// The client as listed peers tell, else as the socket does.
    pub client: SocketAddr,
    /// What a listed peer says of the client.
    pub forwarded: Option<Xclient>,
    tls: bool,
    loopback: bool,
    deadline: Instant,
    /// Whether a command is under way that the roster shows.
    in_flight: bool,
}

impl Lobby {
    /// Receives a client: does the TLS handshake if it came through a door with TLS, and greets. `tls` is what that door
    /// serves, `clients` what STLS starts. Nothing if there was no handshake; the client was told as TLS tells.
    pub async fn receive<K>(
        service: &Service,
        desk: Arc<Desk>,
        clients: ServerTls,
        (door, tls): (Door, Option<&ServerTls>),
        accepted: Accepted<K>,
        token: SessionToken,
    ) -> Option<(Connection, Self)> {
        let peer = accepted.peer;
        let connection = match tls {
            None => accepted.connection,
            Some(tls) => {
                let patience = service.live.load().server.session.tls_handshake_timeout.duration();
                match accepted.connection.accept_tls(tls, Instant::now() + patience).await {
                    Ok(connection) => connection,
                    Err(error) => {
                        tracing::info!(client = %peer, %error, "no TLS handshake");
                        return None;
                    }
                }
            }
        };
        let node = match connection.peer_identity() {
            Ok(node) => node.filter(|node| door == Door::Inner && node.roles.contains(&Role::ClientAccess)),
            Err(error) => {
                tracing::warn!(client = %peer, %error, "a node certificate that names no node");
                None
            }
        };
        let lobby =
            Self::greet(service, Arrival { token, node, desk, clients, door, peer }, connection.is_tls());
        Some((connection, lobby))
    }

    /// Receives the next client of a front end, over the same connection: everything begins anew, with a greeting.
    pub fn again(service: &Service, arrival: Arrival) -> Self {
        Self::greet(service, arrival, true)
    }

    fn greet(service: &Service, arrival: Arrival, tls: bool) -> Self {
        let settings = service.live.snapshot();
        let peer = arrival.peer;
        let limits = Limits {
            line: settings.server.pop.max_command_size as usize,
            errors: settings.server.session.error_limit,
            ..Limits::default()
        };
        let entry = service.open_pop3(peer.local, peer.client);
        entry.set_state("authorization");
        let mut lobby = Self {
            machine: Session::new(Offer::default(), limits),
            deadline: Instant::now() + settings.server.pop.pre_authenticated_connection_timeout.duration(),
            client: peer.client,
            loopback: peer.is_loopback(),
            forwarded: None,
            in_flight: false,
            settings,
            entry,
            arrival,
            tls,
        };
        if !lobby.is_of_cluster() {
            // No probe comes from there.
            lobby.entry.forget();
        }
        lobby.machine.set_offer(lobby.offer());
        lobby.machine.greet(lobby.settings.server.pop.banner.as_str());
        lobby
    }

    /// Goes on until the client shows credentials, which are to be answered by letting the client in or by refusing it on
    /// the [`machine`](Self::machine); then this may be called again.
    pub async fn credentials(
        &mut self,
        mut connection: Connection,
    ) -> Result<(Connection, Credentials), End> {
        loop {
            let begun = Instant::now();
            match self.machine.step() {
                Step::Input => self.receive_more(&mut connection).await?,
                Step::Flush => self.send(&mut connection).await?,
                Step::Answered(exchange) => self.answered(&exchange, begun),
                Step::StartTls => connection = self.start_tls(connection).await?,
                Step::Forwarded(xclient) => self.forwarded(xclient),
                Step::ScramSecret { user } => {
                    self.begin();
                    match self.scram_secret(&user).await {
                        Ok((secret, nonce)) => self.machine.scram_secret(&secret, &nonce),
                        Err(refusal) => self.machine.refused(&refusal),
                    }
                    // The client makes its proof.
                    self.entry.pause();
                }
                Step::ScramRejected { .. } => {
                    let refusal = self.arrival.desk.failed_elsewhere(self.client.ip());
                    self.machine.refused(&refusal);
                }
                Step::LogIn(credentials) => {
                    self.begin();
                    return Ok((connection, credentials));
                }
                Step::Close(closing) => {
                    self.farewell(connection).await;
                    return Err(closing.as_str().to_owned());
                }
                step @ (Step::Listing | Step::Retrieve { .. } | Step::Commit(_) | Step::Unanswered) => {
                    tracing::error!(?step, "a step out of place");
                    return Err("internal error".to_owned());
                }
            }
        }
    }

    /// Judges credentials at the desk.
    pub async fn judge(&mut self, credentials: Credentials) -> Result<Box<directory::User>, Refusal> {
        if self.is_of_cluster()
            && let Some(judged) = self.arrival.desk.health_mailbox(&credentials).await
        {
            self.entry.keep();
            return judged;
        }
        self.entry.forget();
        // A SCRAM exchange was admitted when it began.
        if !matches!(credentials, Credentials::Scram { .. }) {
            self.admit().await?;
        }
        self.arrival.desk.judge(credentials, self.client.ip()).await
    }

    async fn scram_secret(&mut self, user: &str) -> Result<(ScramSecret, Nonce), Refusal> {
        self.admit().await?;
        self.arrival.desk.scram_secret(user).await
    }

    /// Finds a user whom the front end has authenticated. Health mailboxes are looked at once more: whether the client is of
    /// the cluster.
    pub async fn introduced(&mut self, user: &str) -> Result<Box<directory::User>, Refusal> {
        let user = self.arrival.desk.introduced(user).await?;
        if !user.is_health_mailbox() {
            self.entry.forget();
        } else if self.is_of_cluster() {
            self.entry.keep();
        } else {
            return Err(wrong());
        }
        Ok(user)
    }

    /// Whether the client itself is a server of the cluster. Never true for a client of which a proxy knew nothing.
    fn is_of_cluster(&self) -> bool {
        self.arrival.peer.through != Some(self.client)
            && self.settings.configuration.is_of_cluster(self.client.ip())
    }

    /// Lets the client try to log in when its time has come. The wait of a guesser is no processing of ours.
    pub async fn admit(&mut self) -> Result<(), Refusal> {
        self.entry.pause();
        let admitted = self.arrival.desk.admit(self.client.ip()).await;
        self.entry.resume();
        admitted
    }

    /// Sends the last words and closes. The peer may be gone, which changes nothing any more.
    pub async fn farewell(&mut self, mut connection: Connection) {
        let output = std::mem::take(self.machine.output());
        let _ = connection.send_before(Instant::now() + FAREWELL, &output).await;
        connection.close(FAREWELL).await;
    }

    /// Sends what the machine has written.
    pub async fn send(&mut self, connection: &mut Connection) -> Result<(), End> {
        let output = std::mem::take(self.machine.output());
        if output.is_empty() {
            return Ok(());
        }
        let sent = connection.send_before(self.deadline.max(Instant::now() + FAREWELL), &output).await;
        sent.map_err(|error| lost(&error))
    }

    /// Sends what is waiting and reads.
    async fn receive_more(&mut self, connection: &mut Connection) -> Result<(), End> {
        self.send(connection).await?;
        if self.arrival.token.phase() != Phase::Admitting {
            self.machine.close_with(ResponseCode::SysTemp, GOING_DOWN);
            return Ok(());
        }
        let machine = &mut self.machine;
        let received = tokio::select! {
            biased;
            received = connection.receive_before(self.deadline, |bytes| match bytes {
                [] => machine.input_closed(),
                bytes => machine.receive(bytes),
            }) => received,
            () = self.arrival.token.draining() => {
                self.machine.close_with(ResponseCode::SysTemp, GOING_DOWN);
                return Ok(());
            }
        };
        match received {
            Ok(()) => Ok(()),
            Err(StreamError::Failed(error)) => Err(lost(&error)),
            Err(StreamError::Deadline) => {
                self.machine.close_with(ResponseCode::SysTemp, "You took too long to log in");
                Ok(())
            }
        }
    }

    async fn start_tls(&mut self, mut connection: Connection) -> Result<Connection, End> {
        self.send(&mut connection).await?;
        let deadline = Instant::now() + self.settings.server.session.tls_handshake_timeout.duration();
        let secured = connection.accept_tls(&self.arrival.clients, deadline).await;
        let connection = secured.map_err(|error| format!("no TLS handshake: {error}"))?;
        self.tls = true;
        // What was said in the clear counts for nothing (RFC 2595 section 4), whoever the client was said to be included.
        self.forwarded = None;
        (self.client, self.loopback) = (self.arrival.peer.client, self.arrival.peer.is_loopback());
        self.entry.set_client(self.client);
        let offer = self.offer();
        self.machine.tls_started(offer);
        Ok(connection)
    }

    /// A listed peer says whom it speaks for. The machine lets nobody say it to whom it was not offered.
    fn forwarded(&mut self, xclient: Xclient) {
        if xclient.ttl == Some(0) {
            let refusal = Refusal::new(ResponseCode::SysPerm, "This session runs in circles");
            self.machine.refused(&refusal.closing());
            return;
        }
        if let Some(address) = xclient.address {
            self.client = SocketAddr::new(address, xclient.port.unwrap_or(0));
        }
        let id = xclient.session.as_deref().and_then(|id| id.parse::<SessionId>().ok());
        self.entry.forwarded(id.unwrap_or_else(|| self.entry.id()), self.client);
        self.loopback = self.client.ip().is_loopback();
        self.forwarded = Some(xclient);
        let offer = self.offer().without(Capability::Xclient);
        self.machine.forwarded(offer);
    }

    /// What this client may do before it logs in.
    fn offer(&self) -> Offer {
        let server = &self.settings.server;
        let offer = offer(Circumstances {
            login_type: server.pop.login_type,
            scram: server.log_in.scram_enabled,
            tls: self.tls,
            tls_available: self.arrival.door == Door::Plain,
            loopback: self.loopback,
        });
        if self.arrival.node.is_some() {
            offer.with(Capability::Xclient).with_mechanism(Mechanism::External)
        } else if server.peers.xclient.contains(self.arrival.peer.client.ip()) {
            offer.with(Capability::Xclient)
        } else {
            offer
        }
    }

    /// A command begins that needs more than the machine. The roster shows it until it is answered.
    fn begin(&mut self) {
        if std::mem::replace(&mut self.in_flight, true) {
            self.entry.resume();
        } else {
            let command = self.machine.command_under_way().map_or("OTHER", pop3::Keyword::as_str);
            self.entry.begin(command);
        }
    }

    /// A command has been answered: by the machine alone since `begun`, or with our help.
    pub fn answered(&mut self, exchange: &Exchange, begun: Instant) {
        let timing = if std::mem::take(&mut self.in_flight) { Timing::Roster } else { Timing::Ours(begun) };
        log(&mut self.entry, exchange, timing, "");
    }
}

/// How the time of an exchange is known.
#[derive(Clone, Copy, Debug)]
pub enum Timing {
    /// It was begun on the roster.
    Roster,
    /// It began then, and all of it was our processing.
    Ours(Instant),
    /// It began then, and what it took was waiting for others.
    Passed(Instant),
}

/// Writes an exchange to the logs and counters. `place` is who else was involved, if anybody.
pub fn log(entry: &mut OpenSession, exchange: &Exchange, timing: Timing, place: &str) {
    let outcome = exchange.outcome.as_str();
    let both;
    let context = if place.is_empty() || !entry.is_written() {
        outcome
    } else {
        both = format!("{place} {outcome}");
        &both
    };
    let logged = service::Exchange {
        command: exchange.keyword.map_or("OTHER", pop3::Keyword::as_str),
        parameters: &exchange.parameters,
        ok: exchange.outcome == Outcome::Ok,
        request: exchange.request,
        reply: exchange.reply,
        context,
    };
    match timing {
        Timing::Roster => entry.end(&logged),
        Timing::Ours(begun) => {
            let took = begun.elapsed();
            entry.note(&logged, took, took);
        }
        Timing::Passed(begun) => entry.note(&logged, begun.elapsed(), Duration::ZERO),
    }
}

/// What a connection is told for which there is no room. Nothing before a TLS handshake: it would not be understood.
pub fn turn_away(door: Door, why: &net::limits::Refusal) -> Vec<u8> {
    let mut words = Vec::new();
    if door == Door::Plain {
        pop3::reply::write_err(Some(ResponseCode::SysTemp), &format!("No connection: {why}"), &mut words);
    }
    words
}

fn lost(error: &dyn std::fmt::Display) -> End {
    format!("connection lost: {error}")
}
