//! POP3 on a mailbox server: the driver that stands between a connection, the session machine and a mailbox store.
//!
//! Two kinds of peers come: front ends, over the inner leg, which introduce users they have authenticated (XCLIENT,
//! EXTERNAL), and ordinary clients. Until somebody is logged in, all of them are in the lobby; from then on the session
//! has a [`maildrop`].

mod maildrop;
mod outgoing;
mod visit;

pub(crate) use visit::serve;
