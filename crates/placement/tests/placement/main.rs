//! The plan by tables, the records by their text, and a simulation in which everything goes wrong.

#![expect(clippy::unwrap_used, reason = "what surprises a test ends it")]

mod cluster;
mod copies;
mod orders;
mod plan;
mod records;
mod requests;
mod simulation;
