//! POP3 on a mailbox server: the driver that stands between a connection, the session machine and a mailbox store.
//!
//! A [`Visit`] is one connection from its first octet to its last. It comes in two parts, each a loop over the machine's
//! steps: until somebody is logged in, and from then on with a maildrop. Two kinds of peers come: front ends, over the
//! inner leg, which introduce users they have authenticated (XCLIENT, EXTERNAL), and ordinary clients.

mod maildrop;
mod outgoing;
mod visit;

pub(crate) use visit::{Door, Visit, turn_away};
