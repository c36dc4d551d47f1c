//! One connection of a front end that delivers.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use directory::User;
use lmtp::server::{Answered, Limits, Offer, Session, Step};
use lmtp::{Address, MailParameters, Reply};
use mailbox::{Delivery, DeliveryId, MailboxError, Octets, UnixSeconds, WireMessage};
use net::drain::{Phase, SessionToken};
use net::{Accepted, Connection, Role};
use service::counters::OTHER;
use service::{Exchange, OpenSession};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::upload::Upload;
use crate::mounts::Store;
use crate::occupancy::Home;
use crate::replies;
use crate::running::{Backend, Purpose};

/// How long a last word may take.
const FAREWELL: Duration = Duration::from_secs(2);

/// What a front end may put in front of a message, on top of what a message may have.
const TRACE: u64 = 64 * 1024;

/// Why a connection ended.
type End = String;

/// A recipient that was accepted.
struct Recipient {
    store: Store,
    home: Home,
    user: Box<User>,
    quota: Option<Octets>,
}

/// One front end.
struct Visit {
    backend: Arc<Backend>,
    settings: Arc<service::live::Settled>,
    connection: Connection,
    machine: Session,
    entry: OpenSession,
    token: SessionToken,
    /// The name of the delivery under way.
    delivery: Option<DeliveryId>,
    /// The size that was announced for it.
    size: Octets,
    recipients: Vec<Recipient>,
    upload: Option<Upload>,
    /// How much of the message has come.
    octets: u64,
}

/// What a front end was told of a message.
struct Told {
    /// Whether everybody got it.
    ok: bool,
    /// For the protocol log: who, where, what.
    context: String,
}

impl Told {
    fn add(&mut self, user: &User, reply: &Reply) {
        let before = if self.context.is_empty() { "" } else { "; " };
        let (user, database) = (user.name.as_str(), user.database.as_str());
        // Writing to a string cannot fail.
        let _ = write!(self.context, "{before}{user} {database} {reply}");
    }
}

/// Serves a connection until its end.
pub(crate) async fn serve(backend: Arc<Backend>, accepted: Accepted<Purpose>, token: SessionToken) {
    let settings = backend.service.live.snapshot();
    let Accepted { connection, peer, .. } = accepted;
    let handshake = Instant::now() + settings.server.session.tls_handshake_timeout.duration();
    let connection = match connection.accept_tls(&backend.certificates.inner().server(), handshake).await {
        Ok(connection) => connection,
        Err(error) => {
            tracing::info!(client = %peer, %error, "no TLS handshake");
            return;
        }
    };
    let from_front_end =
        matches!(connection.peer_identity(), Ok(Some(node)) if node.roles.contains(&Role::ClientAccess));
    let message = settings.server.delivery.max_message_size.get().saturating_add(TRACE);
    let limits = Limits { message, ..Limits::default() };
    let mut entry = backend.service.open_lmtp(peer.local, peer.client);
    entry.forget();
    let mut visit = Visit {
        machine: Session::new(backend.server.clone(), Offer { xclient: false, delivery_id: true }, limits),
        backend,
        settings,
        connection,
        entry,
        token,
        delivery: None,
        size: Octets::ZERO,
        recipients: Vec::new(),
        upload: None,
        octets: 0,
    };
    if from_front_end {
        visit.machine.greet();
    } else {
        tracing::warn!(client = %peer, "somebody who is no front end wants to deliver");
        visit.machine.close_with(&Reply::new(550, 7, 1, "Only front ends deliver here"));
    }
    let end = visit.run().await.err().unwrap_or_default();
    visit.entry.set_farewell(&end);
    let output = std::mem::take(visit.machine.output());
    // The front end may be gone already; what it was told before counts.
    let _ = visit.connection.send_before(Instant::now() + FAREWELL, &output).await;
    visit.connection.close(FAREWELL).await;
}

impl Visit {
    async fn run(&mut self) -> Result<(), End> {
        loop {
            let begun = Instant::now();
            match self.machine.step() {
                Step::Input => self.receive().await?,
                Step::Answered(answered) => self.answered_alone(answered, begun.elapsed()),
                Step::Sender(sender, parameters) => self.sender(sender.as_ref(), &parameters),
                Step::Recipient(address) => {
                    self.entry.begin("RCPT");
                    let (accepted, before) = (self.recipient(&address).await, self.machine.output().len());
                    let (ok, context) = match accepted {
                        Ok(recipient) => {
                            let database = recipient.user.database.as_str().to_owned();
                            self.recipients.push(recipient);
                            self.machine.accept();
                            (true, database)
                        }
                        Err(reply) => {
                            self.machine.refuse(&reply);
                            (false, reply.to_string())
                        }
                    };
                    self.answered("RCPT", &format!("TO:<{address}>"), before, ok, &context);
                }
                Step::Data(bytes) => {
                    let upload = self.upload.get_or_insert_with(|| {
                        self.entry.begin("DATA");
                        let memory = usize::try_from(self.settings.server.delivery.spool_memory.get());
                        Upload::new(&self.backend.spool, memory.unwrap_or(usize::MAX))
                    });
                    self.octets += bytes.len() as u64;
                    upload.append(bytes).map_err(|error| {
                        tracing::error!(%error, "cannot spool a message");
                        self.machine.close_with(&Reply::new(452, 3, 1, "Cannot spool the message"));
                        "spool full".to_owned()
                    })?;
                }
                Step::DataEnd => self.deliver().await,
                Step::Abandoned => self.forget(),
                Step::Forwarded(_) => self.machine.refuse(&Reply::new(550, 7, 0, "XCLIENT is not offered")),
                Step::Answer => return Err("internal error: a step was not answered".to_owned()),
                Step::Close => return Ok(()),
            }
        }
    }

    fn sender(&mut self, sender: Option<&Address>, parameters: &MailParameters) {
        self.entry.begin("MAIL");
        self.size = Octets::new(parameters.size.unwrap_or(0));
        let id = parameters.delivery_id.as_ref();
        self.delivery = id.and_then(|id| DeliveryId::parse(id.as_str()).ok());
        let (before, named) = (self.machine.output().len(), self.delivery.is_some());
        if named {
            self.machine.accept();
        } else {
            let text = "A delivery has a name of 32 hexadecimal digits here";
            self.machine.refuse(&Reply::new(501, 5, 4, text));
        }
        let sender = sender.map(ToString::to_string).unwrap_or_default();
        self.answered("MAIL", &format!("FROM:<{sender}>{parameters}"), before, named, "");
    }

    /// Finds whose mail it is and whether there is room for it.
    async fn recipient(&self, address: &Address) -> Result<Recipient, Reply> {
        let name = self.backend.desk.name(&address.to_string());
        let name = name.ok_or_else(|| Reply::new(550, 1, 1, "No such user"))?;
        let found = self.backend.directory.find(&name).await.map_err(|error| {
            tracing::error!(%error, "a recipient cannot be looked up");
            Reply::new(451, 4, 3, "Recipients cannot be looked up at this moment")
        })?;
        let user = found.filter(|user| user.enabled).ok_or_else(|| Reply::new(550, 1, 1, "No such user"))?;
        let (store, home) = self.backend.whereabouts(&user).await.map_err(|unserved| {
            tracing::warn!(session = %self.entry.id(), user = user.name.as_str(), %unserved, "no mailbox");
            unserved.reply()
        })?;
        let mailbox = home.mailbox();
        let quota =
            user.quota.unwrap_or(self.settings.server.delivery.default_quota).octets().map(Octets::new);
        match (store.admit(mailbox, quota, self.size).await, &self.delivery) {
            (Ok(()), _) => {}
            // What was stored already and is offered again is not refused because it filled the mailbox itself.
            (Err(MailboxError::OverQuota { .. }), Some(id))
                if matches!(store.find_delivery(*id, mailbox).await, Ok(Some(_))) => {}
            (Err(error), _) => return Err(self.refusal(&user, &error)),
        }
        Ok(Recipient { store, home, user: Box::new(user), quota })
    }

    /// Delivers the message and counts its DATA.
    async fn deliver(&mut self) {
        if self.upload.is_none() {
            self.entry.begin("DATA");
        }
        let before = self.machine.output().len();
        let mut told = Told { ok: true, context: String::new() };
        self.deliver_to_all(&mut told).await;
        let request = std::mem::take(&mut self.octets);
        let reply = (self.machine.output().len() - before) as u64;
        let (ok, context) = (told.ok, &*told.context);
        self.entry.end(&Exchange { command: "DATA", parameters: "", ok, request, reply, context });
    }

    /// Delivers to every recipient at once and says so as each is done.
    async fn deliver_to_all(&mut self, told: &mut Told) {
        let recipients = std::mem::take(&mut self.recipients);
        let message = match self.message() {
            Ok(message) => message,
            Err(reply) => {
                (0..recipients.len()).for_each(|recipient| self.machine.delivered(recipient, reply.clone()));
                (told.ok, told.context) = (false, reply.to_string());
                return;
            }
        };
        let (Some(id), received) = (self.delivery.take(), now()) else { return };
        let logged = self.entry.is_written();
        let mut deliveries = JoinSet::new();
        for (place, recipient) in recipients.into_iter().enumerate() {
            let message = Arc::clone(&message);
            let delivery = Delivery {
                id,
                mailbox: *recipient.home.mailbox(),
                name: recipient.user.name.as_str().to_owned(),
                quota: recipient.quota,
                message,
                uidl: None,
                received,
            };
            let occupancy = self.backend.occupancy.clone();
            deliveries.spawn(async move {
                // The mailbox may have been closed since RCPT: then the front end is to look for it again.
                let outcome = match occupancy.deliver(&recipient.home) {
                    Ok(_until_stored) => recipient.store.deliver(delivery).await,
                    Err(_closed) => Err(MailboxError::NotMounted),
                };
                (place, outcome, recipient.user)
            });
        }
        while let Some(finished) = deliveries.join_next().await {
            // A delivery that panicked leaves its recipient without a reply, so the connection is not answered further:
            // the front end offers the message again, under the same name.
            let Ok((place, outcome, user)) = finished else {
                told.ok = false;
                continue;
            };
            let reply = match outcome {
                Ok(delivered) => {
                    tracing::info!(
                        session = %self.entry.id(), delivery = %id, user = user.name.as_str(),
                        database = user.database.as_str(), octets = message.lengths().octets.get(), uid = delivered.uid().get(), "delivered"
                    );
                    Reply::new(250, 0, 0, "Delivered")
                }
                Err(error) => self.refusal(&user, &error),
            };
            told.ok &= reply.is_positive();
            if logged {
                told.add(&user, &reply);
            }
            self.machine.delivered(place, reply);
        }
    }

    fn message(&mut self) -> Result<Arc<dyn WireMessage>, Reply> {
        let upload = self.upload.take().unwrap_or_else(|| Upload::new(&self.backend.spool, 0));
        upload.finish().map_err(|error| {
            tracing::error!(%error, "cannot spool a message");
            Reply::new(452, 3, 1, "Cannot spool the message")
        })
    }

    fn forget(&mut self) {
        self.recipients.clear();
        self.delivery = None;
        let request = std::mem::take(&mut self.octets);
        if self.upload.take().is_some() {
            let context = "abandoned";
            self.entry.end(&Exchange { command: "DATA", request, context, ..Exchange::default() });
        }
    }

    /// The machine has answered a command alone, in so much time.
    fn answered_alone(&mut self, answered: Answered, took: Duration) {
        let Answered { command, ok, request, reply } = answered;
        let hello = self.machine.client_name().filter(|_| command == Some("LHLO"));
        let (command, parameters) = (command.unwrap_or(OTHER), hello.unwrap_or_default());
        self.entry.note(&Exchange { command, parameters, ok, request, reply, context: "" }, took, took);
    }

    /// The command begun last has been answered.
    fn answered(&mut self, command: &str, said: &str, before: usize, ok: bool, context: &str) {
        self.entry.end(&Exchange {
            command,
            parameters: said,
            ok,
            // With the space between and the CRLF behind.
            request: (command.len() + 1 + said.len() + 2) as u64,
            reply: (self.machine.output().len() - before) as u64,
            context,
        });
    }

    fn refusal(&self, user: &User, error: &MailboxError) -> Reply {
        tracing::warn!(session = %self.entry.id(), user = user.name.as_str(), %error, "a message was not delivered");
        replies::reply(error)
    }

    /// Sends what is waiting and reads. The front end takes its time meanwhile, not we.
    async fn receive(&mut self) -> Result<(), End> {
        self.entry.pause();
        let received = self.send_and_receive().await;
        self.entry.resume();
        received
    }

    async fn send_and_receive(&mut self) -> Result<(), End> {
        let deadline = Instant::now() + self.settings.server.delivery.connection_timeout.duration();
        let output = std::mem::take(self.machine.output());
        let lost = |error: &dyn std::fmt::Display| format!("connection lost: {error}");
        self.connection.send_before(deadline, &output).await.map_err(|error| lost(&error))?;
        if self.token.phase() != Phase::Admitting && self.machine.is_at_boundary() {
            self.machine.close_with(&Reply::new(421, 3, 2, "The server is going down"));
            return Ok(());
        }
        let machine = &mut self.machine;
        let received = tokio::select! {
            biased;
            received = self.connection.receive_before(deadline, |bytes| match bytes {
                [] => machine.input_closed(),
                bytes => machine.receive(bytes),
            }) => received,
            () = self.token.draining(), if machine_is_idle(&self.recipients, self.upload.as_ref()) => {
                self.machine.close_with(&Reply::new(421, 3, 2, "The server is going down"));
                return Ok(());
            }
        };
        received.map_err(|error| lost(&error))
    }
}

/// Whether nothing would be lost by ending here.
fn machine_is_idle(recipients: &[Recipient], upload: Option<&Upload>) -> bool {
    recipients.is_empty() && upload.is_none()
}

fn now() -> UnixSeconds {
    UnixSeconds(u64::try_from(jiff::Timestamp::now().as_second()).unwrap_or(0))
}
