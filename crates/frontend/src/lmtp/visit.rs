//! One connection of a mail server.

use std::fmt;
use std::fmt::Write;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use lmtp::server::{Answered, Limits, Offer, Session, Step};
use lmtp::{Address, MailParameters, Reply};
use net::connection::StreamError;
use net::drain::SessionToken;
use net::limits::Refusal;
use net::{Accepted, Connection, Peer};
use service::counters::OTHER;
use service::{Exchange, OpenSession};
use tokio::time::Instant;

use super::delivery::{Answer, Delivering, Delivery};
use super::envelope::Envelope;
use super::transaction::{Transaction, Way};
use crate::running::Frontend;

/// How long a last word may take.
const FAREWELL: Duration = Duration::from_secs(2);

/// Why a connection ended, for its log.
type End = String;

struct Visit {
    frontend: Arc<Frontend>,
    connection: Connection,
    machine: Session,
    entry: OpenSession,
    token: SessionToken,
    /// Where the mail server connected from; nowhere, on a Unix socket.
    address: Option<IpAddr>,
    /// Our own host name.
    host_name: String,
    transaction: Option<Transaction>,
}

/// Serves a mail server until its end.
pub(crate) async fn serve<K>(frontend: Arc<Frontend>, accepted: Accepted<K>, token: SessionToken) {
    let settings = frontend.service.live.snapshot();
    let Accepted { connection, peer, .. } = accepted;
    let limits = Limits {
        message: settings.server.delivery.max_message_size.get(),
        errors: settings.server.session.error_limit,
        ..Limits::default()
    };
    let this = settings.configuration.server(&frontend.server);
    let host_name = this.map_or(&*frontend.server, |server| server.host_name.as_str()).to_owned();
    let mut entry = frontend.service.open_lmtp(peer.local, peer.client);
    entry.forget();
    let mut visit = Visit {
        machine: Session::new(host_name.clone(), Offer::default(), limits),
        // Whoever can reach the socket has been let in by its folder.
        address: (peer != Peer::unix()).then(|| peer.client.ip()),
        frontend,
        connection,
        entry,
        token,
        host_name,
        transaction: None,
    };
    match visit.address {
        Some(address) if !settings.server.delivery.trusted_peers.contains(address) => {
            tracing::warn!(client = %peer, "somebody who is not listed wants to deliver");
            visit.machine.close_with(&Reply::new(550, 7, 1, "Only listed mail servers deliver here"));
        }
        _ => visit.machine.greet(),
    }
    drop(settings);
    let end = visit.run().await.err().unwrap_or_default();
    visit.entry.set_farewell(&end);
    // The peer may be gone, which changes nothing any more.
    let _ = visit.connection.send_before(Instant::now() + FAREWELL, visit.machine.output()).await;
    visit.connection.close(FAREWELL).await;
}

/// What a mail server is told that cannot be served at all.
pub(crate) fn turn_away(why: &Refusal) -> Vec<u8> {
    format!("{}\r\n", Reply::new(421, 3, 2, format!("No connection: {why}"))).into_bytes()
}

impl Visit {
    async fn run(&mut self) -> Result<(), End> {
        loop {
            let begun = Instant::now();
            match self.machine.step() {
                Step::Input => self.receive().await?,
                Step::Answered(answered) => self.answered_alone(answered, begun.elapsed()),
                Step::Sender(sender, parameters) => self.sender(sender, &parameters)?,
                Step::Recipient(address) => self.recipient(&address).await?,
                Step::Data(octets) => {
                    let Some(transaction) = &mut self.transaction else { return Err(out_of_step()) };
                    if !transaction.is_receiving() {
                        self.entry.begin("DATA");
                        self.entry.set_state("message");
                    }
                    transaction.take(&self.frontend, octets);
                }
                Step::DataEnd => self.deliver().await?,
                Step::Abandoned => self.abandon().await,
                Step::Forwarded(_) => self.machine.refuse(&Reply::new(550, 7, 0, "XCLIENT is not offered")),
                Step::Answer => return Err(out_of_step()),
                Step::Close => return Ok(()),
            }
        }
    }

    fn sender(&mut self, sender: Option<Address>, parameters: &MailParameters) -> Result<(), End> {
        let mut said = match &sender {
            Some(sender) => format!("FROM:<{sender}>"),
            None => "FROM:<>".to_owned(),
        };
        let _ = write!(said, "{parameters}");
        self.entry.announce(self.machine.client_name().unwrap_or_default());
        self.entry.begin("MAIL");
        let mut random = [0; 10];
        getrandom::fill(&mut random).map_err(|error| format!("no randomness: {error}"))?;
        let envelope = Envelope::new(sender, parameters.size, self.frontend.service.clock.now(), random);
        let way = Way {
            client: self.machine.client_name().unwrap_or_default().to_owned(),
            address: self.address,
            server: self.host_name.clone(),
        };
        let id = envelope.id.clone();
        self.transaction = Some(Transaction::new(self.frontend.service.live.snapshot(), way, envelope));
        self.entry.set_state("transaction");
        let before = self.machine.output().len();
        self.machine.accept();
        self.answered("MAIL", &said, before, true, id.as_str());
        Ok(())
    }

    async fn recipient(&mut self, address: &Address) -> Result<(), End> {
        self.entry.begin("RCPT");
        let Some(transaction) = &mut self.transaction else { return Err(out_of_step()) };
        let answer = tokio::select! {
            biased;
            () = self.token.refusing() => {
                self.machine.close_with(&going_down());
                return Ok(());
            }
            answer = transaction.recipient(&self.frontend, &self.entry, address) => answer,
        };
        let (before, said) = (self.machine.output().len(), format!("TO:<{address}>"));
        let (ok, context) = match answer {
            Ok((database, server)) => {
                self.machine.accept();
                (true, format!("{database} {server}"))
            }
            Err(reply) => {
                self.machine.refuse(&reply);
                (false, reply.to_string())
            }
        };
        self.answered("RCPT", &said, before, ok, &context);
        Ok(())
    }

    /// Delivers the message and answers for each recipient as soon as it is known.
    async fn deliver(&mut self) -> Result<(), End> {
        let Some(transaction) = self.transaction.take() else { return Err(out_of_step()) };
        if !transaction.is_receiving() {
            self.entry.begin("DATA");
        }
        self.entry.set_state("delivery");
        let octets = transaction.octets();
        let mut told = Told { reply: 0, ok: true, context: String::new() };
        let (named, delivering) = transaction.deliver(&self.frontend, &self.entry).await;
        match delivering {
            Ok(delivering) => self.answers(delivering, &named, &mut told).await?,
            Err(reply) => {
                let before = self.machine.output().len();
                (0..named.len()).for_each(|recipient| self.machine.delivered(recipient, reply.clone()));
                told.reply = self.machine.output().len() - before;
                (told.ok, told.context) = (false, reply.to_string());
            }
        }
        self.entry.resume();
        self.entry.set_state("idle");
        self.entry.end(&Exchange {
            command: "DATA",
            parameters: "",
            ok: told.ok,
            request: octets,
            reply: told.reply as u64,
            context: &told.context,
        });
        Ok(())
    }

    async fn answers(
        &mut self,
        mut delivering: Delivering,
        named: &[usize],
        told: &mut Told,
    ) -> Result<(), End> {
        let logged = self.frontend.service.protocol_log.enabled();
        loop {
            let answers = tokio::select! {
                biased;
                () = self.token.refusing() => {
                    self.machine.close_with(&going_down());
                    told.ok = false;
                    return Ok(());
                }
                answers = delivering.next() => answers,
            };
            let Some(answers) = answers else { return Ok(()) };
            let before = self.machine.output().len();
            for answer in answers {
                self.tell(delivering.delivery(), &answer);
                told.ok &= answer.reply.is_positive();
                if logged {
                    told.add(delivering.delivery(), &answer);
                }
                for (recipient, _) in named.iter().enumerate().filter(|(_, place)| **place == answer.place) {
                    self.machine.delivered(recipient, answer.reply.clone());
                }
            }
            told.reply += self.machine.output().len() - before;
            // What is known already does not wait for the rest.
            if !delivering.is_complete() {
                self.send().await?;
            }
        }
    }

    /// Writes what became of a message for one recipient to the service log.
    fn tell(&self, delivery: &Delivery, answer: &Answer) {
        let recipient = &delivery.recipients[answer.place];
        let (session, user, database) = (self.entry.id(), &recipient.address, recipient.database());
        let server = answer.by.as_ref().map_or("", |own| &own.server);
        let (octets, id, outcome) = (delivery.message.len(), &delivery.envelope.id, &answer.reply);
        if answer.reply.is_positive() {
            tracing::info!(%session, %user, %database, server, octets, delivery = %id, %outcome, "delivered");
        } else {
            tracing::warn!(%session, %user, %database, server, octets, delivery = %id, %outcome, "not delivered");
        }
    }

    async fn abandon(&mut self) {
        let Some(transaction) = self.transaction.take() else { return };
        if transaction.is_receiving() {
            let (request, context) = (transaction.octets(), "abandoned");
            self.entry.end(&Exchange { command: "DATA", request, context, ..Exchange::default() });
        }
        self.entry.set_state("idle");
        transaction.abandon(&self.frontend).await;
    }

    /// The machine has answered a command alone, in so much time.
    fn answered_alone(&mut self, answered: Answered, took: Duration) {
        let client = self.machine.client_name().unwrap_or_default();
        self.entry.announce(client);
        let exchange = Exchange {
            command: answered.command.unwrap_or(OTHER),
            parameters: if answered.command == Some("LHLO") { client } else { "" },
            ok: answered.ok,
            request: answered.request,
            reply: answered.reply,
            context: "",
        };
        self.entry.note(&exchange, took, took);
    }

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

    /// Sends what is waiting.
    async fn send(&mut self) -> Result<(), End> {
        if self.machine.output().is_empty() {
            return Ok(());
        }
        let deadline = self.deadline();
        let sent = self.connection.send_before(deadline, self.machine.output()).await;
        self.machine.output().clear();
        sent.map_err(|error| lost(&error))
    }

    /// Sends what is waiting and reads. The mail server takes its time meanwhile, not we.
    async fn receive(&mut self) -> Result<(), End> {
        self.entry.pause();
        let received = self.send_and_receive().await;
        self.entry.resume();
        received
    }

    async fn send_and_receive(&mut self) -> Result<(), End> {
        self.send().await?;
        let (deadline, idle) = (self.deadline(), self.machine.is_at_boundary());
        let machine = &mut self.machine;
        let received = tokio::select! {
            biased;
            () = end_of(&mut self.token, idle) => {
                machine.close_with(&going_down());
                return Ok(());
            }
            received = self.connection.receive_before(deadline, |octets| match octets {
                [] => machine.input_closed(),
                octets => machine.receive(octets),
            }) => received,
        };
        match received {
            Ok(()) => Ok(()),
            Err(StreamError::Failed(error)) => Err(lost(&error)),
            Err(StreamError::Deadline) => {
                self.machine.close_with(&Reply::new(421, 4, 2, "You were silent for too long"));
                Ok(())
            }
        }
    }

    fn deadline(&self) -> Instant {
        let settled = self.frontend.service.live.load();
        Instant::now() + settled.server.delivery.connection_timeout.duration()
    }
}

/// What a mail server was told of a message.
struct Told {
    /// In octets.
    reply: usize,
    /// Whether everybody got it.
    ok: bool,
    /// For the protocol log: who, where, what.
    context: String,
}

impl Told {
    fn add(&mut self, delivery: &Delivery, answer: &Answer) {
        let recipient = &delivery.recipients[answer.place];
        let server = answer.by.as_ref().map_or("nowhere", |own| &own.server);
        let before = if self.context.is_empty() { "" } else { "; " };
        // Writing to a string cannot fail.
        let _ = write!(
            self.context,
            "{before}{} {} {server} {}",
            recipient.address,
            recipient.database(),
            answer.reply
        );
    }
}

/// Resolves when the session is to end: at a boundary soon, elsewhere only when there is no time left.
async fn end_of(token: &mut SessionToken, idle: bool) {
    if idle { token.draining().await } else { token.refusing().await }
}

fn going_down() -> Reply {
    // RFC 5321 §3.8.
    Reply::new(421, 3, 2, "The server is going down")
}

fn out_of_step() -> End {
    "internal error: the session machine and its driver disagree".to_owned()
}

fn lost(error: &dyn fmt::Display) -> End {
    format!("connection lost: {error}")
}
