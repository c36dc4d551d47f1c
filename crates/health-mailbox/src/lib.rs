//! The health mailbox: the one mailbox of every mailbox database that belongs to no person.
//!
//! Probes log in to it as a user does and deliver to it as a mail server does, so that what they find is what users
//! find. Here is what all who deal with it must agree about:
//!
//! - [`HealthMailbox`]: how its user is called, and of which database it is;
//! - [`HealthKey`] and [`HealthSecret`]: how it logs in;
//! - [`known_message`]: the one message that is always in it, octet for octet;
//! - [`whose`]: which of its other messages is whose.
//!
//! Not here: who makes the user (the directory), who keeps the mail in order (the back end), and what a probe does. It is
//! a crate of its own because the directory needs it, which the front end links, and the front end cannot reach mail.

mod mailbox;
mod message;
mod secret;

pub use mailbox::{DOMAIN, HealthMailbox};
pub use message::{PROBE_HEADER, Whose, digest, known_message, whose};
pub use secret::{HealthKey, HealthSecret, KeyError};
