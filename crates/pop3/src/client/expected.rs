//! What a server owes.

use super::Phase;
use super::auth::Auth;
use crate::Command;

/// One reply that is owed.
#[derive(Debug)]
pub(super) enum Expected {
    Greeting,
    Capabilities,
    StartTls,
    Forwarded,
    User,
    Pass,
    Auth(Auth),
    Stat,
    List,
    ListOne,
    Uidl,
    UidlOne,
    Retr,
    Top,
    Dele,
    Noop,
    Rset,
    Quit,
}

impl Expected {
    /// What is owed for a command; for AUTH that depends on more.
    pub(super) fn of(command: &Command) -> Option<Expected> {
        Some(match command {
            Command::User(_) => Expected::User,
            Command::Pass(_) => Expected::Pass,
            Command::Quit => Expected::Quit,
            Command::Stat => Expected::Stat,
            Command::List(None) => Expected::List,
            Command::List(Some(_)) => Expected::ListOne,
            Command::Retr(_) => Expected::Retr,
            Command::Dele(_) => Expected::Dele,
            Command::Noop => Expected::Noop,
            Command::Rset => Expected::Rset,
            Command::Top(..) => Expected::Top,
            Command::Uidl(None) => Expected::Uidl,
            Command::Uidl(Some(_)) => Expected::UidlOne,
            Command::Capa => Expected::Capabilities,
            Command::Stls => Expected::StartTls,
            Command::Xclient(_) => Expected::Forwarded,
            Command::Auth { .. } => return None,
        })
    }

    pub(super) fn phase(&self) -> Phase {
        match self {
            Expected::Greeting => Phase::Greeting,
            Expected::Capabilities => Phase::Capa,
            Expected::StartTls => Phase::Stls,
            Expected::Forwarded => Phase::Xclient,
            Expected::User | Expected::Pass | Expected::Auth(_) => Phase::Auth,
            Expected::Stat => Phase::Stat,
            Expected::List | Expected::ListOne => Phase::List,
            Expected::Uidl | Expected::UidlOne => Phase::Uidl,
            Expected::Retr => Phase::Retrieve,
            Expected::Top => Phase::Top,
            Expected::Dele => Phase::Delete,
            Expected::Noop => Phase::Noop,
            Expected::Rset => Phase::Reset,
            Expected::Quit => Phase::Quit,
        }
    }

    /// Whether more may be said before this is answered: not into a handshake, not into an exchange of AUTH, and
    /// nothing after QUIT.
    pub(super) fn allows_more(&self) -> bool {
        match self {
            Expected::StartTls | Expected::Quit => false,
            Expected::Auth(auth) => auth.is_said(),
            _ => true,
        }
    }
}
