//! The body of every service: what a front end, a back end and whatever comes next do alike.
//!
//! [`Service`] puts it together and is what a process starts first. Its parts stand alone:
//! [`live`] settings that change under way, and [`changing`] them; the [`roster`], who is on and what they are waiting for;
//! [`counters`] per command and the [`command_times`] they amount to; the [`metrics`] that Prometheus is told; the [`protocol_log`] and the [`ring`] of
//! sessions kept for probes; the [`service_log`]; the [`spool`] of mail on its way in; the [`admin`] socket, which answers
//! although everything else hangs; and the [`lifecycle`] of a process.
//!
//! Not for sockets, protocols or mail: listening and the order in which sessions end are the business of `net`.

pub mod admin;
pub mod changing;
pub mod clock;
pub mod command_times;
pub mod counters;
pub mod credentials;
pub mod lifecycle;
mod lines;
pub mod live;
pub mod metrics;
pub mod protocol_log;
pub mod ring;
pub mod roster;
mod running;
pub mod service_log;
pub mod session_id;
pub mod spool;

pub use clock::{Clock, SystemClock};
pub use live::Live;
pub use roster::{Exchange, OpenSession};
pub use running::{
    Moves, OwnMetrics, Particulars, Removal, Service, StartError, Started, Startup, StoreChecks,
};
pub use session_id::SessionId;
