//! The AUTHORIZATION state (RFC 1939 section 4): who is there?

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::state::{Awaiting, Desk, Next, State};
use super::step::{Closing, Step};
use crate::reply::write_ok;
use crate::sasl::{Dialogue, Turn};
use crate::{Capability, Command, CommandError, Credentials, Keyword, Mechanism, Secret};

/// Nobody has logged in; perhaps USER has named somebody.
#[derive(Debug, Default)]
pub(super) struct Authorization {
    pending: Option<String>,
}

impl Authorization {
    pub(super) fn command(self, command: Command, desk: &mut Desk<'_>) -> Next {
        match command {
            Command::Capa => {
                desk.write_capabilities();
                Next::ok(State::Authorization(self))
            }
            Command::Quit => desk.ok("bye", State::Closed(Closing::Quit)),
            Command::User(_) | Command::Pass(_) if !desk.offer.has(Capability::User) => {
                desk.err(password_refusal(desk), fresh())
            }
            // The same answer for every name: this is no way to find out who has a mailbox.
            Command::User(user) => desk.ok("", State::Authorization(Authorization { pending: Some(user) })),
            Command::Pass(password) => match self.pending {
                Some(user) => log_in(Credentials::Password { user, password }),
                None => desk.err("USER comes first", fresh()),
            },
            Command::Auth { mechanism, .. } if !desk.offer.mechanisms().contains(mechanism) => {
                desk.err(mechanism_refusal(mechanism, desk), State::Authorization(self))
            }
            Command::Auth { mechanism, initial } => follow(Dialogue::start(mechanism, initial), desk),
            Command::Stls if desk.offer.has(Capability::Stls) => {
                write_ok("begin TLS", desk.output);
                // RFC 2595 section 4: what came in the clear counts for nothing, half a line included.
                desk.input.clear();
                Next::ask(Awaiting::Tls, Step::StartTls)
            }
            Command::Xclient(xclient) if desk.offer.has(Capability::Xclient) => {
                Next::ask(Awaiting::Forwarding, Step::Forwarded(xclient))
            }
            Command::Stls | Command::Xclient(_) => desk.err("not offered", State::Authorization(self)),
            Command::Stat
            | Command::List(_)
            | Command::Retr(_)
            | Command::Dele(_)
            | Command::Noop
            | Command::Rset
            | Command::Top(..)
            | Command::Uidl(_) => desk.err("log in first", State::Authorization(self)),
        }
    }

    /// A line that is no command. A PASS that cannot be read is a failed PASS: it forgets the pending USER.
    pub(super) fn bad_command(self, error: &CommandError, desk: &mut Desk<'_>) -> Next {
        let state = if error.keyword == Some(Keyword::Pass) { fresh() } else { State::Authorization(self) };
        desk.err(&error.to_string(), state)
    }
}

/// The beginning of every session, and where a failed log-in leads back to.
pub(super) fn fresh() -> State {
    State::Authorization(Authorization::default())
}

/// Goes on with a SASL exchange.
pub(super) fn follow(turn: Turn, desk: &mut Desk<'_>) -> Next {
    match turn {
        Turn::Challenge(dialogue, challenge) => {
            // RFC 5034 section 4: "+ " and base64, of nothing too.
            desk.output.extend_from_slice(b"+ ");
            desk.output.extend_from_slice(BASE64.encode(challenge).as_bytes());
            desk.output.extend_from_slice(b"\r\n");
            Next::wait(State::Sasl(dialogue))
        }
        Turn::Secret(awaiting) => {
            let user = awaiting.user().to_owned();
            Next::ask(Awaiting::ScramSecret(Box::new(awaiting)), Step::ScramSecret { user })
        }
        Turn::Complete(credentials) => log_in(credentials),
        Turn::Rejected { user } => Next::ask(Awaiting::Rejection, Step::ScramRejected { user }),
        Turn::Failed(error) => desk.err(&error.to_string(), fresh()),
    }
}

/// Reads a client's response line: `*` cancels (RFC 5034 section 4).
pub(super) fn respond(dialogue: Dialogue, line: &Secret, desk: &mut Desk<'_>) -> Next {
    if line.as_bytes() == b"*" {
        return desk.err("authentication cancelled", fresh());
    }
    match BASE64.decode(line.as_bytes()) {
        Ok(response) => follow(dialogue.respond(Secret::new(response)), desk),
        Err(_) => desk.err("that is not base64", fresh()),
    }
}

fn log_in(credentials: Credentials) -> Next {
    Next::ask(Awaiting::LogIn, Step::LogIn(credentials))
}

fn password_refusal(desk: &Desk<'_>) -> &'static str {
    if desk.offer.has(Capability::Stls) { "use STLS before you log in" } else { "use AUTH to log in" }
}

fn mechanism_refusal(mechanism: Mechanism, desk: &Desk<'_>) -> &'static str {
    match mechanism {
        Mechanism::Plain | Mechanism::Login if desk.offer.has(Capability::Stls) => {
            "use STLS before you log in"
        }
        _ => "that authentication mechanism is not offered",
    }
}
