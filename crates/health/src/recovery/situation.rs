//! Everything that is looked at to find out what comes next, but the journal.

use std::collections::BTreeSet;

use placement::{UnixMillis, World};
use settings::{DatabaseName, Role, ServerName, Value};

use super::policy::Policy;
use super::shared::{Brake, Reboots, Slot, brake_path, reboots_path, slot_path};
use crate::alert_value::AlertValue;
use crate::verdict::Verdict;

/// What is known of a service of the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceNow {
    /// Its name.
    pub name: String,
    /// Whether a person wants it stopped.
    pub stopped_by_hand: bool,
    /// Since when its process runs; none if it does not.
    pub since: Option<UnixMillis>,
}

/// What a probe of a recovery is aimed at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbeAim {
    /// The probe.
    pub probe: &'static str,
    /// Its target.
    pub target: Option<String>,
}

/// What is looked at.
#[derive(Clone, Copy, Debug)]
pub struct Situation<'a> {
    /// The server whose agent asks.
    pub server: &'a ServerName,
    /// What its monitors say.
    pub verdicts: &'a [Verdict],
    /// What those of other servers say, as far as it is known.
    pub elsewhere: &'a [Verdict],
    /// Where databases are, and what is written about health.
    pub world: &'a World,
    /// The services of the server; none if whoever starts them does not answer.
    pub services: Option<&'a [ServiceNow]>,
    /// The boot id of the server.
    pub boot_id: &'a str,
    /// Whether the agent of this server leads.
    pub leads: bool,
    /// Whether the file `hands-off` is there.
    pub hands_off: bool,
    /// Whether the coordinator answers.
    pub coordinator: bool,
    /// Until when heavy rungs wait because the clock has jumped.
    pub clock_jumped_until: Option<UnixMillis>,
    /// The third-party targets that have a restart command.
    pub commands: &'a BTreeSet<String>,
    /// What the operator allows.
    pub policy: &'a Policy,
    /// The time.
    pub now: UnixMillis,
}

impl<'a> Situation<'a> {
    /// What a monitor says about a target here.
    pub(super) fn verdict(&self, monitor: &str, target: Option<&str>) -> Option<&'a Verdict> {
        self.verdicts.iter().find(|it| it.monitor == monitor && it.target.as_deref() == target)
    }

    /// What all monitors say that are known.
    pub(super) fn all(&self) -> impl Iterator<Item = &'a Verdict> {
        self.verdicts.iter().chain(self.elsewhere)
    }

    /// The roles of a server.
    pub(super) fn roles(&self, server: &ServerName) -> &'a [Role] {
        self.world.topology.server(server).map_or(&[], |server| &server.roles)
    }

    /// The other servers of a role.
    pub(super) fn others_of(&self, role: Role) -> impl Iterator<Item = &'a ServerName> {
        let others = self.world.topology.servers.iter().filter(move |it| it.roles.contains(&role));
        let own = self.server;
        others.map(|server| &server.name).filter(move |name| *name != own)
    }

    /// The databases that are assigned to the server and wanted mounted there.
    pub(super) fn active_here(&self) -> Vec<DatabaseName> {
        let assignments = self.world.records.assignments.iter();
        let here = assignments
            .filter(|(_, kept)| kept.value.server == *self.server && !kept.value.dismounted_for_good());
        let known = |name: &DatabaseName| self.world.topology.database(name).map(|it| it.name.clone());
        here.filter_map(|(name, _)| known(name)).collect()
    }

    /// Whether the monitors of a server say that its own part works: of a mailbox server its self test, of a
    /// client-access server its proxy test.
    pub(super) fn is_well(&self, server: &ServerName, role: Role) -> bool {
        let monitor = own_test(role);
        let mut of_server = self.all().filter(|it| it.server == *server && it.monitor == monitor).peekable();
        self.world.records.agents.contains_key(server)
            && of_server.peek().is_some()
            && of_server.all(|it| it.value == AlertValue::Healthy)
    }

    /// The brake, if an operator has pulled it. One that cannot be read is pulled.
    pub(super) fn brake(&self) -> Option<Brake> {
        let kept = self.world.records.health.get(&brake_path())?;
        let unreadable =
            || Brake { by: "somebody".to_owned(), reason: String::new(), since: UnixMillis::default() };
        Some(serde_json::from_value(kept.value.clone()).unwrap_or_else(|_| unreadable()))
    }

    /// Who has the slot of a role, with the revision of the record, which is its token.
    pub(super) fn slot(&self, role: Role) -> Option<(Slot, u64)> {
        let kept = self.world.records.health.get(&slot_path(role))?;
        let slot: Slot = serde_json::from_value(kept.value.clone()).ok()?;
        Some((slot, kept.revision))
    }

    /// When a server was restarted by recoveries.
    pub(super) fn reboots(&self, server: &ServerName) -> Vec<UnixMillis> {
        let kept = self.world.records.health.get(&reboots_path(server));
        let read = kept.and_then(|kept| serde_json::from_value::<Reboots>(kept.value.clone()).ok());
        read.unwrap_or_default().times
    }

    /// The database of a target, as the configuration spells it.
    pub(super) fn database(&self, target: Option<&str>) -> Option<&'a DatabaseName> {
        let name = DatabaseName::parse(target?).ok()?;
        self.world.topology.database(&name).map(|database| &database.name)
    }
}

/// The monitor by which a server of a role says that it works itself.
pub(super) fn own_test(role: Role) -> &'static str {
    match role {
        Role::Mailbox => "PopSelfTestMonitor",
        Role::ClientAccess => "PopProxyTestMonitor",
    }
}
