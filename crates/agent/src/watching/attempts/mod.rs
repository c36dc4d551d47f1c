//! One attempt of each probe, from a target to an observation.
//!
//! - `pop3`: what is done as a client of a front end or a back end;
//! - `delivery`: mail for health mailboxes, and what of it is on its way;
//! - `directory`: who users are;
//! - `records`: what the records of placement say;
//! - `services`: what is asked of the services of this server at their admin sockets;
//! - `network`: the ways to others, and the agents of others;
//! - `third_party`: POP3 servers that are not ours;
//! - `control`: a responder of our own, at which nothing can be wrong.
//!
//! Whether an attempt can be made at all is looked at before it and, if it failed, after it: what is switched off, drained or
//! on its way cannot be tested.

mod control;
mod delivery;
mod directory;
mod network;
mod pop3;
mod records;
mod services;
mod third_party;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use ::directory::Directory;
use cluster::Placed;
use coordinator::{Coordinator, Standing};
use health::definition::Scenario;
use health::{Failure, FailureReason, Finding, Observation, Outcome, Part, Phase, Surroundings, Watched};
use health_mailbox::{HealthKey, HealthMailbox};
use placement::World;
use probe::Recorder;
use reception::Certificates;
use service::Live;
use settings::{DataDirectory, DatabaseName, ServerName, Value as _};
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use crate::clock::unix_millis;
use crate::neighbours::Neighbours;
use control::Control;
use delivery::Deliveries;
use services::CommandTimes;

/// What attempts are made with.
pub(crate) struct Attempts {
    pub(crate) server: ServerName,
    data: DataDirectory,
    live: Arc<Live>,
    world: watch::Receiver<Arc<World>>,
    placed: watch::Receiver<Arc<Placed>>,
    coordinator: Arc<dyn Coordinator>,
    certificates: Arc<Certificates>,
    neighbours: Arc<Neighbours>,
    directory: directory::Source,
    clients: pop3::ClientSide,
    deliveries: Deliveries,
    third_party_deliveries: Deliveries,
    times: CommandTimes,
    control: Control,
}

/// What the agent has that attempts and recoveries need.
#[derive(Clone)]
pub(crate) struct Means {
    pub(crate) server: ServerName,
    pub(crate) data: DataDirectory,
    pub(crate) live: Arc<Live>,
    pub(crate) world: watch::Receiver<Arc<World>>,
    pub(crate) placed: watch::Receiver<Arc<Placed>>,
    pub(crate) coordinator: Arc<dyn Coordinator>,
    pub(crate) certificates: Arc<Certificates>,
    pub(crate) neighbours: Arc<Neighbours>,
}

/// How an attempt differs from what its definition says.
#[derive(Clone, Debug)]
pub(crate) struct Aim {
    /// How long it may take.
    pub(crate) limit: Duration,
    /// Another address to aim at.
    pub(crate) endpoint: Option<probe::Address>,
    /// Another health mailbox to use.
    pub(crate) account: Option<DatabaseName>,
}

impl Aim {
    pub(crate) fn within(limit: Duration) -> Self {
        Self { limit, endpoint: None, account: None }
    }
}

impl Attempts {
    /// Within a runtime only.
    pub(crate) async fn new(means: Means) -> std::io::Result<Self> {
        let Means { server, data, live, world, placed, coordinator, certificates, neighbours } = means;
        Ok(Self {
            directory: directory::Source::new(data.directory()),
            clients: pop3::ClientSide::default(),
            deliveries: Deliveries::new(&server),
            third_party_deliveries: Deliveries::new(&server),
            times: CommandTimes::default(),
            control: Control::start().await?,
            server,
            data,
            live,
            world,
            placed,
            coordinator,
            certificates,
            neighbours,
        })
    }

    /// What there is on this server to watch.
    pub(crate) fn surroundings(&self) -> Surroundings {
        Surroundings {
            listeners: self.listeners().into_iter().map(|listener| listener.name).collect(),
            certificates: self.certificates.in_use().into_iter().map(|it| it.name).collect(),
            third_parties: self.third_parties(),
        }
    }

    /// Whether the last attempt at the control failed: then nothing else that fails says anything.
    pub(crate) fn control_fails(&self) -> bool {
        self.control.fails()
    }

    /// Makes an attempt.
    pub(crate) async fn observe(&self, watched: &Watched, aim: &Aim) -> Observation {
        let (started, began) = (unix_millis(), Instant::now());
        let target = watched.target.as_deref();
        let scenario = watched.probe.scenario;
        let mut finding = match self.hindrance(scenario, target) {
            Some(hindrance) => cannot_test(hindrance),
            None => self.attempt(scenario, target.unwrap_or_default(), aim).await,
        };
        // What began while it was under way explains its failure.
        if finding.outcome.is_failure()
            && let Some(hindrance) = self.hindrance(scenario, target)
        {
            finding.outcome = Outcome::CannotTest;
            finding.failure = Some(hindrance);
        }
        if matches!(scenario, Scenario::Control) {
            self.control.took(finding.outcome.is_failure());
        }
        Observation {
            probe: watched.probe.name.to_owned(),
            health_set: watched.probe.health_set.to_owned(),
            server: self.server.clone(),
            target: watched.target.clone(),
            started,
            took: began.elapsed(),
            finding,
        }
    }

    async fn attempt(&self, scenario: Scenario, target: &str, aim: &Aim) -> Finding {
        match scenario {
            Scenario::SelfTest => self.self_test(aim).await,
            Scenario::ProxyTest => self.proxy_test(target, aim).await,
            Scenario::DeepTest => self.deep_test(target, aim).await,
            Scenario::TouchPoint => self.touch_point(target, aim).await,
            Scenario::Delivery => self.deliver(target, aim).await,
            Scenario::DirectoryLookUp => self.look_up(aim).await,
            Scenario::Authentication => self.authenticate(target, aim).await,
            Scenario::MailboxServerAuthentication => self.shake_hands(target, aim).await,
            Scenario::Store => self.check_store(target, aim).await,
            Scenario::Mounted => self.mounted(target),
            Scenario::Redundancy => self.redundancy(target),
            Scenario::Network => self.reach(target, aim).await,
            Scenario::CertificateExpiry => self.expiry(target),
            Scenario::CommandTime => self.command_time(target, aim).await,
            Scenario::Observer => self.ask_neighbour(target, aim).await,
            Scenario::Control => self.control.attempt(aim.limit).await,
            Scenario::ThirdParty => self.visit(target, aim).await,
        }
    }

    /// Why what a scenario is aimed at cannot be tested now.
    fn hindrance(&self, scenario: Scenario, target: Option<&str>) -> Option<Failure> {
        let service = match scenario {
            Scenario::SelfTest | Scenario::DeepTest => Some("backend"),
            Scenario::ProxyTest | Scenario::TouchPoint | Scenario::Delivery => Some("frontend"),
            _ => None,
        };
        if let Some(drained) = service.and_then(|service| self.drained(service)) {
            return Some(drained);
        }
        let needs_standing = matches!(
            scenario,
            Scenario::DeepTest
                | Scenario::TouchPoint
                | Scenario::Delivery
                | Scenario::Store
                | Scenario::Mounted
                | Scenario::Redundancy
        );
        let database = target.filter(|_| needs_standing).and_then(|name| DatabaseName::parse(name).ok())?;
        self.on_its_way(&database, scenario)
    }

    fn world(&self) -> Arc<World> {
        Arc::clone(&self.world.borrow())
    }

    /// Whether the records are those of now.
    fn knows_the_records(&self) -> bool {
        matches!(self.placed.borrow().standing, Standing::Live)
    }

    /// The secret of the health mailbox of a database.
    fn account(&self, database: &DatabaseName) -> Result<probe::Account, Failure> {
        let mailbox = HealthMailbox::of(database);
        let secret = health_key(&self.data)?.secret(&mailbox);
        Ok(probe::Account {
            user: mailbox.user().to_owned(),
            secret: ::pop3::Secret::new(secret.expose().as_bytes().to_vec()),
        })
    }

    /// When a certificate expires, in days.
    fn expiry(&self, target: &str) -> Finding {
        let found = self.certificates.in_use().into_iter().find(|it| it.name == target);
        let Some(found) = found else {
            return cannot_test(hindrance(
                FailureReason::NotConfigured,
                "the certificate is not in use any more",
            ));
        };
        let left = found.not_after.duration_since(SystemTime::now());
        let days =
            left.map_or_else(|over| -over.duration().as_secs_f64(), |left| left.as_secs_f64()) / 86_400.0;
        let mut finding = Finding { value: Some(days), samples: Some(1), ..Finding::default() };
        if days <= 0.0 {
            finding.outcome = Outcome::Failed;
            finding.failure = Some(Failure {
                reason: FailureReason::Expiring,
                phase: Phase::Compare,
                part: Part::Certificate,
                detail: format!("it has expired {:.1} days ago", -days),
            });
        }
        finding
    }
}

/// The key of the secrets of health mailboxes.
pub(crate) fn health_key(data: &DataDirectory) -> Result<HealthKey, Failure> {
    let file = data.health_key();
    let missing = |why: String| {
        hindrance(
            FailureReason::NotConfigured,
            &format!("the key of the health mailboxes, {}: {why}", file.display()),
        )
    };
    let octets = std::fs::read(&file).map_err(|error| missing(error.to_string()))?;
    HealthKey::read(&octets).map_err(|error| missing(error.to_string()))
}

/// A finding that says nothing about what it was aimed at.
fn cannot_test(why: Failure) -> Finding {
    Finding { outcome: Outcome::CannotTest, failure: Some(why), ..Finding::default() }
}

/// Why an attempt cannot be made.
fn hindrance(reason: FailureReason, detail: &str) -> Failure {
    Failure { reason, phase: Phase::Ask, part: Part::Observer, detail: detail.to_owned() }
}

/// Carries out an attempt that has no connection of its own, in phases, within a limit.
async fn in_phases<Fut>(
    (part, first): (Part, Phase),
    limit: Duration,
    attempt: impl FnOnce(Recording) -> Fut,
) -> Finding
where
    Fut: Future<Output = Result<(), Failure>>,
{
    let recording = Recording(Arc::new(std::sync::Mutex::new(Recorder::new(part, first))));
    let ended = timeout(limit, attempt(recording.clone())).await.ok();
    let recorder = std::mem::replace(&mut *recording.lock(), Recorder::new(part, first));
    recorder.finish(ended, limit).0
}

/// A recorder that an attempt and whoever cuts it off share.
#[derive(Clone)]
struct Recording(Arc<std::sync::Mutex<Recorder>>);

impl Recording {
    fn lock(&self) -> std::sync::MutexGuard<'_, Recorder> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn enter(&self, phase: Phase) {
        self.lock().enter(phase);
    }

    fn failure(&self, reason: FailureReason, detail: impl Into<String>) -> Failure {
        self.lock().failure(reason, detail)
    }
}

/// Somebody to ask who users are.
type SharedDirectory = Arc<dyn Directory>;
