//! The commands that ask the agents: `mailmedic copies`, `database move`, `server drain` and the like.
//!
//! Each is a `clap` command that runs over a [`Connection`] to whichever agent answers and prints on a [`Screen`]. They
//! reach the cluster through its API alone, so they work from any machine that an agent lets in. How a command ends is a
//! [`Failure`] or nothing: 0 if it is done, 1 if it is refused or did not work, 2 if what was typed makes no sense.
//!
//! The management shell reads its own [`language`] in place of arguments: `management` is its door, `cmdlets` are its
//! commands, and `pipeline` runs them on `values`.
//!
//! Not for what needs no running system: `mailmedic` has those commands.

mod because;
mod cmdlets;
mod columns;
mod connection;
mod failure;
mod moves;
mod patience;
mod pipeline;
mod place;
mod screen;
mod values;

pub mod audit;
pub mod component;
pub mod copies;
pub mod database;
pub mod health;
pub mod language;
pub mod maintenance;
pub mod management;
pub mod monitor;
pub mod overrides;
pub mod probe;
pub mod recovery;
pub mod server;
pub mod service;
pub mod user;

pub use connection::{Access, Connection};
pub use failure::{Failure, Outcome, chain};
pub use screen::{Colour, Format, Output, Screen};
