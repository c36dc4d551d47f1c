//! POP3 on a client-access server: from a client's first octet, over the log-in, to the end of the relay.
//!
//! Until a client has logged in, it is in the lobby. Then the front end opens an [`inner`] session where the user's mail
//! is, and the [`relay`](relaying) moves frames between the two. The front end knows at any moment whether a session is at
//! a command boundary, but it never looks into a message.

mod inner;
mod log_in;
mod relaying;

pub(crate) use inner::Free;
pub(crate) use log_in::serve;
