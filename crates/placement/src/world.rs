//! Everything a decision looks at.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use settings::{Configuration, DatabaseName, Role, ServerName};

use crate::moment::Moment;
use crate::record::{Assignment, MountReport, MountState};
use crate::records::{Kept, Records};
use crate::token::Token;

/// What of the configuration matters here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Topology {
    /// The servers.
    pub servers: Vec<PlacedServer>,
    /// The databases.
    pub databases: Vec<PlacedDatabase>,
}

/// A server and its roles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlacedServer {
    /// Its name.
    pub name: ServerName,
    /// One or both.
    pub roles: Vec<Role>,
}

/// A database and the servers that can mount it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlacedDatabase {
    /// Its name.
    pub name: DatabaseName,
    /// The servers with a copy, the preferred one first.
    pub copies: Vec<ServerName>,
}

impl From<&Configuration> for Topology {
    fn from(configuration: &Configuration) -> Self {
        let servers = configuration.servers.iter();
        let databases = configuration.databases.iter();
        Self {
            servers: servers
                .map(|server| PlacedServer { name: server.name.clone(), roles: server.roles.clone() })
                .collect(),
            databases: databases
                .map(|database| PlacedDatabase {
                    name: database.name.clone(),
                    copies: database.copies.clone(),
                })
                .collect(),
        }
    }
}

impl Topology {
    /// The database called `name`, whatever the case.
    pub fn database(&self, name: &DatabaseName) -> Option<&PlacedDatabase> {
        self.databases.iter().find(|database| database.name == *name)
    }

    /// The server called `name`, whatever the case.
    pub fn server(&self, name: &ServerName) -> Option<&PlacedServer> {
        self.servers.iter().find(|server| server.name == *name)
    }
}

/// How long placement waits for what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How long after its beginning a leader waits for servers that it has not seen yet: when everything starts at
    /// once, the preferred copy may be a little later than the others.
    pub start_grace: Duration,
    /// How long a holder may take to let go when asked to.
    pub hand_over: Duration,
    /// How long the target of a move may take to mount.
    pub mount: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            start_grace: Duration::from_secs(10),
            // A back end drains for 5 s; the rest is for closing the store.
            hand_over: Duration::from_secs(12),
            mount: Duration::from_secs(30),
        }
    }
}

/// Everything a decision looks at: the configuration, the records, and what the leader saw by its own clock.
///
/// An agent keeps one from its start, leading or not, and calls [`World::observe`] after every change of the records;
/// when it begins to lead it sets `leading_since`. One that begins with an empty world decides no less safely, only
/// later: it waits for what it has not seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct World {
    /// Servers and databases.
    pub topology: Topology,
    /// What the coordinator holds.
    pub records: Records,
    /// Up to which revision of the coordinator they do.
    pub revision: u64,
    /// The epoch of the coordinator, the first part of every token.
    pub epoch: u64,
    /// Since when servers without a presence have none, as seen here.
    pub absent_since: BTreeMap<ServerName, Moment>,
    /// Servers that were present at some time, as seen here.
    pub seen: BTreeSet<ServerName>,
    /// When each database's present assignment, by its revision, was first seen here.
    pub first_seen: BTreeMap<DatabaseName, (u64, Moment)>,
    /// When the leadership that decides began.
    pub leading_since: Moment,
    /// How long to wait for what.
    pub limits: Limits,
}

/// Whether the assigned server holds a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hold {
    /// It has let go, and says so under the present token.
    LetGo,
    /// It was asked to let go, and has until then.
    LettingGo(Moment),
    /// It holds, or may hold; nobody asked it to let go.
    Holding,
    /// It is gone, or did not let go in time: it may hold still, and must be fenced.
    Lost,
}

impl World {
    /// A world of which nothing but the configuration is known.
    pub fn new(topology: Topology, epoch: u64, limits: Limits) -> Self {
        Self { topology, epoch, limits, ..Self::default() }
    }

    /// Notes by the clock what the records show for the first time: who is there, who is not, what is assigned.
    pub fn observe(&mut self, now: Moment) {
        for server in &self.topology.servers {
            if self.records.agents.contains_key(&server.name) {
                self.absent_since.remove(&server.name);
                self.seen.insert(server.name.clone());
            } else {
                self.absent_since.entry(server.name.clone()).or_insert(now);
            }
        }
        let Self { first_seen, records, .. } = self;
        first_seen.retain(|database, _| records.assignments.contains_key(database));
        for (database, assignment) in &records.assignments {
            let seen = first_seen.entry(database.clone()).or_insert((assignment.revision, now));
            if seen.0 != assignment.revision {
                *seen = (assignment.revision, now);
            }
        }
    }

    /// The token under which the assigned server mounts.
    pub fn token(&self, assignment: &Kept<Assignment>) -> Token {
        Token { epoch: self.epoch, revision: assignment.revision }
    }

    /// The report of the assigned server, if it is about the present assignment.
    pub fn current_report(
        &self,
        database: &DatabaseName,
        assignment: &Kept<Assignment>,
    ) -> Option<&MountReport> {
        let report = self.records.report(database, &assignment.value.server);
        report.filter(|report| report.token == self.token(assignment))
    }

    /// Where front ends and people find `database`: the assigned server, once it says that it serves it.
    pub fn mounted_on(&self, database: &DatabaseName) -> Option<&ServerName> {
        let assignment = self.records.assignments.get(database)?;
        let report = self.current_report(database, assignment)?;
        (report.state == MountState::Mounted).then_some(&assignment.value.server)
    }

    /// Whether the server's agent is there.
    pub(crate) fn present(&self, server: &ServerName) -> bool {
        self.records.agents.contains_key(server)
    }

    /// Whether nothing of a server is there that could hold `database`: no agent, and no report of its back end.
    ///
    /// A report is under the back end's own lease. While there is one, only the agent is missing, mail is served, and
    /// taking the database away would do the harm that it is meant to heal.
    pub(crate) fn gone(&self, database: &DatabaseName, server: &ServerName) -> bool {
        !self.present(server) && self.records.report(database, server).is_none()
    }

    /// When a time that began with the assignment ends.
    pub(crate) fn deadline(
        &self,
        database: &DatabaseName,
        assignment: &Kept<Assignment>,
        time: Duration,
        now: Moment,
    ) -> Moment {
        let seen = self.first_seen.get(database).filter(|(revision, _)| *revision == assignment.revision);
        seen.map_or(now, |(_, moment)| *moment).after(time)
    }
}
