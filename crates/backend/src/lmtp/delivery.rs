//! One connection of a front end that delivers.

use std::sync::Arc;
use std::time::Duration;

use directory::User;
use lmtp::server::{Limits, Offer, Session, Step};
use lmtp::{Address, Reply};
use mailbox::{Delivery, DeliveryId, MailboxError, Octets, UnixSeconds, WireMessage};
use net::drain::{Phase, SessionToken};
use net::{Accepted, Connection, Role};
use service::OpenSession;
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
            let step = self.machine.step();
            match step {
                Step::Input => self.receive().await?,
                Step::Sender(_, parameters) => {
                    self.size = Octets::new(parameters.size.unwrap_or(0));
                    self.delivery = parameters.delivery_id.and_then(|id| DeliveryId::parse(id.as_str()).ok());
                    if self.delivery.is_some() {
                        self.machine.accept();
                    } else {
                        self.machine.refuse(&Reply::new(
                            501,
                            5,
                            4,
                            "A delivery has a name of 32 hexadecimal digits here",
                        ));
                    }
                }
                Step::Recipient(address) => match self.recipient(&address).await {
                    Ok(recipient) => {
                        self.recipients.push(recipient);
                        self.machine.accept();
                    }
                    Err(reply) => self.machine.refuse(&reply),
                },
                Step::Data(bytes) => {
                    let upload = self.upload.get_or_insert_with(|| {
                        let memory = usize::try_from(self.settings.server.delivery.spool_memory.get());
                        Upload::new(&self.backend.spool, memory.unwrap_or(usize::MAX))
                    });
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

    /// Delivers to every recipient at once and says so as each is done.
    async fn deliver(&mut self) {
        let recipients = std::mem::take(&mut self.recipients);
        let message = match self.message() {
            Ok(message) => message,
            Err(reply) => {
                (0..recipients.len()).for_each(|recipient| self.machine.delivered(recipient, reply.clone()));
                return;
            }
        };
        let (Some(id), received) = (self.delivery.take(), now()) else { return };
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
            let Ok((place, outcome, user)) = finished else { continue };
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
        self.upload = None;
        self.delivery = None;
    }

    fn refusal(&self, user: &User, error: &MailboxError) -> Reply {
        tracing::warn!(session = %self.entry.id(), user = user.name.as_str(), %error, "a message was not delivered");
        replies::reply(error)
    }

    async fn receive(&mut self) -> Result<(), End> {
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
