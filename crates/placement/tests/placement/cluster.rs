//! A small cluster whose records are written down in one line each: `cas1`, `mbx1` and `mbx2`, and `DB01` with a copy on
//! both mailbox servers, `mbx1` preferred. The leader has led for a long time and has seen everyone.

use std::time::Duration;

use placement::record::{
    Assignment, AssignmentReason, Block, ComponentRequest, ComponentState, Maintenance, MountReport,
    MountState, Move, PendingFence, Presence, Wanted,
};
use placement::{
    Assign, Component, Kept, Limits, Moment, MoveId, PlacedDatabase, PlacedServer, Plan, Requester, Step,
    Token, Topology, UnixMillis, World, plan,
};
use settings::{DatabaseName, Role, ServerName, Value};

pub(crate) fn server(name: &str) -> ServerName {
    ServerName::parse(name).unwrap()
}

pub(crate) fn database(name: &str) -> DatabaseName {
    DatabaseName::parse(name).unwrap()
}

pub(crate) fn by(name: &str) -> Requester {
    Requester::parse(name).unwrap()
}

pub(crate) fn move_id(text: &str) -> MoveId {
    MoveId::parse(text).unwrap()
}

pub(crate) fn second(second: u64) -> Moment {
    Moment(Duration::from_secs(second))
}

pub(crate) fn failed(reason: &str) -> MountState {
    MountState::Failed { reason: reason.to_owned() }
}

pub(crate) fn handing_over(to: &str) -> AssignmentReason {
    AssignmentReason::HandingOver { to: server(to), id: move_id("m1") }
}

pub(crate) fn moved(from: &str) -> AssignmentReason {
    AssignmentReason::Moved { id: move_id("m1"), from: Some(server(from)), by: by("alice") }
}

/// Servers with the role mailbox, and databases with their copies.
pub(crate) fn topology(mailbox: &[&str], databases: &[(&str, &[&str])]) -> Topology {
    let of = |name: &&str, role| PlacedServer { name: server(name), roles: vec![role] };
    let mut servers = vec![of(&"cas1", Role::ClientAccess)];
    servers.extend(mailbox.iter().map(|name| of(name, Role::Mailbox)));
    let placed = |(name, copies): &(&str, &[&str])| PlacedDatabase {
        name: database(name),
        copies: copies.iter().map(|copy| server(copy)).collect(),
    };
    Topology { servers, databases: databases.iter().map(placed).collect() }
}

pub(crate) struct Cluster {
    pub(crate) world: World,
    revision: u64,
    now: Moment,
}

impl Cluster {
    pub(crate) fn new() -> Self {
        Self::of(topology(&["mbx1", "mbx2"], &[("DB01", &["mbx1", "mbx2"])]))
    }

    /// All servers present, second 100, led since second 0.
    pub(crate) fn of(topology: Topology) -> Self {
        let mut world = World::new(topology, 1, Limits::default());
        for server in world.topology.servers.clone() {
            let presence = Presence { boot_id: "boot".into(), api: None, since: UnixMillis(0) };
            world.records.agents.insert(server.name, Kept { value: presence, revision: 1 });
        }
        let mut cluster = Self { world, revision: 9, now: second(100) };
        cluster.world.observe(cluster.now);
        cluster
    }

    fn keep<T>(&mut self, value: T) -> Kept<T> {
        self.revision += 1;
        Kept { value, revision: self.revision }
    }

    pub(crate) fn absent(mut self, name: &str) -> Self {
        self.world.records.agents.remove(&server(name));
        self.seen()
    }

    /// Nothing was ever seen: the leader has just begun.
    pub(crate) fn just_started(mut self) -> Self {
        self.world.seen.clear();
        self.world.leading_since = self.now;
        self.seen()
    }

    pub(crate) fn assigned(mut self, on: &str, wanted: Wanted, reason: AssignmentReason) -> Self {
        let value = Assignment { server: server(on), wanted, reason, since: UnixMillis(0) };
        let kept = self.keep(value);
        self.world.records.assignments.insert(database("DB01"), kept);
        self.seen()
    }

    /// Assigned to `on` and mounted there.
    pub(crate) fn mounted(self, on: &str) -> Self {
        self.assigned(on, Wanted::Mounted, AssignmentReason::FirstAssignment).reports(on, MountState::Mounted)
    }

    pub(crate) fn token(&self) -> Token {
        let at = &self.world.records.assignments[&database("DB01")];
        self.world.token(at)
    }

    /// The back end of `on` reports under the present token.
    pub(crate) fn reports(self, on: &str, state: MountState) -> Self {
        let token = self.token();
        self.reports_under(on, state, token)
    }

    pub(crate) fn reports_under(mut self, on: &str, state: MountState, token: Token) -> Self {
        let kept = self.keep(MountReport { state, token, since: UnixMillis(5), sessions: None });
        self.world.records.mounts.insert((database("DB01"), server(on)), kept);
        self
    }

    pub(crate) fn says_nothing(mut self, on: &str) -> Self {
        self.world.records.mounts.remove(&(database("DB01"), server(on)));
        self
    }

    pub(crate) fn asked(self, to: Option<&str>) -> Self {
        self.asked_by("alice", to, false)
    }

    pub(crate) fn asked_by(mut self, who: &str, to: Option<&str>, force: bool) -> Self {
        let (id, by, reason) = (move_id("m1"), by(who), "for a test".to_owned());
        let requested = UnixMillis(1_000);
        let kept = self.keep(Move { id, from: None, to: to.map(server), by, reason, requested, force });
        self.world.records.moves.insert(database("DB01"), kept);
        self
    }

    pub(crate) fn blocked(mut self, on: &str, who: &str, move_now: bool) -> Self {
        let kept = self.keep(Block { reason: "sick".into(), at: UnixMillis(0), move_now });
        self.world.records.blocks.insert((server(on), by(who)), kept);
        self
    }

    pub(crate) fn under_maintenance(mut self, on: &str) -> Self {
        let kept = self.keep(Maintenance {
            by: by("alice"),
            reason: "disk".into(),
            since: UnixMillis(0),
            until: UnixMillis(0),
        });
        self.world.records.maintenance.insert(server(on), kept);
        self
    }

    pub(crate) fn component(mut self, on: &str, of: Component, who: &str, state: ComponentState) -> Self {
        let kept = self.keep(ComponentRequest { state, reason: "test".into(), at: UnixMillis(0) });
        self.world.records.components.insert((server(on), of, by(who)), kept);
        self
    }

    pub(crate) fn awaiting_fence(mut self, on: &str, token: Token) -> Self {
        let kept = self.keep(PendingFence { server: server(on), token, since: UnixMillis(0) });
        self.world.records.fences.insert((database("DB01"), server(on)), kept);
        self
    }

    /// So many seconds pass.
    pub(crate) fn later(mut self, seconds: u64) -> Self {
        self.now = self.now.after(Duration::from_secs(seconds));
        self.seen()
    }

    fn seen(mut self) -> Self {
        self.world.observe(self.now);
        self
    }

    pub(crate) fn plan(&self) -> Plan {
        plan(&self.world, self.now)
    }

    /// The steps, each in one line.
    pub(crate) fn steps(&self) -> Vec<String> {
        self.plan().steps.iter().map(shown).collect()
    }

    #[track_caller]
    pub(crate) fn does(&self, steps: &[&str]) -> &Self {
        assert_eq!(self.steps(), steps);
        self
    }

    /// Waits for something else than a record, for so many seconds.
    #[track_caller]
    pub(crate) fn waits(&self, seconds: u64) -> &Self {
        let plan = self.plan();
        assert_eq!(plan.steps, [], "{:?}", plan.notes);
        assert_eq!(plan.wake_at, Some(self.now.after(Duration::from_secs(seconds))));
        self
    }

    /// The one note.
    #[track_caller]
    pub(crate) fn notes(&self, note: &str) -> &Self {
        let notes: Vec<_> = self.plan().notes.iter().map(ToString::to_string).collect();
        assert_eq!(notes, [note]);
        self
    }
}

fn shown(step: &Step) -> String {
    match step {
        Step::Assign(Assign { database, server, wanted, fence, reason, .. }) => {
            let fence =
                fence.as_ref().map_or_else(String::new, |fence| format!(", fencing {}", fence.server));
            format!("{database} on {server} {wanted:?}{fence}: {reason}")
        }
        Step::Fence(fence) => format!("fence {} for {}", fence.holder.server, fence.database),
        Step::FinishMove(finish) => format!("{} {}", finish.asked.id, finish.outcome),
        Step::RequestMove(request) => {
            format!("{} asks: {} from {} to {}", request.by, request.database, request.from, request.to)
        }
    }
}
