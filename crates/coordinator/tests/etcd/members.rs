//! An etcd of three members, of which single ones can die or be cut off from the others.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use coordinator::Coordinator;
use coordinator::etcd::EtcdCoordinator;
use coordinator::testing::TestStore;
use serde_json::Value;

use crate::fixture::{Etcd, administer, client_with, compact, eventually, free_port, surround};
use crate::ways::Ways;

/// How many there are.
pub(crate) const MEMBERS: usize = 3;
/// How long an answer may take: longer than it takes to elect a leader on a machine that is busy.
const DEADLINE: Duration = Duration::from_secs(6);

pub(crate) struct Members {
    etcds: Vec<Etcd>,
    alive: [bool; MEMBERS],
    ways: Ways,
}

impl Members {
    /// Starts them and waits until all answer.
    pub(crate) async fn start() -> Self {
        let peers = [(); MEMBERS].map(|()| free_port());
        let ways = Ways::to(&peers).await;
        let named = |member| format!("member{member}");
        let all = ways.found.iter().enumerate();
        let all: Vec<String> =
            all.map(|(member, found)| format!("{}=http://{found}", named(member))).collect();
        let start =
            |member: usize| Etcd::member(&named(member), peers[member], ways.found[member], &all.join(","));
        let members = Self { etcds: (0..MEMBERS).map(start).collect(), alive: [true; MEMBERS], ways };
        members.tell_ways();
        for member in 0..MEMBERS {
            members.etcds[member].ready(&members.only(member)).await;
        }
        members
    }

    /// A client of all, of that one first.
    pub(crate) fn client(&self, first: usize) -> EtcdCoordinator {
        let all: Vec<_> = (first..first + MEMBERS).map(|member| self.address(member % MEMBERS)).collect();
        client_with(&all, DEADLINE)
    }

    /// A client of that one alone.
    pub(crate) fn only(&self, member: usize) -> EtcdCoordinator {
        client_with(&[self.address(member)], DEADLINE / 3)
    }

    pub(crate) fn address(&self, member: usize) -> SocketAddr {
        self.etcds[member].clients
    }

    /// Who leads the others, as one who is alive says for itself.
    pub(crate) async fn leader(&self) -> usize {
        eventually("one of them leads", async || {
            for member in (0..MEMBERS).filter(|member| self.alive[*member]) {
                let told = administer(self.address(member), "/v3/maintenance/status", "{}".to_owned()).await;
                let status: Value = serde_json::from_str(&told[told.find('{')?..]).unwrap();
                if status["leader"] == status["header"]["member_id"] {
                    return Some(member);
                }
            }
            None
        })
        .await
    }

    /// One that does not lead.
    pub(crate) async fn follower(&self) -> usize {
        (self.leader().await + 1) % MEMBERS
    }

    /// SIGKILL, and waits for its end.
    pub(crate) fn kill(&mut self, member: usize) {
        self.etcds[member].kill();
        self.alive[member] = false;
    }

    /// Starts one again that was killed.
    pub(crate) fn start_again(&mut self, member: usize) {
        self.etcds[member].start_again();
        self.alive[member] = true;
        self.tell_ways();
    }

    /// Nothing passes between that one and the others any more.
    pub(crate) fn cut_off(&self, member: usize) {
        self.ways.cut_off(member);
    }

    pub(crate) fn mend(&self) {
        self.ways.mend();
    }

    fn tell_ways(&self) {
        self.ways.know(self.etcds.iter().map(Etcd::id).collect());
    }
}

/// A store in the hands of the suite, whose clients each begin with another member.
pub(crate) struct MembersStore {
    members: Members,
    next: AtomicUsize,
}

impl MembersStore {
    pub(crate) async fn new() -> Self {
        let members = Members::start().await;
        surround(members.address(0)).await;
        Self { members, next: AtomicUsize::new(0) }
    }
}

impl TestStore for MembersStore {
    fn client(&self) -> Arc<dyn Coordinator> {
        Arc::new(self.members.client(self.next.fetch_add(1, Relaxed) % MEMBERS))
    }

    async fn compact(&mut self) {
        compact(self.members.address(0), &*self.client()).await;
    }
}
