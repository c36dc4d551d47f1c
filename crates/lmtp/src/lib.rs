//! The LMTP protocol (RFC 2033) without sockets: bytes in, events out.
//!
//! - [`server`]: the session machine that receives mail, at the edge from an MTA and on the inner leg from a
//!   front end.
//! - [`client`]: the dialogue machine that hands mail on to a back end.
//! - [`data`]: dot-stuffing and un-stuffing of the message.
//! - [`Address`], [`Reply`], [`Xclient`], [`DeliveryId`] and the like: the values both sides speak in, checked
//!   when they are made.
//!
//! Not here: who a recipient is, what becomes of the message, sockets, deadlines. Nothing in this crate reads a
//! clock, and nothing panics whatever the bytes are.

pub mod client;
pub mod data;
pub mod server;

mod address;
mod command;
mod line;
mod parameter;
mod reply;
mod xclient;
mod xtext;

pub use address::{Address, AddressError};
pub use command::{Command, CommandError};
pub use parameter::{Body, DeliveryId, InvalidDeliveryId, MailParameters};
pub use reply::{EnhancedCode, Reply, Severity};
pub use xclient::{Xclient, XclientError};
