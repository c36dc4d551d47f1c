//! Recovery: the runbook of a monitor that is Unhealthy, climbed rung by rung.
//!
//! A **ladder** is the ordered **rungs** of one or more monitors, as data in [`LADDERS`]. A **recovery** is one climb of
//! it, and all that is known of it stands in the **journal**: an intent before every act, a result after it, what was
//! probed in between, and what people said. [`plan`] reads the journal, the verdicts and the world, and says the one thing
//! that comes next, or why nothing does: a [`Refusal`].
//!
//! Nothing is remembered but the journal. Whoever is killed reads it again and goes on from what it sees.
//!
//! Not for: doing anything. The agent carries out what is planned, and writes down what came of it.

mod act;
mod budget;
mod guard;
mod id;
mod journal;
mod ladder;
mod ladders;
mod page;
mod plan;
mod policy;
mod refusal;
mod shared;
mod situation;
mod words;

pub use act::Act;
pub use budget::{Allowance, Budgets};
pub use id::{BadRecoveryId, RecoveryId};
pub use journal::{Entry, Event, Found, Journal, Onward, Outcome, Phase, Recovery, State};
pub use ladder::{Action, Class, Ladder, Rung, Then, Verification, When};
pub use ladders::{LADDERS, ladder_of};
pub use page::ladders_page;
pub use plan::{Intent, Next, Plan, Refused, plan};
pub use policy::{Mode, Policy};
pub use refusal::{Course, Refusal};
pub use shared::{Brake, Reboots, Slot, brake_path, reboots_path, slot_path};
pub use situation::{ProbeAim, ServiceNow, Situation};
