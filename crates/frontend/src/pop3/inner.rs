//! The inner session of a client: logged in where its mail is, and ready to be relayed.

use std::net::SocketAddr;
use std::time::Duration;

use net::connection::ConnectError;
use net::tls::TlsError;
use net::{ClientTls, Connection};
use pop3::client::{Dialogue, DialogueError, Event, Limits, LogIn, Phase};
use pop3::{Command, Refusal, ResponseCode, Secret, Xclient};
use settings::TargetHost;
use tokio::net::lookup_host;
use tokio::time::Instant;

use crate::free_connections::FreeConnections;
use crate::route::{Foreign, ForeignKind, Own, Protection};

/// How many hops a session may make behind this one: it must arrive, and no third-party server sends it on for ever.
const HOPS: u8 = 4;

/// A session logged in at a back end.
pub(super) struct Inner {
    /// The connection to the back end.
    pub(super) connection: Connection,
    /// What it said after the log-in.
    pub(super) rest: Vec<u8>,
    /// Which back end.
    pub(super) server: String,
    /// Which database where, for the protocol log.
    pub(super) place: String,
    /// Where it is, if it is one of ours, which take another session over the same connection.
    pub(super) address: Option<SocketAddr>,
}

/// A connection to one of our own back ends whose session is over, and what has come since: the next greeting.
#[derive(Debug)]
pub(crate) struct Free {
    connection: Connection,
    rest: Vec<u8>,
}

impl Inner {
    /// Keeps the connection for the next session, if the back end goes along with that.
    pub(super) fn keep(self, free: &FreeConnections<Free>) {
        if let Some(address) = self.address {
            free.put(address, self.server, Free { connection: self.connection, rest: self.rest });
        }
    }
}

/// For whom an inner session is opened.
#[derive(Clone, Debug)]
pub(super) struct Speaking {
    /// The user's name.
    pub(super) user: String,
    /// The client's address and port, session id and protocol.
    pub(super) xclient: Xclient,
}

/// Why there is no inner session.
#[derive(Debug)]
pub(super) enum NoSession {
    /// The back end or the database is not there at this moment; the text is for the log.
    NotThere(String),
    /// The back end judged the credentials, and they are wrong.
    WrongCredentials,
    /// It is there and does not serve this user now. The text is ours: a back end's never goes to a stranger.
    Refused(Refusal),
}

/// Opens a session at one of our own back ends, which believes our certificate: over a connection that is free, or else, or
/// if that turns out to be dead, over a new one.
pub(super) async fn open_own(
    own: &Own,
    tls: &ClientTls,
    free: &FreeConnections<Free>,
    speaking: &Speaking,
    limits: (Duration, Duration),
) -> Result<Inner, NoSession> {
    let (connect, reply) = limits;
    if let Some(free) = free.take(own.pop3, &own.server)
        && let Ok(inner) = introduce(own, free, speaking, reply).await
    {
        return Ok(inner);
    }
    let deadline = Instant::now() + connect;
    let connection = Connection::connect(own.pop3, deadline).await?;
    let connection = connection.connect_tls(tls, &own.server, deadline).await?;
    introduce(own, Free { connection, rest: Vec::new() }, speaking, reply).await
}

/// Introduces the user to one of our own back ends.
async fn introduce(own: &Own, free: Free, speaking: &Speaking, reply: Duration) -> Result<Inner, NoSession> {
    let xclient = Xclient { login: Some(speaking.user.clone()), ..speaking.xclient.clone() };
    let mut dialogue = Dialogue::new(Limits::default());
    dialogue.receive(&free.rest);
    let mut talk = Talk { connection: free.connection, dialogue, deadline: Instant::now() + reply };
    // All in one write, the greeting not waited for: our own back end takes commands as they come.
    talk.say(&Command::Xclient(xclient))?;
    talk.log_in(LogIn::External { authzid: Some(speaking.user.clone()) })?;
    talk.logged_in().await?;
    let place = format!("{} {}", own.database, own.server);
    Ok(talk.into_inner(own.server.clone(), place, Some(own.pop3)))
}

/// Opens a session at a third-party back end.
pub(super) async fn open_foreign(
    foreign: &Foreign,
    password: Option<&Secret>,
    speaking: &Speaking,
    limits: (Duration, Duration),
) -> Result<Inner, NoSession> {
    let (connect, reply) = limits;
    let connection = connect_foreign(foreign, Instant::now() + connect).await?;
    let mut talk =
        Talk { connection, dialogue: Dialogue::new(Limits::default()), deadline: Instant::now() + reply };
    let greeting = talk.until(|event| match event {
        Event::Greeting(greeting) => Some(greeting.xclient),
        _ => None,
    });
    let mut xclient = greeting.await?;
    if let Protection::Stls(tls, name) = &foreign.protection {
        talk.say(&Command::Stls)?;
        talk.until(|event| matches!(event, Event::StartTls).then_some(())).await?;
        let secured = talk.connection.connect_tls(tls, name, talk.deadline).await?;
        talk.connection = secured;
        talk.dialogue.tls_started();
        // Announced in the clear, it may be an attacker's word.
        xclient = false;
    }
    if xclient {
        talk.say(&Command::Xclient(speaking.xclient.clone()))?;
    }
    talk.log_in(match (&foreign.kind, password) {
        (ForeignKind::Master { user, password }, _) => LogIn::Plain {
            authzid: Some(speaking.user.clone()),
            user: user.clone(),
            password: password.clone(),
        },
        (ForeignKind::PassThrough, Some(password)) => {
            LogIn::Password { user: speaking.user.clone(), password: password.clone() }
        }
        (ForeignKind::PassThrough, None) => return Err(NoSession::WrongCredentials),
    })?;
    match talk.logged_in().await {
        // With a master's credentials a refusal is no fault of the client's.
        Err(NoSession::WrongCredentials) if matches!(foreign.kind, ForeignKind::Master { .. }) => {
            tracing::error!(route = foreign.name, "the back end refuses the master user");
            Err(NoSession::Refused(unavailable()))
        }
        Err(error) => Err(error),
        Ok(()) => Ok(talk.into_inner(foreign.name.clone(), foreign.name.clone(), None)),
    }
}

async fn connect_foreign(foreign: &Foreign, deadline: Instant) -> Result<Connection, NoSession> {
    let not_there =
        |error: &dyn std::fmt::Display| NoSession::NotThere(format!("{}: {error}", foreign.target));
    let connection = match &foreign.target.host {
        TargetHost::Address(address) => {
            Connection::connect((*address, foreign.target.port).into(), deadline).await?
        }
        TargetHost::Name(name) => {
            let addresses =
                tokio::time::timeout_at(deadline, lookup_host((name.as_str(), foreign.target.port))).await;
            let addresses =
                addresses.map_err(|error| not_there(&error))?.map_err(|error| not_there(&error))?;
            let mut last = NoSession::NotThere(format!("{name} has no address"));
            let mut connected = None;
            for address in addresses {
                match Connection::connect(address, deadline).await {
                    Ok(connection) => {
                        connected = Some(connection);
                        break;
                    }
                    Err(error) => last = error.into(),
                }
            }
            connected.ok_or(last)?
        }
    };
    match &foreign.protection {
        Protection::Implicit(tls, name) => Ok(connection.connect_tls(tls, name, deadline).await?),
        Protection::Plain | Protection::Stls(..) => Ok(connection),
    }
}

/// A dialogue with its connection.
struct Talk {
    connection: Connection,
    dialogue: Dialogue,
    deadline: Instant,
}

impl Talk {
    fn say(&mut self, command: &Command) -> Result<(), NoSession> {
        self.dialogue.say(command).map_err(|error| unsaid(&error))
    }

    fn log_in(&mut self, log_in: LogIn) -> Result<(), NoSession> {
        self.dialogue.log_in(log_in).map_err(|error| unsaid(&error))
    }

    async fn logged_in(&mut self) -> Result<(), NoSession> {
        self.until(|event| matches!(event, Event::LoggedIn(_)).then_some(())).await
    }

    /// Sends what was said and listens until `wanted` has what it waits for.
    async fn until<T>(&mut self, mut wanted: impl FnMut(Event<'_>) -> Option<T>) -> Result<T, NoSession> {
        loop {
            while let Some(event) = self.dialogue.event()? {
                if let Some(found) = wanted(event) {
                    return Ok(found);
                }
            }
            let not_there = |error: &dyn std::fmt::Display| NoSession::NotThere(error.to_string());
            let output = std::mem::take(self.dialogue.output());
            self.connection.send_before(self.deadline, &output).await.map_err(|error| not_there(&error))?;
            let dialogue = &mut self.dialogue;
            let received = self.connection.receive_before(self.deadline, |bytes| {
                dialogue.receive(bytes);
                bytes.is_empty()
            });
            if received.await.map_err(|error| not_there(&error))? {
                return Err(NoSession::NotThere("the back end closed the connection".to_owned()));
            }
        }
    }

    fn into_inner(self, server: String, place: String, address: Option<SocketAddr>) -> Inner {
        Inner { connection: self.connection, rest: self.dialogue.into_rest(), server, place, address }
    }
}

impl Speaking {
    /// For `user`, whose client is as `xclient` says.
    pub(super) fn new(user: &str, xclient: Xclient) -> Self {
        let ttl = xclient.ttl.map_or(HOPS, |ttl| ttl.saturating_sub(1));
        Self { user: user.to_owned(), xclient: Xclient { ttl: Some(ttl), ..xclient } }
    }
}

impl From<ConnectError> for NoSession {
    fn from(error: ConnectError) -> Self {
        Self::NotThere(error.to_string())
    }
}

impl From<TlsError> for NoSession {
    fn from(error: TlsError) -> Self {
        Self::NotThere(error.to_string())
    }
}

impl From<DialogueError> for NoSession {
    fn from(error: DialogueError) -> Self {
        let DialogueError::Rejected { code, text, phase } = error else {
            return Self::NotThere(error.to_string());
        };
        match (code, phase) {
            // Refused before the log-in, it is going down: whoever comes after it will serve.
            (Some(ResponseCode::XNotMounted), _)
            | (_, Phase::Greeting)
            | (Some(ResponseCode::SysTemp), Phase::Xclient) => Self::NotThere(text),
            (Some(ResponseCode::InUse), _) => Self::Refused(Refusal::new(
                ResponseCode::InUse,
                "The maildrop has as many sessions as it may have",
            )),
            (Some(ResponseCode::LoginDelay), _) => {
                Self::Refused(Refusal::new(ResponseCode::LoginDelay, "Too soon after the last log-in"))
            }
            (Some(ResponseCode::SysPerm), _) => Self::Refused(Refusal::new(
                ResponseCode::SysPerm,
                "Your mailbox cannot be served; ask your administrator",
            )),
            (Some(ResponseCode::SysTemp), _) => {
                tracing::warn!(%phase, text, "a back end does not serve a user at this moment");
                Self::Refused(unavailable())
            }
            // Without a code, as older servers answer, a refused log-in means the credentials (RFC 3206 section 4).
            (Some(ResponseCode::Auth) | None, Phase::Auth) => Self::WrongCredentials,
            (Some(ResponseCode::Auth) | None, _) => {
                tracing::warn!(%phase, text, "a back end refuses to talk");
                Self::Refused(unavailable())
            }
        }
    }
}

/// A command that cannot be said, such as a user name with a line break: nobody has such a name there.
fn unsaid(error: &pop3::client::NotSaid) -> NoSession {
    tracing::warn!(%error, "a log-in cannot be passed on");
    NoSession::WrongCredentials
}

fn unavailable() -> Refusal {
    Refusal::new(ResponseCode::SysTemp, "Your mailbox is not available at this moment; try again")
}
