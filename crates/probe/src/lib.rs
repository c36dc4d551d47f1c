//! One attempt of a probe over the network.
//!
//! What a client would do, once: [`Attempt::pop3`] greets, logs in, reads and deletes mail; [`Attempt::deliver`] hands a
//! message over by LMTP; [`Attempt::connect`] only connects. Each phase is timed and what is said is kept without secrets,
//! so that an attempt that fails tells where and why. It tries nothing twice and knows no thresholds: what to make of a
//! [`Finding`](health::Finding) is the business of `health`.
//!
//! Used by the agent, by `mailmedic test-connectivity` and by the benchmark. Not for: which server to look at and when.

mod attempt;
mod endpoint;
mod lmtp;
mod pop3;
mod recorder;
mod talk;

pub use attempt::Attempt;
pub use endpoint::{Address, Endpoint, Security};
pub use pop3::{Account, Content, Mailbox, Scenario, Whose};
pub use recorder::Recorder;
