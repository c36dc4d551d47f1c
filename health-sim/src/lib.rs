//! Fleets without processes, sockets and clocks: the real code judges, blames, plans recoveries and places databases, and
//! everything else is simulated, a second at a time, from a seed.
//!
//! - `fleet`: how many servers and databases;
//! - `records`: the coordinator;
//! - `machine`: servers, their services and their power;
//! - `fault`: what goes wrong, and what people do;
//! - `probing`: what probes find;
//! - `climbing`: an agent carries out what is planned;
//! - `promises`: what holds at every step, and in the end.
//!
//! A seed that breaks a promise prints its timeline, and is replayed by its number.

mod climbing;
mod fault;
mod fleet;
mod machine;
mod probing;
mod promises;
mod records;
mod simulation;

pub use fleet::Fleet;
pub use simulation::{Broken, Report, climb_with_a_death, simulate};
