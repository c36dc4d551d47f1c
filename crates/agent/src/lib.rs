//! The agent: looks after the services of its server.
//!
//! It sees them only as a client would and through their admin sockets, and shares nothing with them: the doctor never
//! links the patient. So any of them may die without it, and it without them.

mod process;

pub use process::run;
