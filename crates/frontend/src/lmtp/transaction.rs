//! One message of a mail server, from MAIL to the end of DATA.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use directory::User;
use lmtp::{Address, Reply};
use service::OpenSession;
use service::live::Settled;
use settings::Configuration;

use super::delivery::{Delivering, Delivery};
use super::envelope::{Envelope, Recipient};
use super::leg::{Leg, Verdict};
use super::message::Incoming;
use super::reach::{Unreached, envelope_limits, not_there, reach, release};
use super::trace::Trace;
use crate::route::Route;
use crate::running::Frontend;

/// Where a message comes from, and where to, as its trace shows.
#[derive(Clone, Debug)]
pub(super) struct Way {
    /// What the mail server calls itself.
    pub(super) client: String,
    /// Where it connected from; nowhere, on a Unix socket.
    pub(super) address: Option<IpAddr>,
    /// Our own host name.
    pub(super) server: String,
}

/// A message that has a sender.
pub(super) struct Transaction {
    settings: Arc<Settled>,
    way: Way,
    envelope: Envelope,
    /// The mailboxes that accepted it, each once.
    recipients: Vec<Recipient>,
    /// Which of them each accepted RCPT named.
    named: Vec<usize>,
    /// What the first accepted RCPT said.
    first: Option<Address>,
    legs: Vec<Leg>,
    /// How long RCPTs of this transaction may still be held: the mail server waits for all of them together.
    patience: Duration,
    incoming: Option<Incoming>,
    octets: u64,
}

impl Transaction {
    /// A message from somewhere, that goes by `settings` until its end.
    pub(super) fn new(settings: Arc<Settled>, way: Way, envelope: Envelope) -> Self {
        Self {
            patience: settings.server.delivery.hold.duration(),
            settings,
            way,
            envelope,
            recipients: Vec::new(),
            named: Vec::new(),
            first: None,
            legs: Vec::new(),
            incoming: None,
            octets: 0,
        }
    }

    /// Names a recipient: finds whose mail it is and asks the back end. Which database that is and which server has it, or
    /// what the mail server is told.
    pub(super) async fn recipient(
        &mut self,
        frontend: &Frontend,
        entry: &OpenSession,
        address: &Address,
    ) -> Result<(Arc<String>, &str), Reply> {
        let user = self.find(frontend, address).await?;
        let known = self.recipients.iter().position(|recipient| recipient.mailbox == user.mailbox);
        let place = known.unwrap_or(self.recipients.len());
        if known.is_none() {
            let address = Address::parse(user.name.as_str()).map_err(|error| {
                tracing::error!(user = user.name.as_str(), %error, "the directory gives an impossible name");
                Reply::new(451, 3, 5, "The directory has no proper name for this user")
            })?;
            let recipient = Recipient::new(user, address);
            // The back end's time is not ours.
            entry.pause();
            let asked = self.ask(frontend, place, &recipient).await;
            entry.resume();
            asked?;
            self.recipients.push(recipient);
        }
        self.named.push(place);
        self.first.get_or_insert_with(|| address.clone());
        let leg = self.legs.iter().find(|leg| leg.accepted().contains(&place));
        Ok((self.recipients[place].database(), leg.map_or("", |leg| &leg.inner().own().server)))
    }

    async fn find(&self, frontend: &Frontend, address: &Address) -> Result<User, Reply> {
        let unknown = || Reply::new(550, 1, 1, "No such user");
        let delimiter = self.settings.server.delivery.recipient_delimiter;
        let recipient = directory::Recipient::parse(&address.to_string(), &frontend.realm, delimiter);
        let found = recipient.map_err(|_| unknown())?.find(&*frontend.directory).await.map_err(|error| {
            tracing::error!(%error, "a recipient cannot be looked up");
            Reply::new(451, 4, 3, "Recipients cannot be looked up at this moment")
        })?;
        let from = self.way.address;
        found.filter(|user| takes_mail(user, from, &self.settings.configuration)).ok_or_else(unknown)
    }

    /// Asks the back end that has the recipient's database, on the connection that this transaction has there already or on
    /// a further one.
    async fn ask(&mut self, frontend: &Frontend, place: usize, recipient: &Recipient) -> Result<(), Reply> {
        let asked = [(place, &recipient.address)];
        if let Some(at) = self.leg_to(frontend, &recipient.database()) {
            let (_, limit) = envelope_limits(frontend);
            match self.legs[at].ask(&asked, limit).await.as_deref() {
                Ok([Verdict::Yes]) => return Ok(()),
                Ok([Verdict::No(reply)]) => return Err(reply.clone()),
                // It has just left that back end.
                Ok(_) => {}
                // Whom it had accepted is asked about again when the message is there.
                Err(lost) => {
                    tracing::debug!(%lost, "a back end was lost before it got the message");
                    self.legs.swap_remove(at);
                }
            }
        }
        let alone = [(place, recipient)];
        let begun = reach(frontend, &self.envelope, &alone, &mut self.patience).await;
        let (leg, verdicts) = begun.map_err(|unreached| match unreached {
            Unreached::Over(reply) => reply,
            // One alone is not scattered.
            Unreached::Scattered => not_there(),
        })?;
        self.legs.push(leg);
        match verdicts.as_slice() {
            [Verdict::Yes] => Ok(()),
            [Verdict::No(reply)] => Err(reply.clone()),
            _ => Err(not_there()),
        }
    }

    fn leg_to(&self, frontend: &Frontend, database: &str) -> Option<usize> {
        let Some(Route::Own(own)) = frontend.routes.load().to_database(database) else { return None };
        self.legs.iter().position(|leg| leg.inner().own().lmtp == own.lmtp)
    }

    /// Whether the message has begun to come.
    pub(super) fn is_receiving(&self) -> bool {
        self.incoming.is_some()
    }

    /// How many octets of the message have come.
    pub(super) fn octets(&self) -> u64 {
        self.octets
    }

    /// Takes the next of the message.
    pub(super) fn take(&mut self, frontend: &Frontend, octets: &[u8]) {
        self.octets += octets.len() as u64;
        self.incoming(frontend).take(octets);
    }

    fn incoming(&mut self, frontend: &Frontend) -> &mut Incoming {
        let Self { incoming, way, envelope, first, named, settings, .. } = self;
        incoming.get_or_insert_with(|| {
            let trace = Trace {
                sender: envelope.sender.as_ref(),
                client: &way.client,
                address: way.address,
                server: &way.server,
                id: &envelope.id,
                recipient: first.as_ref().filter(|_| named.len() == 1),
                at: frontend.service.clock.now(),
            };
            let memory = settings.server.delivery.spool_memory.get();
            Incoming::new(&frontend.spool, memory, &trace.to_string())
        })
    }

    /// The message is complete: its delivery begins. Also, which recipient each RCPT named; or what each of them is told, if
    /// the message is not to be delivered. From here on it is the back ends' time, not ours.
    pub(super) async fn deliver(
        mut self,
        frontend: &Arc<Frontend>,
        entry: &OpenSession,
    ) -> (Vec<usize>, Result<Delivering, Reply>) {
        self.incoming(frontend);
        let Self { settings, envelope, recipients, named, legs, incoming, .. } = self;
        let finished = incoming.map(Incoming::finish);
        entry.pause();
        let message = match finished {
            Some(Ok(message)) => message,
            Some(Err(reply)) => {
                for leg in legs {
                    release(frontend, leg).await;
                }
                return (named, Err(reply));
            }
            None => return (named, Err(not_there())),
        };
        let frontend = Arc::clone(frontend);
        let hold = settings.server.delivery.hold.duration();
        let delivery = Delivery { frontend, envelope, recipients, message, hold };
        (named, Ok(Delivering::start(delivery, legs)))
    }

    /// Forgets the message.
    pub(super) async fn abandon(self, frontend: &Frontend) {
        for leg in self.legs {
            release(frontend, leg).await;
        }
    }
}

/// Whether a user takes mail from a mail server at this address. A health mailbox does from servers of the cluster only, as
/// which a Unix socket counts.
fn takes_mail(user: &User, from: Option<IpAddr>, configuration: &Configuration) -> bool {
    let may = || from.is_none_or(|address| configuration.is_of_cluster(address));
    user.enabled && (!user.is_health_mailbox() || may())
}

#[cfg(test)]
mod tests {
    use directory::Credential;
    use health_mailbox::{HealthKey, HealthMailbox};
    use settings::{LoopbackPorts, Value as _};

    use super::*;

    fn user(name: &str) -> User {
        let database = settings::DatabaseName::parse("DB01").unwrap();
        let secret = HealthKey::new([7; 32]).secret(&HealthMailbox::of(&database));
        User {
            name: name.parse().unwrap(),
            aliases: Vec::new(),
            mailbox: "0".repeat(32),
            database,
            quota: None,
            enabled: true,
            credential: Credential::of_health_mailbox(&secret),
            credential_version: 1,
            scram: None,
            moving: None,
            created: 0,
            changed: 0,
        }
    }

    #[test]
    fn a_health_mailbox_takes_mail_from_the_cluster_only() {
        let configuration = Configuration::for_loopback(LoopbackPorts::default()).unwrap();
        let (health, anna) = (user("health-db01@mailmedic.invalid"), user("anna@example.com"));
        for (from, is_near) in [(None, true), (Some("127.0.0.1"), true), (Some("192.0.2.7"), false)] {
            let from = from.map(|address: &str| address.parse().unwrap());
            assert_eq!(takes_mail(&health, from, &configuration), is_near, "{from:?}");
            assert!(takes_mail(&anna, from, &configuration), "{from:?}");
        }
        let disabled = User { enabled: false, ..health };
        assert!(!takes_mail(&disabled, None, &configuration));
    }
}
