//! The agent of a server.
//!
//! - [`process`](run): the agent as a process;
//! - `leading`: one agent of the cluster decides where databases are served, and does it;
//! - `left_moves`: the leader takes up mailbox moves whose movers have died;
//! - `components`: whether this server's services take traffic, as everybody who asks has it;
//! - `controls`: services and the power of servers, through whoever starts them;
//! - `audit`: who asked for what;
//! - `watching`: probes, monitors and what they say; `health_mailboxes`: what probes log in to;
//! - `recovering`: the ladders are climbed, by a journal; `escalating`: people are called;
//! - `neighbours`: the agents of the other servers;
//! - [`metrics`]: what Prometheus is told;
//! - `api`: the HTTP API, by the contract of `admin-api`;
//! - [`tokens`]: who is let in to it over the network, in a file that `mailmedic token` changes.
//!
//! It sees the services only as a client would and through their admin sockets: the doctor never links the patient. It may
//! be killed at any moment: everything it knows is in the coordinator, the configuration or a file.

mod api;
mod audit;
mod clock;
mod components;
mod controls;
mod escalating;
mod health_mailboxes;
mod leading;
mod left_moves;
pub mod metrics;
mod neighbours;
mod process;
mod recovering;
pub mod tokens;
mod watching;

pub use process::run;
