//! The body of every service: what a front end, a back end and whatever comes next do alike.
//!
//! [`Service`] puts it together and is what a process starts first. Its parts stand alone:
//! [`live`] settings that change under way; [`sessions`], who is on and what they are waiting for; [`counters`] per command;
//! the [`protocol_log`] and the [`ring`] of sessions kept for probes; the [`service_log`]; the [`gate`] that admits or turns
//! away; the [`admin`] socket that answers although everything else hangs; and the [`lifecycle`] of a process.
//!
//! Not for protocols, listeners or mail: nothing here knows what a command means.

pub mod admin;
pub mod clock;
pub mod counters;
pub mod gate;
pub mod lifecycle;
mod lines;
pub mod live;
pub mod protocol_log;
pub mod ring;
mod running;
pub mod service_log;
pub mod session_id;
pub mod sessions;

pub use clock::{Clock, SystemClock};
pub use gate::{Gate, Traffic};
pub use live::Live;
pub use running::{Particulars, Service, StartError, Started, Startup, admin_socket};
pub use session_id::SessionId;
pub use sessions::{Exchange, OpenSession};
