//! What the agent of a server watches: each probe that runs there, with each of its targets.
//!
//! The list follows the world: a database that is mounted here is on it, one that has moved away is not. While a database
//! is on its way it stays where it is assigned, and cannot be tested.

use placement::World;
use settings::{DatabaseName, Role, ServerName};

use crate::definition::{PROBES, Probe, Scenario, Targets};
use crate::spread::hash;

/// A probe with one of its targets.
#[derive(Clone, Debug, PartialEq)]
pub struct Watched {
    /// The probe.
    pub probe: &'static Probe,
    /// What it is aimed at; none if it has no targets.
    pub target: Option<String>,
}

impl Watched {
    /// Its name within a server, as `POP\PopCTPProbe\DB01`.
    pub fn identity(&self) -> String {
        let target = self.target.as_ref().map(|target| format!("\\{target}")).unwrap_or_default();
        format!("{}\\{}{target}", self.probe.health_set, self.probe.name)
    }
}

/// What only the server itself knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// The POP3 listeners of its front end: `POP3`, `POP3S`.
    pub listeners: Vec<String>,
    /// Its certificates, by what they are for.
    pub certificates: Vec<String>,
    /// Its third-party targets.
    pub third_parties: Vec<String>,
}

/// How many client-access servers look at a database, of many.
const OBSERVERS: usize = 3;

/// The target of the network probe that is no server.
pub const COORDINATOR: &str = "coordinator";

/// What the agent of `server` watches. A server without a role watches only third parties.
pub fn watch_list(server: &ServerName, world: &World, own: &Surroundings) -> Vec<Watched> {
    let runs = |probe: &&Probe| probe.runs_on.is_none_or(|role| has(world, server, role));
    let with_targets = |probe: &'static Probe| {
        let targets = targets(probe, server, world, own);
        targets.into_iter().map(move |target| Watched { probe, target })
    };
    PROBES.iter().filter(runs).flat_map(with_targets).collect()
}

fn has(world: &World, server: &ServerName, role: Role) -> bool {
    world.topology.server(server).is_some_and(|server| server.roles.contains(&role))
}

fn targets(probe: &Probe, server: &ServerName, world: &World, own: &Surroundings) -> Vec<Option<String>> {
    let named = |names: &[String]| names.iter().cloned().map(Some).collect();
    let has_role = world.topology.server(server).is_some_and(|server| !server.roles.is_empty());
    let others = || world.topology.servers.iter().filter(|other| other.name != *server);
    let mailbox_servers = || {
        let servers = world.topology.servers.iter().filter(|it| it.roles.contains(&Role::Mailbox));
        servers.map(|it| Some(it.name.to_string()))
    };
    match probe.targets {
        // Its own control is for every agent; the rest of a server is for those that serve.
        Targets::Server if probe.scenario == Scenario::Control => vec![None],
        Targets::ThirdParties => named(&own.third_parties),
        _ if !has_role => Vec::new(),
        Targets::Listeners => named(&own.listeners),
        Targets::Certificates => named(&own.certificates),
        Targets::MailboxServers => mailbox_servers().collect(),
        Targets::Server => vec![None],
        Targets::OtherServers => others().map(|other| Some(other.name.to_string())).collect(),
        Targets::NetworkPeers if has(world, server, Role::ClientAccess) => {
            mailbox_servers().chain([Some(COORDINATOR.to_owned())]).collect()
        }
        Targets::NetworkPeers => vec![Some(COORDINATOR.to_owned())],
        Targets::Services => {
            let services = [(Role::ClientAccess, "frontend"), (Role::Mailbox, "backend")];
            let ours = services.into_iter().filter(|(role, _)| has(world, server, *role));
            ours.map(|(_, service)| Some(service.to_owned())).collect()
        }
        Targets::MountedDatabases => {
            let here = |database: &&DatabaseName| is_assigned(world, database, server);
            databases(world).filter(here).map(|database| Some(database.to_string())).collect()
        }
        Targets::Databases => {
            let ours = |database: &&DatabaseName| {
                observes(world, database, server)
                    || (probe.runs_on.is_none() && is_assigned(world, database, server))
            };
            databases(world).filter(ours).map(|database| Some(database.to_string())).collect()
        }
    }
}

fn databases(world: &World) -> impl Iterator<Item = &DatabaseName> {
    world.topology.databases.iter().map(|database| &database.name)
}

/// Whether `server` is to mount `database`, or is about to let go of it. One that somebody dismounted is nobody's.
fn is_assigned(world: &World, database: &DatabaseName, server: &ServerName) -> bool {
    let assignment = world.records.assignments.get(database).map(|kept| &kept.value);
    assignment.is_some_and(|it| it.server == *server && !it.dismounted_for_good())
}

/// Whether `server` is one of the client-access servers that look at `database`: each takes those of which its name and
/// that of the database make a low number, so that a server more or less changes little.
fn observes(world: &World, database: &DatabaseName, server: &ServerName) -> bool {
    let number = |server: &ServerName| {
        let text = format!("{server}\\{database}").to_ascii_lowercase();
        (hash(&text), server.as_str().to_ascii_lowercase())
    };
    let ours = number(server);
    let rivals = world.topology.servers.iter().filter(|it| it.roles.contains(&Role::ClientAccess));
    has(world, server, Role::ClientAccess)
        && rivals.filter(|rival| number(&rival.name) < ours).count() < OBSERVERS
}
