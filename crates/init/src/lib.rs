//! One server's init, and the power grid of a small data centre on loopback.
//!
//! An init ([`server`]) is the parent of one server's services: it restarts what dies, leaves as *Failed* what dies too
//! often, and keeps stopped what a human stopped. The grid ([`grid`], `mailmedic up`) is the parent of the inits: an
//! init's death is a power loss, and power returns after a while. Both are asked and told on sockets ([`control`],
//! [`power_control`]). What to do is decided in [`supervision`] and [`power`], which touch nothing; the rest carries it out.
//! [`claim`] keeps two grids off one data directory.
//!
//! Not for mail: this crate knows services only as processes that say READY and answer to SIGTERM. Not for real hosts:
//! there systemd is init.

mod error;
mod moment;
mod notify;
mod process;
mod signals;
mod socket_folder;
mod stopped;
mod supervised;

pub mod claim;
pub mod control;
pub mod down;
pub mod grid;
pub mod power;
pub mod power_control;
pub mod server;
pub mod status;
pub mod supervision;

pub use error::InitError;
pub use process::Program;

/// A runtime whose tasks all run on the calling thread. Children are tied to the thread that started them, and this one
/// lives as long as they may.
pub(crate) fn runtime() -> Result<tokio::runtime::Runtime, InitError> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(InitError::system("start the asynchronous runtime"))
}
