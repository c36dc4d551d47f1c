//! Where mailbox databases are served, and why.
//!
//! Two things: the records that the cluster keeps in its coordinator (their keys, [`RecordKey`], and their JSON, the
//! types of [`record`]), and the decision, [`plan`]: ([`World`], now) → ([`Step`]s, [`Note`]s). The agent that leads
//! calls `plan` at every wake and carries the steps out as transactions of the coordinator; [`Step::writes`] says what
//! each of them compares and writes. Back ends follow the assignments and report their mounts, front ends route by
//! them. Nobody grabs: a database has one [`Assignment`](record::Assignment), and it is only ever replaced by a
//! transaction that names the revision it replaces.
//!
//! No step remembers anything. How far a move has come is read off the assignment's reason, so that a leader, a caller
//! or a transaction may be lost at any point and the next pass goes on from what it sees.
//!
//! Not for: reaching the coordinator, killing a back end, or mounting; no clock, file or socket is here. It does not
//! look into a store either: that a replaced holder cannot write is the store's own check of its [`Token`].

mod copies;
mod fitness;
mod key;
mod moment;
mod name;
mod plan;
pub mod record;
mod records;
mod request;
mod token;
mod world;
mod writes;

pub use copies::{CopyReason, CopyState, CopyStatus, copies};
pub use fitness::{Candidate, Candidates, Unfit, candidates_for};
pub use key::{HealthPath, KeyError, RecordKey};
pub use moment::{Moment, UnixMillis};
pub use name::{Component, MoveId, NameError, Requester};
pub use plan::{
    Assign, Fence, FinishMove, Holder, Note, Plan, Relocation, RequestMove, Step, moves_off, plan,
    preferred_moves,
};
pub use records::{Kept, RecordError, Records};
pub use request::{
    ComponentStatus, Fault, MoveRequest, Refusal, component_state, may_restart, request_dismount,
    request_mount, request_move,
};
pub use token::Token;
pub use world::{Limits, PlacedDatabase, PlacedServer, Topology, World};
pub use writes::{
    Expects, Writes, begin_maintenance, block, end_maintenance, say_of_health, set_component, unblock,
};
