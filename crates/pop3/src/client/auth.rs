//! Logging in: what is said in which order (RFC 5034, RFC 4616, RFC 5802).

use crate::command::Problem;
use crate::sasl::Mechanism;
use crate::sasl::scram::{ClientAwaitingEnd, ClientAwaitingServer, Nonce, ScramClientError};
use crate::{Command, CommandError, Keyword, Secret};

/// The longest AUTH command, CRLF included. A longer initial response waits for the server's challenge (RFC 5034
/// section 4).
const MAX_COMMAND: usize = 255;

/// A way to log in, with what it takes.
#[derive(Clone, Debug)]
pub enum LogIn {
    /// USER and PASS, in one write.
    Password {
        /// Who.
        user: String,
        /// The password.
        password: Secret,
    },
    /// AUTH PLAIN.
    Plain {
        /// Whom to act as, if not as oneself.
        authzid: Option<String>,
        /// Whose password it is.
        user: String,
        /// The password.
        password: Secret,
    },
    /// AUTH LOGIN.
    Login {
        /// Who.
        user: String,
        /// The password.
        password: Secret,
    },
    /// AUTH SCRAM-SHA-256. The server proves that it knows the password too.
    ScramSha256 {
        /// Who.
        user: String,
        /// The password.
        password: Secret,
        /// Never used before.
        nonce: Nonce,
    },
    /// AUTH EXTERNAL: the connection says who we are.
    External {
        /// Whom to act as.
        authzid: Option<String>,
    },
}

/// An exchange of AUTH under way.
#[derive(Debug)]
pub(super) enum Auth {
    /// This is said at the next challenge, and is the last.
    Message(Secret),
    /// This user and this password are said at the next two challenges.
    LoginUser(String, Secret),
    /// The first message is said at the next challenge.
    ScramMessage(ClientAwaitingServer, Secret),
    /// The server's first message is awaited.
    ScramServer(ClientAwaitingServer),
    /// The server's proof is awaited.
    ScramEnd(ClientAwaitingEnd),
    /// Everything was said.
    Said,
}

/// What is said first.
#[derive(Debug)]
pub(super) enum Beginning {
    /// USER and PASS.
    Password(Command, Command),
    /// AUTH, and the exchange it begins.
    Auth(Command, Auth),
}

impl LogIn {
    pub(super) fn begin(self) -> Result<Beginning, CommandError> {
        Ok(match self {
            LogIn::Password { user, password } => {
                Beginning::Password(Command::User(user), Command::Pass(password))
            }
            LogIn::Plain { authzid, user, password } => {
                let authzid = authzid.unwrap_or_default();
                let parts = [authzid.as_bytes(), user.as_bytes(), password.as_bytes()];
                // RFC 4616 section 2: NUL separates, so it cannot be within.
                if parts.iter().any(|part| part.contains(&0)) {
                    return Err(CommandError {
                        keyword: Some(Keyword::Auth),
                        problem: Problem::ForbiddenOctet,
                    });
                }
                say_at_once(Mechanism::Plain, Secret::new(parts.join(&0)))
            }
            LogIn::External { authzid } => {
                say_at_once(Mechanism::External, Secret::new(authzid.unwrap_or_default()))
            }
            LogIn::Login { user, password } => {
                Beginning::Auth(auth(Mechanism::Login, None), Auth::LoginUser(user, password))
            }
            LogIn::ScramSha256 { user, password, nonce } => {
                let (state, message) = ClientAwaitingServer::start(&user, password, nonce);
                match first_message(Mechanism::ScramSha256, Secret::new(message)) {
                    (command, None) => Beginning::Auth(command, Auth::ScramServer(state)),
                    (command, Some(message)) => Beginning::Auth(command, Auth::ScramMessage(state, message)),
                }
            }
        })
    }
}

/// An exchange of one message.
fn say_at_once(mechanism: Mechanism, message: Secret) -> Beginning {
    let (command, unsaid) = first_message(mechanism, message);
    Beginning::Auth(command, unsaid.map_or(Auth::Said, Auth::Message))
}

/// AUTH with its first message, or without it where it is too long; then it is given back.
fn first_message(mechanism: Mechanism, message: Secret) -> (Command, Option<Secret>) {
    let encoded = message.as_bytes().len().div_ceil(3) * 4;
    let length = "AUTH  \r\n".len() + mechanism.as_str().len() + encoded;
    if length <= MAX_COMMAND {
        (auth(mechanism, Some(message)), None)
    } else {
        (auth(mechanism, None), Some(message))
    }
}

fn auth(mechanism: Mechanism, initial: Option<Secret>) -> Command {
    Command::Auth { mechanism, initial }
}

impl Auth {
    /// Answers a challenge.
    pub(super) fn respond(self, challenge: &[u8]) -> Result<(Auth, Secret), ScramClientError> {
        Ok(match self {
            Auth::Message(message) => (Auth::Said, message),
            Auth::LoginUser(user, password) => (Auth::Message(password), Secret::new(user)),
            Auth::ScramMessage(state, message) => (Auth::ScramServer(state), message),
            Auth::ScramServer(state) => {
                let (end, message) = state.respond(challenge)?;
                (Auth::ScramEnd(end), Secret::new(message))
            }
            // RFC 5034 section 4: what proves the server comes as a challenge, answered with nothing.
            Auth::ScramEnd(end) => end.finish(challenge).map(|()| (Auth::Said, Secret::default()))?,
            Auth::Said => (Auth::Said, Secret::default()),
        })
    }

    /// Whether the server may say `+OK` now.
    pub(super) fn is_said(&self) -> bool {
        matches!(self, Auth::Said)
    }
}
