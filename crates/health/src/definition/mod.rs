//! What there is to watch, as data: health sets, probes, monitors, and what depends on what.
//!
//! Everything that runs, judges, lists or explains reads [`HEALTH_SETS`], [`PROBES`] and [`MONITORS`]; nothing else in the
//! program knows when a probe runs or after how many failures a monitor settles. Names are not case-sensitive, and the
//! other names under which an item is known lead to it too.

mod health_sets;
mod monitors;
mod probes;
mod rule;

pub use health_sets::HEALTH_SETS;
pub use monitors::MONITORS;
pub use probes::PROBES;
pub use rule::Rule;

use std::time::Duration;

use settings::Role;

use crate::phase::{Part, Phase};

/// A component of mail access, with the probes and monitors that watch it.
#[derive(Debug, PartialEq)]
pub struct HealthSet {
    /// Its name.
    pub name: &'static str,
    /// Other names that lead to it.
    pub aliases: &'static [&'static str],
    /// What kind of component it is.
    pub group: HealthGroup,
    /// The health sets on which it depends.
    pub depends_on: &'static [&'static str],
    /// What it watches, in a sentence.
    pub what: &'static str,
}

/// The kinds of health sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HealthGroup {
    /// The whole path that a client takes.
    CustomerTouchPoints,
    /// A service of ours.
    ServiceComponents,
    /// The server itself, and what watches it.
    ServerComponents,
    /// What services need and are not.
    KeyDependencies,
}

impl HealthGroup {
    /// The name that administrators know.
    pub fn word(self) -> &'static str {
        match self {
            Self::CustomerTouchPoints => "CustomerTouchPoints",
            Self::ServiceComponents => "ServiceComponents",
            Self::ServerComponents => "ServerComponents",
            Self::KeyDependencies => "KeyDependencies",
        }
    }
}

/// A probe: what it tries, where, at what and how often.
#[derive(Debug, PartialEq)]
pub struct Probe {
    /// Its name.
    pub name: &'static str,
    /// Other names that lead to it.
    pub aliases: &'static [&'static str],
    /// Its health set.
    pub health_set: &'static str,
    /// What it tries.
    pub scenario: Scenario,
    /// The servers on which it runs; none for every server.
    pub runs_on: Option<Role>,
    /// What it is aimed at.
    pub targets: Targets,
    /// How often it runs.
    pub every: Duration,
    /// How long an attempt may take.
    pub time_out: Duration,
    /// What it does, in a sentence.
    pub what: &'static str,
}

impl Probe {
    /// How old an observation may be to say anything about now.
    pub fn fresh_for(&self) -> Duration {
        3 * self.every + self.time_out
    }
}

/// What a probe tries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scenario {
    /// Connect to the back end, TLS, greeting, CAPA, QUIT.
    SelfTest,
    /// The same at a listener of the front end.
    ProxyTest,
    /// Log in to the back end as the health mailbox, STAT, UIDL, LIST, RETR of the known message, compare, QUIT.
    DeepTest,
    /// As a client through the front end: log in, RETR of a message delivered for it, compare, DELE, QUIT; again: it is gone.
    TouchPoint,
    /// A message handed over by LMTP.
    Delivery,
    /// The health mailbox of a database looked up in the directory.
    DirectoryLookUp,
    /// Its secret verified.
    Authentication,
    /// The handshake of the inner leg, certificates on both sides.
    MailboxServerAuthentication,
    /// The back end asked to read and write in a store, and for the free space.
    Store,
    /// Whether a database is mounted.
    Mounted,
    /// Whether another copy could be mounted.
    Redundancy,
    /// A TCP connection between servers, or an answer of the coordinator.
    Network,
    /// When a certificate expires.
    CertificateExpiry,
    /// The mean processing time of commands, from the counters of the service.
    CommandTime,
    /// The agent and the services of another server.
    Observer,
    /// The same as a self test, against a responder of the agent's own.
    Control,
    /// A server that is not ours, as its `[[target]]` says.
    ThirdParty,
}

/// What a probe is aimed at: for each of them there is a row of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Targets {
    /// Nothing in particular: one row a server.
    Server,
    /// Each POP3 listener of the front end: `POP3`, `POP3S`.
    Listeners,
    /// Each database mounted on the server.
    MountedDatabases,
    /// Each database; of many client-access servers, three look at each.
    Databases,
    /// Each mailbox server.
    MailboxServers,
    /// Each other server.
    OtherServers,
    /// Each mailbox server, on client-access servers; and `coordinator`.
    NetworkPeers,
    /// Each certificate that the server uses.
    Certificates,
    /// Each service of the server that counts commands: `frontend`, `backend`.
    Services,
    /// Each `[[target]]` of the server.
    ThirdParties,
}

/// A monitor: which observations it judges, by which rule, and on what it depends.
#[derive(Debug, PartialEq)]
pub struct Monitor {
    /// Its name.
    pub name: &'static str,
    /// Other names that lead to it.
    pub aliases: &'static [&'static str],
    /// Its health set.
    pub health_set: &'static str,
    /// The probe whose observations it judges.
    pub probe: &'static str,
    /// How it judges.
    pub rule: Rule,
    /// The part that it watches.
    pub part: Part,
    /// Which health sets may be to blame for a failure in which phase. A phase that is not here is nobody else's fault.
    pub uses: &'static [(Phase, &'static [&'static str])],
    /// Whether it speaks about what decides where databases are served.
    pub ha_impacting: bool,
    /// What it says, in a sentence.
    pub what: &'static str,
    /// What else there is to know.
    pub notes: &'static str,
}

impl Monitor {
    /// The probe whose observations it judges.
    pub fn its_probe(&self) -> &'static Probe {
        probe(self.probe).expect("each monitor has its probe in the table, there is a test")
    }

    /// The health sets that may be to blame for a failure in `phase`.
    pub fn suspects(&self, phase: Phase) -> &'static [&'static str] {
        self.uses.iter().find(|(used, _)| *used == phase).map_or(&[], |(_, sets)| *sets)
    }
}

fn is_called(name: &str, aliases: &[&str], text: &str) -> bool {
    name.eq_ignore_ascii_case(text) || aliases.iter().any(|alias| alias.eq_ignore_ascii_case(text))
}

/// The health set that is called so.
pub fn health_set(name: &str) -> Option<&'static HealthSet> {
    HEALTH_SETS.iter().find(|set| is_called(set.name, set.aliases, name))
}

/// The probe that is called so.
pub fn probe(name: &str) -> Option<&'static Probe> {
    PROBES.iter().find(|probe| is_called(probe.name, probe.aliases, name))
}

/// The monitor that is called so.
pub fn monitor(name: &str) -> Option<&'static Monitor> {
    MONITORS.iter().find(|monitor| is_called(monitor.name, monitor.aliases, name))
}
