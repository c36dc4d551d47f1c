//! What a step or a request is to the coordinator: what its transaction compares and what it writes.

use serde::Serialize;
use settings::ServerName;

use crate::key::{HealthPath, RecordKey};
use crate::moment::UnixMillis;
use crate::name::{Component, Requester};
use crate::plan::{Assign, Fence, FinishMove, RequestMove, Step};
use crate::record::{
    Assignment, Block, ComponentRequest, ComponentState, FinishedMove, Maintenance, Move, PendingFence,
};

/// What has to hold for a transaction to write anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expects {
    /// A key.
    pub key: RecordKey,
    /// The revision of its last change; none: nothing is under it.
    pub revision: Option<u64>,
}

/// The transaction of a step. Whoever commits it adds the comparison that it still leads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Writes {
    /// What is compared. If one of them does not hold, the world has changed and the step is void.
    pub expects: Vec<Expects>,
    /// Keys and their new values, as JSON.
    pub puts: Vec<(RecordKey, String)>,
    /// Keys that go.
    pub deletes: Vec<RecordKey>,
}

impl Step {
    /// The transaction of the step, carried out `at` this time. That of a fence is for after the kill.
    pub fn writes(&self, at: UnixMillis) -> Writes {
        match self {
            Self::Assign(assign) => assign.writes(at),
            Self::Fence(fence) => fence.writes(),
            Self::FinishMove(finish) => finish.writes(at),
            Self::RequestMove(request) => request.writes(at),
        }
    }
}

impl Assign {
    /// The transaction: the assignment, and with it the fence of the holder that did not let go.
    pub fn writes(&self, at: UnixMillis) -> Writes {
        let key = RecordKey::Assignment(self.database.clone());
        let (server, wanted, reason) = (self.server.clone(), self.wanted, self.reason.clone());
        let mut writes = Writes::when(key.clone(), self.expects);
        writes.put(key, &Assignment { server, wanted, reason, since: at });
        if let Some(holder) = &self.fence {
            let fence = PendingFence { server: holder.server.clone(), token: holder.token, since: at };
            writes.put(RecordKey::Fence(self.database.clone(), holder.server.clone()), &fence);
        }
        writes
    }
}

impl Fence {
    /// The transaction once the fence is certain.
    fn writes(&self) -> Writes {
        let key = RecordKey::Fence(self.database.clone(), self.holder.server.clone());
        let mut writes = Writes::when(key.clone(), Some(self.expects));
        writes.deletes.push(key);
        writes
    }
}

impl FinishMove {
    fn writes(&self, at: UnixMillis) -> Writes {
        let key = RecordKey::Move(self.database.clone());
        let mut writes = Writes::when(key.clone(), Some(self.expects));
        let finished = FinishedMove {
            asked: self.asked.clone(),
            outcome: self.outcome.clone(),
            finished: at,
            took_millis: at.millis_since(self.asked.requested),
            earlier: self.earlier.clone(),
        };
        writes.put(RecordKey::FinishedMove(self.database.clone()), &finished);
        writes.deletes.push(key);
        writes
    }
}

impl RequestMove {
    fn writes(&self, at: UnixMillis) -> Writes {
        let requested = Move {
            id: self.id.clone(),
            from: Some(self.from.clone()),
            to: Some(self.to.clone()),
            by: self.by.clone(),
            reason: self.reason.clone(),
            requested: at,
            force: false,
        };
        let mut writes = requested.writes(&self.database);
        let assignment = RecordKey::Assignment(self.database.clone());
        writes.expects.push(Expects { key: assignment, revision: Some(self.expects) });
        writes
    }
}

impl Move {
    /// The transaction that asks for the move of `database`, unless there is another.
    pub fn writes(&self, database: &settings::DatabaseName) -> Writes {
        let key = RecordKey::Move(database.clone());
        let mut writes = Writes::when(key.clone(), None);
        writes.put(key, self);
        writes
    }
}

/// A requester's block of `server`, in place of an earlier one of theirs.
pub fn block(server: &ServerName, by: &Requester, block: &Block) -> Writes {
    Writes::always(RecordKey::Block(server.clone(), by.clone()), Some(block))
}

/// A requester's block of `server` is lifted; the others stay.
pub fn unblock(server: &ServerName, by: &Requester) -> Writes {
    Writes::always(RecordKey::Block(server.clone(), by.clone()), None::<&Block>)
}

/// What a requester wants of a component of `server`. Wanting it active is wanting nothing.
pub fn set_component(
    server: &ServerName,
    component: &Component,
    by: &Requester,
    request: &ComponentRequest,
) -> Writes {
    let key = RecordKey::Component(server.clone(), component.clone(), by.clone());
    Writes::always(key, (request.state != ComponentState::Active).then_some(request))
}

/// The maintenance of `server` begins, or is extended.
pub fn begin_maintenance(server: &ServerName, maintenance: &Maintenance) -> Writes {
    Writes::always(RecordKey::Maintenance(server.clone()), Some(maintenance))
}

/// The maintenance of `server` ends.
pub fn end_maintenance(server: &ServerName) -> Writes {
    Writes::always(RecordKey::Maintenance(server.clone()), None::<&Maintenance>)
}

/// What an operator says about health, in place of what was said there; nothing takes it back.
pub fn say_of_health(path: HealthPath, record: Option<&impl Serialize>) -> Writes {
    Writes::always(RecordKey::Health(path), record)
}

impl Writes {
    /// What its requester says holds, whatever stood there.
    fn always(key: RecordKey, record: Option<&impl Serialize>) -> Self {
        let mut writes = Self::default();
        match record {
            Some(record) => writes.put(key, record),
            None => writes.deletes.push(key),
        }
        writes
    }

    fn when(key: RecordKey, revision: Option<u64>) -> Self {
        Self { expects: vec![Expects { key, revision }], ..Self::default() }
    }

    fn put(&mut self, key: RecordKey, record: &impl Serialize) {
        let json =
            serde_json::to_string(record).expect("records are structs of text and numbers, always JSON");
        self.puts.push((key, json));
    }
}
