//! Moves a user's mailbox from one database to another while it is in use: every message once, under its name.
//!
//! [`move_mailbox`] is the mover. It touches no mail: it has back ends copy, close and remove, by their admin sockets, and
//! writes the directory's record of the move, which everybody goes by:
//!
//! 1. *Copying*: the target's back end copies the mailbox while its user works on at the source.
//! 2. *Frozen*: log-ins and deliveries wait at the front ends; the source's back end ends what is under way; the target's
//!    copies the last difference and compares.
//! 3. *The switch*: one transaction of the directory says that the user is at the target. It is the commit point: whatever
//!    fails before it leaves the user where they were, whatever fails behind it has moved them.
//! 4. *Leaving*: what is left at the source is removed.
//!
//! A mover may die at any moment. Its record is leased: a freeze ends by itself, and whoever comes next, for this user or in
//! [`recover`] for all, takes the move up where it was.
//!
//! Not for: moving a database from one server to another (the assignments), and users of third-party routes.

mod back_ends;
mod error;
mod mover;
mod register;
mod site;

pub use error::{Fault, MoveError};
pub use mover::{Moved, Outcome, Progress, Recovered, Stage, move_mailbox, recover};
pub use site::Site;
