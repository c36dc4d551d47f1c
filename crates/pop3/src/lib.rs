//! The POP3 protocol without sockets: bytes in, events out.
//!
//! What is here: [`Command`]s and their parser, the [`reply`] writer with its response codes, the
//! [`capabilities`] a server announces, [`sasl`] mechanisms, the [`xclient`] forwarding command, and the server's
//! [`Session`] machine that ties them together.
//!
//! What is not: sockets, clocks, randomness, threads, files. A driver owns those: it hands received bytes to a
//! machine, asks it for the next step, does what the step says and sends what the machine left in its output.

pub mod capabilities;
pub mod client;
pub mod command;
mod decimal;
pub mod line;
mod message_number;
pub mod relay;
pub mod reply;
pub mod sasl;
mod secret;
pub mod session;
pub mod xclient;

pub use capabilities::{Capability, Offer};
pub use command::{Command, CommandError, Keyword};
pub use message_number::MessageNumber;
pub use reply::{Refusal, ResponseCode};
pub use sasl::{Credentials, Mechanism, ScramSecret};
pub use secret::Secret;
pub use session::{Maildrop, MessageList, Session, Step};
pub use xclient::Xclient;
